"""Localisation: where recognizers look, and which sentences can be read out of their embeddings.

FG-SGL's attention is held against gradient saliency of the same model without FG-SA, the category-only model, and
against maps that see no clip; what its local embeddings say of each dimension's sentences, against what the video
embedding of the category-only model says of them. Values are in percent, differences in points, paired by seed.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.records.record import Done
from fgsgl.report.board.board import REFERENCE, Board, row_key
from fgsgl.report.board.comparisons import unequal_seeds
from fgsgl.report.board.rows import MODULES, untrained
from fgsgl.stats.families import judge
from fgsgl.stats.paired import compare, widened
from fgsgl.stats.seeds import t_half_width
from fgsgl.text.fgtext import DIMENSIONS

WITHOUT = MODULES[0]
"""The row that every other is compared with: the category-only model."""
BLIND = {"even": "spread evenly", "centre": "centre of picture and clip", "prior": "mean mask of the training clips"}
STANDS_FOR = {"attention": "saliency", "saliency": "saliency", "local": "video", "video": "video"}
"""The source of the category-only model that each source is compared with."""
TESTED = ("attention", "local")
BLOCK = ["dataset", "preset", "protocol", "n_clips", "clips"]
COLUMNS = (
    *BLOCK, "n_test", "label", "method", "variant", "measure", "source", "dimension", "n_seeds", "value", "half_width",
    "sentences", "largest", "n_pairs", "difference", "diff_half_width", "sim_half_width", "p_t", "p_holm", "p",
    "smallest_p", "d_z", "wins", "note",
)  # fmt: skip
JUDGED = ("difference", "diff_half_width", "sim_half_width", "p_t", "p_holm")


def localisation(board: Board) -> pd.DataFrame:
    """One row a number: ``measure`` ``energy``, ``pointing`` or ``readout`` (R@1) of a ``source``.

    Sources are ``attention`` (of a ``dimension``), ``saliency``, the maps of ``BLIND`` (once for all rows of a board)
    and, of what is read out, ``local`` and ``video`` embeddings. ``value`` is the mean over seeds with half its 95 %
    Student t interval; ``difference`` is to what stands for it in ``FG-SGL w/o fgsa`` with the same seeds and clips;
    a ``note`` says why there is none where their seeds differ. Tested is what FG-SA gives in FG-SGL itself: ``p_t`` by
    a paired t test over seeds, ``p_holm`` and the simultaneous ``sim_half_width`` over the dimensions of a measure,
    which are a family, ``p`` by exact sign flips. Records that were measured on other clips (``clips`` is their
    identity) stand apart; a record without localisation gives no row.
    """
    lines = []
    for block, cells in _blocks(board).items():
        found = (values for row, values in cells if (row.method, row.variant) == WITHOUT)
        without = next(found, _Numbers({}, {}, untrained=False))
        place = dict(zip((*BLOCK, "n_test"), block, strict=True))
        lines += [place | line for line in _blind_lines(cells)]
        for row, values in cells:
            names = {"label": row.label, "method": row.method, "variant": row.variant}
            lines += [place | names | line for line in _lines(values, without, (row.method, row.variant))]
    table = pd.DataFrame(lines, columns=list(COLUMNS)).astype(dict.fromkeys(JUDGED, float))
    table = table.fillna({"note": ""}).astype(dict.fromkeys(TEXTS, object))  # quicker to go through than pandas' own
    for _, family in table[table["p"].notna()].groupby([*BLOCK, "measure"]):
        judged = judge(family["p_t"], [True] * len(family))
        table.loc[family.index, "p_holm"] = judged.adjusted_M
        widths = family[["difference", "diff_half_width", "n_pairs"]].itertuples(index=False)
        table.loc[family.index, "sim_half_width"] = [
            widened(row.difference, row.diff_half_width, int(row.n_pairs), error)
            for row, error in zip(widths, judged.error_M, strict=True)
        ]
    return table


TEXTS = (
    "dataset", "preset", "protocol", "clips", "label", "method", "variant", "measure", "source", "dimension", "note",
)  # fmt: skip

Quantity = tuple[str, str, str]
"""Measure, source, dimension."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Measured values of a row's records, in percent."""

    by_seed: dict[Quantity, dict[int, float]]
    guesses: dict[Quantity, dict[str, float]]
    """Chance level of what is read out: the number of ``sentences``, and the share of the ``largest``."""
    untrained: bool
    """Nothing is random in the row: its one run stands for every seed."""


def _blocks(board: Board) -> dict[tuple, list[tuple[Any, _Numbers]]]:
    """The rows of the board with their numbers, apart for each data set, protocol and set of clips."""
    blocks: dict[tuple, list[tuple[Any, _Numbers]]] = defaultdict(list)
    for row in board.table.itertuples():
        by_clips = defaultdict(list)
        for record in board.scored.get(row_key(row), ()):
            if record.localisation:
                found, n_test = record.localisation, record.data.n_clips.test
                by_clips[found.n_clips, found.clips_sha256 or "", n_test].append(record)
        for clips, records in by_clips.items():
            blocks[(row.dataset, row.preset, row.protocol, *clips)].append((row, _numbers(records)))
    return dict(sorted(blocks.items()))


def _numbers(records: Sequence[Done]) -> _Numbers:
    by_seed: dict[Quantity, dict[int, float]] = defaultdict(dict)
    guesses = {}
    for record in records:
        found, seed = record.localisation, record.seed
        if found is None:
            continue
        for measure in ("energy", "pointing"):
            for name, share in getattr(found, measure).items():
                by_seed[_map_key(measure, name)][seed] = 100 * share
        for source, dimensions in (found.readout or {}).items():
            for name, hits in dimensions.items():
                key = "readout", source, name
                by_seed[key][seed] = 100 * hits.r1
                guesses[key] = {"sentences": hits.sentences, "largest": 100 * hits.largest}
    return _Numbers(by_seed, guesses, untrained=untrained(records[0]))


@functools.cache
def _map_key(measure: str, name: str) -> Quantity:
    return (measure, name, "") if name in BLIND or name == "saliency" else (measure, "attention", name)


@functools.cache
def _order(key: Quantity) -> tuple:
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
        line: dict[str, Any] = {"measure": measure, "source": source, "dimension": dimension, "n_seeds": len(by_seed)}
        line |= {"value": mean, "half_width": half_width} | numbers.guesses.get(key, {})
        if who != WITHOUT:
            theirs = measure, STANDS_FOR[source], dimension if measure == "readout" else ""
            tested = who == REFERENCE and source in TESTED
            line |= _against(numbers, key, without.by_seed.get(theirs, {}), tested)
        yield line


def _against(numbers: _Numbers, key: Quantity, theirs: Mapping[int, float], tested: bool) -> dict[str, Any]:
    """The difference where both have the same seeds, else a note; of a row that is tested what belongs to it."""
    mine = numbers.by_seed[key]
    if not theirs:
        return {}
    if numbers.untrained:
        mine = dict.fromkeys(theirs, next(iter(mine.values())))
    if said := unequal_seeds(mine, theirs):
        return {"note": said}
    pairs = [(mine[seed], theirs[seed]) for seed in sorted(mine)]
    mean, half_width = _mean([one - other for one, other in pairs])
    line: dict[str, Any] = {"n_pairs": len(pairs), "difference": mean, "diff_half_width": half_width}
    if tested and len(pairs) > 1:
        paired = compare(*np.array(pairs).T)
        line |= {name: getattr(paired, name) for name in ("p_t", "p", "smallest_p", "d_z", "wins")}
    return line


def _mean(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean and half its 95 % interval."""
    return sum(values) / len(values), t_half_width(values)
