"""Tables joined for a transfer: training and validation clips of one data set, test clips of another.

The two may have other classes: labels of training and validation clips are then numbers of the classes of the first.

Ids and people of the training data are led by their title (``synmg quick/s03``), since every SynMG calls its people
alike. Only where both tables are copies of one data set do names stay as they are, so that a person who stands in both
is found. Paths of videos start from a folder above both.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.util.errors import UserError
from fgsgl.util.names import same_name


def joined(trained_on: ClipTable, tested_on: ClipTable, title: str) -> ClipTable:
    """The training and validation clips of one table with the test clips of another.

    Args:
        trained_on: the first.
        tested_on: the second, whose classes, root and name are those of the result.
        title: of the first: ``synmg quick``.

    Raises:
        UserError: for one and the same table, or a clip or person of the training data among the test clips.
        FaultyData: as :class:`ClipTable`.
    """
    if trained_on.fingerprint() == tested_on.fingerprint():
        raise UserError(
            f"transfer is from {title}, but the data at {trained_on.root} and at {tested_on.root} are the same; name "
            "other data to train on, or leave transfer out"
        )
    same_people = _same_people(trained_on, tested_on)
    both = (trained_on, tested_on)
    folder = Path(os.path.commonpath([os.path.normpath(part.video_folder.absolute()) for part in both]))
    train = [clip for clip in trained_on.clips if clip.split != "test"]
    test = [clip for clip in tested_on.clips if clip.split == "test"]
    if same_people:
        _require_apart(train, test, tested_on)
    lead = "" if same_people else f"{title}/"
    moved = [*_moved(trained_on, train, lead, folder), *_moved(tested_on, test, "", folder)]
    hashed = all(part.contents for part in both)
    said = f"Transfer: training and validation clips are those of {title}; the test split is that of this board's data."
    if trained_on.classes != tested_on.classes:
        said += " " + _other_classes(trained_on.classes, tested_on.classes)
    return replace(
        tested_on, clips=tuple(one.clip for one in moved), videos=folder, parts=both,
        own_clips={one.clip.clip_id: one.own for one in moved},
        contents={one.clip.video: one.content for one in moved} if hashed else {},
        test_shares_subjects=same_people and tested_on.test_shares_subjects,
        caveats=(*dict.fromkeys((*trained_on.caveats, *tested_on.caveats)), said), notes=(), left_out=(), places={},
        has_videos=trained_on.has_videos and tested_on.has_videos, generated=None,
        whole_fingerprint=_digest(part.fingerprint() for part in both),
    )  # fmt: skip


class _Moved(NamedTuple):
    clip: Clip
    own: Clip
    """As it stands in its part."""
    content: str
    """SHA-256 of its video; empty where it was not looked at."""


def _moved(part: ClipTable, clips: Sequence[Clip], lead: str, folder: Path) -> Iterator[_Moved]:
    """Clips as they stand in a joined table."""
    for clip in clips:
        video = os.path.relpath(part.path(clip), folder)
        named = replace(clip, clip_id=lead + clip.clip_id, subject=lead + clip.subject, video=video)
        yield _Moved(named, clip, part.contents.get(clip.video, ""))


def parts_of(table: ClipTable) -> tuple[ClipTable, ...]:
    """The tables that a table was joined from, that of the training clips first; else the table alone."""
    return table.parts or (table,)


def origin(table: ClipTable, clip: Clip) -> tuple[ClipTable, Clip]:
    """The table that a clip comes from, and the clip as it stands there."""
    if not table.parts:
        return table, clip
    trained_on, tested_on = table.parts
    return (tested_on if clip.split == "test" else trained_on), table.own_clips[clip.clip_id]


def joined_fingerprint(fingerprints: Iterable[str]) -> str:
    """One fingerprint for those of several parts; ``""`` where all are empty."""
    fingerprints = list(fingerprints)
    if len(fingerprints) == 1:
        return fingerprints[0]
    return _digest(fingerprints) if any(fingerprints) else ""


def _digest(fingerprints: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(fingerprints).encode()).hexdigest()[:16]


def _same_people(one: ClipTable, other: ClipTable) -> bool:
    """Whether a name means the same person in both: in copies of one data set, unless it is generated."""
    return one.dataset == other.dataset and other.generated is None


def require_same_classes(
    who: str, trained_on: Sequence[str], tested_on: Sequence[str], where_trained: str, where_tested: str
) -> None:
    """Refuses other classes, for what cannot be told them by their text.

    Args:
        who: what needs the same: ``tsn``.
        trained_on: names of the classes that are trained on.
        tested_on: names of those that are tested on.
        where_trained: what has the first: ``smg at data/smg``.
        where_tested: what has the second.

    Raises:
        UserError: naming the first class that differs.
    """
    if tuple(trained_on) == tuple(tested_on):
        return
    pairs = enumerate(zip_longest(trained_on, tested_on))
    number, (one, other) = next((number, names) for number, names in pairs if names[0] != names[1])
    raise UserError(
        f"for a transfer {who} would need the same classes in the same order: {where_trained} has {len(trained_on)}, "
        f"{where_tested} has {len(tested_on)}, and class {number} is {_named(one)} in the first and {_named(other)} in "
        "the second; take methods that know classes by their text (`fgsgl methods`), or train on data with the classes "
        "of the test data"
    )


def _named(name: str | None) -> str:
    return "none" if name is None else repr(name)


def _other_classes(trained_on: Sequence[str], tested_on: Sequence[str]) -> str:
    """A sentence for under the board."""
    also = sorted(set(trained_on) & set(tested_on))
    both = f"{len(also)} of these are trained on under the same name" if also else "none of these is trained on"
    return (
        f"The classes are others: recognizers are trained on {len(trained_on)} and know the {len(tested_on)} that they "
        f"are scored on by their text alone; {both}."
    )


def _require_apart(train: Sequence[Clip], test: Sequence[Clip], tested_on: ClipTable) -> None:
    """Refuses a clip, and a person unless the release shares people, that is trained on and tested on."""
    tested = {clip.clip_id for clip in test}
    people = set() if tested_on.test_shares_subjects else {same_name(clip.subject) for clip in test}
    for what, found in (
        ("clip", [clip.clip_id for clip in train if clip.clip_id in tested]),
        ("person", [clip.subject for clip in train if same_name(clip.subject) in people]),
    ):
        if found:
            several = len(set(found)) - 1
            more = f" and {several} more" if several else ""
            raise UserError(
                f"the {what} {found[0]!r}{more} of the training data stands in the test split of {tested_on.dataset} "
                f"at {tested_on.root} too; take these clips out of one of the two or, where they are not the same, "
                "rename them"
            )
