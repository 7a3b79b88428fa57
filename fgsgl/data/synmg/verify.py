"""`fgsgl data verify`: a SynMG folder held against its hashes, and a sample of clips rendered again."""

from __future__ import annotations

import csv
from pathlib import Path

from fgsgl.data.clip_table import Clip
from fgsgl.data.synmg.clips import plan, render_clip
from fgsgl.data.synmg.make import load, read_manifest, sha256_of
from fgsgl.data.synmg.presets import PRESETS, Preset
from fgsgl.data.synmg.programs import CLASS_NAMES
from fgsgl.data.synmg.randomness import stream
from fgsgl.data.synmg.truth import read_truth, truth_path
from fgsgl.util.errors import UserError


def verify(root: Path, *, rerender: int = 8, preset: Preset | None = None) -> list[str]:
    """Compares every file with the hashes written when it was made, and re-renders a sample of the clips.

    Args:
        root: a finished SynMG folder.
        rerender: how many clips to render again and compare frame by frame (by hash, before encoding).
        preset: the settings, where they are not those of the manifest's preset name.

    Returns:
        One line per fault; empty if there is none.

    Raises:
        UserError: if the folder is not a finished SynMG folder at all.
    """
    table, manifest = load(root), read_manifest(root)
    preset = preset or PRESETS.get(manifest["preset"])
    faults = [
        f"{name} is not as it was made (SHA-256 differs)"
        for name, expected in manifest["sha256"].items()
        if (root / name).is_file() and sha256_of(root / name) != expected
    ]
    faults += [f"{name} is missing" for name in manifest["sha256"] if not (root / name).is_file()]
    if not (root / "hashes.csv").is_file():
        return faults
    if preset is None or plan(preset, manifest["seed"]) != table.clips or table.classes != CLASS_NAMES:
        return [*faults, "clips.csv is not the table of the manifest's preset and seed"]
    with (root / "hashes.csv").open(encoding="utf-8", newline="") as file:
        hashes = {row["clip_id"]: row for row in csv.DictReader(file)}
    for clip in table.clips:
        faults += _clip_faults(root, clip, hashes.get(clip.clip_id, {}))
    order = stream("verify", manifest["preset"], manifest["seed"]).random(len(table.clips)).argsort(kind="stable")
    for clip in [table.clips[i] for i in order[:rerender]]:
        if render_clip(preset, manifest["seed"], clip).sha256() != hashes.get(clip.clip_id, {}).get("frames_sha256"):
            faults.append(f"{clip.clip_id}: this machine renders other frames than the ones recorded")
    return faults


def _clip_faults(root: Path, clip: Clip, recorded: dict[str, str]) -> list[str]:
    faults = []
    video = root / clip.video
    if not video.is_file():
        faults.append(f"{clip.video} is missing")
    elif sha256_of(video) != recorded.get("video_sha256"):
        faults.append(f"{clip.video} was changed (SHA-256 differs); delete it, and the next make restores it")
    try:
        truth = read_truth(truth_path(root, clip))
    except UserError as error:
        return [*faults, str(error)]
    if (truth.frames_sha256, truth.video_sha256) != (recorded.get("frames_sha256"), recorded.get("video_sha256")):
        faults.append(f"truth/{clip.clip_id}.npz names other hashes than hashes.csv")
    return faults
