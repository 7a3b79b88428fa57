"""Damaged videos: what is wrong is said with the frame, frames before it are right, and none after it is used."""

from pathlib import Path

import numpy as np
import pytest

from fgsgl.data.cache.clip_frames import read_clips
from fgsgl.data.video.containers import BadVideo, open_video
from fgsgl.data.video.decoding import Damage, decode
from fgsgl.data.video.video_file import examine
from tests.data.odd_videos import noisy, write

FILES = {
    "h264.mp4": ("libx264", "yuv420p", {}),
    "cavlc.mp4": ("libx264", "yuv420p", {"preset": "ultrafast"}),
    "first.mp4": ("libx264", "yuv420p", {}),
    "h264.mkv": ("libx264", "yuv420p", {}),
    "h264.ts": ("libx264", "yuv420p", {}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"b": "1M"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {"b": "1M"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"b": "1M", "deadline": "realtime"}),
    "wmv2.wmv": ("wmv2", "yuv420p", {"b": "1M"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for name, (codec, pix_fmt, options) in FILES.items():
        moved = {"movflags": "faststart"} if name == "first.mp4" else {}
        container = {"ts": "mpegts", "mpg": "mpeg", "wmv": "asf"}.get(name.partition(".")[2])
        write(
            folder / name,
            noisy(),
            codec,
            pix_fmt=pix_fmt,
            options=options,
            container_options=moved,
            container=container,
        )
    return folder


def decoded(path: Path) -> tuple[list[np.ndarray], str]:
    """The frames of a video, and the damage after them."""
    frames = []
    try:
        for frame in decode(path):
            frames.append(frame.picture.to_ndarray(format="gray"))
    except Damage as error:
        return frames, str(error)
    return frames, ""


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["cut", "cut at 99 %", "zeroed"])
def test_damage_is_said_and_the_frames_before_it_are_right(name: str, kind: str, folder: Path, tmp_path: Path) -> None:
    content = (folder / name).read_bytes()
    whole, damage = decoded(folder / name)
    assert (len(whole), damage) == (30, "")
    rng = np.random.default_rng(0)
    for share in rng.uniform(0.4, 0.8, 4):
        at = round(len(content) * share)
        if kind == "zeroed":
            broken = content[:at] + bytes(4096) + content[at + 4096 :]
        else:
            broken = content[: at if kind == "cut" else len(content) * 99 // 100]
        path = tmp_path / name
        path.write_bytes(broken[: len(content)])
        try:
            frames, damage = decoded(path)
        except BadVideo as error:
            frames, damage = [], str(error)
        assert damage, f"{kind} at byte {at} of {len(content)}: {len(frames)} frames"
        assert str(path) in damage and "\n" not in damage
        for number, (frame, expected) in enumerate(zip(frames, whole, strict=False)):
            assert np.abs(frame.astype(int) - expected).mean() < 0.5, f"frame {number} of {len(frames)}: {damage}"


def test_a_clip_before_the_damage_is_used_and_no_other(folder: Path, tmp_path: Path) -> None:
    content = (folder / "first.mp4").read_bytes()
    path = tmp_path / "a.mp4"
    path.write_bytes(content[: len(content) * 3 // 4])
    found = examine(path)
    assert 5 < found.num_frames < 28
    assert found.damage == (
        f"the video {path} is damaged after frame {found.num_frames - 1}: it is truncated: "
        f"{len(content) * 3 // 4} of {len(content)} bytes are there"
    )
    end = found.num_frames
    clips = dict(read_clips(path, [(0, end), (0, end + 1), (0, 0), (2, 5)], 1, 32))
    assert isinstance(clips[0], np.ndarray) and isinstance(clips[3], np.ndarray)
    assert str(clips[1]) == str(clips[2]) == found.damage


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_damaged_first_key_frame_does_not_pass_for_a_late_start(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, noisy(), options={"g": "10", "bf": "0"})
    (start, length), *_ = packets(path)
    content = bytearray(path.read_bytes())
    content[start + 20 : start + length // 2] = bytes(length // 2 - 20)
    path.write_bytes(content)
    with pytest.raises(Damage, match="damaged before its first frame"):
        examine(path)


def packets(path: Path) -> list[tuple[int, int]]:
    """Where the packets of a video begin, and how many bytes they have."""
    with open_video(path) as (container, stream, _):
        return [(packet.pos, packet.size) for packet in container.demux(stream) if packet.size]


def test_a_flat_picture_is_no_stretch_of_zeros(tmp_path: Path) -> None:
    flat = np.full((4, 480, 640, 3), 128, np.uint8)
    for codec, pix_fmt, name in (
        ("mjpeg", "yuvj420p", "a.avi"),
        ("mpeg2video", "yuv420p", "a.mpg"),
        ("libvpx", "yuv420p", "a.webm"),
    ):
        options = {"b": "3M", "minrate": "3M", "maxrate": "3M", "bufsize": "2M"} if codec == "mpeg2video" else {}
        found = examine(write(tmp_path / name, flat, codec, pix_fmt=pix_fmt, options=options))
        assert (found.num_frames, found.damage) == (4, "")
