"""Regimes with unseen classes as Markdown and CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from fgsgl.report.board.answer import verdict
from fgsgl.report.board.comparisons import EXPLORATORY, PRIMARY
from fgsgl.report.board.regimes import ABOUT_TIES, CANNOT, TIES
from fgsgl.report.board.rows import REFERENCE
from fgsgl.report.csv_text import csv_text
from fgsgl.report.formatting import EMPTY, markdown_table, number, numeric_headings, p_text
from fgsgl.report.regimes.evaluate import ALL_MEASURES, AUSUC, FIRST, SCORES
from fgsgl.report.units import with_units
from fgsgl.stats.seeds import FEWEST_SEEDS, LEVEL
from fgsgl.util.escaping import markdown_text, printable

HEADINGS = (
    "Method", "Seeds", "Unseen %", "Difference", "p (Holm)", "AUSUC %", "AUSUC difference", "AUSUC p", "Generalised %",
    "Harmonic %", "Seen %", "Unseen % by fold", "Note",
)  # fmt: skip
"""Headings of a regime's table."""
TESTED = (FIRST, AUSUC)
"""Measures whose difference the table shows; the CSV has all."""
COMPETING = ("generalised", "harmonic", "seen")
"""Measures that a bias towards seen classes moves, so the table shows no difference of theirs."""


class RegimeRow(NamedTuple):
    """A row of the table of a regime."""

    name: tuple[str, str]
    """Method and variant."""
    texts: tuple[str, ...]
    """Its cells under ``HEADINGS``."""
    first: Any
    """The line of its score on unseen classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegimeTable:
    """The table of one regime, with what belongs under it."""

    title: str
    answer: str
    """The sentence on who leads in the score on unseen classes; empty where there is no method."""
    protocol: str
    rows: list[RegimeRow]
    notes: tuple[str, ...]


def regime_tables(table: pd.DataFrame) -> list[RegimeTable]:
    """One table a regime, of :func:`fgsgl.report.regimes.evaluate.regimes`; the best unseen score first."""
    found = []
    for (dataset, preset, protocol, regime), lines in table.groupby(
        ["dataset", "preset", "protocol", "regime"], sort=False
    ):
        combined = lines[lines["score"] == SCORES[0]]
        rows = {name: {line.measure: line for line in own.itertuples()} for name, own in _by_row(combined)}
        ordered = sorted(rows, key=lambda name: _place(rows[name]))
        shown = [RegimeRow(name, _texts(rows[name]), rows[name][FIRST]) for name in ordered]
        where, methods = f"{regime}, {_folds(combined)}", [row.first for row in shown if row.first.kind == "method"]
        found.append(
            RegimeTable(
                title=f"{dataset} {preset}, {where}",
                answer=printable(_answer(f"{dataset} {preset} ({where})", methods)),
                protocol=protocol,
                rows=shown,
                notes=tuple(_notes(lines)),
            )
        )
    return found


def markdown(tables: Sequence[RegimeTable]) -> str:
    """Every regime as GitHub shows it."""
    lines = ["# Classes held out of training, over all folds", ""]
    for table in tables:
        lines += [f"## {markdown_text(table.title)}", ""]
        lines += markdown_table(headings(), [row.texts for row in table.rows])
        lines += ["", *(f"- {markdown_text(note)}" for note in table.notes), ""]
    return "\n".join(lines)


def csv(table: pd.DataFrame) -> str:
    """Every line; the header says the unit."""
    points = ("half_width", "difference", "diff_half_width", "sim_half_width", "fold_half_width")
    return csv_text(with_units(table, percents=("mean",), points=points))


def headings() -> list[tuple[str, bool]]:
    """``HEADINGS``, and whether each is of numbers."""
    return [(name, numeric and name not in HEADINGS[-2:]) for name, numeric in numeric_headings(HEADINGS, texts=1)]


def _folds(lines: pd.DataFrame) -> str:
    """``folds 0, 1``: those that any row's mean is over."""
    found = sorted({int(fold) for text in lines["folds"] if text for fold in text.split(", ")})
    return f"folds {', '.join(map(str, found))}" if found else "no finished fold"


def _by_row(lines: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    yield from lines.groupby(["method", "variant"], sort=False)


def _place(row: dict[str, Any]) -> tuple[bool, bool, float]:
    """Methods first, then by the unseen score, and those without one by the seen one."""
    first = row[FIRST].mean
    has_none = math.isnan(first)
    return row[FIRST].kind != "method", has_none, -(row["seen"].mean if has_none else first)


def _texts(row: dict[str, Any]) -> tuple[str, ...]:
    first, area = (row[name] for name in TESTED)
    seeds = max(line.n for line in row.values())
    notes = [line.note for line in row.values() if line.note not in ("", CANNOT, TIES)]
    return (
        first.label, str(seeds or EMPTY), _mean(first), _difference(first), p_text(first.p_holm),
        _mean(area), _difference(area), p_text(area.p_holm), *(_mean(row[name]) for name in COMPETING),
        first.by_fold or EMPTY, notes[0] if notes else EMPTY,
    )  # fmt: skip


def _mean(line: Any) -> str:
    return line.note if line.note in (CANNOT, TIES) else _with_half(number(line.mean), line.half_width)


def _difference(line: Any) -> str:
    return _with_half(number(line.difference, sign="+"), line.sim_half_width)


def _with_half(text: str, half_width: float) -> str:
    return text if math.isnan(half_width) else f"{text} ± {half_width:.1f}"


def _answer(data: str, methods: Sequence[Any]) -> str:
    """Who leads in the score on unseen classes, by how much over FG-SGL, and whether that is sure."""
    scored = [line for line in methods if not math.isnan(line.mean)]
    if not methods:
        return ""
    if not scored:
        return f"On {data}, no method has a score on unseen classes yet."
    best = scored[0]
    reaches = f"{number(best.mean)} % on clips of unseen classes"
    if len(scored) == 1:
        return f"On {data}, {best.label} reaches {reaches}, the only method with such a score."
    leads = f"On {data}, {best.label} leads with {reaches}"
    reference = next((line for line in scored if (line.method, line.variant) == REFERENCE), None)
    if reference is None:
        return f"{leads}; FG-SGL, which rows are compared with, has not finished there."
    is_ahead = best is reference
    compared, ahead = (scored[1], f"the next row, {scored[1].label}") if is_ahead else (best, reference.label)
    if math.isnan(compared.difference):
        return f"{leads}, ahead of {ahead}; the two are not compared."
    half = compared.sim_half_width
    distance = _with_half(number(abs(compared.difference)), half)
    said = verdict(compared, compared.difference - half, compared.difference + half)
    return f"{leads}, {distance} points above {ahead}: {said}."


def _notes(lines: pd.DataFrame) -> Iterator[str]:
    yield (
        "A row's value of a seed is the mean over the folds. ± after a score is half its 95 % Student t interval over "
        "seeds; after a difference, half the simultaneous one over all contrasts of this table. It holds for these "
        "folds; for other choices of classes the CSV has an interval over folds."
    )
    sizes = {kind: int((lines["contrast"] == kind).sum()) for kind in (PRIMARY, EXPLORATORY)}
    yield (
        "Difference: the row minus FG-SGL with the same folds and seeds, in points. p: paired t test over seeds, "
        f"adjusted by Holm over {sizes[PRIMARY]} primary contrast(s), of rows that the plan declared before they ran "
        f"in the combined score on unseen classes, and {sizes[EXPLORATORY]} exploratory one(s): the rest, "
        f"in all {len(ALL_MEASURES)} scores; so are the category and fine scores alone, where both rows have them, in "
        "the CSV."
    )
    yield (
        "AUSUC: the area under the curve of the generalised and the seen score as a constant is taken from the seen "
        "classes' log-probabilities (Chao et al. 2016, arXiv 1605.04253); 100 is perfect. The generalised, seen and "
        "harmonic scores are one point of that curve, which a bias towards seen classes moves; the area stays."
    )
    if (lines["method"] == REFERENCE[0]).any():
        yield ABOUT_TIES
    for kind in (PRIMARY, EXPLORATORY):
        found = lines[(lines["contrast"] == kind) & (lines["p_holm"] <= LEVEL)]
        if (lines["contrast"] == kind).any() and lines["p_t"].notna().any():
            named = [f"{line.label} ({_place_of(line)})" for line in found.itertuples()]
            yield f"Differs from FG-SGL, {kind} contrasts (p at most {LEVEL:g}): {'; '.join(named) or 'none'}."
    if not lines["p_t"].notna().any():
        yield f"No verdict: there are fewer than {FEWEST_SEEDS} paired seeds."


def _place_of(line: Any) -> str:
    """``unseen −3.1``, ``fine unseen −3.1``: where a row differs, and by how much."""
    score = "" if line.score == SCORES[0] else f"{line.score} "
    measure = line.measure.upper() if line.measure == AUSUC else line.measure
    return f"{score}{measure} {number(line.difference, sign='+')}"
