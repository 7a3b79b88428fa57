"""Writes small videos whose frames can be told apart, in the codecs and containers that PyAV has."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def greys(n: int = 30, side: int = 64) -> np.ndarray:
    """``frames_THWC``: frame t is grey of level 8 t."""
    return np.stack([np.full((side, side, 3), 8 * index, np.uint8) for index in range(n)])


def corners(n: int = 6, height: int = 64, width: int = 64) -> np.ndarray:
    """``frames_THWC``: red at the top left, green at the top right, blue at the bottom left, white at the other."""
    picture = np.full((height, width, 3), 255, np.uint8)
    picture[: height // 2, : width // 2] = (220, 30, 30)
    picture[: height // 2, width // 2 :] = (30, 220, 30)
    picture[height // 2 :, : width // 2] = (30, 30, 220)
    return np.repeat(picture[None], n, axis=0)


def noisy(n: int = 30, side: int = 96) -> np.ndarray:
    """``frames_THWC`` of moving noise, so that every packet has something in it."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 255, (side // 8, side // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    return np.stack(
        [np.roll(ground, 2 * index, axis=1) // 2 + rng.integers(0, 20, ground.shape, np.uint8) for index in range(n)]
    )


def write(
    path: Path,
    frames_THWC: np.ndarray,
    codec: str = "libx264",
    *,
    container: str | None = None,
    pix_fmt: str = "yuv420p",
    times: Sequence[int] | None = None,
    matrix: Sequence[float] = (),
    pixel_aspect: Fraction | None = None,
    options: Mapping[str, str] | None = None,
    container_options: Mapping[str, str] | None = None,
    title: str = "",
) -> Path:
    """Writes frames at 25 a second.

    Args:
        path: the file.
        frames_THWC: uint8 RGB.
        codec: FFmpeg's encoder.
        container: FFmpeg's name of it; None: by the file's suffix.
        pix_fmt: layout of the stored pixels.
        times: when each frame is shown, in 25ths of a second.
        matrix: a, b, c, d of the display matrix: column x is shown at (a, b) x, row y at (c, d) y.
        pixel_aspect: width of a pixel over its height.
        options: of the encoder.
        container_options: of the muxer.
        title: kept in the metadata.
    """
    with av.open(str(path), "w", format=container, options=dict(container_options or {})) as file:
        if title:
            file.metadata["title"] = title
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.options = {"threads": "1", **(options or {})}
        if matrix:
            a, b, c, d = (round(value * 2**16) for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 2**30])
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        for index, pixels in enumerate(frames_THWC):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[index], Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def patched(path: Path, before: bytes, offset: int, value: bytes) -> Path:
    """The file with a value written some bytes after the start of a marker."""
    content = bytearray(path.read_bytes())
    at = content.index(before) + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path
