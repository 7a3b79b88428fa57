"""A recording that stands in a copy twice is found, also encoded anew; clips of one person on one chair are not."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from odd_videos import write

from fgsgl.data.check import check
from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.video import lookalikes as module
from fgsgl.data.video.lookalikes import lookalikes, sampled, text_of
from fgsgl.data.video.video_file import examine


def gesture(seed: int, frames: int = 40, side: int = 96) -> np.ndarray:
    """A person on a chair, the same in every clip, whose hand wanders otherwise in each."""
    scene = np.random.default_rng(7).integers(60, 120, (side // 8, side // 8, 3), dtype=np.uint8)
    scene = scene.repeat(8, 0).repeat(8, 1)
    random = np.random.default_rng(seed)
    path_T2 = np.cumsum(random.normal(0, 3, (frames, 2)), axis=0) + random.uniform(20, 60, 2)
    made = np.repeat(scene[None], frames, axis=0)
    for frame, (x, y) in enumerate(np.clip(path_T2, 0, side - 20).astype(int)):
        made[frame, y : y + 20, x : x + 20] = (230, 190, 160)
    return made


def table(root: Path, *videos: str) -> ClipTable:
    splits = ("train", "test", "val")
    clips = tuple(
        Clip(clip_id=video, video=video, start_frame=0, end_frame=0, label=0, subject=f"p{index}", fps=0.0,
             split=splits[index % 3])
        for index, video in enumerate(videos)
    )  # fmt: skip
    return ClipTable(dataset="toy", root=root, classes=("x", "y"), clips=clips)


def test_a_recording_that_was_encoded_anew_is_found(tmp_path: Path) -> None:
    write(tmp_path / "138.mp4", gesture(1), options={"crf": "18"})
    write(tmp_path / "439.mp4", gesture(1), options={"crf": "30"})
    write(tmp_path / "other.avi", np.clip(gesture(1) + 12.0, 0, 255).astype(np.uint8), codec="mpeg4")
    for seed in range(2, 8):
        write(tmp_path / f"{seed}.mp4", gesture(seed))
    names = ("138.mp4", "439.mp4", "other.avi", *(f"{seed}.mp4" for seed in range(2, 8)))
    found = [
        line for line in check(table(tmp_path, *names), {}, tmp_path / "check").remarks if "same recording" in line
    ]
    assert found == [
        "the same recording in 3 different files, by the look of some frames: 138.mp4, 439.mp4, other.avi (in test, "
        "train, val; of p0, p1, p2)"
    ]


def test_another_length_or_a_static_video_is_no_match(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", gesture(1))
    write(tmp_path / "b.mp4", gesture(1)[:30])
    still = np.repeat(gesture(3)[:1], 40, axis=0)
    for name in ("c.mp4", "d.mkv"):
        write(tmp_path / name, still, options={"crf": "20" if name == "c.mp4" else "28"})
    found = {path.name: examine(path) for path in sorted(tmp_path.glob("*.m*"))}
    assert all(len(one.pictures) == 6 for one in found.values())
    pictures = {name: text_of(one.pictures) for name, one in found.items()}
    assert lookalikes(pictures, {name: one.num_frames for name, one in found.items()}) == []
    assert lookalikes({"a": "", "b": ""}, {"a": 0, "b": 0}) == []


@pytest.mark.parametrize("count", [0, 1, 5, 6, 100])
def test_samples_lie_within_the_video(count: int) -> None:
    assert len(sampled(count)) <= 6 and all(0 <= number < count for number in sampled(count))


def test_thousands_of_videos_are_compared_in_a_moment() -> None:
    random = np.random.default_rng(0)
    made = random.integers(0, 255, (1200, 6 * 256), dtype=np.uint8)
    made[1100] = made[10]
    pictures = {f"{n:04d}": text_of([row.tobytes()]) for n, row in enumerate(made)}
    assert lookalikes(pictures, dict.fromkeys(pictures, 50)) == [["0010", "1100"]]


def test_thousands_of_alike_videos_are_one_group_in_a_moment() -> None:
    random = np.random.default_rng(0)
    moved = random.integers(0, 250, (1, 6 * 256)) + random.integers(0, 3, (4000, 6 * 256))  # 1.2 grey levels apart
    pictures = {f"{n:04d}": text_of([row.astype(np.uint8).tobytes()]) for n, row in enumerate(moved)}
    started_s = time.process_time()
    assert lookalikes(pictures, dict.fromkeys(pictures, 50)) == [sorted(pictures)]
    assert time.process_time() - started_s < 10, "it is 1.3 s, and 11 s with a step of Python for each pair"


def test_a_group_reaches_from_block_to_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each video of a chain is alike to the next one alone; a, c, b and d stand in blocks of two."""
    monkeypatch.setattr(module, "BLOCK", 2)
    random = np.random.default_rng(0)
    base, step = random.integers(50, 200, 6 * 256), random.choice((-1, 1), 6 * 256)
    rows = {name: base + 2 * place * step for name, place in {"1": 0, "2": 2, "3": 1, "4": 3, "5": 40}.items()}
    pictures = {name: text_of([row.astype(np.uint8).tobytes()]) for name, row in rows.items()}
    assert lookalikes(pictures, dict.fromkeys(pictures, 50)) == [["1", "2", "3", "4"]]
    del pictures["3"]
    assert lookalikes(pictures, dict.fromkeys(pictures, 50)) == [["2", "4"]]
