"""Facts about the videos of a data set: each is hashed once, and decoded once where that is asked for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fgsgl.data.clip_frames import DECODER
from fgsgl.data.clip_table import ClipTable, Progress
from fgsgl.data.containers import BadVideo
from fgsgl.data.video import examine
from fgsgl.util.files import write_whole
from fgsgl.util.processes import spread

VIDEOS = "videos.jsonl"
_BLOCK_BYTES = 2**20
_Job = tuple[Path, str, int, int, bool]
"""Root, video, its size in bytes, its time of modification in ns, and whether to decode it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFacts:
    """Facts about one video file."""

    video: str
    size_bytes: int
    modified_ns: int
    sha256: str = ""
    decoded: int = 0
    """Version of the decoder that read it from the first to the last frame; 0: only hashed."""
    num_frames: int = 0
    """Whole frames; those after damage do not count."""
    fps: float = 0.0
    width: int = 0
    height: int = 0
    fault: str = ""
    """Why the file cannot be read, or where it is damaged; empty for a sound file."""


def video_facts(
    table: ClipTable, folder: Path, *, decoded: bool = False, workers: int = 1, progress: Progress | None = None
) -> dict[str, VideoFacts]:
    """Facts about every video of a table, by the video's path in the table.

    A file that has not changed since the last call is not read again, unless it had a fault.

    Args:
        table: its clips.
        folder: keeps the facts between calls; written only if a video is read.
        decoded: decode every video completely; else each is only hashed.
        workers: processes.
        progress: called with (videos finished, videos in all) as each is read.
    """
    known_path, videos = folder / VIDEOS, sorted({clip.video for clip in table.clips})
    known = _known(known_path)
    facts: dict[str, VideoFacts] = {}
    waiting: list[_Job] = []
    for video in videos:
        path = table.root / video
        state = (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else (0, 0)
        old = known.get(video)
        is_known = old and state == (old.size_bytes, old.modified_ns) and not old.fault
        if old and is_known and (not decoded or old.decoded == DECODER):
            facts[video] = old
        else:
            waiting.append((table.root, video, *state, decoded))
    if not waiting:
        return facts
    known_path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(known_path, "".join(json.dumps(asdict(fact)) + "\n" for fact in facts.values()))
    try:
        with known_path.open("a", encoding="utf-8") as file:
            chunk = max(1, min(8, len(waiting) // (4 * workers)))
            for fact in spread("reading videos", _read_video, waiting, workers, chunk):
                facts[fact.video] = fact
                file.write(json.dumps(asdict(fact)) + "\n")
                file.flush()
                if progress is not None:
                    progress(len(facts), len(videos))
    except OSError as error:  # a full disk does not tell which file
        raise OSError(error.errno, error.strerror, error.filename or str(known_path)) from None
    return facts


def _known(path: Path) -> dict[str, VideoFacts]:
    """Facts from an earlier call; a kill may have cut the last line, and a faulty line is read anew."""
    facts: dict[str, VideoFacts] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            fact = VideoFacts(**json.loads(line))
        except (json.JSONDecodeError, TypeError):
            continue
        facts[fact.video] = fact
    return facts


def _read_video(job: _Job) -> VideoFacts:
    """Hashes a video and, if asked, decodes it completely."""
    root, video, size_bytes, modified_ns, decoded = job
    path = root / video
    known = VideoFacts(video=video, size_bytes=size_bytes, modified_ns=modified_ns)
    if path.is_file():
        known = replace(known, sha256=_sha256(path))
    if not decoded:
        return known if path.is_file() else replace(known, fault=f"no video at {path}")
    try:
        found = examine(path)
    except BadVideo as error:
        return replace(known, decoded=DECODER, fault=str(error))
    return replace(
        known, decoded=DECODER, num_frames=found.num_frames, fps=found.info.fps, width=found.info.width,
        height=found.info.height, fault=found.damage,
    )  # fmt: skip


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
