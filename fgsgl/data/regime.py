"""Regimes: tables in which classes or labels are short, each a pure function of a whole table and a seed.

``unseen`` holds classes out of training and validation, ``shots`` leaves each class a few labelled clips, ``long_tail``
makes some classes rare. The test split stays whole. Every draw follows a digest of the seed and of names, so it depends
on no generator of random numbers, and what a smaller number of shots draws is among what a larger one draws.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fgsgl.data.clip_table import Clip, ClipTable, Split
from fgsgl.data.subject_split import seeded_order
from fgsgl.util.errors import UserError

FEWEST_SEEN = 2
"""Classes that training keeps at least: one alone has nothing to be told from."""
NAMED = 8
"""Classes that a sentence names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """A regime: which classes and clips are left out of training and validation. The defaults leave out nothing."""

    unseen: int = 0
    """Classes held out of training and validation."""
    fold: int = 0
    """Which classes these are, see :func:`held_out`."""
    shots: int = 0
    """Clips of each class in training, and as many in validation; 0: all."""
    long_tail: float = 0.0
    """Ratio of the most to the least frequent training class; 0: as the data are."""

    def __post_init__(self) -> None:
        """Raises:
        UserError: for settings that exclude each other.
        """
        if self.fold and not self.unseen:
            raise UserError(f"fold is {self.fold}, but no class is held out; set unseen too, or leave fold at 0")
        if 0 < self.long_tail < 1:
            raise UserError(
                f"long_tail is {self.long_tail:g}, expected the ratio of the most to the least frequent class, 1 or "
                "more, or 0 for the data as they are"
            )
        if self.shots and self.long_tail:
            raise UserError(
                f"shots is {self.shots} and long_tail is {self.long_tail:g}; both set how many clips a class has: "
                "give one"
            )

    @property
    def title(self) -> str:
        """``4 unseen classes, 8 shots``; empty where nothing is left out. The fold is not named."""
        parts = [f"{self.unseen} unseen class{'es' * (self.unseen > 1)}"] if self.unseen else []
        parts += [f"{self.shots} shot{'s' * (self.shots > 1)}"] if self.shots else []
        parts += [f"long tail {self.long_tail:g}"] if self.long_tail else []
        return ", ".join(parts)

    def held_out(self, classes: Sequence[str]) -> tuple[int, ...]:
        """The classes without a clip in training and validation; see :func:`held_out`."""
        return held_out(classes, self.unseen, self.fold)

    def apply(self, table: ClipTable, seed: int) -> ClipTable:
        """The table of the regime. Its classes, test split and fingerprint are those of the whole table.

        Args:
            table: the whole one.
            seed: of the cell; draws the clips of ``shots`` and ``long_tail``.

        Raises:
            UserError: for more classes held out than there are to spare, a fold that does not exist, or unseen classes
                of which no clip can be scored.
        """
        _require_scorable(table, self.held_out(table.classes))
        return self.reduced(table, seed)

    def reduced(self, table: ClipTable, seed: int) -> ClipTable:
        """The table of the regime, whether or not its test split can be scored: that of other data may be.

        Of a joined table it reduces the one that is trained on, as that reduces by itself.

        Raises:
            UserError: as :meth:`apply`.
        """
        if self == Regime():
            return table
        if table.parts:
            return self._reduced_joined(table, seed)
        unseen = self.held_out(table.classes)
        seen = [clip for clip in table.clips if clip.split == "test" or clip.label not in unseen]
        counts = self._counts(seen, seed)
        drawn = {split: _drawn(seen, split, limit, seed) for split, limit in counts.items()}
        kept = [clip for clip in seen if clip.split not in drawn or clip.clip_id in drawn[clip.split]]
        caveats = [*table.caveats, *self._caveats(table, unseen, seen, counts.get("train", {}))]
        return replace(table, clips=tuple(kept), caveats=tuple(caveats), whole_fingerprint=table.fingerprint())

    def _reduced_joined(self, table: ClipTable, seed: int) -> ClipTable:
        trained_on = table.parts[0]
        part = self.reduced(trained_on, seed)
        ids = {clip.clip_id for clip in part.clips}
        kept = [clip for clip in table.clips if clip.split == "test" or table.own_clips[clip.clip_id].clip_id in ids]
        caveats = (*table.caveats, *part.caveats[len(trained_on.caveats) :])
        return replace(table, clips=tuple(kept), caveats=caveats)

    def _counts(self, clips: Sequence[Clip], seed: int) -> dict[Split, dict[int, int]]:
        """Clips that each class keeps, in every split that is cut."""
        if self.shots:
            return {split: dict.fromkeys(_available(clips, split), self.shots) for split in ("train", "val")}
        if self.long_tail:
            return {"train": long_tail_counts(_available(clips, "train"), self.long_tail, seed)}
        return {}

    def _caveats(
        self, table: ClipTable, unseen: Sequence[int], seen: Sequence[Clip], counts: Mapping[int, int]
    ) -> Iterable[str]:
        """Sentences for under the board."""
        if unseen:
            names = ", ".join(table.classes[label] for label in unseen)
            yield f"Unseen classes of fold {self.fold}, without a clip in training and validation: {names}."
        available = _available(seen, "train")
        short = [label for label, count in available.items() if count < self.shots]
        if short:
            named = [f"{table.classes[label]} ({available[label]})" for label in short[:NAMED]]
            more = f" and {len(short) - NAMED} more" if len(short) > NAMED else ""
            yield f"Fewer than {self.shots} training clips, all of which are taken: {', '.join(named)}{more}."
        if self.long_tail:
            most, least = max(counts.values()), min(counts.values())
            yield (
                f"Long tail: {most} training clips of the most frequent class, {least} of the rarest, a ratio of "
                f"{most / least:.1f} (asked for: {self.long_tail:g})."
            )


def held_out(classes: Sequence[str], unseen: int, fold: int) -> tuple[int, ...]:
    """The classes that a fold holds out, ascending.

    The folds of one number share no class. They follow from the names alone: a digest orders the classes, and each fold
    takes the next ``unseen`` of them.

    Args:
        classes: all names.
        unseen: classes of a fold; 0: none is held out.
        fold: from 0.

    Raises:
        UserError: where fewer than two classes would be left, or for a fold beyond the last whole one.
    """
    if unseen == 0:
        return ()
    if unseen > len(classes) - FEWEST_SEEN:
        raise UserError(
            f"unseen is {unseen}, but the data have {len(classes)} classes; expected at most "
            f"{max(0, len(classes) - FEWEST_SEEN)}: training needs {FEWEST_SEEN} classes to tell apart"
        )
    folds = fold_count(classes, unseen)
    if fold >= folds:
        raise UserError(
            f"fold is {fold}, but {len(classes)} classes make {folds} disjoint fold(s) of {unseen}; expected 0 to "
            f"{folds - 1}"
        )
    place = {name: label for label, name in enumerate(classes)}
    order = seeded_order(list(classes), 0)
    return tuple(sorted(place[name] for name in order[fold * unseen : (fold + 1) * unseen]))


def fold_count(classes: Sequence[str], unseen: int) -> int:
    """How many disjoint folds of so many classes there are."""
    return len(classes) // unseen


def long_tail_counts(available: Mapping[int, int], ratio: float, seed: int) -> dict[int, int]:
    """Clips of each class in a long tail: their logarithms fall evenly from the most to the least frequent class, as in
    Cao et al. 2019 (arXiv 1906.07413).

    Classes keep the order of their counts, so that as few clips as possible are lost; the seed orders those with as
    many. A class has one clip at least, so a steep tail of few clips falls short of the ratio.

    Args:
        available: clips of each class.
        ratio: of the most to the least frequent class, 1 or more.
        seed: of the draw.
    """
    ranked = sorted(available, key=lambda label: (-available[label], _digest(seed, str(label))))
    share = {label: ratio ** (-rank / max(1, len(ranked) - 1)) for rank, label in enumerate(ranked)}
    most = min(available[label] / share[label] for label in ranked)
    return {label: min(available[label], max(1, round(most * share[label]))) for label in ranked}


def spread(clips: Sequence[Clip], count: int, seed: int) -> list[Clip]:
    """Draws clips of one class: of every subject one before any gives a second; all where there are no more.

    Args:
        clips: of the class.
        count: how many to draw.
        seed: of the draw. The clips of a smaller count are the first of a larger one.
    """
    turn: Counter[str] = Counter()
    place = {}
    for clip in sorted(clips, key=lambda clip: _digest(seed, clip.clip_id)):
        place[clip.clip_id] = (turn[clip.subject], _digest(seed, f"{clip.label} {clip.subject}"))
        turn[clip.subject] += 1
    return sorted(clips, key=lambda clip: place[clip.clip_id])[:count]


def _drawn(clips: Iterable[Clip], split: Split, limit: Mapping[int, int], seed: int) -> set[str]:
    """Ids of the clips of a split that are kept; those without a label are."""
    by_label: dict[int | None, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.split == split:
            by_label[clip.label].append(clip)
    return {
        clip.clip_id
        for label, own in by_label.items()
        for clip in (own if label is None else spread(own, limit[label], seed))
    }


def _available(clips: Iterable[Clip], split: Split) -> dict[int, int]:
    """Clips of each class in a split, by class."""
    found = Counter(clip.label for clip in clips if clip.split == split and clip.label is not None)
    return dict(sorted(found.items()))


def _require_scorable(table: ClipTable, unseen: Sequence[int]) -> None:
    scored = {clip.label for clip in table.clips if clip.split == "test"}
    if unseen and scored.isdisjoint(unseen):
        names = ", ".join(table.classes[label] for label in unseen)
        raise UserError(
            f"none of the unseen classes ({names}) has a test clip, so nothing could be scored: take another fold"
        )


def _digest(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
