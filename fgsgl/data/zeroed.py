"""Finding stretches of zeros in coded pictures, which a disk or a download leaves and decoders paint over in grey.

A coded picture looks like noise. Most codecs cannot hold a long run of zero bytes at all: their bits would be read as a
start code, or no encoder would spend them.
"""

from __future__ import annotations

import re

_RUN_BYTES = {
    "h264": 16, "hevc": 16, "vvc": 16, "vp8": 256, "vp9": 256, "av1": 256, "theora": 256, "mpeg4": 64,
    "msmpeg4v1": 64, "msmpeg4v2": 64, "msmpeg4v3": 64, "wmv1": 64, "wmv2": 64, "h263": 64, "flv1": 64,
}  # fmt: skip
"""Length from which a run of zeros is damage. H.264 and its heirs escape three zeros in a row; a coder of arithmetic
codes writes zeros only where all it says is certain, thus few."""
_JPEG_RUN_BYTES = 64
_ZEROS = re.compile(rb"\0{16,}")


def is_zeroed(codec: str, packet: bytes) -> bool:
    """Whether zeros stand in a packet of a codec that would not write them.

    Zeros at the end of a packet are padding, unless nothing else is in it.
    """
    if codec not in _RUN_BYTES and codec != "mjpeg":
        return False
    limit = _RUN_BYTES.get(codec, _JPEG_RUN_BYTES)
    if not packet.strip(b"\0"):
        return len(packet) >= limit
    runs = (len(run[0]) for run in _ZEROS.finditer(packet) if run.end() < len(packet))
    is_long = max(runs, default=0) >= limit
    return is_long and not (codec == "mjpeg" and _codes_flat_as_zeros(packet))


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
