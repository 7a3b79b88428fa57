"""Test labels that a release keeps secret: how they are recognised, and the test split that is drawn in their place.

A challenge hands out its test clips without labels: blank, -1, or one and the same entry in every row, which need not
be a class. Such labels are never scored. Methods are then compared on people, or recordings, drawn from the training
part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fgsgl.data.clip_table import Clip, Row
from fgsgl.data.faults import Fault, collected
from fgsgl.data.labels import HIDDEN
from fgsgl.data.subject_split import move_subjects

DRAWN_TEST = "drawn-test"
"""Name of the presets that test on a drawn part of the training people."""
TEST_SHARE = 0.25
"""Least share of the training clips that becomes the test split where the release hides its own."""


Unlabelled = tuple[Row, str]
"""A row without its label yet, and the label as the file has it."""


def filler_of(labels: Iterable[tuple[str, str]]) -> str | None:
    """The label that stands in every test row to hide theirs, where training has several; None where there is none.

    Args:
        labels: split and label of each row, as the files have them.
    """
    rows = list(labels)
    test = [label for split, label in rows if split == "test"]
    known = {label for split, label in rows if split != "test"}
    is_one = len(test) > 1 and len(set(test)) == 1 and test[0] not in HIDDEN
    return test[0] if is_one and len(known) > 1 else None


def with_labels(
    found: Sequence[Unlabelled], class_of: Callable[[str], int], faults: list[Fault]
) -> tuple[list[Row], list[str]]:
    """Gives rows their labels: None to test rows that hide theirs.

    Args:
        found: rows, each with its label as the file has it.
        class_of: the class that a label means; raises a :class:`UserError` for none.
        faults: gets the rows whose label is none; they are left out.

    Returns:
        The rows, and a line that says which label is taken to hide the test's; none where nothing is assumed.
    """
    filler = filler_of((row.clip.split, raw) for row, raw in found)
    rows = []
    for row, raw in found:
        with collected(faults, row.file, row.line):
            secret = row.clip.split == "test" and (raw in HIDDEN or filler is not None)
            label = None if secret else class_of(raw)
            rows.append(replace(row, clip=replace(row.clip, label=label)))
    said = [] if filler is None else [f"every test clip has the label {filler}, which is taken to hide theirs"]
    return rows, said


def hides_its_test(rows: Sequence[Row]) -> bool:
    """Whether there are test clips, and none has a label."""
    return any(row.clip.split == "test" for row in rows) and lacks_test(rows)


def lacks_test(rows: Sequence[Row]) -> bool:
    """Whether there are training clips, and no test clip with a label: hidden ones, or none, as in phase 1 of a
    challenge."""
    has_training = any(row.clip.split != "test" for row in rows)
    return has_training and all(row.clip.label is None for row in rows if row.clip.split == "test")


def without_test(rows: Sequence[Row], dataset: str, people: str) -> tuple[list[Row], str]:
    """Sets a test split aside, in whose place another one is drawn.

    Args:
        rows: of all splits.
        dataset: as the sentence begins.
        people: whole units that are drawn: ``subjects`` or ``videos``.

    Returns:
        The rows of the other splits, and the sentence that stands under every board on the drawn one.
    """
    kept = [row for row in rows if row.clip.split != "test"]
    count = len(rows) - len(kept)
    why = (
        f"the labels of the release's {count} test clips are hidden or left aside, and none of them is scored here."
        if count
        else "this copy has no test clips."
    )
    return kept, (
        f"{dataset}, preset {DRAWN_TEST}: {why} Methods are tested on whole {people} drawn from the training part by "
        "the data seed, so these numbers compare with no published one."
    )


def drawn_test(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """Moves some training subjects to the test split, drawn by the seed.

    Raises:
        UserError: for training clips of fewer than two subjects.
    """
    return move_subjects(clips, "test", TEST_SHARE, seed)
