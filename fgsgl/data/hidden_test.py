"""Test labels that a release keeps secret: how they are recognised, and the test split that is drawn in their place.

A challenge hands out its test clips without labels: blank, -1, or one and the same number in every row. Such labels are
never scored. Methods are then compared on people, or recordings, drawn from the training part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fgsgl.data.clip_table import Clip, Row
from fgsgl.data.labels import HIDDEN
from fgsgl.data.subject_split import move_subjects

DRAWN_TEST = "drawn-test"
"""Name of the presets that test on a drawn part of the training people."""
TEST_SHARE = 0.25
"""Least share of the training clips that becomes the test split where the release hides its own."""


def is_secret(cell: str, split: str) -> bool:
    """Whether a label of a table hides the class of a test clip."""
    return split == "test" and cell in HIDDEN


def without_filler(rows: Sequence[Row]) -> tuple[list[Row], int | None]:
    """Hides the test labels where all of them are one, and training has several.

    Returns:
        The rows, and the label that stood in all test rows; None where they differ.
    """
    test = [row.clip.label for row in rows if row.clip.split == "test"]
    known = {row.clip.label for row in rows if row.clip.split != "test"}
    if len(test) < 2 or len(set(test)) > 1 or test[0] is None or len(known) < 2:
        return list(rows), None
    hidden = [replace(row, clip=replace(row.clip, label=None)) if row.clip.split == "test" else row for row in rows]
    return hidden, test[0]


def hides_its_test(rows: Sequence[Row]) -> bool:
    """Whether there are test clips, and none has a label."""
    test = [row.clip.label for row in rows if row.clip.split == "test"]
    return bool(test) and all(label is None for label in test)


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
    sentence = (
        f"{dataset}, preset {DRAWN_TEST}: the labels of the release's {len(rows) - len(kept)} test clips are hidden or "
        f"left aside, and none of them is scored here. Methods are tested on whole {people} drawn from the training "
        "part by the data seed, so these numbers compare with no published one."
    )
    return kept, sentence


def drawn_test(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """Moves some training subjects to the test split, drawn by the seed.

    Raises:
        UserError: for training clips of fewer than two subjects.
    """
    return move_subjects(clips, "test", TEST_SHARE, seed)
