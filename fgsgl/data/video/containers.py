"""Opening video files from elsewhere: containers of a list only, nothing but the file itself, bounded in size.

FFmpeg also reads playlists, lists of other files, picture sequences and devices. Such a file could make it open any
other file of this machine, so they are refused by their content, whatever their name is.

PyAV is imported when a video is opened, so a command that opens none starts a tenth of a second sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    import av

FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "flv", "asf", "ogg", "mxf", "dv", "nut", "gif", "apng", "ivf",
    "yuv4mpegpipe", "mpegvideo", "m4v", "h264", "hevc", "obu", "mjpeg",
)  # fmt: skip
"""FFmpeg's names of the containers that are read; ``mov`` is MP4 too, ``matroska`` WebM, the last six bare streams."""
MAX_PIXELS = 2**26
"""Largest picture, 8192 x 8192: decoding one takes some 100 MB."""
MAX_ASPECT = 20
"""Largest ratio of a picture's sides."""
_BLOCK_PACKETS = 2**16
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


class BadVideo(UserError):
    """A video that is missing, empty, truncated, damaged, or shorter than its clip."""


def reason(error: Exception) -> str:
    """What an error of FFmpeg or of the system says, without the path."""
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def open_video(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream, list[str]]]:
    """Opens a video file.

    The stream is the one that FFmpeg's player shows: by its marks, then by its length and quality; never a cover.

    Yields:
        the container, its video stream, and what FFmpeg complained about while it read the header.

    Raises:
        BadVideo: for a file that is missing, empty, no video, not in one of :data:`FORMATS`, or too large to decode.
    """
    import av

    try:
        if not path.is_file():
            numbered = "; of numbered frames give the folder" if "%" in path.name or "{" in path.name else ""
            raise BadVideo(f"no video at {path}{numbered}")
        if path.stat().st_size == 0:
            raise BadVideo(f"the video {path} is empty (0 bytes)")
        with complaints() as said:
            container = av.open(
                f"file:{path.absolute()}",  # else `concat:a.mp4` or `-` is no name but an order
                options={"max_pixels": str(MAX_PIXELS)},
                container_options={"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)},
                metadata_errors="replace",
            )
    except av.ArgumentError:
        raise BadVideo(f"{path} is no video in a container that is read: {', '.join(FORMATS)}") from None
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise BadVideo(f"the video {path} cannot be opened: {reason(error)}") from None
    with container:
        stream = _shown_stream(container, path)
        yield container, stream, [line for name, line in said if name == container.format.name]


def _shown_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    from av.stream import Disposition
    from av.video.stream import VideoStream

    pictures = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    shown = [stream for stream in container.streams.video if not stream.disposition & pictures]
    if not shown:
        held = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise BadVideo(f"{path} holds no video stream, but {'a cover picture' if container.streams.video else held}")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in shown else shown[0]
    if stream.codec_context is None:
        raise BadVideo(f"the video {path} is in a codec that this FFmpeg cannot decode")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise BadVideo(f"the video {path} has pictures of {width} x {height}, expected at most {MAX_PIXELS} pixels")
    return stream


@contextmanager
def complaints() -> Iterator[list[tuple[str, str]]]:
    """Collects the errors that FFmpeg logs and goes on after: (container or codec, message), filled at the end."""
    import av

    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # else the error of one file hides the same one of the next
    said: list[tuple[str, str]] = []
    try:
        with av.logging.Capture() as logs:
            yield said
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips)
        said += [(name, " ".join(message.split())) for _, name, message in logs]


class ContainerFault(NamedTuple):
    """A fault that shows in a container's own structure."""

    first_byte: int
    """Where it starts in the file; its size for a file that is cut."""
    says: str


def container_fault(path: Path, stream: av.VideoStream) -> ContainerFault | None:
    """The first fault in the structure of a video file, as far as that can be seen without decoding.

    Players stop in silence where a file is cut. MP4, AVI, Matroska and ASF say how long they are, and AVI where each
    picture starts; a transport stream is whole packets, each of which begins with the same byte.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(2**16)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"):
            end = _end_of_boxes(file, size)
        elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            end = _end_of_riff(file, size)
            if lost := _lost_chunk(file, [entry.pos for entry in stream.index_entries]):
                return lost
        elif head[:4] == b"\x1a\x45\xdf\xa3":
            end = _end_of_segment(head)
        elif head[:16] == bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"):
            end = _end_of_asf(head)
            if lost := _zeroed_asf_packet(file, head):
                return lost
        else:
            return _lost_packet(path, head, size)
    return ContainerFault(size, f"it is truncated: {size} of {end} bytes are there") if end > size else None


def _end_of_boxes(file: IO[bytes], size: int) -> int:
    """Where the last box of an MP4 file ends."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not kind.isalnum():  # the last box reaches to the end, or padding follows
            return size
        end += length
    return end


def _end_of_riff(file: IO[bytes], size: int) -> int:
    """Where the last RIFF list of an AVI file ends; a recorder that was switched off leaves 0 there."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or length in (0, 0xFFFFFFFF):
            return size
        end += 8 + length
    return end


def _lost_chunk(file: IO[bytes], starts: list[int]) -> ContainerFault | None:
    """The first picture that the index of an AVI file names, but that does not start there: `00dc` and a length."""
    for start in starts:
        file.seek(start)
        if not file.read(4).isalnum():
            if start == starts[0]:  # the index counts from somewhere else
                return None
            return ContainerFault(start, f"its index names a picture at byte {start} that is not there")
    return None


def _end_of_segment(head: bytes) -> int:
    """Where the segment of a Matroska file ends; 0 if the file does not say, as one that was streamed."""

    def number(at: int) -> tuple[int, int]:
        """A number of variable length and where it ends; 0 for one that stands for `unknown`."""
        n_bytes = 9 - head[at].bit_length()
        value = int.from_bytes(head[at : at + n_bytes], "big") & ((1 << (7 * n_bytes)) - 1)
        return (0 if value == (1 << (7 * n_bytes)) - 1 else value), at + n_bytes

    length, at = number(4)
    at += length
    if head[at : at + 4] != b"\x18\x53\x80\x67" or len(head) < at + 12 or not head[at + 4]:
        return 0
    length, at = number(at + 4)
    return at + length if length else 0


def _end_of_asf(head: bytes) -> int:
    """The size that the properties of an ASF file tell; 0 if they do not, as in one that was broadcast."""
    at = head.find(_ASF_PROPERTIES)
    is_broadcast = at < 0 or len(head) < at + 92 or head[at + 88] & 1
    return 0 if is_broadcast else int.from_bytes(head[at + 40 : at + 48], "little")


def _zeroed_asf_packet(file: IO[bytes], head: bytes) -> ContainerFault | None:
    """The first packet of an ASF file in whose place zeros stand; each begins with a mark, which is not zero."""
    properties = head.find(_ASF_PROPERTIES)
    start = int.from_bytes(head[16:24], "little") + 50  # the header, then 50 bytes before the first packet
    n_bytes = int.from_bytes(head[properties + 92 : properties + 96], "little")
    if properties < 0 or n_bytes < 64:
        return None
    while True:
        file.seek(start)
        mark = file.read(3)
        if len(mark) < 3:
            return None
        if mark == b"\0\0\0":
            return ContainerFault(start, f"zeros stand in place of the packet at byte {start}")
        if not mark[0] & 0x80:  # the index that follows the packets, or packets without a mark
            return None
        start += n_bytes


def _lost_packet(path: Path, head: bytes, size: int) -> ContainerFault | None:
    """The first packet of a transport stream that is damaged or cut."""
    for n_bytes, first in ((188, 0), (192, 4), (204, 0)):
        starts = range(first, min(size, 5 * n_bytes), n_bytes)
        if len(starts) > 2 and all(head[start] == 0x47 for start in starts):
            break
    else:
        return None
    n_packets = size // n_bytes
    packets = np.memmap(path, np.uint8, "r", shape=(n_packets, n_bytes))
    for begin in range(0, n_packets, _BLOCK_PACKETS):
        wrong = np.flatnonzero(packets[begin : begin + _BLOCK_PACKETS, first] != 0x47)
        if len(wrong):
            at = (begin + int(wrong[0])) * n_bytes
            return ContainerFault(at, f"the packet of the transport stream at byte {at} is damaged")
    if size % n_bytes:
        return ContainerFault(size, "it is truncated: it ends within a packet of the transport stream")
    return None
