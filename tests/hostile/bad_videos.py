"""Trials: damaged videos, and files that are none, in a data set of one's own."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from bad_tables import CHECK
from trial import Trial

VIDEO = Path("videos/ann_0_0.mp4")


def video_trials(count: int = 60) -> Iterator[Trial]:
    """One video cut, zeroed, overwritten or shortened at places that a seeded generator draws."""
    draw = random.Random(0)
    for number in range(count):
        damage = draw.choice((cut, zero, scramble, drop))
        place, length = draw.random(), draw.choice((1, 8, 64, 512))
        yield Trial(
            name=f"video {number}: {damage.__name__} {length} bytes at {place:.3f}",
            argv=CHECK,
            prepare=lambda folder, damage=damage, place=place, length=length: _damage(folder, damage, place, length),
            right=lambda folder, said: _same_frames(folder) or _decodes_without_complaint(folder),
        )
    for label, make in NO_VIDEOS.items():
        yield Trial(name=f"video is {label}", argv=CHECK, prepare=lambda folder, make=make: _replace(folder, make))


def cut(content: bytearray, place: int, length: int) -> bytearray:
    return content[:place]


def zero(content: bytearray, place: int, length: int) -> bytearray:
    return content[:place] + bytes(length) + content[place + length :]


def scramble(content: bytearray, place: int, length: int) -> bytearray:
    noise = random.Random(place).randbytes(length)
    return content[:place] + noise + content[place + length :]


def drop(content: bytearray, place: int, length: int) -> bytearray:
    return content[:place] + content[place + length :]


def _damage(folder: Path, damage: Callable[[bytearray, int, int], bytearray], place: float, length: int) -> None:
    content = bytearray((folder / VIDEO).read_bytes())
    (folder / VIDEO).write_bytes(damage(content, int(place * len(content)), length))


def _same_frames(folder: Path) -> bool:
    """Whether the damage lies where no frame is: the picture is what it was."""
    try:
        frames = [frames_of(path) for path in (folder / VIDEO, folder / "sound.mp4")]
    except (av.FFmpegError, ValueError, IndexError):  # the last two where there is no frame, or no stream
        return False
    return frames[0].shape == frames[1].shape and bool((frames[0] == frames[1]).all())


def _decodes_without_complaint(folder: Path) -> bool:
    """Whether FFmpeg, told to stop at the first error, finds none: H.264 has no checksums, and a few changed bits can
    be another valid picture, which no reader can tell from the one that was filmed."""
    try:
        with av.open(str(folder / VIDEO), metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": "crccheck+bitstream+buffer+explode", "ec": "0"}
            decoded = [frame for frame in container.decode(stream) if not frame.is_corrupt]
            return len(decoded) == stream.frames
    except (av.FFmpegError, IndexError):
        return False


def frames_of(path: Path) -> np.ndarray:
    with av.open(str(path), metadata_errors="ignore") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
NO_VIDEOS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"hello " * 99),
    "zeros": lambda path: path.write_bytes(bytes(100_000)),
    "a playlist": lambda path: path.write_bytes(PLAYLIST),
    "a list of files": lambda path: path.write_bytes(b"ffconcat version 1.0\nfile 'ann_0_1.mp4'\n"),
    "a dash manifest": lambda path: path.write_bytes(
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'
    ),
    "a FIFO": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a loop": lambda path: path.symlink_to(path.name),
    "outside the root": lambda path: path.symlink_to("/etc/hostname"),
    "a picture": lambda path: path.write_bytes(b"P6 2 2 255 " + bytes(12)),
    "a huge picture": lambda path: path.write_bytes(b"P6 100000 100000 255 " + bytes(99)),
}


def _replace(folder: Path, make: Callable[[Path], object]) -> None:
    (folder / VIDEO).unlink()
    make(folder / VIDEO)


def folder_trials() -> Iterator[Trial]:
    """Folders to be indexed: what is no video is said."""

    def odd(folder: Path) -> None:
        for name in ("a", "b"):
            (folder / "by class" / name).mkdir(parents=True)
        (folder / "by class" / "notes.txt").write_text("hello")

    def other_ending(folder: Path) -> None:
        for number, path in enumerate(sorted((folder / "videos").glob("*_0.mp4"))):
            target = folder / "by class" / ("a" if "_0_" in path.name else "b")
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / f"p{number % 3}_{number}.{'m4p' if number % 2 else 'mp4'}")

    yield Trial(name="folders without videos", argv=("fgsgl", "data", "index", "by class"), prepare=odd)
    yield Trial(
        name="an unlisted ending",
        argv=("fgsgl", "data", "index", "by class"),
        prepare=other_ending,
        right=lambda folder, said: "10 clips" in said or "m4p" in said,
    )
