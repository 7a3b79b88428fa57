"""Facts about the videos of a data set: each file is opened, counted and hashed once, and its facts are kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fgsgl.data.clip_table import ClipTable, Progress
from fgsgl.data.video import BadVideo, count_packets, probe
from fgsgl.util.files import write_whole
from fgsgl.util.processes import spread

VIDEOS = "videos.jsonl"
_BLOCK_BYTES = 2**20
_Job = tuple[Path, str, int, int]
"""Root, video, its size in bytes and its time of modification in ns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFacts:
    """Facts about one video file."""

    video: str
    size_bytes: int
    modified_ns: int
    sha256: str = ""
    num_frames: int = 0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    fault: str = ""
    """Why the file cannot be read, or is shorter than its header says; empty for a sound file."""


def video_facts(
    table: ClipTable, folder: Path, *, workers: int = 1, progress: Progress | None = None
) -> dict[str, VideoFacts]:
    """Facts about every video of a table, by the video's path in the table.

    A file that has not changed since the last call is not read again, unless it had a fault.

    Args:
        table: its clips.
        folder: keeps the facts between calls; written only if a video is read.
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
        if old and state == (old.size_bytes, old.modified_ns) and not old.fault:
            facts[video] = old
        else:
            waiting.append((table.root, video, *state))
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
    """Opens a video, counts the frames that are really in it, and hashes the file."""
    root, video, size_bytes, modified_ns = job
    path = root / video
    known = VideoFacts(video=video, size_bytes=size_bytes, modified_ns=modified_ns)
    try:
        info = probe(path)
        num_frames = count_packets(path)
    except BadVideo as error:
        return replace(known, sha256=_sha256(path) if path.is_file() else "", fault=str(error))
    fault = ""
    if info.num_frames and num_frames < info.num_frames:
        fault = f"the video {path} holds {num_frames} of the {info.num_frames} frames that its header tells; truncated?"
    return replace(
        known, sha256=_sha256(path), num_frames=num_frames, fps=info.fps, width=info.width, height=info.height,
        fault=fault,
    )  # fmt: skip


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
