"""A folder of JPEG or PNG pictures as a video: ``img_00001.jpg`` and the like, numbered from 0 or 1 without a gap."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.data.video.containers import MAX_PIXELS, BadVideo

if TYPE_CHECKING:
    import av

PICTURE = re.compile(r"(.*?)([0-9]+)\.(?:jpe?g|png)", re.IGNORECASE)
FLOW = re.compile(r"(flow|[uvxy]|flow[_-][xy])[_-]?", re.IGNORECASE)
"""Beginnings of the names of optical flow, which may lie beside the pictures."""
FORMATS = ("JPEG", "PNG")


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder, in the order of their numbers.

    Raises:
        BadVideo: for a folder without any, with several series of them, or with a gap.
    """
    series: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        found = PICTURE.fullmatch(path.name)
        if found and not path.name.startswith(".") and path.is_file():
            if (number := int(found[2])) in series[found[1]]:
                raise BadVideo(f"the folder {folder} has frame {number} twice, as {path.name} and under another name")
            series[found[1]][number] = path
    shown = {name: files for name, files in series.items() if not FLOW.fullmatch(name)} or series
    if len(shown) != 1:
        what = f"{len(shown)} series of pictures ({', '.join(sorted(shown)[:4])})" if shown else "no picture"
        raise BadVideo(f"the folder {folder} holds {what}; expected one series such as img_00001.jpg, img_00002.jpg")
    ((name, files),) = shown.items()
    numbers = sorted(files)
    if numbers[0] > 1 or numbers[-1] - numbers[0] != len(numbers) - 1:
        missing = next(n for n in range(min(1, numbers[0]), numbers[-1] + 1) if n not in files)
        raise BadVideo(f"the folder {folder} lacks the picture {name}{missing}; expected all from 0 or 1 on")
    return [files[number] for number in numbers]


def holds_pictures(folder: Path) -> bool:
    """Whether a folder has numbered pictures in it."""
    return any(PICTURE.fullmatch(path.name) and path.is_file() for path in folder.iterdir())


def read_pictures(folder: Path) -> Iterator[av.VideoFrame]:
    """The pictures of a folder in their order, upright.

    Raises:
        BadVideo: as :func:`picture_files`; or for a picture that cannot be read whole, or is too large.
    """
    import av
    from PIL import Image, ImageOps

    for path in picture_files(folder):
        try:
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise BadVideo(f"the picture {path} has {image.width} x {image.height} pixels; too many")
                upright = ImageOps.exif_transpose(image).convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise BadVideo(f"the picture {path} cannot be read: {' '.join(str(error).split())[:200]}") from None
        yield av.VideoFrame.from_image(upright)
