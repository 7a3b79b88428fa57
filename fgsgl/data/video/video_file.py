"""Video files: what is in them, single frames, and writing H.264.

Nothing that a header says about the number of frames is believed: frames are counted as they are decoded.

Shapes: T frames, H height, W width; frames are ``frames_THWC`` uint8 RGB, as a player shows them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.decoding import Damage, Frame, Layout, decode, read_layout
from fgsgl.data.video.lookalikes import SIDE, sampled, small
from fgsgl.data.video.picture import UnknownPicture, orientation, shown_size, to_rgb


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoInfo:
    """What a video file shows."""

    fps: float
    """Frames a second on average, as the header says; 0 where it does not."""
    width: int
    height: int
    """Pixels, as shown: square, and the picture upright."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """The verdict on a video that was decoded from its first to its last frame."""

    info: VideoInfo
    num_frames: int
    """Whole frames; those after damage do not count."""
    pictures: tuple[bytes, ...]
    """Small pictures of some frames, :mod:`fgsgl.data.video.lookalikes`; none of a damaged video."""
    damage: str
    """One sentence that names the file and the frame; empty for a whole video."""


def probe(path: Path) -> VideoInfo:
    """Opens a video and decodes its first frame.

    Raises:
        BadVideo: if the file is missing, empty, not a video, or its first frame cannot be decoded.
    """
    for frame in decode(path, Layout([], 0, is_cut=True)):  # whatever comes first: its packets are not counted
        return _info(path, frame)
    raise _without_frame(path)


def examine(path: Path) -> Examination:
    """Decodes a video completely, and says up to where it is whole.

    Raises:
        BadVideo: if not one frame can be decoded.
    """
    layout = read_layout(path)
    wanted, pictures = set(sampled(len(layout.times_s))), list[bytes]()
    info, count, damage = None, 0, ""
    try:
        for frame in decode(path, layout):
            info = info or _info(path, frame)
            if count in wanted:
                pictures.append(small(rgb(path, frame, SIDE)))
            count += 1
    except Damage as error:
        if info is None:
            raise
        damage = str(error)
    if info is None:
        raise _without_frame(path)
    return Examination(info=info, num_frames=count, pictures=() if damage else tuple(pictures), damage=damage)


def num_frames(path: Path) -> int:
    """Frames of a whole video, counted by decoding it.

    Raises:
        BadVideo: if the file cannot be read to its end.
    """
    found = examine(path)
    if found.damage:
        raise BadVideo(found.damage)
    return found.num_frames


def read_frames(path: Path, numbers: Sequence[int], size: int | None = None) -> np.ndarray:
    """``frames_THWC`` of the frames with the given 0-based numbers, which may repeat.

    Args:
        path: the video file.
        numbers: of the frames.
        size: see :func:`fgsgl.data.video.picture.to_rgb`.

    Raises:
        BadVideo: if the file is damaged before the last of them, or has fewer frames.
    """
    wanted, pixels, count = set(numbers), {}, 0
    for frame in decode(path):
        count += 1
        if frame.number in wanted:
            pixels[frame.number] = rgb(path, frame, size)
            if len(pixels) == len(wanted):
                return np.stack([pixels[number] for number in numbers])
    raise too_short(path, count, max(wanted) + 1)


def _info(path: Path, frame: Frame) -> VideoInfo:
    with _laid_out(path):
        width, height = shown_size(frame.picture, frame.pixel_aspect)
        if orientation(frame.picture).is_transposed:
            width, height = height, width
    return VideoInfo(fps=frame.fps, width=width, height=height)


def rgb(path: Path, frame: Frame, size: int | None) -> np.ndarray:
    """``frame_HWC`` of a decoded frame; see :func:`fgsgl.data.video.picture.to_rgb`.

    Raises:
        BadVideo: for a picture that cannot be laid out.
    """
    with _laid_out(path):
        return to_rgb(frame.picture, frame.pixel_aspect, size)


@contextmanager
def _laid_out(path: Path) -> Iterator[None]:
    try:
        yield
    except UnknownPicture as error:
        raise BadVideo(f"the video {path} cannot be shown: {error}") from None


def too_short(path: Path, count: int, needed: int) -> BadVideo:
    """The error for a video that has fewer frames than are needed."""
    return BadVideo(f"the video {path} ends after {count} frames, but the clip needs frame {needed - 1}")


def _without_frame(path: Path) -> BadVideo:
    return BadVideo(f"the video {path} has no frame that can be decoded")


def write_h264(
    path: Path, frames_THWC: Iterable[np.ndarray], fps: float, crf: int = 18, preset: str = "veryfast"
) -> None:
    """Writes frames as an H.264 MP4 (yuv420p), whole or not at all; equal frames give equal files.

    Args:
        path: the file to write.
        frames_THWC: uint8 RGB, even height and width; an iterator is read frame by frame.
        fps: frames per second.
        crf: x264's constant rate factor; 18 is close to visually lossless.
        preset: x264's speed preset.
    """
    import av

    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)  # FFmpeg would write through a symbolic link
    frames = iter(frames_THWC)
    first_HWC = next(frames)
    with av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = first_HWC.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset, "threads": "1", "x264-params": "cpu-independent=1"}
        for pixels in itertools.chain([first_HWC], frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    temporary.replace(path)
