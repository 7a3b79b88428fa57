"""From a decoded frame to the picture that a player shows: turned upright, with square pixels, as RGB."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fgsgl.data.video.containers import MAX_ASPECT

if TYPE_CHECKING:
    import av


class Orientation(NamedTuple):
    """One of the eight ways to hold a picture: rows and columns are swapped first, then it is mirrored."""

    is_transposed: bool = False
    mirrors_x: bool = False
    mirrors_y: bool = False


class UnknownPicture(Exception):
    """A picture whose pixels cannot be laid out: its display matrix skews it, or its pixels are no rectangles."""


def orientation(frame: av.VideoFrame) -> Orientation:
    """The orientation that a frame is shown in.

    Raises:
        UnknownPicture: if its display matrix turns it by less than a quarter.
    """
    try:
        data: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know some other side data of the frame
        return orientation_of_angle(frame.rotation)
    if data is None:
        return Orientation()
    # Column x of the picture goes to (a, b), row y to (c, d); 16.16 fixed point, in the machine's own byte order.
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).astype(float)
    if abs(a * d) >= abs(b * c):
        straight, askew, turned = (a, d), (b, c), Orientation(mirrors_x=a < 0, mirrors_y=d < 0)
    else:
        straight, askew, turned = (b, c), (a, d), Orientation(is_transposed=True, mirrors_x=c < 0, mirrors_y=b < 0)
    if not all(straight):  # an empty matrix, which players pass over
        return Orientation()
    if max(map(abs, askew)) > 0.02 * min(map(abs, straight)):
        raise UnknownPicture("its display matrix turns the picture by less than a quarter, which is not supported")
    return turned


def orientation_of_angle(degrees: int) -> Orientation:
    """The orientation of a picture that is turned counter-clockwise."""
    quarters = round(degrees / 90) % 4
    return (
        Orientation(),
        Orientation(is_transposed=True, mirrors_y=True),
        Orientation(mirrors_x=True, mirrors_y=True),
        Orientation(is_transposed=True, mirrors_x=True),
    )[quarters]


def upright(pixels_HWC: np.ndarray, turned: Orientation) -> np.ndarray:
    """The picture as it is shown; a view."""
    if turned.is_transposed:
        pixels_HWC = pixels_HWC.swapaxes(0, 1)
    return pixels_HWC[:: -1 if turned.mirrors_y else 1, :: -1 if turned.mirrors_x else 1]


def shown_size(frame: av.VideoFrame, pixel_aspect: Fraction) -> tuple[int, int]:
    """Width and height in square pixels, before the picture is turned; the shorter side grows.

    Raises:
        UnknownPicture: for sides of which one is more than :data:`MAX_ASPECT` times as long as the other.
    """
    width, height = frame.width, frame.height
    if pixel_aspect > 1:
        width = round(width * pixel_aspect)
    else:
        height = round(height / pixel_aspect)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnknownPicture(
            f"it is shown at {width} x {height}, expected one side at most {MAX_ASPECT} times the other"
        )
    return width, height


def to_rgb(frame: av.VideoFrame, pixel_aspect: Fraction, size: int | None) -> np.ndarray:
    """``frame_HWC`` uint8 RGB as a player shows it.

    Args:
        frame: decoded.
        pixel_aspect: width of a stored pixel over its height.
        size: if given, the picture is scaled so that its shorter side fits and cut to a centred square of this side.

    Raises:
        UnknownPicture: see :func:`orientation` and :func:`shown_size`.
    """
    turned = orientation(frame)
    width, height = shown_size(frame, pixel_aspect)
    if size is not None:
        scale = size / min(width, height)
        width, height = max(size, round(width * scale)), max(size, round(height * scale))
    if (width, height) == (frame.width, frame.height):
        pixels = upright(frame.to_ndarray(format="rgb24"), turned)
    else:
        scaled = frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="BILINEAR")
        pixels = upright(scaled, turned)
    if size is not None:
        top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
        pixels = pixels[top : top + size, left : left + size]
    return np.ascontiguousarray(pixels)
