"""Odd videos that players play: upright pictures, square pixels, every frame, whatever the header says."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fgsgl.data.cache.clip_frames import frames_kept, read_clips
from fgsgl.data.cache.frame_times import frame_times
from fgsgl.data.clip_table import cached_frames
from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.video_file import examine, probe, read_frames
from tests.data.odd_videos import corners, greys, patched, write

ORIENTATIONS: dict[str, tuple[tuple[float, ...], Callable[[np.ndarray], np.ndarray]]] = {
    "upright": ((1, 0, 0, 1), lambda picture: picture),
    "quarter clockwise": ((0, 1, -1, 0), lambda picture: np.rot90(picture, -1)),
    "half": ((-1, 0, 0, -1), lambda picture: np.rot90(picture, 2)),
    "quarter counter-clockwise": ((0, -1, 1, 0), lambda picture: np.rot90(picture, 1)),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda picture: picture.swapaxes(0, 1)),
    "transversed": ((0, -1, -1, 0), lambda picture: np.rot90(picture, 2).swapaxes(0, 1)),
}


def levels(path: Path, num_frames: int = 4) -> list[int]:
    """Numbers of the frames that a clip of the whole video keeps, read from their grey."""
    ((_, frames_KSSC),) = read_clips(path, [(0, 0)], num_frames, 32)
    assert not isinstance(frames_KSSC, BadVideo), frames_KSSC
    return [round(float(frame.mean()) / 8) for frame in frames_KSSC]


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_a_picture_is_turned_as_a_player_shows_it(name: str, tmp_path: Path) -> None:
    matrix, turn = ORIENTATIONS[name]
    stored = corners(2, height=48, width=64)
    video = write(tmp_path / "a.mp4", stored, matrix=matrix)
    expected = turn(stored[0])
    info = probe(video)
    assert (info.height, info.width) == expected.shape[:2]
    assert np.abs(read_frames(video, [0])[0].astype(int) - expected).mean() < 6
    ((_, clip),) = read_clips(video, [(0, 0)], 1, 24)
    plain = write(tmp_path / "plain.mp4", np.ascontiguousarray(np.stack([turn(frame) for frame in stored])))
    ((_, same),) = read_clips(plain, [(0, 0)], 1, 24)
    assert np.abs(clip.astype(int) - same).mean() < 6


def test_a_skewed_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadVideo, match=r"a\.mp4 cannot be shown: its display matrix turns"):
        read_frames(write(tmp_path / "a.mp4", corners(2), matrix=(0.8, 0.6, -0.6, 0.8)), [0])


@pytest.mark.parametrize(("aspect", "shown"), [(Fraction(2), (64, 128)), (Fraction(1, 2), (128, 64))])
def test_pixels_become_square(aspect: Fraction, shown: tuple[int, int], tmp_path: Path) -> None:
    video = write(tmp_path / "a.mp4", corners(2), pixel_aspect=aspect)
    info = probe(video)
    assert (info.height, info.width) == shown
    wide = corners(2, *shown)
    ((_, clip),) = read_clips(video, [(0, 0)], 1, 32)
    ((_, same),) = read_clips(write(tmp_path / "plain.mp4", wide), [(0, 0)], 1, 32)
    assert np.abs(clip.astype(int) - same).mean() < 6
    turned = write(tmp_path / "turned.mp4", corners(2), pixel_aspect=aspect, matrix=(0, 1, -1, 0))
    assert (probe(turned).height, probe(turned).width) == shown[::-1]


def test_pixels_of_an_absurd_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadVideo, match="expected one side at most 20 times the other"):
        probe(write(tmp_path / "a.mp4", corners(2), pixel_aspect=Fraction(50)))


def avi(path: Path, frames_in_header: int) -> Path:
    """A Motion JPEG whose header tells another number of frames."""
    write(path, greys(), "mjpeg", pix_fmt="yuvj420p")
    patched(path, b"strh", 8 + 32, struct.pack("<I", frames_in_header))
    return patched(path, b"avih", 8 + 16, struct.pack("<I", frames_in_header))


COUNTS: dict[str, Callable[[Path], Path]] = {
    "fragments": lambda folder: write(
        folder / "a.mp4", greys(), options={"g": "5", "bf": "0"}, container_options={"movflags": "frag_keyframe"}
    ),
    "more in the header": lambda folder: avi(folder / "a.avi", 40),
    "fewer in the header": lambda folder: avi(folder / "a.avi", 12),
    "none in the header": lambda folder: avi(folder / "a.avi", 0),
    "b-frames": lambda folder: write(folder / "a.avi", greys(), "mpeg4", options={"bf": "2", "b": "4M"}),
    "no header": lambda folder: write(folder / "a.ts", greys(), container="mpegts"),
    "program stream": lambda folder: write(folder / "a.mpg", greys(), "mpeg2video", container="mpeg"),
    "flash": lambda folder: write(folder / "a.flv", greys(), "flv", container="flv"),
    "windows media": lambda folder: write(folder / "a.wmv", greys(), "wmv2", container="asf"),
    "matroska": lambda folder: write(folder / "a.mkv", greys()),
    "late start": lambda folder: write(folder / "a.mkv", greys(), times=range(1000, 1030)),
    "title in Shift-JIS": lambda folder: patched(
        write(folder / "a.avi", greys(), "mjpeg", pix_fmt="yuvj420p", title="ABCD"),
        b"ABCD", 0, "動画".encode("shift_jis"),
    ),
    "ten bits": lambda folder: write(
        folder / "a.mp4", greys(), "libx265", pix_fmt="yuv420p10le",
        options={"x265-params": "log-level=none:pools=1"},
    ),
    "bare stream": lambda folder: write(folder / "a.h264", greys(), container="h264"),
    "before zero": lambda folder: write(folder / "a.mkv", greys(), times=range(-10, 20)),
    "one key frame": lambda folder: write(folder / "a.mkv", greys(), options={"g": "1000", "bf": "3"}),
    "another name": lambda folder: write(folder / "a.txt", greys(), container="mp4"),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_every_frame_counts(name: str, tmp_path: Path) -> None:
    video = COUNTS[name](tmp_path)
    found = examine(video)
    assert (found.num_frames, found.damage) == (30, "")
    assert levels(video) == cached_frames(0, 30, 4)


def test_frames_that_an_edit_list_hides_are_not_there(tmp_path: Path) -> None:
    video = write(tmp_path / "a.mp4", greys(), options={"bf": "0", "g": "5"})
    patched(video, b"elst", 12, struct.pack(">II", 400, 512 * 10))  # 400 ms from frame 10 on
    assert examine(video).num_frames == 10
    assert levels(video) == [10 + number for number in cached_frames(0, 10, 4)]


def test_where_the_rate_varies_frames_are_kept_by_time(tmp_path: Path) -> None:
    times = [*range(15), *range(15, 105, 6)]
    video = write(tmp_path / "a.mp4", greys(), times=times)
    wanted = [(2 * index + 1) * 105 / 16 for index in range(8)]
    assert levels(video) == [max(number for number, time in enumerate(times) if time <= at) for at in wanted]
    dropped = write(
        tmp_path / "a.avi", greys(), "mjpeg", pix_fmt="yuvj420p",
        times=[index + (2 if index > 9 else 0) + (3 if index > 19 else 0) for index in range(30)],
    )  # fmt: skip
    assert examine(dropped).num_frames == 30
    assert levels(dropped) == [2, 6, 9, 13, 17, 19, 23, 27]


def test_times_that_nearly_keep_a_rate_keep_frames_by_number() -> None:
    rng = np.random.default_rng(0)
    times_s = [(index + rng.uniform(-0.4, 0.4)) / 30 for index in range(300)]
    assert frames_kept(times_s, 17, 171, 8) == cached_frames(17, 171, 8)
    assert frames_kept([None] * 300, 17, 0, 8) == cached_frames(17, 300, 8)
    assert frames_kept([5.0] * 300, 17, 0, 8) == cached_frames(17, 300, 8)


@pytest.mark.parametrize("is_open", [False, True])
def test_a_stream_that_begins_within_a_group_is_read_from_its_first_key_frame(is_open: bool, tmp_path: Path) -> None:
    groups = f"open-gop={int(is_open)}:scenecut=0:keyint=10:min-keyint=1:bframes=3:b-adapt=0"
    video = write(tmp_path / "a.ts", greys(31), container="mpegts", options={"x264-params": groups})
    content = video.read_bytes()
    video.write_bytes(content[len(content) // 3 // 188 * 188 :])
    found = examine(video)
    assert (found.num_frames, found.damage) == (21, "")
    assert levels(video) == [10 + number for number in cached_frames(0, 21, 4)]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")])
def test_every_container_may_begin_within_a_group(name: str, codec: str, tmp_path: Path) -> None:
    whole = write(tmp_path / f"whole{name[1:]}", greys(), codec, options={"g": "10", "bf": "0", "b": "4M"})
    with av.open(str(whole)) as source, av.open(str(tmp_path / name), "w") as file:
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in [packet for packet in source.demux(video=0) if packet.size][3:]:
            packet.stream = stream
            file.mux(packet)
    found = examine(tmp_path / name)
    assert (found.num_frames, found.damage) == (20, "")
    assert levels(tmp_path / name) == [10 + number for number in cached_frames(0, 20, 4)]


def test_recordings_that_were_joined_are_read_to_the_end(tmp_path: Path) -> None:
    part = write(tmp_path / "part.ts", greys(), container="mpegts").read_bytes()
    larger = write(tmp_path / "larger.ts", greys(side=96), container="mpegts").read_bytes()
    (tmp_path / "whole.ts").write_bytes(part + part + larger)
    found = examine(tmp_path / "whole.ts")
    assert (found.num_frames, found.damage) == (90, "")
    assert levels(tmp_path / "whole.ts") == [number % 30 for number in cached_frames(0, 90, 4)]
    times_T = frame_times(tmp_path, ["whole.ts"])["whole.ts"]
    assert times_T == pytest.approx(np.arange(90) / 25), "seconds of a table go on where the file's clock goes back"


def test_clips_of_one_video_are_read_in_one_pass(tmp_path: Path) -> None:
    video = write(tmp_path / "a.mp4", greys())
    ranges = [(3, 9), (0, 0), (20, 31), (5, 30), (40, 0)]
    found = dict(read_clips(video, ranges, 2, 16))
    for position in (0, 1, 3):
        start, end = ranges[position]
        assert [round(frame.mean() / 8) for frame in found[position]] == cached_frames(start, end or 30, 2)
    assert "ends after 30 frames, but the clip needs frame 30" in str(found[2])
    assert "ends after 30 frames, but the clip needs frame 40" in str(found[4])


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    for name, codec in (("a.mkv", "libx264"), ("a.avi", "mjpeg")):
        pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        with pytest.raises(BadVideo, match=rf"{name}"):
            examine(write(tmp_path / name, greys()[:0], codec, pix_fmt=pix_fmt))
        ((_, found),) = read_clips(tmp_path / name, [(0, 0)], 2, 16)
        assert isinstance(found, BadVideo)
