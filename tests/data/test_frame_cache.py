"""The frame cache: right frames for every clip, decoded once for each content, whole or made anew, honest about bad
videos."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fgsgl.data.cache.contents import with_contents
from fgsgl.data.cache.frame_cache import FrameCache, open_cache, refuse_bad
from fgsgl.data.cache.video_facts import video_facts
from fgsgl.data.clip_table import PER_SEGMENT, Clip, ClipTable, cached_frames, evaluated_frames, write_clips
from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.video_file import write_h264
from fgsgl.mmaction.datasets import ClipDataset, ReadClip
from fgsgl.models.preprocess_clips import ClipPreprocessor
from fgsgl.util.errors import UserError
from tests.data.odd_videos import corners, noisy, write


def clip(clip_id: str, video: str, start: int, end: int) -> Clip:
    return Clip(
        clip_id=clip_id, video=video, start_frame=start, end_frame=end, label=0, subject="s", split="train", fps=25.0
    )


@pytest.fixture
def cache_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("FGSGL_CACHE", str(folder))
    return folder


@pytest.fixture
def table(tmp_path: Path, cache_root: Path) -> ClipTable:
    """Two videos whose grey level tells the frame number; three clips, two of them overlapping in one recording."""
    root = tmp_path / "data"
    root.mkdir()
    for name, base in (("long", 20), ("short", 140)):
        video(root / f"{name}.mp4", base)
    clips = (clip("a", "long.mp4", 0, 40), clip("b", "long.mp4", 20, 60), clip("c", "short.mp4", 50, 53))
    return ClipTable(dataset="toy", root=root, classes=("x",), clips=clips)


def video(path: Path, base: int) -> None:
    """60 frames whose grey levels count from a base."""
    frames = np.zeros((60, 32, 32, 3), dtype=np.uint8)
    frames += (base + np.arange(60, dtype=np.uint8))[:, None, None, None]
    write_h264(path, frames, fps=25, crf=1)


def file_of(cache: FrameCache, clip_id: str) -> Path:
    return cache.store.path(cache.keys[clip_id])


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
    cache = open_cache(table, 4, 32)
    before = {name: file_of(cache, name).stat().st_mtime_ns for name in "abc"}
    file_of(cache, "b").unlink()
    seen = []
    cache = open_cache(table, 4, 32, progress=lambda finished, total: seen.append((finished, total)))
    assert seen == [(3, 3)]
    assert levels(cache.frames("b"))[0] > 30
    after = {name: file_of(cache, name).stat().st_mtime_ns for name in "abc"}
    assert [name for name in "abc" if after[name] != before[name]] == ["b"]
    open_cache(table, 4, 32, progress=lambda *_: pytest.fail("something is decoded"))


def test_replaced_videos_are_decoded_anew_and_are_other_data(table: ClipTable) -> None:
    """Same names, same table, same size in frames, same time of modification."""
    first = with_contents(table)
    old = open_cache(first, 4, 32)
    path, stamp = table.root / "long.mp4", (table.root / "long.mp4").stat().st_mtime_ns
    video(path, 100)
    os.utime(path, ns=(stamp, stamp))
    second = with_contents(table)
    assert second.fingerprint() != first.fingerprint() != table.fingerprint()
    new = open_cache(second, 4, 32)
    assert levels(new.frames("a"))[0] == pytest.approx(levels(old.frames("a"))[0] + 80, abs=2)
    assert file_of(new, "c") == file_of(old, "c"), "the other video is as it was"


def test_two_folders_with_equal_tables_do_not_share_frames(table: ClipTable, tmp_path: Path) -> None:
    other = dataclasses.replace(table, root=tmp_path / "other")
    shutil.copytree(table.root, other.root)
    video(other.root / "long.mp4", 100)
    mine, theirs = open_cache(table, 4, 32), open_cache(other, 4, 32)
    assert levels(mine.frames("a"))[0] == pytest.approx(levels(theirs.frames("a"))[0] - 80, abs=2)


@pytest.mark.parametrize("change", ["copied", "moved", "renamed", "relabelled"])
def test_equal_content_is_not_decoded_again(table: ClipTable, change: str, tmp_path: Path) -> None:
    before = with_contents(table)
    open_cache(before, 4, 32)
    if change == "relabelled":
        other = dataclasses.replace(
            table, classes=("x", "y"), clips=tuple(dataclasses.replace(c, label=1) for c in table.clips)
        )
    elif change == "renamed":
        (table.root / "long.mp4").rename(table.root / "longer.mp4")
        clips = [dataclasses.replace(c, video=c.video.replace("long", "longer")) for c in table.clips]
        other = dataclasses.replace(table, clips=tuple(clips))
    else:
        (shutil.copytree if change == "copied" else shutil.move)(table.root, tmp_path / "other")
        other = dataclasses.replace(table, root=tmp_path / "other")
    open_cache(other, 4, 32, progress=lambda *_: pytest.fail("something is decoded"))
    same = with_contents(other).fingerprint() == before.fingerprint()
    assert same == (change in ("copied", "moved")), "names and labels are part of the data"


def zero_the_end(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3] + bytes(len(content) - len(content) * 2 // 3))


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def tear(path: Path) -> None:
    os.truncate(path, 1000)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def all_zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def another_clip(path: Path) -> None:
    other = next(one for one in path.parents[1].glob("*/*") if one.name != path.name and one.stat().st_size > 100)
    path.write_bytes(other.read_bytes())


def a_link(path: Path) -> None:
    outside = path.parents[3] / "outside"
    outside.write_bytes(path.read_bytes()[:-1] + b"x")
    path.unlink()
    path.symlink_to(outside)


def a_folder(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES = (zero_the_end, flip_a_bit, tear, grow, all_zeros, another_clip, a_link, a_folder)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_damaged_frames_are_made_anew(table: ClipTable, damage: Callable[[Path], None], when: str) -> None:
    """Whether the damage comes before the cache is opened or after."""
    cache = open_cache(table, 4, 32)
    right = {name: cache.store.read(cache.keys[name]) for name in "abc"}
    if when == "after":
        damage(file_of(cache, "b"))
    else:
        damage(file_of(cache, "b"))
        cache = open_cache(table, 4, 32)
    for name in "abc":
        np.testing.assert_array_equal(cache.frames(name), right[name])
    if damage is a_link:
        assert (file_of(cache, "b").parents[3] / "outside").read_bytes()[-1:] == b"x", "nothing is written through it"
    for name in "abc":  # and they are kept
        np.testing.assert_array_equal(cache.store.read(cache.keys[name]), right[name])


def test_damaged_frames_without_their_video_end_in_one_line(table: ClipTable) -> None:
    cache = open_cache(table, 4, 32)
    flip_a_bit(file_of(cache, "a"))
    video(table.root / "long.mp4", 100)
    with pytest.raises(UserError, match=r"are damaged, and cannot be made anew: the video .*long\.mp4 has changed"):
        cache.frames("a")
    (table.root / "long.mp4").unlink()
    with pytest.raises(UserError, match=r"are damaged, and cannot be made anew: no video at .*long\.mp4"):
        cache.frames("a")


def test_a_video_that_changes_while_it_is_read_gives_no_frames(table: ClipTable) -> None:
    """The table was hashed before, so that its keys name what was there then."""
    hashed = with_contents(table)
    video(table.root / "long.mp4", 100)
    cache = open_cache(hashed, 4, 32)
    assert sorted(cache.bad) == ["a", "b"] and "has changed since this command looked at it" in cache.bad["a"]
    assert not file_of(cache, "a").exists()


def test_a_complete_cache_that_is_read_only_is_used(table: ClipTable, cache_root: Path) -> None:
    open_cache(table, 4, 32)
    (cache_root / "frames" / "4x2-32px" / "lock").unlink()
    shutil.rmtree(cache_root / "contents", ignore_errors=True)
    (cache_root / "contents").touch()  # as root, permissions stop nobody
    cache = open_cache(table, 4, 32)
    assert levels(cache.frames("c"))[0] > 180
    assert not (cache_root / "frames" / "4x2-32px" / "lock").exists()


FILL = """
import sys
from pathlib import Path
from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.cache.frame_cache import open_cache
same = {"start_frame": 0, "end_frame": 60, "label": 0, "subject": "s", "split": "train", "fps": 25.0}
root = Path(sys.argv[1])
clips = tuple(Clip(clip_id=path.stem, video=path.name, **same) for path in sorted(root.glob("*.mp4")))
table = ClipTable(dataset="toy", root=root, classes=("x",), clips=clips)
open_cache(table, 4, 32, progress=lambda done, total: print(done, flush=True))
"""


def test_several_commands_and_kills_fill_one_cache(tmp_path: Path, cache_root: Path) -> None:
    """Four commands at once, three of them killed at different moments: what they leave is whole, or not there."""
    (root := tmp_path / "data").mkdir()
    for number in range(24):
        video(root / f"{number:02d}.mp4", 4 * number)
    start = [sys.executable, "-c", FILL, str(root)]
    commands = [subprocess.Popen(start, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    deadline_s = time.monotonic() + 60
    for victim, n_files in zip(commands[:3], (1, 6, 12), strict=True):
        while len(list(cache_root.glob("frames/*/??/*"))) < n_files and time.monotonic() < deadline_s:
            time.sleep(0.001)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert commands[3].wait(60) == 0
    said = subprocess.run(start, capture_output=True, text=True, check=True)
    assert said.stdout == "", "nothing was left to decode"
    clips = tuple(clip(f"{number:02d}", f"{number:02d}.mp4", 0, 60) for number in range(24))
    cache = open_cache(ClipTable(dataset="toy", root=root, classes=("x",), clips=clips), 4, 32)
    for number in range(24):
        frames = cache.store.read(cache.keys[f"{number:02d}"])
        assert levels(frames)[0] == pytest.approx(4 * number + 3, abs=2)


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


def test_the_verdict_on_a_damaged_video_is_that_of_data_check(tmp_path: Path, cache_root: Path) -> None:
    content = write(tmp_path / "a.mp4", noisy(), container_options={"movflags": "faststart"}).read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: len(content) * 3 // 4])
    whole = ClipTable(dataset="toy", root=tmp_path, classes=("x",), clips=(clip("whole", "a.mp4", 0, 0),))
    (fact,) = video_facts(whole).values()
    n = fact.num_frames  # two encodings of the same frames may differ, and so may what a cut leaves of them
    assert 4 <= n < 28 and "it is truncated" in fact.fault
    good, beyond = ((0, 3), (2, n)), ((2, n + 1), (n - 1, 28), (29, 30), (3, 0))
    clips = tuple(clip(f"{start}-{end}", "a.mp4", start, end) for start, end in (*good, *beyond))
    bad = open_cache(dataclasses.replace(whole, clips=clips), 2, 16).bad
    assert bad == {f"{start}-{end}": fact.fault for start, end in beyond}


def test_inference_on_a_file_reads_it_as_the_cache_does(tmp_path: Path, cache_root: Path) -> None:
    write(tmp_path / "phone.mp4", np.ascontiguousarray(corners()[:, ::-1, ::-1]), matrix=(-1, 0, 0, -1))
    table = ClipTable(dataset="toy", root=tmp_path, classes=("x",), clips=(clip("a", "phone.mp4", 0, 0),))
    read = ReadClip(num_frames=2, image_size=32)({"filename": str(tmp_path / "phone.mp4")})["inputs"].numpy()
    assert np.array_equal(read, open_cache(table, 2, 32).frames("a"))
    assert read[0, 4, 4].argmax() == 0 and read[0, 4, 28].argmax() == 1  # red at the top left, green at the right
    with pytest.raises(BadVideo, match=r"ends after 6 frames, but the clip needs frame 8"):
        ReadClip()({"filename": str(tmp_path / "phone.mp4"), "end_frame": 9})


def test_a_line_tells_the_size_before_anything_is_decoded(table: ClipTable) -> None:
    told = []
    open_cache(table, 4, 32, tell=told.append, progress=lambda done, total: told.append(done))
    assert "frame cache: 0.00 GiB more at" in told[0] and "3 of 3 clips" in told[0] and told[1:] == [2, 3]
    open_cache(table, 4, 32, tell=told.append)
    assert len(told) == 3


def test_a_cache_over_the_limit_is_refused_before_it_is_begun(table: ClipTable, cache_root: Path, monkeypatch) -> None:
    open_cache(table, 4, 32)
    monkeypatch.setenv("FGSGL_CACHE_GIB", "0.001")
    with pytest.raises(
        UserError, match=r"needs 0.01 GiB at .* beside the 0.00 GiB .* limit is 0.001 GiB.*FGSGL_CACHE_GIB"
    ):
        open_cache(table, 8, 224)
    assert not list(cache_root.glob("frames/8x2-224px/??/*"))
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
    with pytest.raises(UserError, match=r"the cache folder .*file/cache cannot be made: Not a directory"):
        open_cache(table, 4, 32)
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path / "new"))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "frames").touch()
    with pytest.raises(UserError, match=r"the frame cache at .*new/frames.* cannot be written: Not a directory"):
        open_cache(table, 4, 32)


def test_a_data_set_opens_for_training_without_any_video(table: ClipTable) -> None:
    write_clips(table.root / "clips.csv", table.clips)
    time.sleep(2.1)  # until the videos are remembered
    open_cache(table, 4, 32)
    (table.root / "classes.txt").write_text("x\ny\n")
    for path in table.root.glob("*.mp4"):
        path.unlink()
    dataset = ClipDataset("csv", str(table.root), "train", "all", num_frames=4, image_size=32)
    assert len(dataset) == 3 and dataset[2]["inputs"].shape == (8, 32, 32, 3)


FULL_DISK = """
import resource, sys
from pathlib import Path
from fgsgl.data.cache.frame_cache import open_cache
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
    cache = open_cache(table, 4, 32)
    for name in "abc":
        file_of(cache, name).unlink()
    room = 5000
    answer = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(table.root), str(room), str(workers)],
        cwd=Path(__file__).parent, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.returncode == 2 and len(answer.stderr.splitlines()) == 1, answer.stderr
    assert f"the frame cache at {cache.store.folder} cannot be written: File too large; make room" in answer.stderr
    assert not [path for path in cache.store.folder.glob("??/*")], "nothing that is half written"
    cache = open_cache(table, 4, 32)
    assert [levels(cache.frames(name))[0] for name in "abc"] == pytest.approx([22, 42, 190], abs=2)
