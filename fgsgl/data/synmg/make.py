"""From a preset and a seed to a folder of videos with their truth; see CARD.md for the folder's format.

A clip's truth file is written last and holds the hashes of its frames and video, so it marks the clip as finished: a
folder whose making was killed is completed by the next call.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock

from fgsgl.data.clip_table import Clip, ClipTable, Progress, read_clips, write_clips
from fgsgl.data.synmg import VERSION
from fgsgl.data.synmg.clips import TRUTH_COLUMNS, plan, render_clip
from fgsgl.data.synmg.presets import Preset, get_preset
from fgsgl.data.synmg.programs import CLASS_NAMES
from fgsgl.data.video import write_h264
from fgsgl.util.errors import UserError
from fgsgl.util.processes import spread

FORMAT = 1
WORTH_PROCESSES = 16
"""Clips that are worth the start of processes."""


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
        preset: ``quick``, ``standard`` or ``hard``.
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
    """As :func:`make`, for a preset of one's own."""
    manifest = _manifest(preset, seed)
    _check_folder(root, manifest)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        clips = plan(preset, seed)
        complete = is_complete(root)
        todo = [clip for clip in clips if not _is_made(root, clip, by_hash=not complete)]
        if not complete or todo:
            for folder in ("videos", "truth"):
                (root / folder).mkdir(exist_ok=True)
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
    return ClipTable(dataset="synmg", root=root, classes=CLASS_NAMES, clips=plan(chosen, seed))


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
    return ClipTable(
        dataset="synmg", root=root, classes=tuple(manifest["classes"]), clips=read_clips(root / "clips.csv")
    )


def read_manifest(root: Path) -> dict:
    """The folder's manifest.

    Raises:
        UserError: if there is none, or it is of another format or version of SynMG.
    """
    path = root / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        stamp = (manifest["format"], manifest["version"])
    except FileNotFoundError:
        raise UserError(f"no SynMG manifest at {path}; make the data set with `fgsgl data make synmg`") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"the SynMG manifest {path} cannot be read ({error!r}); make the data set anew") from None
    if stamp != (FORMAT, VERSION):
        raise UserError(
            f"{path} has format {stamp[0]!r}, version {stamp[1]!r}, expected {FORMAT}, {VERSION!r}; "
            "make it in another folder, or use the release that made it"
        )
    return manifest


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


def truth_path(root: Path, clip: Clip) -> Path:
    """The clip's truth file."""
    return root / "truth" / f"{clip.clip_id}.npz"


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
    return not by_hash or sha256_of(video) == read_truth(truth)["video_sha256"]


def read_truth(path: Path) -> dict[str, np.ndarray | str]:
    """A clip's truth file: ``joints3d_TJ3``, ``joints2d_TJ2``, ``mask_THW`` (bool), and the strings of its row.

    Raises:
        UserError: if it is missing or not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            shape = tuple(int(n) for n in file["mask_shape"])
            bits = np.unpackbits(file["mask_THW"], count=int(np.prod(shape)))
            texts = {name: str(file[name]) for name in (*TRUTH_COLUMNS, "frames_sha256", "video_sha256")}
            return {
                "joints3d_TJ3": file["joints3d_TJ3"],
                "joints2d_TJ2": file["joints2d_TJ2"],
                "mask_THW": bits.reshape(shape).astype(bool),
                **texts,
            }
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise UserError(
            f"the truth file {path} cannot be read ({error}); delete it and make the data set again"
        ) from None


def make_clip(root: Path, preset: Preset, seed: int, device: str, clip: Clip) -> None:
    """Renders, encodes and writes one clip: first the video, then the truth file that marks it as made."""
    rendered = render_clip(preset, seed, clip, device)
    write_h264(root / clip.video, rendered.frames_THWC, fps=clip.fps, crf=preset.crf)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        joints3d_TJ3=rendered.joints3d_TJ3,
        joints2d_TJ2=rendered.joints2d_TJ2,
        mask_THW=np.packbits(rendered.mask_THW),
        mask_shape=np.array(rendered.mask_THW.shape),
        frames_sha256=np.array(rendered.sha256()),
        video_sha256=np.array(sha256_of(root / clip.video)),
        **{name: np.array(value) for name, value in rendered.truth.items()},
    )
    path = truth_path(root, clip)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(buffer.getvalue())
    temporary.replace(path)


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
    truths = {clip.clip_id: read_truth(truth_path(root, clip)) for clip in clips}
    write_clips(root / "clips.csv", clips)
    hashes = ("frames_sha256", "video_sha256")
    for name, columns in (("truth.csv", TRUTH_COLUMNS), ("hashes.csv", hashes)):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("clip_id", *columns))
        writer.writerows([clip_id, *(truth[column] for column in columns)] for clip_id, truth in truths.items())
        _write_text(root / name, text.getvalue())
    sums = {name: sha256_of(root / name) for name in ("clips.csv", "hashes.csv", "truth.csv")}
    _write_json(root / "manifest.json", manifest | {"complete": True, "sha256": sums})


def _write_json(path: Path, content: dict) -> None:
    _write_text(path, json.dumps(content, indent=1) + "\n")


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8", newline="")
    temporary.replace(path)
