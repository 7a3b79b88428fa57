"""Where recognizers look and what can be read out of them: a table of its own beside the leaderboard.

FG-SGL's attention is held against gradient saliency of the same model without FG-SA, the category-only model, and
against maps that see no clip; what its local embeddings say of each dimension's sentences, against what the video
embedding of the category-only model says of them. Values are in percent, differences in points, paired by seed.
"""

from __future__ import annotations

import csv
import functools
import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.bench.record import Record
from fgsgl.escape import markdown_text, no_formula
from fgsgl.files import write_whole
from fgsgl.report.board import REFERENCE, Board, row_key
from fgsgl.report.rows import MODULES, few
from fgsgl.report.tables import EMPTY, markdown_table, number, numeric_headings, p_text
from fgsgl.stats.families import holm
from fgsgl.stats.paired import compare
from fgsgl.stats.seeds import t_half_width
from fgsgl.text.fgtext import DIMENSIONS

WITHOUT = MODULES[0]
"""The row that every other is compared with: the category-only model."""
BLIND = {"even": "spread evenly", "centre": "centre of picture and clip", "prior": "mean mask of the training clips"}
STANDS_FOR = {"attention": "saliency", "saliency": "saliency", "local": "video", "video": "video"}
"""What the category-only model has of the kind."""
TESTED = ("attention", "local")
READ = {"local": "FG-SA's embedding", "video": "the video embedding"}
N_TEXTS = 4
LOOKS = (
    "Method", "Map", "Data", "Clips", "n", "Energy %", "Difference", "p", "Pointing %", "Difference", "p",
)  # fmt: skip
READS = (
    "Method", "Sentences", "Data", "Clips", "n", "R@1 %", "Blind guess %", "Always the same %", "Difference", "p",
)  # fmt: skip
"""Headings of the two tables; the first :data:`N_TEXTS` are of texts."""
MOST_ROWS = 100
"""Rows of a board that the tables show, each with a dozen lines; the CSV has them all."""
BLOCK = ["dataset", "preset", "protocol", "n_clips", "clips"]
COLUMNS = (
    *BLOCK, "n_test", "label", "method", "variant", "measure", "source", "dimension", "n_seeds", "value", "half_width",
    "sentences", "largest", "n_pairs", "difference", "diff_half_width", "p", "p_holm", "smallest_p", "d_z", "wins",
)  # fmt: skip


def localisation(board: Board) -> pd.DataFrame:
    """One row a number: ``measure`` ``energy``, ``pointing`` or ``readout`` (R@1) of a ``source``.

    Sources are ``attention`` (of a ``dimension``), ``saliency``, the maps of ``BLIND`` (once for all rows of a board)
    and, of what is read out, ``local`` and ``video`` embeddings. ``value`` is the mean over seeds with half its 95 %
    Student t interval; ``difference`` is to what stands for it in ``FG-SGL w/o fgsa``, over the seeds and clips that
    both have. Tested is what FG-SA gives in FG-SGL itself: ``p`` by exact sign flips, ``p_holm`` adjusted over the
    dimensions of a measure, which are a family. Records that were measured on other clips (``clips`` is their
    identity) stand apart; a record without localisation gives no row.
    """
    lines = []
    for block, cells in _blocks(board).items():
        found = (values for row, values in cells if (row.method, row.variant) == WITHOUT)
        without = next(found, _Numbers({}, {}))
        place = dict(zip((*BLOCK, "n_test"), block, strict=True))
        lines += [place | line for line in _blind_lines(cells)]
        for row, values in cells:
            names = {"label": row.label, "method": row.method, "variant": row.variant}
            lines += [place | names | line for line in _lines(values, without, (row.method, row.variant))]
    table = pd.DataFrame(lines, columns=list(COLUMNS)).astype(dict.fromkeys(TEXTS, object))  # quicker to go through
    for _, family in table[table["p"].notna()].groupby([*BLOCK, "measure"]):
        table.loc[family.index, "p_holm"] = holm(family["p"])
    return table


TEXTS = ("dataset", "preset", "protocol", "clips", "label", "method", "variant", "measure", "source", "dimension")

What = tuple[str, str, str]
"""Measure, source, dimension."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What the records of a row say, in percent."""

    by_seed: dict[What, dict[int, float]]
    guesses: dict[What, dict[str, float]]
    """Of what is read out: how many ``sentences`` there are, and the share of the ``largest``."""


def _blocks(board: Board) -> dict[tuple, list[tuple[Any, _Numbers]]]:
    """The rows of the board with their numbers, apart for each data set, protocol and set of clips."""
    blocks: dict[tuple, list[tuple[Any, _Numbers]]] = defaultdict(list)
    for row in board.table.itertuples():
        by_clips = defaultdict(list)
        for record in board.scored.get(row_key(row), ()):
            if record.localisation:
                found, n_test = record.localisation, record.data["n_clips"]["test"]
                by_clips[found["n_clips"], found.get("clips_sha256") or "", n_test].append(record)
        for clips, records in by_clips.items():
            blocks[(row.dataset, row.preset, row.protocol, *clips)].append((row, _numbers(records)))
    return dict(sorted(blocks.items()))


def _numbers(records: Sequence[Record]) -> _Numbers:
    by_seed: dict[What, dict[int, float]] = defaultdict(dict)
    guesses = {}
    for record in records:
        found, seed = record.localisation, record.seed
        for measure in ("energy", "pointing"):
            for name, share in found[measure].items():
                by_seed[_map_key(measure, name)][seed] = 100 * share
        for source, dimensions in (found.get("readout") or {}).items():
            for name, hits in dimensions.items():
                key = "readout", source, name
                by_seed[key][seed] = 100 * hits["r1"]
                guesses[key] = {"sentences": hits["sentences"], "largest": 100 * hits["largest"]}
    return _Numbers(by_seed, guesses)


@functools.cache
def _map_key(measure: str, name: str) -> What:
    return (measure, name, "") if name in BLIND or name == "saliency" else (measure, "attention", name)


@functools.cache
def _order(key: What) -> tuple:
    """The dimensions in their own order, then what has none."""
    measure, source, dimension = key
    blind = list(BLIND).index(source) if source in BLIND else -1
    return measure, blind, source, DIMENSIONS.index(dimension) if dimension in DIMENSIONS else -1, dimension


def _blind_lines(cells: Sequence[tuple[Any, _Numbers]]) -> Iterator[dict[str, Any]]:
    """The maps that see no clip are the same in every record of a block."""
    every = {key: by_seed for _, numbers in cells for key, by_seed in numbers.by_seed.items() if key[1] in BLIND}
    for measure, source, dimension in sorted(every, key=_order):
        value = next(iter(every[measure, source, dimension].values()))
        names = dict.fromkeys(("label", "method", "variant"), "")
        yield names | {"measure": measure, "source": source, "dimension": dimension, "value": value}


def _lines(numbers: _Numbers, without: _Numbers, who: tuple[str, str]) -> Iterator[dict[str, Any]]:
    for key in sorted(numbers.by_seed, key=_order):
        measure, source, dimension = key
        if source in BLIND:
            continue
        by_seed = numbers.by_seed[key]
        mean, half_width = _mean(list(by_seed.values()))
        line = {"measure": measure, "source": source, "dimension": dimension, "n_seeds": len(by_seed)}
        line |= {"value": mean, "half_width": half_width} | numbers.guesses.get(key, {})
        if who != WITHOUT:
            theirs = measure, STANDS_FOR[source], dimension if measure == "readout" else ""
            tested = who == REFERENCE and source in TESTED
            line |= _against(by_seed, without.by_seed.get(theirs, {}), tested)
        yield line


def _against(mine: Mapping[int, float], theirs: Mapping[int, float], tested: bool) -> dict[str, Any]:
    """The difference over the seeds that both have, and of a row that is tested what belongs to it."""
    pairs = [(mine[seed], theirs[seed]) for seed in mine if seed in theirs]
    if not pairs:
        return {}
    mean, half_width = _mean([one - other for one, other in pairs])
    line = {"n_pairs": len(pairs), "difference": mean, "diff_half_width": half_width}
    if tested and len(pairs) > 1:
        paired = compare(*np.array(pairs).T)
        line |= {name: getattr(paired, name) for name in ("p", "smallest_p", "d_z", "wins")}
    return line


def _mean(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and half its 95 % interval."""
    return sum(values) / len(values), t_half_width(values)


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
