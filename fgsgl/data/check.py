"""`fgsgl data check`: a data set's table held against its videos.

Faults make numbers wrong, and the command ends with exit code 2. Remarks are for the reader to judge.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgsgl.data.cache.contents import with_contents
from fgsgl.data.cache.video_facts import VideoFacts, video_facts
from fgsgl.data.clip_faults import split_faults
from fgsgl.data.clip_table import SPLITS, Clip, ClipTable, Progress
from fgsgl.data.datasets.base import Counts, deviations
from fgsgl.data.faults import Fault
from fgsgl.data.video.lookalikes import lookalikes
from fgsgl.util.files import read_if_there, write_whole

RESULT = "check.json"
KnownTwins = Callable[[Sequence[Clip]], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The result of `fgsgl data check`."""

    fingerprint: str
    """16 hex digits, over the table and the content of every video."""
    faults: tuple[Fault, ...]
    remarks: tuple[str, ...]
    videos: tuple[VideoFacts, ...]


def check(
    table: ClipTable,
    official: Counts,
    folder: Path,
    *,
    faults: Sequence[Fault] = (),
    known_twins: KnownTwins = lambda clips: False,
    workers: int = 1,
    progress: Progress | None = None,
) -> CheckResult:
    """Checks a data set and keeps the result. A second call opens only videos that are new or have changed.

    Args:
        table: its clips.
        official: published counts, see :func:`fgsgl.data.datasets.base.deviations`.
        folder: keeps the result.
        faults: those of rows that are left out of the table.
        known_twins: see :class:`fgsgl.data.datasets.base.DataSet`.
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
        faults=(*faults, *_faults(table, facts, known_twins)),
        remarks=(
            *table.notes,
            *_deviations(table, official, faults),
            *table.caveats,
            *_known_twins(table, facts, known_twins),
            *_remarks(table, facts),
        ),
        videos=tuple(facts[video] for video in sorted(facts)),
    )
    result = {
        "fingerprint": found.fingerprint,
        "faults": [str(fault) for fault in found.faults],
        "remarks": found.remarks,
    }
    write_whole(folder / RESULT, json.dumps(result, indent=1) + "\n")
    return found


def read_fingerprint(folder: Path) -> str | None:
    """The fingerprint that a check without faults has left in a folder; else None."""
    try:
        result = json.loads(read_if_there(folder / RESULT) or b"null")
        return None if result["faults"] else str(result["fingerprint"])
    except (ValueError, TypeError, KeyError):  # there is none, or a torn one
        return None


def _deviations(table: ClipTable, official: Counts, faults: Sequence[Fault]) -> Iterator[str]:
    """How the table deviates from the release; clips that faults take away are missing, too."""
    for line in deviations(table, official):
        yield f"{line}; the {len(faults)} fault(s) of label tables take clips away" if faults else line


def _faults(table: ClipTable, facts: Mapping[str, VideoFacts], known_twins: KnownTwins) -> Iterator[Fault]:
    """Faults of the splits, the videos and the frame ranges: the clips that `fgsgl run` would refuse, and leaks."""
    yield from split_faults(table)
    clips_of = defaultdict(list)
    for clip in table.clips:
        clips_of[clip.video].append(clip)
    for video, clips in clips_of.items():
        fact = facts[video]
        late = [clip for clip in clips if _needs_later(clip, fact)]
        if fact.fault and late:
            needed = f" ({len(late)} of {len(clips)} clip(s) need the rest)" if fact.num_frames else ""
            yield Fault(file=video, what=f"{fact.fault}{needed}")
            continue
        for clip in late:
            file, line = table.places.get(clip.clip_id, ("", 0))
            what = f"needs frames {clip.start_frame} to {clip.end_frame}, but {clip.video} has {fact.num_frames}"
            yield Fault(file=file, line=line, what=f"clip {clip.clip_id!r} {what} (end_frame is exclusive)")
    for same, clips in _in_several_splits(table, facts):
        if not known_twins(clips):
            yield Fault(what=f"the same file content in the splits {_splits_of(clips)}: {', '.join(same)}")


def _known_twins(table: ClipTable, facts: Mapping[str, VideoFacts], known_twins: KnownTwins) -> Iterator[str]:
    """The recordings that a release holds twice, where they stand in several splits: no fault of this copy."""
    found = [(same, clips) for same, clips in _in_several_splits(table, facts) if known_twins(clips)]
    if found:
        n_test = sum(clip.split == "test" for _, clips in found for clip in clips)
        listed = "; ".join(f"{' = '.join(same)} (in {_splits_of(clips)})" for same, clips in found)
        yield (
            f"{len(found)} recording(s) stand in several splits under several names, as the release is known to hold "
            f"them; {n_test} test clip(s) are of them: {listed}"
        )


def _in_several_splits(table: ClipTable, facts: Mapping[str, VideoFacts]) -> Iterator[tuple[list[str], list[Clip]]]:
    """The videos of each content that clips of several splits are of, and these clips; one video whose people may be
    shared is none."""
    clips_of = defaultdict(list)
    for clip in table.clips:
        clips_of[clip.video].append(clip)
    for same in _by_content(facts.values()):
        clips = [clip for video in same for clip in clips_of[video]]
        if len({clip.split for clip in clips}) > 1 and not (len(same) == 1 and table.test_shares_subjects):
            yield same, clips


def _splits_of(clips: Sequence[Clip]) -> str:
    return ", ".join(sorted({clip.split for clip in clips}))


def _needs_later(clip: Clip, fact: VideoFacts) -> bool:
    """Whether a clip needs frames after the whole ones of its video."""
    to_the_end = clip.end_frame == 0 and bool(fact.fault)
    return to_the_end or max(clip.start_frame + 1, clip.end_frame) > fact.num_frames


def _remarks(table: ClipTable, facts: Mapping[str, VideoFacts]) -> Iterator[str]:
    for same in _by_content(facts.values()):
        if len(same) > 1:
            yield f"the same file content {len(same)} times: {', '.join(same)}"
    yield from _lookalikes(table, facts)
    yield from _overlaps(table, facts)
    for fact in facts.values():
        if fact.fault and fact.num_frames:
            yield f"damaged after frame {fact.num_frames - 1}: {fact.video}"
    for split in SPLITS:
        labels = Counter(clip.label for clip in table.clips if clip.split == split)
        if set(labels) - {None} and (
            absent := [name for label, name in enumerate(table.classes) if label not in labels]
        ):
            yield f"{split} has no clip of {len(absent)} class(es): {', '.join(absent)}"
    labels_of_range = defaultdict(list)
    for clip in table.clips:
        labels_of_range[clip.video, clip.start_frame, clip.end_frame].append(clip.label)
    if repeated := sum(len(labels) > 1 for labels in labels_of_range.values()):
        different = sum(len(set(labels)) > 1 for labels in labels_of_range.values())
        yield f"{repeated} frame range(s) belong to more than one clip, {different} of them with different labels"
    good = [fact for fact in facts.values() if not fact.fault]
    if not good:
        return
    for what, values in (
        ("resolution", [f"{fact.width}x{fact.height}" for fact in good]),
        ("frames a second", [f"{fact.fps:g}" for fact in good]),
    ):
        counts = Counter(values).most_common(5)
        yield f"{what}: {', '.join(f'{value} ({count} videos)' for value, count in counts)}"
    whole = {fact.video for fact in good}
    lengths = [
        (clip.end_frame or facts[clip.video].num_frames) - clip.start_frame
        for clip in table.clips
        if clip.video in whole
    ]
    low, median, high = np.percentile(lengths, (0, 50, 100)).astype(int)
    yield f"frames a clip: {low} to {high}, median {median}"


def _lookalikes(table: ClipTable, facts: Mapping[str, VideoFacts]) -> Iterator[str]:
    """Videos that show the same recording in other files, with the splits and people that they are of."""
    one_of = {fact.sha256: video for video, fact in sorted(facts.items(), reverse=True)}
    chosen = {video: facts[video] for video in one_of.values()}
    clips_of = defaultdict(list)
    for clip in table.clips:
        clips_of[clip.video].append(clip)
    for group in lookalikes(
        {video: fact.thumbnails for video, fact in chosen.items()},
        {video: fact.num_frames for video, fact in chosen.items()},
    ):
        clips = [clip for video in group for clip in clips_of[video]]
        splits, people = sorted({clip.split for clip in clips}), sorted({clip.subject for clip in clips})
        yield (
            f"the same recording in {len(group)} different files, by the look of some frames: {', '.join(group)} "
            f"(in {', '.join(splits)}; of {', '.join(people[:5])}{', ...' if people[5:] else ''})"
        )


def _overlaps(table: ClipTable, facts: Mapping[str, VideoFacts]) -> Iterator[str]:
    """The clips that share frames with an earlier one of their video, as the tables of some releases have them."""
    by_video = defaultdict(list)
    for clip in table.clips:
        by_video[clip.video].append((clip.start_frame, clip.end_frame or facts[clip.video].num_frames, clip))
    count = other = 0
    for ranges in by_video.values():
        ranges.sort(key=lambda part: part[:2])
        reach, last = 0, None
        for start, end, clip in ranges:
            if last is not None and start < reach:
                count += 1
                other += clip.label != last.label
            if end > reach:
                reach, last = end, clip
    if count:
        yield f"{count} clip(s) share frames with another clip of their video, {other} of them with another label"


def _by_content(facts: Iterable[VideoFacts]) -> list[list[str]]:
    """The videos of each content."""
    by_content = defaultdict(list)
    for fact in facts:
        if fact.sha256:
            by_content[fact.sha256].append(fact.video)
    return [sorted(videos) for videos in by_content.values()]
