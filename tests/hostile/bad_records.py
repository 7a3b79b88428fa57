"""Trials: records, predictions and plans that are damaged, forged or not files at all."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from trial import Trial

from fgsgl.records.record import content_sha256

SHOW = ("board", "board")
COMMANDS = {
    "board": SHOW,
    "status": ("fgsgl", "status", "board"),
    "why": ("fgsgl", "why", "board", "FG-SGL, seed 0"),
    "diff": ("fgsgl", "diff", "board", "FG-SGL, seed 0", "FG-SGL, seed 1"),
    "contrast": ("fgsgl", "contrast", "board"),
}
Key = str | int

NONSENSE: dict[str, Callable[[Any], Any]] = {
    "null": lambda value: None,
    "text": lambda value: "x",
    "minus": lambda value: -1,
    "nan": lambda value: math.nan,
    "list": lambda value: [[]],
    "mapping": lambda value: {"a": 1},
    "huge": lambda value: 1e308,
    "escape": lambda value: "\x1b[2J\u202e[/x]",
    "absent": lambda value: ABSENT,
}
ABSENT = object()
MEASURED = (
    "cost",
    "curve",
    "times_s",
    "params",
    "trainable_params",
    "peak_memory_mib",
    "localisation",
    "selection",
    "hardware",
    "environment",
    "pretraining",
    "started_utc",
    "config",
    "data",
)
"""Parts of a record that only the run itself knew: another sound value cannot be told from the true one."""


def record_trials(sound: Path) -> Iterator[Trial]:
    """Every leaf of FG-SGL's record with every nonsense value, and with another value of its kind where what it was
    can be worked out from the predictions, the protocol or the settings.

    Args:
        sound: the folder of sound inputs; a board that is shown in spite of the damage must be shown as it was.
    """
    path = record_path(sound, "fgsgl", "full", 0)
    record = json.loads(path.read_text(encoding="utf-8"))
    for keys, value in leaves(record):
        others = dict(NONSENSE)
        if keys[0] not in MEASURED:
            others["another"] = another
        for label, change in others.items():
            new = change(value)
            if new == value:
                continue
            yield Trial(
                name=f"record {'.'.join(map(str, keys))}: {label}",
                argv=SHOW,
                prepare=lambda folder, keys=keys, new=new: change_json(
                    record_path(folder, "fgsgl", "full", 0), keys, new
                ),
                right=lambda folder, said: as_before(folder, said),
            )


def forged_record_trials(sound: Path) -> Iterator[Trial]:
    """Every leaf of FG-SGL's record absent or of an odd value, in a file whose digest fits: what only the run knew may
    be another then, but no damage ends in a traceback, and no number that can be worked out is another."""
    record = json.loads(record_path(sound, "fgsgl", "full", 0).read_text(encoding="utf-8"))
    for keys, value in leaves(record):
        for label in ("absent", "huge", "mapping", "escape"):
            if keys[0] == "content_sha256":
                continue
            new = NONSENSE[label](value)
            yield Trial(
                name=f"forged record {'.'.join(map(str, keys))}: {label}",
                argv=SHOW,
                prepare=lambda folder, keys=keys, new=new: forge(record_path(folder, "fgsgl", "full", 0), keys, new),
                right=lambda folder, said, free=keys[0] in MEASURED: free or as_before(folder, said),
            )


def forge(path: Path, keys: tuple[Key, ...], new: Any) -> None:
    change_json(path, keys, new)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"content_sha256": content_sha256(content)}), encoding="utf-8")


def another(value: Any) -> Any:
    """A value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.9 if value < 0.5 else 0.1
    return f"{value[:-1]}{'0' if value[-1:] != '0' else '1'}" if isinstance(value, str) and value else "x"


def as_before(folder: Path, said: str) -> bool:
    return said == (folder / "board.sound").read_text(encoding="utf-8")


def leaves(value: Any, keys: tuple[Key, ...] = ()) -> Iterator[tuple[tuple[Key, ...], Any]]:
    """Every value that holds no other; of a list the first element alone."""
    inside = value.items() if isinstance(value, dict) else [(0, value[0])] if isinstance(value, list) and value else []
    for key, part in inside:
        yield from leaves(part, (*keys, key))
    if not inside:
        yield keys, value


def change_json(path: Path, keys: tuple[Key, ...], new: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    place = content
    for key in keys[:-1]:
        place = place[key]
    if new is ABSENT:
        del place[keys[-1]]
    else:
        place[keys[-1]] = new
    path.write_text(json.dumps(content), encoding="utf-8")


def record_path(folder: Path, method: str, variant: str, seed: int) -> Path:
    plan = json.loads((folder / "board.cells.json").read_text(encoding="utf-8"))
    return folder / "board" / "ledger" / f"{plan[f'{method}, {variant}, {seed}']}.json"


def predictions_trials() -> Iterator[Trial]:
    """Predictions that are not those of their record; a row without predictions is refused, and the others stand."""

    def arrays(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            path = record_path(folder, "fgsgl", "full", 0).with_suffix(".npz")
            with np.load(path, allow_pickle=False) as file:
                content = {name: file[name] for name in file.files}
            change(content)
            np.savez_compressed(path, **content)

        return prepare

    def content(change: Callable[[Path], object]) -> Callable[[Path], None]:
        return lambda folder: change(record_path(folder, "fgsgl", "full", 0).with_suffix(".npz")) and None

    def swap(folder: Path) -> None:
        one, other = (record_path(folder, "fgsgl", "full", seed).with_suffix(".npz") for seed in (0, 1))
        kept = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(kept)

    def pickled(path: Path) -> None:
        buffer = io.BytesIO()
        np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
        path.write_bytes(buffer.getvalue())

    def set_scores(table: np.ndarray) -> Callable[[dict[str, np.ndarray]], None]:
        return lambda held: held.update(score_combined=table)

    prepared: dict[str, Callable[[Path], None]] = {
        "swapped with another seed's": swap,
        "absent": content(lambda path: path.unlink()),
        "empty": content(lambda path: path.write_bytes(b"")),
        "text": content(lambda path: path.write_bytes(b"hello")),
        "truncated": content(lambda path: path.write_bytes(path.read_bytes()[:-300])),
        "pickle": content(pickled),
        "a folder": content(lambda path: (path.unlink(), path.mkdir())),
        "a FIFO": content(lambda path: (path.unlink(), os.mkfifo(path))),
        "a symlink to a device": content(lambda path: (path.unlink(), path.symlink_to("/dev/zero"))),
        "scores flipped": arrays(lambda held: held.update(score_combined=1 - held["score_combined"])),
        "one clip's scores moved": arrays(
            lambda held: held["score_combined"].__setitem__(0, np.roll(held["score_combined"][0], 1))
        ),
        "scores of one class less": arrays(lambda held: held.update(score_combined=held["score_combined"][:, :-1])),
        "one clip less": arrays(lambda held: held.update({name: table[:-1] for name, table in held.items()})),
        "scores nan": arrays(lambda held: held["score_combined"].__setitem__((0, 0), np.nan)),
        "scores as text": arrays(lambda held: held.update(score_combined=held["score_combined"].astype(str))),
        "scores of one axis": arrays(lambda held: held.update(score_combined=held["score_combined"][:, 0])),
        "no labels": arrays(lambda held: held.pop("labels")),
        "no scores": arrays(lambda held: held.pop("score_combined")),
        "labels out of range": arrays(lambda held: held["labels"].__setitem__(0, 99)),
        "labels rolled": arrays(lambda held: held.update(labels=np.roll(held["labels"], 1))),
        "other clips": arrays(lambda held: held.update(clip_ids=np.char.add(held["clip_ids"], "x"))),
        "one clip twice": arrays(lambda held: held["clip_ids"].__setitem__(1, held["clip_ids"][0])),
        "subjects gone": arrays(lambda held: held.update(subjects=np.array(["x"] * len(held["labels"])))),
        "a huge table": arrays(set_scores(np.zeros((1, 200_000_000), np.bool_))),
    }
    for label, prepare in prepared.items():
        for command in ("board", "diff"):
            yield Trial(
                name=f"predictions {label}: {command}",
                argv=COMMANDS[command],
                prepare=prepare,
                right=lambda folder, said, label=label, command=command: (
                    (label, command) == ("absent", "board") and "refused: no predictions lie beside its record" in said
                ),
            )


def plan_trials(sound: Path) -> Iterator[Trial]:
    """Every leaf of the plan with every nonsense value."""
    plan = json.loads((sound / "board" / "plan.json").read_text(encoding="utf-8"))
    for keys, value in leaves(plan):
        for label, change in NONSENSE.items():
            new = change(value)
            if keys[-1] == "aliases" and label == "list":
                continue
            yield Trial(
                name=f"plan {'.'.join(map(str, keys))}: {label}",
                argv=COMMANDS["status"],
                prepare=lambda folder, keys=keys, new=new: change_json(folder / "board/plan.json", keys, new),
                right=lambda folder, said, new_cell=keys[-1] == "cell_id" and label in ("text", "escape"): (
                    "1 waiting" in said  # a plan may name any cell, and this one has no record
                    if new_cell
                    else said == (folder / "status.sound").read_text(encoding="utf-8")
                ),
            )


def ledger_file_trials() -> Iterator[Trial]:
    """Files in place of a record or the plan that are none, under every command that reads them."""

    def swap_in(make: Callable[[Path], object], which: str) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            path = folder / "board/plan.json" if which == "plan" else record_path(folder, "fgsgl", "full", 0)
            kept = path.read_bytes()
            path.unlink()
            make(path)
            if path.is_file() and not path.is_symlink() and path.read_bytes() == b"half":
                path.write_bytes(kept[: len(kept) // 2])

        return prepare

    makes: dict[str, Callable[[Path], object]] = {
        "empty": lambda path: path.write_bytes(b""),
        "half": lambda path: path.write_bytes(b"half"),
        "null": lambda path: path.write_bytes(b"null"),
        "a list": lambda path: path.write_bytes(b"[]"),
        "text": lambda path: path.write_bytes(b"hello"),
        "NULs": lambda path: path.write_bytes(b"\0" * 4096),
        "UTF-16": lambda path: path.write_text("{}", encoding="utf-16"),
        "depth": lambda path: path.write_bytes(b"[" * 100_000),
        "60 MB": lambda path: path.write_bytes(b'{"a": "' + b"x" * 60_000_000 + b'"}'),
        "a FIFO": os.mkfifo,
        "a folder": lambda path: path.mkdir(),
        "a device": lambda path: path.symlink_to("/dev/zero"),
        "a loop": lambda path: path.symlink_to(path.name),
    }
    for which in ("record", "plan"):
        for label, make in makes.items():
            for command, argv in COMMANDS.items():
                yield Trial(
                    name=f"{which} is {label}: {command}",
                    argv=argv,
                    prepare=swap_in(make, which),
                    right=lambda folder, said, command=command, which=which: _others_stand(command, which, said),
                )


def _others_stand(command: str, which: str, said: str) -> bool:
    """A command about two sound cells may say nothing of a third that is not; here the damaged one is asked for, and
    only the plan is no matter of ``diff``."""
    return command in ("diff", "why") and which == "plan"


def copy_trials() -> Iterator[Trial]:
    """Records that stand under another name, or twice."""

    def twice(folder: Path) -> None:
        path = record_path(folder, "fgsgl", "full", 0)
        shutil.copy(path, path.with_name("0123456789abcdef.json"))

    for command in ("board", "status"):
        yield Trial(name=f"a record twice: {command}", argv=COMMANDS[command], prepare=twice)
