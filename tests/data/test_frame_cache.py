"""The frame cache: right frames in the right rows, filled once, completed after a kill, honest about bad videos."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fgsgl.data.clip_table import PER_SEGMENT, Clip, ClipTable, cached_frames, evaluated_frames, write_clips
from fgsgl.data.containers import BadVideo
from fgsgl.data.frame_cache import cache_folder, open_cache, refuse_bad
from fgsgl.data.video import write_h264
from fgsgl.mmaction.datasets import ClipDataset
from fgsgl.models.preprocess_clips import ClipPreprocessor
from fgsgl.util.errors import UserError


def clip(clip_id: str, video: str, start: int, end: int) -> Clip:
    return Clip(
        clip_id=clip_id, video=video, start_frame=start, end_frame=end, label=0, subject="s", split="train", fps=25.0
    )


@pytest.fixture
def table(tmp_path: Path) -> ClipTable:
    """Two videos whose grey level tells the frame number; three clips, two of them overlapping in one recording."""
    for name, base in (("long", 20), ("short", 140)):
        frames = np.zeros((60, 32, 32, 3), dtype=np.uint8)
        frames += (base + np.arange(60, dtype=np.uint8))[:, None, None, None]
        write_h264(tmp_path / f"{name}.mp4", frames, fps=25, crf=1)
    clips = (clip("a", "long.mp4", 0, 40), clip("b", "long.mp4", 20, 60), clip("c", "short.mp4", 50, 53))
    return ClipTable(dataset="toy", root=tmp_path, classes=("x",), clips=clips)


def levels(frames_KSSC: np.ndarray) -> list[int]:
    return frames_KSSC.mean(axis=(1, 2, 3)).round().astype(int).tolist()


def test_sampling_is_even_and_inside_the_clip() -> None:
    numbers = cached_frames(100, 150, 8)
    assert len(numbers) == 8 * PER_SEGMENT
    assert numbers[0] >= 100 and numbers[-1] < 150
    assert set(np.diff(numbers)) <= {3, 4}
    assert cached_frames(5, 7, 2) == [5, 5, 6, 6]


def test_the_frames_of_an_evaluation_are_those_that_the_preprocessor_picks() -> None:
    frames_KHWC = torch.tensor(cached_frames(100, 150, 8), dtype=torch.uint8)[:, None, None, None].expand(-1, 2, 2, 3)
    preprocessor = ClipPreprocessor(mean=(0.0,) * 3, std=(1.0,) * 3)
    picked = preprocessor({"inputs": [frames_KHWC], "data_samples": [None]}, training=False)["inputs"]
    assert picked[0, :, 0, 0, 0].tolist() == evaluated_frames(100, 150, 8)


@pytest.mark.parametrize("workers", [1, 2])
def test_rows_hold_the_frames_of_their_clips(table: ClipTable, workers: int) -> None:
    cache = open_cache(table, 4, 32, workers=workers)
    for item, base in zip(table.clips, (20, 20, 140), strict=True):
        expected = np.array([base + number for number in cached_frames(item.start_frame, item.end_frame, 4)])
        assert np.abs(np.array(levels(cache.frames(item.clip_id))) - expected).max() <= 1


def test_a_filled_cache_is_not_decoded_again_and_a_killed_one_is_completed(table: ClipTable) -> None:
    open_cache(table, 4, 32)
    folder = cache_folder(table, 4, 32)
    done = np.memmap(folder / "done.u8", dtype=np.uint8, mode="r+")
    frames = np.memmap(folder / "frames.u8", dtype=np.uint8, mode="r+", shape=(3, 8, 32, 32, 3))
    frames[:] = 7
    done[1] = 0
    done.flush()
    frames.flush()
    seen = []
    cache = open_cache(table, 4, 32, progress=lambda finished, total: seen.append((finished, total)))
    assert seen == [(3, 3)]
    assert levels(cache.frames("a")) == [7] * 8
    assert levels(cache.frames("b"))[0] > 30


def test_bad_videos_are_named_and_taken_back_once_they_are_restored(table: ClipTable) -> None:
    video = table.root / "short.mp4"
    content = video.read_bytes()
    video.write_bytes(b"")
    cache = open_cache(table, 4, 32)
    assert list(cache.bad) == ["c"]
    with pytest.raises(BadVideo, match=r"short\.mp4 is empty.*--skip-bad"):
        refuse_bad(cache)
    video.write_bytes(content)
    assert open_cache(table, 4, 32).bad == {}


def test_only_the_clip_past_the_end_of_its_video_is_bad(table: ClipTable) -> None:
    late = ClipTable(
        dataset="toy", root=table.root, classes=("x",), clips=(*table.clips, clip("d", "long.mp4", 30, 80))
    )
    cache = open_cache(late, 4, 32)
    assert list(cache.bad) == ["d"]
    assert "ends after 60 frames" in cache.bad["d"]


def test_a_line_tells_the_size_before_anything_is_decoded(table: ClipTable) -> None:
    told = []
    open_cache(table, 4, 32, tell=told.append, progress=lambda done, total: told.append(done))
    assert "frame cache: 0.00 GiB" in told[0] and "3 of 3 clips" in told[0] and told[1:] == [2, 3]
    open_cache(table, 4, 32, tell=told.append)
    assert len(told) == 3


def test_a_cache_over_the_limit_is_refused_before_it_is_begun(table: ClipTable, monkeypatch) -> None:
    open_cache(table, 4, 32)
    monkeypatch.setenv("FGSGL_CACHE_GIB", "0.001")
    with pytest.raises(UserError, match=r"needs 0.01 GiB at .* beside 0.00 GiB .* limit is 0.001 GiB.*FGSGL_CACHE_GIB"):
        open_cache(table, 8, 224)
    assert not (cache_folder(table, 8, 224) / "frames.u8").exists()
    assert open_cache(table, 4, 32).bad == {}, "what is made already is not refused"
    monkeypatch.setenv("FGSGL_CACHE_GIB", "lots")
    with pytest.raises(UserError, match="FGSGL_CACHE_GIB is 'lots', expected a number above 0"):
        open_cache(table, 8, 224)


def test_a_cache_larger_than_the_disk_is_refused(table: ClipTable, monkeypatch) -> None:
    monkeypatch.setenv("FGSGL_CACHE_GIB", "1e9")
    with pytest.raises(UserError, match=r"needs [\d.]+ GiB at .*, but only [\d.]+ GiB are free; make room"):
        open_cache(table, 8, 2_000_000)


def test_a_folder_that_cannot_be_written_is_named(table: ClipTable, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match=r"the frame cache at .*file/cache.* cannot be written: Not a directory"):
        open_cache(table, 4, 32)


def test_a_data_set_opens_for_training_without_any_video(table: ClipTable) -> None:
    open_cache(table, 4, 32)
    write_clips(table.root / "clips.csv", table.clips)
    (table.root / "classes.txt").write_text("x\n")
    for path in table.root.glob("*.mp4"):
        path.unlink()
    dataset = ClipDataset("csv", str(table.root), "train", "all", num_frames=4, image_size=32)
    assert len(dataset) == 3 and dataset[2]["inputs"].shape == (8, 32, 32, 3)


FULL_DISK = """
import resource, sys
from pathlib import Path
from fgsgl.data.frame_cache import open_cache
from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.util.errors import run_command
rows = (("a", "long.mp4", 0, 40), ("b", "long.mp4", 20, 60), ("c", "short.mp4", 50, 53))
same = {"label": 0, "subject": "s", "split": "train", "fps": 25.0}
clips = tuple(
    Clip(clip_id=clip_id, video=video, start_frame=start, end_frame=end, **same) for clip_id, video, start, end in rows
)
table = ClipTable(dataset="toy", root=Path(sys.argv[1]), classes=("x",), clips=clips)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
sys.exit(run_command(lambda: open_cache(table, 4, 32, workers=int(sys.argv[3])) and 0))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_fills_up_ends_in_one_line_and_loses_nothing(table: ClipTable, workers: int) -> None:
    """A limit on the size of a file makes writes fail as on a full disk, also in the decoding processes."""
    open_cache(table, 4, 32)
    folder = cache_folder(table, 4, 32)
    (folder / "done.u8").write_bytes(bytes(3))
    (folder / "frames.u8").write_bytes(bytes(3 * 8 * 32 * 32 * 3))
    room = 2 * 8 * 32 * 32 * 3 + 5000
    answer = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(table.root), str(room), str(workers)],
        cwd=Path(__file__).parent, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 2 and len(answer.stderr.splitlines()) == 1, answer.stderr
    assert f"the frame cache at {folder} cannot be written: File too large; make room" in answer.stderr
    assert (folder / "done.u8").read_bytes() == b"\1\1\0"
    seen = []
    cache = open_cache(table, 4, 32, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 3)], "only the third clip was decoded again"
    assert [levels(cache.frames(name))[0] for name in "abc"] == pytest.approx([22, 42, 190], abs=2)
