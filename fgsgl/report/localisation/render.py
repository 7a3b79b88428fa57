"""Localisation as Markdown and CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fgsgl.report.board.board import Board
from fgsgl.report.board.rows import shown_rows
from fgsgl.report.formatting import EMPTY, markdown_table, number, numeric_headings, p_text
from fgsgl.report.localisation.evaluate import BLIND, BLOCK
from fgsgl.util.escaping import markdown_text, printable

READ = {"local": "FG-SA's embedding", "video": "the video embedding"}
N_TEXTS = 4
MAP_HEADINGS = (
    "Method", "Map", "Data", "Clips", "n", "Energy %", "Difference", "p", "Pointing %", "Difference", "p",
)  # fmt: skip
READOUT_HEADINGS = (
    "Method", "Sentences", "Data", "Clips", "n", "R@1 %", "Blind guess %", "Always the same %", "Difference", "p",
)  # fmt: skip
"""Headings of the two tables; the columns below the first :data:`N_TEXTS` hold text."""
MOST_ROWS = 100
"""Rows of a board that the tables show, each with a dozen lines; the CSV has them all."""

Rows = list[tuple[Any, tuple[str, ...]]]
"""A row of the table, and its cells' texts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalisationTables:
    """The two tables that are shown, and the notes under them."""

    maps: Rows
    """Rows under ``MAP_HEADINGS``."""
    readouts: Rows
    """Rows under ``READOUT_HEADINGS``."""
    notes: tuple[str, ...]


def localisation_tables(board: Board, table: pd.DataFrame) -> LocalisationTables | None:
    """The texts of a table from :func:`fgsgl.report.localisation.evaluate.localisation`; None if it is empty."""
    if table.empty:
        return None
    shown, remark = _shown_lines(board, table)
    return LocalisationTables(
        maps=list(map_rows(shown)), readouts=list(readout_rows(shown)), notes=(*notes(board, table), *remark)
    )


def _shown_lines(board: Board, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The lines of the first rows of the board, and a remark if some are left out."""
    names = pd.MultiIndex.from_frame(table[["method", "variant", "protocol"]])
    known = set(names)
    rows = [row for row in board.table.itertuples() if (row.method, row.variant, row.protocol) in known]
    shown, remark = shown_rows(rows, MOST_ROWS)
    if not remark:
        return table, []
    shown = names.isin([(row.method, row.variant, row.protocol) for row in shown])
    return table[shown | (table["method"] == "")], [f"{remark}; localisation.csv has them all."]


def markdown(tables: LocalisationTables) -> str:
    """Both tables as GitHub shows them, with what they mean under them."""
    lines = ["# Where recognizers look, and what can be read out", ""]
    lines += markdown_table(numeric_headings(MAP_HEADINGS, N_TEXTS), [texts for _, texts in tables.maps])
    readouts = [texts for _, texts in tables.readouts]
    lines += ["", *markdown_table(numeric_headings(READOUT_HEADINGS, N_TEXTS), readouts)] if readouts else []
    lines += ["", *(f"- {markdown_text(sentence)}" for sentence in tables.notes)]
    return "\n".join(lines) + "\n"


def map_rows(table: pd.DataFrame) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Rows of the table on attention maps, each with its cells under ``MAP_HEADINGS``."""
    pointing = {_place(row): row for row in table[table["measure"] == "pointing"].itertuples()}
    for row in table[table["measure"] == "energy"].itertuples():
        hits = pointing[_place(row)]
        yield row, (*_texts(row, _map(row)), _value(row), *_difference(row), _value(hits), *_difference(hits))


def readout_rows(table: pd.DataFrame) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Rows of the table on sentences, each with its cells under ``READOUT_HEADINGS``."""
    for row in table[table["measure"] == "readout"].itertuples():
        what, alone = f"{row.dimension}, from {READ[row.source]}", (number(100 / row.sentences), number(row.largest))
        yield row, (*_texts(row, what), _value(row), *alone, *_difference(row))


def _place(row: Any) -> tuple:
    return (*(getattr(row, name) for name in BLOCK), row.method, row.variant, row.source, row.dimension)


def _texts(row: Any, what: str) -> tuple[str, ...]:
    data, clips = f"{row.dataset} {row.preset} @{row.protocol[:6]}", f"{row.n_clips} of {row.n_test}"
    return row.label or EMPTY, printable(what), data, clips, EMPTY if pd.isna(row.n_seeds) else str(int(row.n_seeds))


def _map(row: Any) -> str:
    known = {"attention": f"attention, {row.dimension}", "saliency": "gradient saliency", **BLIND}
    return known[row.source]


def _value(row: Any) -> str:
    return number(row.value) + ("" if pd.isna(row.half_width) else f" ± {row.half_width:.1f}")


def _difference(row: Any) -> tuple[str, str]:
    width = row.diff_half_width if pd.isna(row.p) else row.sim_half_width
    half = "" if pd.isna(width) else f" ± {width:.1f}"
    return number(row.difference, sign="+") + (half if not pd.isna(row.difference) else ""), p_text(row.p_holm)


def notes(board: Board, table: pd.DataFrame) -> Iterator[str]:
    """Sentences that say what the numbers are, what they are means over, and which rows are missing."""
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
    labels = defaultdict(list)
    for row in table[table["note"] != ""].drop_duplicates(["label", "note"]).itertuples():
        labels[row.note].append(row.label)
    for note, of in labels.items():
        yield f"{'; '.join(of)}: {note}."
    if table["difference"].notna().any():
        yield (
            "Difference: to FG-SGL w/o fgsa with the same seeds and clips, in points: of a map to its gradient "
            "saliency, of sentences to what its video embedding says of them; ± half the paired 95 % t interval, of "
            "what is tested (p) half its simultaneous one over the dimensions of the measure."
        )
    else:
        yield "No row shares seeds and clips with a finished FG-SGL w/o fgsa, so nothing is compared."
    tested = table[table["p"].notna()]
    if tested.empty:
        return
    yield (
        "p: two-sided paired t test over seeds of what FG-SA gives in FG-SGL, adjusted by Holm over the dimensions of "
        "each measure; none below three seeds. The exact sign-flip p, d_z and the share of seeds won are in the CSV."
    )


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
