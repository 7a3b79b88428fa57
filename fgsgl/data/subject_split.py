"""Splits by subject, drawn by a seed: whole people move from training to validation or test."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from fgsgl.data.clip_table import Clip, Split
from fgsgl.util.errors import UserError

VAL_SHARE = 0.15
"""Least share of the training clips that becomes the validation split where a release has none."""


def move_subjects(clips: Sequence[Clip], split: Split, share: float, seed: int) -> list[Clip]:
    """Moves some training subjects (:func:`pick_subjects`) with all their clips to another split.

    Raises:
        UserError: for training clips of fewer than two subjects.
    """
    picked = pick_subjects([clip for clip in clips if clip.split == "train"], share, seed)
    return [replace(c, split=split) if c.split == "train" and c.subject in picked else c for c in clips]


def pick_subjects(clips: Sequence[Clip], share: float, seed: int) -> set[str]:
    """Picks subjects, in seeded order, until they hold at least a share of the clips; at least one stays out.

    Raises:
        UserError: for clips of fewer than two subjects.
    """
    counts = Counter(clip.subject for clip in clips)
    if len(counts) < 2:
        raise UserError(f"{len(counts)} subject(s) with training clips; a split by subject needs at least 2")
    picked: set[str] = set()
    for subject in seeded_order(list(counts), seed)[:-1]:
        picked.add(subject)
        if sum(counts[name] for name in picked) >= share * len(clips):
            break
    return picked


def seeded_order(names: Sequence[str], seed: int) -> list[str]:
    """Shuffles names; their order depends on nothing but the names and the seed."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
