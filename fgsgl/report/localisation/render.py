"""Localisation as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fgsgl.report.board.board import Board
from fgsgl.report.board.rows import few
from fgsgl.report.formatting import EMPTY, markdown_table, number, numeric_headings, p_text
from fgsgl.report.localisation.evaluate import BLIND, BLOCK, LOOKS, MOST_ROWS, N_TEXTS, READ, READS, localisation
from fgsgl.util.escaping import markdown_text, no_formula
from fgsgl.util.files import write_whole

Rows = list[tuple[Any, tuple[str, ...]]]
"""A row of the table, and its cells' texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looks:
    """What is shown of the table."""

    looks: Rows
    """Under ``LOOKS``."""
    reads: Rows
    """Under ``READS``."""
    note: tuple[str, ...]


def looks_of(board: Board, table: pd.DataFrame) -> Looks | None:
    """The texts of a table of :func:`localisation`, made once for all files that show them; None of an empty one."""
    if table.empty:
        return None
    shown, remark = _few(board, table)
    return Looks(looks=list(look_rows(shown)), reads=list(read_rows(shown)), note=(*note(board, table), *remark))


def _few(board: Board, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The lines of so many rows as people read, and a remark if some are left out."""
    names = pd.MultiIndex.from_frame(table[["method", "variant", "protocol"]])
    known = set(names)
    rows = [row for row in board.table.itertuples() if (row.method, row.variant, row.protocol) in known]
    shown, remark = few(rows, MOST_ROWS)
    if not remark:
        return table, []
    shown = names.isin([(row.method, row.variant, row.protocol) for row in shown])
    return table[shown | (table["method"] == "")], [f"{remark}; localisation.csv has them all."]


def markdown(shown: Looks) -> str:
    """Both tables as GitHub shows them, with what they mean under them."""
    lines = ["# Where recognizers look, and what can be read out", ""]
    lines += markdown_table(numeric_headings(LOOKS, N_TEXTS), [texts for _, texts in shown.looks])
    reads = [texts for _, texts in shown.reads]
    lines += ["", *markdown_table(numeric_headings(READS, N_TEXTS), reads)] if reads else []
    lines += ["", *(f"- {markdown_text(sentence)}" for sentence in shown.note)]
    return "\n".join(lines) + "\n"


def look_rows(table: pd.DataFrame) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Rows of the table, each with the cells under ``LOOKS``."""
    pointing = {_place(row): row for row in table[table["measure"] == "pointing"].itertuples()}
    for row in table[table["measure"] == "energy"].itertuples():
        hits = pointing[_place(row)]
        yield row, (*_texts(row, _map(row)), _value(row), *_difference(row), _value(hits), *_difference(hits))


def read_rows(table: pd.DataFrame) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """The same under ``READS``."""
    for row in table[table["measure"] == "readout"].itertuples():
        what, alone = f"{row.dimension}, from {READ[row.source]}", (number(100 / row.sentences), number(row.largest))
        yield row, (*_texts(row, what), _value(row), *alone, *_difference(row))


def _place(row: Any) -> tuple:
    return (*(getattr(row, name) for name in BLOCK), row.method, row.variant, row.source, row.dimension)


def _texts(row: Any, what: str) -> tuple[str, ...]:
    data, clips = f"{row.dataset} {row.preset} @{row.protocol[:6]}", f"{row.n_clips} of {row.n_test}"
    return row.label or EMPTY, what, data, clips, EMPTY if pd.isna(row.n_seeds) else str(int(row.n_seeds))


def _map(row: Any) -> str:
    known = {"attention": f"attention, {row.dimension}", "saliency": "gradient saliency", **BLIND}
    return known[row.source]


def _value(row: Any) -> str:
    return number(row.value) + ("" if pd.isna(row.half_width) else f" ± {row.half_width:.1f}")


def _difference(row: Any) -> tuple[str, str]:
    half = "" if pd.isna(row.diff_half_width) else f" ± {row.diff_half_width:.1f}"
    return number(row.difference, sign="+") + (half if not pd.isna(row.difference) else ""), p_text(row.p_holm)


def note(board: Board, table: pd.DataFrame) -> Iterator[str]:
    """What the numbers are, what they are over, and what is missing; of the table alone."""
    yield (
        "Energy: the share of a map that lies on the visible pixels of the part that makes the gesture, in the frames "
        "that the recognizer sees. Pointing: the share of the clips whose strongest patch the part reaches into. Both "
        "against the true motion mask, in percent."
    )
    yield (
        "Attention: of FG-SA, one map a dimension. Gradient saliency: the gradient, in the pixels, of the score of the "
        "class that the recognizer predicts. Neither is told the label."
    )
    if (table["measure"] == "readout").any():
        yield (
            "R@1: clips whose own sentences are the nearest among the distinct ones of a dimension, from FG-SA's "
            "embedding (the sentences that it was trained with, shuffled ones of a control included) or from the video "
            "embedding (the true sentences). A blind guess gets one over the number of sentences; always the most "
            "frequent answer gets the share beside it."
        )
    part = table[table["n_clips"] < table["n_test"]]
    for n_clips, n_test in sorted(set(zip(part["n_clips"], part["n_test"], strict=True))):
        yield (
            f"{n_clips} of {n_test} test clips, as evenly over the classes as may be, drawn once with a fixed seed: "
            "the same for every row. How much other clips would change a number is in no interval here."
        )
    counts = sorted({int(n) for n in table["n_seeds"].dropna()})
    spread = " ± half the 95 % Student t interval over them" if counts[-1] > 1 else ": one run has no interval"
    yield f"Means over seeds (n = {', '.join(map(str, counts))}){spread}."
    yield from _about_tests(table)
    yield from _about_missing(board, table)


def _about_tests(table: pd.DataFrame) -> Iterator[str]:
    if table["difference"].notna().any():
        yield (
            "Difference: to FG-SGL w/o fgsa with the same seeds and clips, in points: of a map to its gradient "
            "saliency, of sentences to what its video embedding says of them; ± half the paired 95 % t interval."
        )
    else:
        yield "No row shares seeds and clips with a finished FG-SGL w/o fgsa, so nothing is compared."
    tested = table[table["p"].notna()]
    if tested.empty:
        return
    yield (
        "p: exact two-sided sign-flip test of what FG-SA gives in FG-SGL, adjusted by Holm over the dimensions of each "
        "measure; d_z and the share of seeds won are in the CSV."
    )
    sizes = tested.groupby([*BLOCK, "measure"])["p"].transform("size")
    least = tested.assign(reach=tested["smallest_p"] * sizes, size=sizes)
    for n, size in sorted({(int(row.n_pairs), row.size) for row in least[least["reach"] > 0.05].itertuples()}):
        yield f"That p cannot reach 0.05 with n = {n} seeds in a family of {size}."


def _about_missing(board: Board, table: pd.DataFrame) -> Iterator[str]:
    data = set(zip(table["dataset"], table["preset"], strict=True))
    rows = [row for row in board.table.itertuples() if row.kind == "method" and (row.dataset, row.preset) in data]
    shown = set(zip(table["method"], table["variant"], table["protocol"], strict=True))
    without = [row.label for row in rows if (row.method, row.variant, row.protocol) not in shown]
    if without:
        yield (
            "Not here, for want of a tower, of a finished cell, or of the measurement in their records: "
            f"{'; '.join(without)}."
        )
    old = [label for label in table[table["clips"] == ""]["label"].unique() if label]
    if old:
        yield (
            "Recorded before gradient saliency and sentences were measured, so with attention alone, over all clips: "
            f"{'; '.join(old)}."
        )


def write(board: Board) -> Looks | None:
    """Writes ``localisation.{md,csv}`` beside the leaderboard, and returns what it shows; None, and no file, where no
    record has the numbers."""
    table = localisation(board)
    shown = looks_of(board, table)
    if shown is None:
        return None
    guarded = table.assign(**{name: table[name].map(no_formula) for name in ("label", "method", "variant")})
    write_whole(board.folder / "localisation.csv", _csv(guarded))
    write_whole(board.folder / "localisation.md", markdown(shown))
    return shown


def _csv(table: pd.DataFrame) -> str:
    """As pandas writes it, which takes it three times as long."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    columns = (table[name].astype(object).where(table[name].notna(), "").tolist() for name in table)
    writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue()
