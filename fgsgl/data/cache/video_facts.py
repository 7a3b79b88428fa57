"""Facts about the videos of a data set: each content is decoded once, from the first to the last frame.

They are kept in the suite's own cache folder, by the content of the file: its name and place do not matter.
"""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.data.cache.clip_frames import DECODER
from fgsgl.data.cache.contents import with_contents
from fgsgl.data.clip_table import ClipTable, Progress
from fgsgl.data.joint_file import ENDING, read_joint_file
from fgsgl.data.video.containers import BadVideo
from fgsgl.data.video.lookalikes import text_of
from fgsgl.data.video.video_file import examine
from fgsgl.util.errors import UserError
from fgsgl.util.files import append, read_if_there
from fgsgl.util.processes import spread

VIDEOS = "videos.jsonl"
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_Job = tuple[Path, str, str]
"""Root, video and its SHA-256."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFacts:
    """Facts about one video file."""

    video: str
    sha256: str
    decoder: int = DECODER
    """Version of the decoder that read it."""
    num_frames: int = 0
    """Whole frames; those after damage do not count."""
    fps: float = 0.0
    width: int = 0
    height: int = 0
    thumbnails: str = ""
    """Small pictures of some frames, as text; see :mod:`fgsgl.data.video.lookalikes`."""
    fault: str = ""
    """Why the file cannot be read, or where it is damaged; empty for a sound file."""


_DECODER = msgspec.json.Decoder(VideoFacts)


def video_facts(table: ClipTable, *, workers: int = 1, progress: Progress | None = None) -> dict[str, VideoFacts]:
    """Facts about every video of a table, by the video's path in the table.

    A content whose facts are known is not decoded again, unless it had a fault.

    Args:
        table: its clips.
        workers: processes.
        progress: called with (videos finished, videos in all) as each is decoded.
    """
    table, known_path = with_contents(table, workers=workers), cache_folder() / VIDEOS
    known, videos = _known(known_path), sorted({clip.video for clip in table.clips})
    facts: dict[str, VideoFacts] = {}
    waiting: list[_Job] = []
    for video in videos:
        sha256 = table.contents[video]
        if sha256 in known:
            facts[video] = replace(known[sha256], video=video)
        else:
            waiting.append((table.video_folder, video, sha256))
    chunk = max(1, min(8, len(waiting) // (4 * workers)))
    for fact in spread("decoding videos", _read_video, waiting, workers, chunk):
        facts[fact.video] = fact
        if fact.sha256 and not fact.fault:
            _keep(known_path, fact)
        if progress is not None:
            progress(len(facts), len(videos))
    return facts


def _keep(path: Path, fact: VideoFacts) -> None:
    """Adds to what is known. A cache that is read-only keeps nothing: the video is decoded again next time."""
    try:
        append(path, json.dumps(asdict(fact)).encode() + b"\n")
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise OSError(error.errno, error.strerror, str(path)) from None  # a full disk does not tell which file


def _known(path: Path) -> dict[str, VideoFacts]:
    """Facts from earlier calls by content; a line that a kill cut, or that is damaged, is passed over."""
    facts: dict[str, VideoFacts] = {}
    for line in (read_if_there(path) or b"").splitlines():
        try:
            fact = _DECODER.decode(line)
        except (ValueError, RecursionError):
            continue
        if fact.decoder == DECODER and (
            fact.thumbnails or fact.fault or not fact.width
        ):  # width 0: no video, but joints
            facts[fact.sha256] = fact
    return facts


def _read_video(job: _Job) -> VideoFacts:
    """Decodes a video completely."""
    root, video, sha256 = job
    known = VideoFacts(video=video, sha256=sha256)
    if video.endswith(ENDING):  # a clip without a video
        try:
            return replace(known, num_frames=len(read_joint_file(root / video)))
        except UserError as error:
            return replace(known, fault=str(error))
    try:
        found = examine(root / video)
    except BadVideo as error:
        return replace(known, fault=str(error))
    return replace(
        known, num_frames=found.num_frames, fps=found.info.fps, width=found.info.width, height=found.info.height,
        thumbnails=text_of(found.pictures), fault=found.damage,
    )  # fmt: skip
