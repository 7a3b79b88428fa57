"""Makes a SynMG folder, videos with their truth, from a preset and a seed; see CARD.md for the folder's format.

A clip's truth file is written last and holds the hashes of its frames and video, so it marks the clip as finished. A
call that was killed is completed by the next one.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock

from fgsgl.data.clip_table import Clip, ClipTable, Progress, read_clips, write_clips
from fgsgl.data.synmg import VERSION
from fgsgl.data.synmg.clips import TRUTH_COLUMNS, plan, render_clip, video_name
from fgsgl.data.synmg.presets import Preset, get_preset
from fgsgl.data.synmg.programs import CLASS_NAMES
from fgsgl.data.synmg.truth import Truth, read_truth, truth_name, truth_path, write_truth
from fgsgl.data.video.video_file import write_h264
from fgsgl.util.errors import UserError
from fgsgl.util.files import own_folder, read_regular, write_whole
from fgsgl.util.processes import spread

FORMAT = 1
MOST_MANIFEST_BYTES = 2**24
WORTH_PROCESSES = 16
"""Fewest clips for which worker processes are started."""


def make(
    root: Path,
    preset: str,
    seed: int,
    workers: int | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> ClipTable:
    """Renders a preset into ``root``, or what is missing of it, and returns its clip table.

    Args:
        root: the folder; made where it is missing.
        preset: ``quick``, ``standard``, ``hard`` or ``smoke``.
        seed: of people, clips and noise.
        workers: processes; None takes one per available core (one on CUDA).
        device: torch device that renders.
        progress: called with (clips done, clips in all).

    Raises:
        UserError: if the preset is unknown, or the folder holds something else.
    """
    return make_preset(root, get_preset(preset), seed, workers, device, progress)


def make_preset(
    root: Path, preset: Preset, seed: int, workers: int | None, device: str, progress: Progress | None
) -> ClipTable:
    """Renders a preset that need not be a shipped one; see :func:`make`."""
    manifest = _manifest(preset, seed)
    _check_folder(root, manifest)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        clips = plan(preset, seed)
        complete = is_complete(root)
        todo = [clip for clip in clips if not _is_made(root, clip, by_hash=not complete)]
        if not complete or todo:
            for folder in ("videos", "truth"):
                own_folder(root / folder)
            _write_json(root / "manifest.json", manifest)
            _make_clips(root, preset, seed, todo, len(clips), workers or _cores(device), device, progress)
            _write_tables(root, clips, manifest)
    return load(root)


def planned(root: Path, preset: str, seed: int) -> ClipTable:
    """The clip table that :func:`make` returns, before anything is rendered; nothing is written.

    Raises:
        UserError: as :func:`make`.
    """
    chosen = get_preset(preset)
    _check_folder(root, _manifest(chosen, seed))
    generated = _hashes(root) if is_complete(root) else {}
    return _table(root, CLASS_NAMES, plan(chosen, seed), generated)


def load(root: Path) -> ClipTable:
    """The clip table of a finished folder.

    Raises:
        UserError: if the folder is not a finished SynMG folder, or its clip table was changed.
    """
    manifest = read_manifest(root)
    if not manifest["complete"]:
        raise UserError(f"the SynMG folder {root} is not complete; run `fgsgl data make synmg` on it again")
    if sha256_of(root / "clips.csv") != manifest["sha256"]["clips.csv"]:
        raise UserError(f"{root / 'clips.csv'} is not the clip table that was made (SHA-256 differs); make it anew")
    return _table(root, tuple(manifest["classes"]), read_clips(root / "clips.csv"), _hashes(root))


def _table(
    root: Path, classes: tuple[str, ...], clips: tuple[Clip, ...], generated: dict[str, str] | None
) -> ClipTable:
    release = f"SynMG {VERSION}"
    return ClipTable(
        dataset="synmg", root=root, classes=classes, clips=clips, generated=generated, release=release,
        caveats=(f"The data are {release}: drawn people, {len(classes)} classes. Other versions have other clips.",),
    )  # fmt: skip


def _hashes(root: Path) -> dict[str, str] | None:
    """SHA-256 of every video and truth file as it was made, by its path; None where the list of them was changed.

    Folders of older versions do not know those of the truth.
    """
    path = root / "hashes.csv"
    if not path.is_file() or sha256_of(path) != read_manifest(root)["sha256"]["hashes.csv"]:
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    videos = {video_name(row["clip_id"]): row["video_sha256"] for row in rows}
    return videos | {truth_name(row["clip_id"]): row["truth_sha256"] for row in rows if "truth_sha256" in row}


def read_manifest(root: Path) -> dict:
    """The folder's manifest.

    Raises:
        UserError: if there is none, it is no manifest, or of another format or version of SynMG.
    """
    path = root / "manifest.json"
    if not path.exists():
        raise UserError(f"no SynMG manifest at {path}; make the data set with `fgsgl data make synmg`")
    try:
        stamp = msgspec.json.decode(read_regular(path, MOST_MANIFEST_BYTES), type=_Stamp)
        if (stamp.format, stamp.version) != (FORMAT, VERSION):
            raise UserError(
                f"{path} has format {stamp.format!r:.40}, version {stamp.version!r:.40}, expected {FORMAT}, "
                f"{VERSION!r}; make it in another folder, or use the release that made it"
            )
        manifest = msgspec.json.decode(read_regular(path, MOST_MANIFEST_BYTES), type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"the SynMG manifest {path} cannot be read ({error}); make the data set anew") from None
    if outside := [name for name in manifest.sha256 if name != Path(name).name]:
        raise UserError(f"the SynMG manifest {path} names {outside[0]!r:.80}, which is no file of its folder")
    return msgspec.to_builtins(manifest)


class _Stamp(msgspec.Struct):
    """Format and version of a manifest, which say whether the rest of it can be read."""

    format: int
    version: str


class _Manifest(_Stamp):
    """The shape of ``manifest.json``."""

    preset: str
    seed: int
    settings: dict[str, Any]
    classes: list[str]
    complete: bool
    sha256: dict[str, str]


def is_complete(root: Path) -> bool:
    """Whether the folder was finished."""
    return (root / "manifest.json").is_file() and bool(read_manifest(root)["complete"])


def sha256_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        UserError: if it is missing.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise UserError(f"{path} is missing; make the data set again to complete it") from None


def _manifest(preset: Preset, seed: int) -> dict:
    return {
        "format": FORMAT,
        "version": VERSION,
        "preset": preset.name,
        "seed": seed,
        # Through JSON and back, so that it compares equal to what is read.
        "settings": json.loads(json.dumps(dataclasses.asdict(preset))),
        "classes": list(CLASS_NAMES),
        "complete": False,
        "sha256": {},
    }


def _check_folder(root: Path, wanted: dict) -> None:
    """Refuses a folder that holds something else."""
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is a file; expected a folder for SynMG")
    if not (root / "manifest.json").is_file():
        if root.is_dir() and any(path.name != ".lock" for path in root.iterdir()):
            raise UserError(f"the folder {root} is not empty and holds no SynMG manifest; choose another folder")
        return
    found = read_manifest(root)
    for key in ("preset", "seed", "settings"):
        if found.get(key) != wanted[key]:
            what = f"{key} {found.get(key)!r}, not {wanted[key]!r}" if key != "settings" else "other settings"
            raise UserError(f"the folder {root} holds SynMG with {what}; choose another folder")


def _cores(device: str) -> int:
    return 1 if device != "cpu" else max(1, min(16, len(os.sched_getaffinity(0))))


def _is_made(root: Path, clip: Clip, by_hash: bool) -> bool:
    video, truth = root / clip.video, truth_path(root, clip)
    if not (video.is_file() and truth.is_file()):
        return False
    return not by_hash or sha256_of(video) == read_truth(truth).video_sha256


def make_clip(root: Path, preset: Preset, seed: int, device: str, clip: Clip) -> None:
    """Renders, encodes and writes one clip: first the video, then the truth file that marks it as made."""
    rendered = render_clip(preset, seed, clip, device)
    write_h264(root / clip.video, rendered.frames_THWC, fps=clip.fps, crf=preset.crf)
    truth = Truth(
        joints3d_TJ3=rendered.joints3d_TJ3,
        joints2d_TJ2=rendered.joints2d_TJ2,
        mask_THW=rendered.mask_THW,
        attributes=rendered.attributes,
        frames_sha256=rendered.sha256(),
        video_sha256=sha256_of(root / clip.video),
    )
    write_truth(truth_path(root, clip), truth)


def _make_clips(
    root: Path,
    preset: Preset,
    seed: int,
    todo: Sequence[Clip],
    total: int,
    workers: int,
    device: str,
    progress: Progress | None,
) -> None:
    one_clip = partial(make_clip, root, preset, seed, device)
    workers = workers if len(todo) >= WORTH_PROCESSES else 1
    made = spread("rendering videos", one_clip, todo, workers, start=_one_thread)
    for done, _ in enumerate(made, start=total - len(todo) + 1):
        if progress is not None:
            progress(done, total)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _write_tables(root: Path, clips: Sequence[Clip], manifest: dict) -> None:
    truths = [(clip.clip_id, read_truth(truth_path(root, clip))) for clip in clips]
    write_clips(root / "clips.csv", clips)
    attributes = [(clip_id, *(truth.attributes[name] for name in TRUTH_COLUMNS)) for clip_id, truth in truths]
    _write_csv(root / "truth.csv", ("clip_id", *TRUTH_COLUMNS), attributes)
    hashes = [
        (clip_id, truth.frames_sha256, truth.video_sha256, sha256_of(root / truth_name(clip_id)))
        for clip_id, truth in truths
    ]
    _write_csv(root / "hashes.csv", ("clip_id", "frames_sha256", "video_sha256", "truth_sha256"), hashes)
    sums = {name: sha256_of(root / name) for name in ("clips.csv", "hashes.csv", "truth.csv")}
    _write_json(root / "manifest.json", manifest | {"complete": True, "sha256": sums})


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    _write_text(path, text.getvalue())


def _write_json(path: Path, content: dict) -> None:
    _write_text(path, json.dumps(content, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    write_whole(path, text)
