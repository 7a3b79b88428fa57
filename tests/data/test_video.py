"""Reading and writing real H.264 files."""

from pathlib import Path

import av
import numpy as np
import pytest

from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.video_file import num_frames, probe, read_frames, write_h264


@pytest.fixture(scope="module")
def frames_THWC() -> np.ndarray:
    """Forty frames, each of a grey level of its own, with a bright square that moves."""
    frames = np.zeros((40, 48, 64, 3), dtype=np.uint8)
    for index, frame in enumerate(frames):
        frame[:] = 20 + 4 * index
        frame[8:24, index : index + 16] = (250, 60, 60)
    return frames


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory, frames_THWC: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    write_h264(path, frames_THWC, fps=25)
    return path


def test_the_file_is_h264_with_the_right_header(video: Path) -> None:
    with av.open(str(video)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    assert num_frames(video) == 40
    info = probe(video)
    assert (info.fps, info.width, info.height) == (25.0, 64, 48)


def test_the_right_frames_come_back(video: Path, frames_THWC: np.ndarray) -> None:
    numbers = [0, 3, 3, 17, 39]
    read = read_frames(video, numbers)
    assert read.shape == (5, 48, 64, 3)
    assert np.abs(read.astype(int) - frames_THWC[numbers]).mean() < 3
    nearest = [int(np.abs(frames_THWC[:, 40, 5, 0].astype(int) - frame[40, 5, 0]).argmin()) for frame in read]
    assert nearest == numbers


def test_size_cuts_a_centred_square(video: Path, frames_THWC: np.ndarray) -> None:
    read = read_frames(video, [10], size=24)
    assert read.shape == (1, 24, 24, 3)
    expected = frames_THWC[10, ::2, 8:56:2]
    assert np.abs(read[0].astype(int) - expected).mean() < 6


def damaged(tmp_path: Path, video: Path, name: str) -> Path:
    content = video.read_bytes()
    path = tmp_path / f"{name}.mp4"
    if name == "empty":
        path.write_bytes(b"")
    elif name == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif name == "text":
        path.write_text("this is no video")
    elif name == "corrupt":
        middle = (content.index(b"mdat") + content.index(b"moov")) // 2
        path.write_bytes(content[:middle] + bytes(range(40)) + content[middle + 40 :])
    return path


@pytest.mark.parametrize("name", ["missing", "empty", "truncated", "text", "corrupt"])
def test_a_broken_file_is_named(tmp_path: Path, video: Path, name: str) -> None:
    path = damaged(tmp_path, video, name)
    with pytest.raises(BadVideo) as error:
        read_frames(path, [0, 39])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_clip_longer_than_its_video_is_refused(video: Path) -> None:
    with pytest.raises(BadVideo, match="ends after 40 frames, but the clip needs frame 45"):
        read_frames(video, [10, 45])
