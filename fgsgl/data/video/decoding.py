"""Decoding a video in one sequential pass, from the first frame that can be decoded to its end or the first damage.

Decoders are made to play on: they paint over damage and skip what they cannot read. Four things tell nevertheless:
errors that FFmpeg is asked to raise, errors that it only logs, marks on packets and frames, and the container's own
structure. Damage that decodes to another valid picture cannot be found; a codec has no checksums.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fgsgl.data.video.containers import MAX_PIXELS, BadVideo, complaints, container_fault, open_video, reason
from fgsgl.data.video.frame_folder import picture_files, read_pictures
from fgsgl.data.video.zeroed import is_zeroed

if TYPE_CHECKING:
    import av

_CHECKS = {"h264": "explode+crccheck+aggressive"}
"""What FFmpeg raises as an error, by codec. ``aggressive`` refuses pictures of H.264 that end before their data do."""
_OTHER_CHECKS = "explode+crccheck"
_LOOKAHEAD = 2
"""Packets after one that is marked as incomplete. Where recordings were joined to one transport stream, the mark stands
close before a key frame, and nothing is missing."""
MAX_FPS = 1000
"""A higher rate in a header is nonsense, and not believed."""


class Damage(BadVideo):
    """A video that cannot be decoded from some frame on."""


class Frame(NamedTuple):
    """A decoded frame."""

    number: int
    """0-based, in the order of showing."""
    time_s: float | None
    """When it is shown, from any origin; None where the file does not say."""
    picture: av.VideoFrame
    pixel_aspect: Fraction
    """Width of a stored pixel over its height."""
    fps: float
    """Frames a second of the video on average, as its header says; 0 where it does not."""


class Layout(NamedTuple):
    """The packets of a video, read without decoding them."""

    times_s: list[float | None]
    """When each frame is shown, in that order; a guess, since packets may hold more frames or fewer. All None where
    the clock goes back, as where recordings were joined."""
    first_packet: int
    """Number of the packet that decoding begins with."""
    is_cut: bool
    """Whether the stream begins within a group of pictures."""


def read_layout(path: Path) -> Layout:
    """Reads a video's packets without decoding them, up to the first that cannot be read; counts a folder's pictures.

    Raises:
        BadVideo: if the file cannot be opened.
    """
    import av

    if path.is_dir():
        return Layout([None] * len(picture_files(path)), 0, is_cut=False)
    times_s: list[float | None] = []
    first_packet, before, begins = None, 0, False
    jump: int | None = None
    last: int | None = None
    with open_video(path) as (container, stream, _), suppress(av.FFmpegError, OSError):
        for number, packet in enumerate(container.demux(stream)):
            if number == 0:
                begins = _begins_with_key(packet, stream)
            if first_packet is None and packet.is_keyframe:
                first_packet, before = number, len(times_s)
            if packet.dts is not None:
                jump = len(times_s) if jump is None and last is not None and packet.dts < last else jump
                last = packet.dts
            if packet.size and not packet.is_discard:
                times_s.append(_time_s(packet, stream))
    if first_packet is None or begins:
        first_packet, before = 0, 0
    first_s = times_s[before] if before < len(times_s) else None
    leads = any(time is not None and first_s is not None and time < first_s for time in times_s[before:jump])
    del times_s[:before]
    if jump is not None:
        times_s = [None] * len(times_s)
    elif None not in times_s:
        times_s.sort()
    return Layout(times_s, first_packet, is_cut=first_packet > 0 or leads)


def _begins_with_key(first: av.Packet, stream: av.VideoStream) -> bool:
    """Whether the container's index says that its first packet is a key frame; in a damaged one that cannot be seen."""
    entries, stamps = stream.index_entries, [stamp for stamp in (first.pts, first.dts) if stamp is not None]
    if not len(entries) or not stamps:
        return False
    return entries[0].is_keyframe and entries[0].timestamp <= max(stamps)


def decode(path: Path, layout: Layout | None = None) -> Iterator[Frame]:
    """Decodes every frame of a video, or reads every picture of a folder.

    A stream that begins within a group of pictures has no frame before its first key frame.

    Args:
        path: the video file.
        layout: from :func:`read_layout`, if it is known.

    Raises:
        BadVideo: if the file cannot be opened.
        Damage: at the first damage, naming the frame after which it stands.
    """
    import av

    if path.is_dir():
        for number, picture in enumerate(read_pictures(path)):
            yield Frame(number, None, picture, Fraction(1), 0.0)
        return
    layout = layout or read_layout(path)
    count = 0
    with open_video(path) as (container, stream, said):
        decoder = stream.codec_context
        decoder.thread_type = "NONE"
        decoder.options = {"err_detect": _CHECKS.get(decoder.name, _OTHER_CHECKS), "max_pixels": str(MAX_PIXELS)}
        fault, recovering = container_fault(path, stream), layout.is_cut
        try:
            _refuse(said)
            for packet, coming in _packets(container, stream, layout.first_packet):
                _refuse(_signs(packet, coming, container.format.name, decoder.name))
                if fault is not None and _reach(packet, coming, container.format.name) > fault.first_byte:
                    raise _Sign
                try:
                    pictures = packet.decode()
                except av.InvalidDataError:
                    if not recovering:
                        raise
                    continue
                for picture in pictures:
                    if picture.is_corrupt and not recovering:
                        raise _Sign("its picture does not decode")
                    if not picture.is_corrupt:
                        recovering = False
                        yield Frame(count, _time_s(picture, stream), picture, _pixel_aspect(stream), _fps(stream))
                        count += 1
            if fault is not None:
                raise _Sign
        except (_Sign, av.FFmpegError, OSError) as error:
            where = f"after frame {count - 1}" if count else "before its first frame"
            says = reason(error) if fault is None else fault.says
            raise Damage(f"the video {path} is damaged {where}: {says}") from None


class _Sign(Exception):
    """A sign of damage that FFmpeg goes on after."""


def _refuse(signs: list[str]) -> None:
    if signs:
        raise _Sign(signs[0])


def _packets(
    container: av.container.InputContainer, stream: av.VideoStream, first: int
) -> Iterator[tuple[av.Packet, list[av.Packet]]]:
    """All packets from the first on, each with the next ones; the last is empty, and makes the decoder give the frames
    that it has kept back.

    Raises:
        _Sign: for an error that the container's reader only logs.
    """
    packets = itertools.islice(container.demux(stream), first, None)
    ready: list[av.Packet] = []
    while True:
        with complaints() as said:
            packet = next(packets, None)
        _refuse([line for name, line in said if name == container.format.name])
        if packet is None:
            break
        ready.append(packet)
        if len(ready) > _LOOKAHEAD:
            yield ready.pop(0), ready
    while ready:
        yield ready.pop(0), ready


def _reach(packet: av.Packet, coming: list[av.Packet], container: str) -> float:
    """The number of bytes of the file that are known to be needed for a packet.

    Packets of a transport stream are spread over it, and the end of a picture is not marked.
    """
    if container != "mpegts":
        return (packet.pos or 0) + 1
    return (coming[0].pos or 0) + 1 if coming and coming[0].size else math.inf


def _signs(packet: av.Packet, coming: list[av.Packet], container: str, codec: str) -> list[str]:
    """Signs of damage that a packet bears, before it is decoded."""
    signs = []
    is_joint = container == "mpegts" and any(following.is_keyframe for following in coming)
    if packet.is_corrupt and not is_joint:
        signs.append("a part of its data is missing")
    if packet.size and is_zeroed(codec, bytes(packet)):
        signs.append("zeros stand in place of its data")
    return signs


def _time_s(timed: av.Packet | av.VideoFrame, stream: av.VideoStream) -> float | None:
    stamp = timed.dts if timed.pts is None else timed.pts
    return None if stamp is None or not stream.time_base else float(stamp * stream.time_base)


def _pixel_aspect(stream: av.VideoStream) -> Fraction:
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return aspect if aspect and aspect > 0 else Fraction(1)


def _fps(stream: av.VideoStream) -> float:
    fps = float(stream.average_rate or 0)
    return fps if 0 < fps <= MAX_FPS else 0.0
