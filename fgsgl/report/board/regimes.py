"""Regimes on a board: what its rows are called, the columns of classes held out, and the sentences under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Done
from fgsgl.report.board.rows import REFERENCE
from fgsgl.util.escaping import printable

MEASURES = ("unseen", "generalised", "harmonic", "seen")
"""Columns of a board on which classes were held out: shares; ``cannot`` says why a row lacks them."""
CANNOT = "cannot: no text"
TIES = "ties"
"""In place of an unseen score that would be chance: every cell of the row ties all unseen classes."""
ABOUT_TIES = (
    "FG-SGL chooses beta, the weight of its fine score, on validation, so on seen classes alone. At beta 0 its unseen "
    f"score rests on category text; a linear head alone then gives all unseen classes one score: “{TIES}”."
)


def regime_text(protocol: Protocol) -> str:
    """``trained on synmg quick, 4 unseen classes, fold 1, 8 shots``; empty for the data's own training clips, whole."""
    parts = protocol.training_title.split(", ")
    if protocol.unseen:
        parts.insert(2 if protocol.trained_on else 1, f"fold {protocol.fold}")
    return ", ".join(parts)


def suffixes(protocols: Mapping[str, Protocol | None]) -> dict[str, str]:
    """What the labels of each protocol's rows end in: what its regime has and not every protocol of the board, the
    start of its hash where regimes do not tell all protocols apart, and nothing where there is one protocol.

    Args:
        protocols: by hash; None for one that is not known.
    """
    if len(protocols) < 2:
        return dict.fromkeys(protocols, "")
    whole = {name: regime_text(protocol).split(", ") if protocol else [""] for name, protocol in protocols.items()}
    common = set.intersection(*map(set, whole.values()))
    texts = {name: ", ".join(part for part in parts if part not in common) for name, parts in whole.items()}
    told_apart = len(set(texts.values())) == len(texts)
    ends = {name: [text] if told_apart else [text, printable(name[:6])] for name, text in texts.items()}
    return {name: f" @{' '.join(filter(None, end))}" if any(end) else "" for name, end in ends.items()}


def in_order(protocols: Mapping[str, Protocol]) -> list[str]:
    """The hashes of protocols in the order in which a board shows them: folds of a regime in theirs."""
    return sorted(protocols, key=lambda name: (protocols[name].training_title, protocols[name].fold, name))


def title_part(protocols: Iterable[Protocol]) -> str:
    """The regimes of a board for its heading: ``, 4 unseen classes, folds 0, 1``; empty where there is none."""
    folds: dict[str, list[int]] = {}
    for protocol in protocols:
        of_regime = folds.setdefault(protocol.training_title, [])
        if protocol.unseen and protocol.fold not in of_regime:
            of_regime.append(protocol.fold)
    if not any(folds):
        return ""
    texts = []
    for regime, own in folds.items():
        named = f", fold{'s' * (len(own) > 1)} {', '.join(map(str, sorted(own)))}" if own else ""
        texts.append(f"{regime or 'whole'}{named}")
    return f", {'; '.join(texts)}"


def unseen_columns(scored: Sequence[Done]) -> dict[str, Any]:
    """The columns of a row where classes were held out: means over seeds."""
    found = [record.metrics.unseen["combined"] for record in scored if record.metrics.unseen]
    if not found or len(found) < len(scored):
        return {}
    row: dict[str, Any] = {}
    for name in MEASURES:
        values = [getattr(one, name) for one in found]
        row[name] = None if None in values else fmean(values)
    if row["unseen"] is None:
        return row | {"cannot": CANNOT}
    return row | ({"unseen": None, "cannot": TIES} if all(one.ties for one in found) else {"cannot": ""})


def regime_notes(protocols: Iterable[Protocol], scored: Iterable[Sequence[Done]]) -> Iterator[str]:
    """The sentences under a board of regimes."""
    protocols, scored = list(protocols), list(scored)
    if any(protocol.unseen for protocol in protocols):
        yield (
            "Rows with classes held out are exploratory on this board, whatever the plan declared: their primary "
            "judgement is that of the unseen score over all folds, in regimes.md."
        )
    classes = {
        (record.protocol.unseen, len(record.data.classes))
        for group in scored
        for record in group
        if record.metrics.unseen
    }
    if classes:
        chances = "; ".join(
            f"{unseen} of {count} classes: {100 / unseen:.1f} % among the unseen, {100 / count:.1f} % among all"
            for unseen, count in sorted(classes)
        )
        yield (
            "Classes were held out of training and validation. Unseen: their test clips, the answer chosen among them "
            "alone; Generalised: the same clips, all classes compete; Seen: the other clips, all compete; Harmonic: "
            "the harmonic mean of these two (Xian et al. 2017, arXiv 1707.00600). Each is a mean of the classes' "
            f"recalls. Chance, {chances}."
        )
        yield (
            f"“{CANNOT}”: the method's classes are rows of a layer, which training has not filled for an unseen class; "
            "it gets no probability. Top-1 and all differences of this table are over all test clips, seen and unseen; "
            "regimes.md holds the rows against FG-SGL in the scores above, over all folds."
        )
        if any(record.method == REFERENCE[0] for group in scored for record in group):
            yield ABOUT_TIES
    if any(protocol.transfer for protocol in protocols):
        yield (
            "Trained on other data: “trained on” names the data that all training and validation clips come from, with "
            "the class prior, temperatures and beta that follow from these. The test split is the board's own; of "
            "its data no other clip is read."
        )
    if any(protocol.shots for protocol in protocols):
        yield (
            "Shots: so many clips of each class in training, and at most as many in validation, on which nothing but "
            "temperatures, beta and an early end depend: no more labels than that are used. The seed draws them, of "
            "every subject one before any gives a second, so intervals over seeds cover the draw."
        )
    if any(protocol.long_tail for protocol in protocols):
        yield "Long tail: the seed draws the training clips; validation and test stay whole."
