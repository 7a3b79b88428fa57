"""``python benchmarks/decode_time.py``: cutting the clips of a long recording, against MMAction2's own decoding.

The recording is generated: H.264, 640 x 360, 25 frames/s. Ours fills the frame cache in one pass; MMAction2's pipeline
(OpenCVInit, OpenCVDecode, Resize) opens the file and seeks for every clip. Both take the same frames of the same clips
and run in one process; the figure is the ratio, repeat by repeat.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measuring import spent, spread
from msgspec import to_builtins

from fgsgl.data.cache.frame_cache import open_cache
from fgsgl.data.clip_table import Clip, ClipTable, cached_frames
from fgsgl.data.video.video_file import write_h264
from fgsgl.records.environment import git_state, hardware, versions
from fgsgl.util import compat
from fgsgl.util.errors import run_command

FRAMES, HEIGHT, WIDTH, FPS = 3000, 360, 640, 25
CLIP_FRAMES, NUM_FRAMES, IMAGE_SIZE = 50, 8, 112
REPEATS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/decode_time.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--frames", type=int, default=FRAMES, help="length of the recording (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of both (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments.frames, arguments.repeats, arguments.out))


def measure(frames: int, repeats: int, out: Path) -> int:
    """Measures both in turn, prints the table and writes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.mp4"
        write_h264(path, _recording(frames), FPS)
        clips = [_clip(path.name, start) for start in range(0, frames - CLIP_FRAMES, CLIP_FRAMES)]
        _ours(path.parent, clips[:1], -1)  # imports what both need
        _theirs(path, clips[:1])
        pairs = [
            (spent(lambda n=n: _ours(path.parent, clips, n)).clock_s, spent(lambda: _theirs(path, clips)).clock_s)
            for n in range(repeats)
        ]
    ours_s, theirs_s = zip(*pairs, strict=True)
    ratios = [theirs / ours for ours, theirs in pairs]
    result = {
        "frames": frames, "size": [WIDTH, HEIGHT], "clips": len(clips), "frames_a_clip": len(_numbers(clips[0])),
        "ours_s": ours_s, "mmaction2_s": theirs_s, "ratio": ratios, "hardware": to_builtins(hardware("cpu", 1, "none")),
        "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "decode.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = (
        "# Cutting the clips of a long recording\n\n"
        f"{len(clips)} clips of {CLIP_FRAMES} frames out of {frames} frames, {WIDTH} x {HEIGHT}, one process, "
        f"n = {repeats}, median (min to max).\n\n| | s |\n|---|---|\n"
        f"| the frame cache, one pass | {spread(ours_s)} |\n"
        f"| MMAction2's OpenCV decode, clip by clip | {spread(theirs_s)} |\n"
        f"| ratio | {spread(ratios)} |\n\n{result['hardware']['cpu']}; commit {str(result['git_commit'])[:12]}.\n"
    )
    (out / "decode.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _recording(frames: int) -> np.ndarray:
    """A textured background over which a few bright blocks move, so that the encoder has something to predict."""
    random = np.random.default_rng(0)
    background = np.kron(random.integers(40, 120, (HEIGHT // 8, WIDTH // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    frames_THWC = np.repeat(background[None], frames, axis=0)
    for block in range(6):
        y, speed = 20 + 55 * block, 1 + block
        for frame in range(frames):
            x = (frame * speed) % (WIDTH - 40)
            frames_THWC[frame, y : y + 30, x : x + 40] = 180 + 10 * block
    return frames_THWC


def _clip(video: str, start: int) -> Clip:
    return Clip(
        clip_id=f"{start}", video=video, start_frame=start, end_frame=start + CLIP_FRAMES, label=0, subject="1",
        split="train", fps=FPS,
    )  # fmt: skip


def _numbers(clip: Clip) -> list[int]:
    return cached_frames(clip.start_frame, clip.end_frame, NUM_FRAMES)


def _ours(root: Path, clips: Sequence[Clip], repeat: int) -> None:
    table = ClipTable(dataset=f"repeat {repeat}", root=root, classes=(f"class {repeat}",), clips=tuple(clips))
    open_cache(table, NUM_FRAMES, IMAGE_SIZE)


def _theirs(path: Path, clips: Sequence[Clip]) -> None:
    compat.apply()
    from mmaction.datasets.transforms import OpenCVDecode, OpenCVInit, Resize

    steps = [OpenCVInit(), OpenCVDecode(), Resize(scale=(IMAGE_SIZE, IMAGE_SIZE), keep_ratio=False)]
    for clip in clips:
        results = {"filename": str(path), "frame_inds": np.array(_numbers(clip)), "modality": "RGB"}
        for step in steps:
            results = step(results)


if __name__ == "__main__":
    sys.exit(main())
