"""The audit that every record carries: counts of everything that would make a score too good.

That is a test clip, its person or its very file that training has seen, or a sentence of the fine level that says its
class's name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from fgsgl.data.clip_table import Clip
from fgsgl.text.fgtext import DIMENSIONS, FGText
from fgsgl.text.rules import says
from fgsgl.util.names import same_name


class AuditCounts(NamedTuple):
    """Counts of things that stand in more than one split, and of sentences that give the class away."""

    clip_ids: int
    subjects: int
    videos: int
    """By the SHA-256 of the file, whatever it is called."""
    sentences: int | None
    """Sentences of the four dimensions that say their class's name; None without text."""


def audit(clips: Sequence[Clip], contents: Mapping[str, str], text: FGText | None) -> AuditCounts:
    """Counts each kind; nothing is refused.

    Args:
        clips: those that are used, of all splits.
        contents: SHA-256 of their videos, as a clip table has them.
        text: what the method reads; None: nothing.
    """
    naming = None
    if text is not None:
        cells = ((entry.name, entry.sentences[dimension]) for entry in text.classes for dimension in DIMENSIONS)
        naming = sum(says(sentence, name) for name, sentences in cells for sentence in sentences)
    return AuditCounts(
        clip_ids=_in_several((clip.clip_id, clip.split) for clip in clips),
        subjects=_in_several((same_name(clip.subject), clip.split) for clip in clips),
        videos=_in_several((contents[clip.video] or clip.video, clip.split) for clip in clips),
        sentences=naming,
    )


def _in_several(pairs: Iterable[tuple[Hashable, str]]) -> int:
    """Number of things that stand in more than one split, from pairs of a thing and a split."""
    splits = defaultdict(set)
    for thing, split in pairs:
        splits[thing].add(split)
    return sum(len(of) > 1 for of in splits.values())
