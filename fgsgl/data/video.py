"""Video files: reading frames sequentially with PyAV (no seek per frame), and writing H.264.

PyAV is imported when a video is opened, so a command that opens none starts a tenth of a second sooner.

Shapes: T frames, H height, W width; frames are ``frames_THWC`` uint8 RGB.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import av


class BadVideo(UserError):
    """A video that is missing, empty, truncated, corrupt, or shorter than its clip."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoInfo:
    """Header of a video file; ``num_frames`` is 0 where the header does not give it."""

    num_frames: int
    fps: float
    width: int
    height: int


def _open(path: Path) -> av.container.InputContainer:
    import av

    try:
        if not path.is_file():
            raise BadVideo(f"no video at {path}")
        if path.stat().st_size == 0:
            raise BadVideo(f"the video {path} is empty (0 bytes)")
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise BadVideo(f"the video {path} cannot be opened: {_reason(error)}") from None
    if not container.streams.video:
        container.close()
        raise BadVideo(f"{path} holds no video stream")
    return container


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def probe(path: Path) -> VideoInfo:
    """Reads a video's header.

    Raises:
        BadVideo: if the file is missing, empty or not a video.
    """
    with _open(path) as container:
        stream = container.streams.video[0]
        return VideoInfo(
            num_frames=stream.frames, fps=float(stream.average_rate or 0), width=stream.width, height=stream.height
        )


def num_frames(path: Path) -> int:
    """Frames of a video: what its header says or, where it does not say, what is in the file.

    Raises:
        BadVideo: if the file cannot be read.
    """
    return probe(path).num_frames or count_packets(path)


def count_packets(path: Path) -> int:
    """Frames that are really in a file, counted without decoding them.

    Raises:
        BadVideo: if the file cannot be read to its end.
    """
    import av

    with _open(path) as container:
        try:
            return sum(packet.size > 0 for packet in container.demux(video=0))
        except (av.FFmpegError, OSError) as error:
            raise BadVideo(f"the video {path} is corrupt: {_reason(error)}") from None


def iterate_frames(path: Path, indices: Sequence[int], size: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Decodes the frames with the given 0-based numbers, in one sequential pass over the file (no seek per frame).

    Args:
        path: the video file.
        indices: frame numbers, strictly ascending.
        size: if given, each frame is scaled so that its shorter side fits and cut to a centred square of this side.

    Yields:
        frame number, ``frame_HWC`` uint8 RGB.

    Raises:
        BadVideo: if the file cannot be read, or ends before the last wanted frame.
    """
    wanted = list(indices)
    if not wanted or wanted[0] < 0 or any(a >= b for a, b in itertools.pairwise(wanted)):
        raise ValueError(f"indices must be strictly ascending and not negative, got {wanted[:5]} ...")
    import av

    numbers = set(wanted)
    decoded = 0
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.options = {"err_detect": "explode"}  # FFmpeg would paint over damage and say nothing
        try:
            for number, frame in enumerate(container.decode(stream)):
                decoded = number + 1
                if number in numbers:
                    yield number, _to_rgb(frame, size)
                if decoded > wanted[-1]:
                    return
        except av.FFmpegError as error:
            raise BadVideo(f"the video {path} is corrupt after frame {decoded}: {_reason(error)}") from None
    raise BadVideo(f"the video {path} ends after {decoded} frames, but the clip needs frame {wanted[-1]}")


def read_frames(path: Path, indices: Sequence[int], size: int | None = None) -> np.ndarray:
    """``frames_THWC`` uint8 of the given frame numbers (ascending, may repeat); see :func:`iterate_frames`."""
    frames = dict(iterate_frames(path, sorted(set(indices)), size))
    return np.stack([frames[number] for number in indices])


def _to_rgb(frame: av.VideoFrame, size: int | None) -> np.ndarray:
    if size is None or (frame.width == size and frame.height == size):
        return frame.to_ndarray(format="rgb24")
    scale = size / min(frame.width, frame.height)
    width, height = max(size, round(frame.width * scale)), max(size, round(frame.height * scale))
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="BILINEAR")
    top, left = (height - size) // 2, (width - size) // 2
    return np.ascontiguousarray(pixels[top : top + size, left : left + size])


def write_h264(path: Path, frames_THWC: np.ndarray, fps: float, crf: int = 18, preset: str = "veryfast") -> None:
    """Writes frames as an H.264 MP4 (yuv420p), whole or not at all; equal frames give equal files.

    Args:
        path: the file to write.
        frames_THWC: uint8 RGB, even height and width.
        fps: frames per second.
        crf: x264's constant rate factor; 18 is close to visually lossless.
        preset: x264's speed preset.
    """
    import av

    temporary = path.with_name(path.name + ".tmp")
    with av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset, "threads": "1", "x264-params": "cpu-independent=1"}
        for pixels in frames_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    temporary.replace(path)
