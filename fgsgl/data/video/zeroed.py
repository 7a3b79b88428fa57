"""Finding stretches of zeros in coded pictures, which a disk or a download leaves and decoders paint over in grey.

A coded picture looks like noise. Most codecs cannot hold a long run of zero bytes at all: their bits would be read as a
start code, or no encoder would spend them.
"""

from __future__ import annotations

import re

_RUN_BYTES = {
    "h264": 16, "hevc": 16, "vvc": 16, "vp8": 64, "vp9": 64, "av1": 64, "libdav1d": 64, "theora": 64, "mpeg4": 64,
    "msmpeg4v1": 64, "msmpeg4v2": 64, "msmpeg4v3": 64, "wmv1": 64, "wmv2": 64, "h263": 64, "flv1": 64, "mjpeg": 64,
}  # fmt: skip
"""Length from which a run of zeros is damage. H.264 and its heirs escape three zeros in a row; a coder of arithmetic
codes writes zeros only where all it says is certain, thus few."""
_PADDED = frozenset({"h264", "hevc", "vvc", "av1", "libdav1d", "mpeg4", "h263"})
_ZEROS = re.compile(rb"\0{16,}")
_STRAY_ZEROS = re.compile(rb"\0{64,}+(?!\x01|\Z)")
"""In MPEG-1 and MPEG-2 zeros may fill a stream up, but only before the next start code."""


def is_zeroed(codec: str, packet: bytes) -> bool:
    """Whether zeros stand in a packet of a codec that would not write them.

    Zeros at the end of a packet may be padding, where a decoder can tell where the picture ends.
    """
    if codec in ("mpeg1video", "mpeg2video"):
        return _STRAY_ZEROS.search(packet) is not None
    if codec not in _RUN_BYTES:
        return False
    is_padded = codec in _PADDED or (codec == "mjpeg" and packet.rstrip(b"\0").endswith(b"\xff\xd9"))
    inner = packet.rstrip(b"\0") if is_padded else packet
    longest = max((len(run[0]) for run in _ZEROS.finditer(inner or packet)), default=0)
    return longest >= _RUN_BYTES[codec] and not (codec == "mjpeg" and _codes_flat_as_zeros(packet))


def _codes_flat_as_zeros(jpeg: bytes) -> bool:
    """Whether a JPEG's own tables write a flat picture in zeros: all zeros say `no change` and `no detail`.

    The usual tables, which an MJPEG need not repeat, do not.
    """
    first: dict[int, int] = {}
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] == 0xC4:
            table = at + 4
            while table + 17 < end:
                n_symbols = sum(jpeg[table + 1 : table + 17])
                first[jpeg[table]] = jpeg[table + 17]
                table += 17 + n_symbols
        at = end
    return bool(first) and not any(first.values())
