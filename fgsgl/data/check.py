"""`fgsgl data check`: a data set's table held against its videos.

Faults make numbers wrong, and the command ends with exit code 2. Remarks are for the reader to judge.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgsgl.data.clip_table import SPLITS, ClipTable, Progress
from fgsgl.data.contents import with_contents
from fgsgl.data.datasets.base import Counts, deviations
from fgsgl.data.video_facts import VideoFacts, video_facts
from fgsgl.util.files import read_if_there, write_whole

RESULT = "check.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The result of `fgsgl data check`."""

    fingerprint: str
    """16 hex digits, over the table and the content of every video."""
    faults: tuple[str, ...]
    remarks: tuple[str, ...]
    videos: tuple[VideoFacts, ...]


def check(
    table: ClipTable,
    official: Counts,
    folder: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> CheckResult:
    """Checks a data set and keeps the result. A second call opens only videos that are new or have changed.

    Args:
        table: its clips.
        official: published counts, see :func:`fgsgl.data.datasets.base.deviations`.
        folder: keeps the result.
        workers: processes.
        progress: called with (videos finished, videos in all).
    """
    table = with_contents(table, workers=workers)
    facts = video_facts(table, workers=workers, progress=progress)
    content = hashlib.sha256(table.fingerprint().encode())
    for video in sorted(facts):
        content.update(f"{video} {facts[video].sha256}\n".encode())
    found = CheckResult(
        fingerprint=content.hexdigest()[:16],
        faults=tuple(_faults(table, facts)),
        remarks=(*deviations(table, official), *table.caveats, *_remarks(table, facts)),
        videos=tuple(facts[video] for video in sorted(facts)),
    )
    result = {"fingerprint": found.fingerprint, "faults": found.faults, "remarks": found.remarks}
    write_whole(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return found


def read_fingerprint(folder: Path) -> str | None:
    """The fingerprint that a check without faults has left in a folder; else None."""
    try:
        result = json.loads(read_if_there(folder / RESULT) or b"null")
        return None if result["faults"] else str(result["fingerprint"])
    except (ValueError, TypeError, KeyError):  # there is none, or a torn one
        return None


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
