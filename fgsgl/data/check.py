"""`fgsgl data check`: every video of a data set opened, counted and hashed, and its table held against them.

Faults make numbers wrong and end in exit code 2; remarks are told and left to the reader.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fgsgl.data.clip_table import SPLITS, ClipTable
from fgsgl.data.datasets._release import deviations
from fgsgl.data.video import BadVideo, count_packets, probe
from fgsgl.style import COLOURS, STYLE
from fgsgl.util.escaping import markdown_text
from fgsgl.util.files import write_whole
from fgsgl.util.processes import spread

VIDEOS = "videos.jsonl"
RESULT = "check.json"
_BLOCK_BYTES = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFacts:
    """What was found in one video file."""

    video: str
    size_bytes: int
    modified_ns: int
    sha256: str = ""
    num_frames: int = 0
    fps: float = 0.0
    width: int = 0
    height: int = 0
    fault: str = ""
    """Why it cannot be read; empty where it can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The whole result."""

    fingerprint: str
    """Of the table and of the content of every video."""
    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    videos: tuple[VideoFacts, ...]


def check(
    table: ClipTable,
    official: Mapping[str, int],
    folder: Path,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Audits a data set. A call that is interrupted, or a second one, opens only what is new or has changed.

    Args:
        table: its clips.
        official: published counts, see :func:`fgsgl.data.datasets._release.deviations`.
        folder: where what was found in each video is kept, and the result.
        workers: processes.
        progress: called with (videos finished, videos in all).
    """
    facts = video_facts(table, folder, workers=workers, progress=progress)
    content = hashlib.sha256(table.fingerprint().encode())
    for video in sorted(facts):
        content.update(f"{video} {facts[video].sha256}\n".encode())
    audit = Audit(
        fingerprint=content.hexdigest()[:16],
        faults=tuple(_faults(table, facts)),
        remarks=(*deviations(table, official), *table.caveats, *_remarks(table, facts)),
        videos=tuple(facts[video] for video in sorted(facts)),
    )
    result = {"fingerprint": audit.fingerprint, "faults": audit.faults, "remarks": audit.remarks}
    write_whole(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return audit


def read_fingerprint(folder: Path) -> str | None:
    """The fingerprint of a check that found no fault; None where there was none."""
    path = folder / RESULT
    if not path.is_file():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    return None if result["faults"] else result["fingerprint"]


def video_facts(
    table: ClipTable, folder: Path, *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> dict[str, VideoFacts]:
    """What is in every video of the table: from the last call where the file is the same, else read anew.

    Args:
        table: its clips.
        folder: where it is kept; nothing is written there where nothing had to be read.
        workers: processes.
        progress: called with (videos finished, videos in all) as each is read.
    """
    known_path, videos = folder / VIDEOS, sorted({clip.video for clip in table.clips})
    known = _known(known_path)
    facts, waiting = {}, []
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
    """Of a file whose last line may have been cut by a kill."""
    facts = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            fact = VideoFacts(**json.loads(line))
        except (json.JSONDecodeError, TypeError):
            continue
        facts[fact.video] = fact
    return facts


def _read_video(job: tuple) -> VideoFacts:
    """Opens a video, counts the frames that are really in it, and hashes the file."""
    root, video, size_bytes, modified_ns = job
    path = root / video
    same = {"video": video, "size_bytes": size_bytes, "modified_ns": modified_ns}
    try:
        info = probe(path)
        num_frames = count_packets(path)
    except BadVideo as error:
        return VideoFacts(**same, sha256=_sha256(path) if path.is_file() else "", fault=str(error))
    fault = ""
    if info.num_frames and num_frames < info.num_frames:
        fault = f"the video {path} holds {num_frames} of the {info.num_frames} frames that its header tells; truncated?"
    return VideoFacts(
        **same, sha256=_sha256(path), num_frames=num_frames, fps=info.fps, width=info.width, height=info.height,
        fault=fault,
    )  # fmt: skip


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _faults(table: ClipTable, facts: Mapping[str, VideoFacts]) -> Iterator[str]:
    yield from (fact.fault for fact in facts.values() if fact.fault)
    for clip in table.clips:
        fact = facts[clip.video]
        if not fact.fault and max(clip.start_frame + 1, clip.end_frame) > fact.num_frames:
            yield (
                f"clip {clip.clip_id} needs frames {clip.start_frame} to {clip.end_frame}, but {clip.video} has "
                f"{fact.num_frames}"
            )
    split_of = defaultdict(set)
    for clip in table.clips:
        split_of[clip.video].add(clip.split)
    for same in _duplicates(facts.values()):
        splits = set().union(*(split_of[video] for video in same))
        if len(splits) > 1:
            yield f"the same file content in the splits {', '.join(sorted(splits))}: {', '.join(same)}"


def _remarks(table: ClipTable, facts: Mapping[str, VideoFacts]) -> Iterator[str]:
    for same in _duplicates(facts.values()):
        yield f"the same file content {len(same)} times: {', '.join(same)}"
    for split in SPLITS:
        labels = Counter(clip.label for clip in table.clips if clip.split == split)
        if absent := [name for label, name in enumerate(table.classes) if label not in labels]:
            yield f"{split} has no clip of {len(absent)} class(es): {', '.join(absent)}"
    ranges = Counter((c.video, c.start_frame, c.end_frame) for c in table.clips)
    if repeated := sum(count > 1 for count in ranges.values()):
        yield f"{repeated} frame range(s) belong to more than one clip"
    good = [fact for fact in facts.values() if not fact.fault]
    for what, values in (
        ("resolution", [f"{fact.width}x{fact.height}" for fact in good]),
        ("frames a second", [f"{fact.fps:g}" for fact in good]),
    ):
        counts = Counter(values).most_common(5)
        yield f"{what}: {', '.join(f'{value} ({count} videos)' for value, count in counts)}"
    lengths = [(c.end_frame or facts[c.video].num_frames) - c.start_frame for c in table.clips]
    low, median, high = np.percentile(lengths, (0, 50, 100)).astype(int)
    yield f"frames a clip: {low} to {high}, median {median}"


def _duplicates(facts: Iterable[VideoFacts]) -> list[list[str]]:
    by_content = defaultdict(list)
    for fact in facts:
        if fact.sha256:
            by_content[fact.sha256].append(fact.video)
    return [sorted(videos) for videos in by_content.values() if len(videos) > 1]


def balance(table: ClipTable) -> pd.DataFrame:
    """Clips of each class (rows, C) and split (columns)."""
    counts = {split: Counter(clip.label for clip in table.clips if clip.split == split) for split in SPLITS}
    rows = [{split: counts[split][label] for split in SPLITS} for label in range(len(table.classes))]
    return pd.DataFrame(rows, index=pd.Index(table.classes, name="class"))


def write(table: ClipTable, audit: Audit, folder: Path) -> Path:
    """Writes ``check.md`` and ``balance.png`` and returns the path of the first."""
    counts = balance(table)
    people = {split: len({clip.subject for clip in table.clips if clip.split == split}) for split in SPLITS}
    lines = [f"# Check of {markdown_text(table.dataset)}", ""]
    lines += [f"{len(table.clips)} clips of {len(audit.videos)} videos; fingerprint `{audit.fingerprint}`.", ""]
    for heading, found in (("Faults", audit.faults), ("Remarks", audit.remarks)):
        lines += [f"## {heading}", "", *(f"- {markdown_text(line)}" for line in found or ("none",)), ""]
    lines += ["## Clips", "", f"| class | {' | '.join(SPLITS)} |", "| --- |" + " ---: |" * len(SPLITS)]
    lines += [f"| {markdown_text(name)} | {' | '.join(map(str, row))} |" for name, *row in counts.itertuples()]
    lines += [f"| **all** | {' | '.join(str(counts[split].sum()) for split in SPLITS)} |"]
    lines += [f"| **subjects** | {' | '.join(str(people[split]) for split in SPLITS)} |"]
    lines += ["", "![Clips of each class](balance.png)"]
    write_whole(folder / "balance.png", _draw(counts))
    write_whole(folder / "check.md", "\n".join(lines) + "\n")
    return folder / "check.md"


def _draw(counts: pd.DataFrame) -> bytes:
    rows = counts.reset_index().melt("class", var_name="split", value_name="clips")
    with matplotlib.rc_context(fname=STYLE):
        sheet = Figure(figsize=(7, 1.2 + 0.22 * len(counts)), layout="constrained")
        axes = sheet.subplots()
        sns.barplot(rows, x="clips", y="class", hue="split", ax=axes, palette=list(COLOURS[: len(SPLITS)]))
        axes.set(ylabel="", title="Clips of each class")
        buffer = io.BytesIO()
        sheet.savefig(buffer, format="png")
    return buffer.getvalue()
