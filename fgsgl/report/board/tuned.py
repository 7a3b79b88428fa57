"""Tuned rows: the settings that their search chose, its cost, and the sentences about them under a board."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from fgsgl.methods.method import RECIPE, TUNABLE
from fgsgl.records.plan_file import Tuning
from fgsgl.records.record import MethodConfig, Record
from fgsgl.records.row_key import RowKey
from fgsgl.report.board.rows import part_of, reference_of, row_key
from fgsgl.util.escaping import printable

COUNTS = ("studies", "trials", "pruned_trials", "failed_trials")
HOURS = ("cell_hours", "gpu_hours")
TEXTS = ("space", "objective", "sampler", "pruner", "settings")
DEFAULT = "the default settings"


def columns(
    keys: Iterable[RowKey], cells: Mapping[RowKey, Sequence[Record]], tunings: Iterable[Tuning]
) -> dict[RowKey, dict[str, Any]]:
    """The columns ``COUNTS``, ``HOURS`` and ``TEXTS`` of every tuned row, as far as they are known.

    ``settings`` are those that its cells have other than the row of the default settings, seed by seed; nothing where
    there is no such row.
    """
    searches = {(tuning.method, tuning.variant, tuning.protocol_hash): tuning for tuning in tunings}
    found = {}
    for key in keys:
        if key.is_tuned:
            search = searches.get((key.method, key.variant, key.protocol))
            group, default = cells.get(key, ()), cells.get(reference_of(key), ())
            found[key] = {"settings": _settings(group, default[0]) if group and default else ""}
            found[key] |= _billed(search) if search else {}
    return found


def _billed(search: Tuning) -> dict[str, Any]:
    return {
        "studies": len(search.studies), "trials": search.trials, "pruned_trials": search.pruned,
        "failed_trials": search.failed, "cell_hours": search.cell_hours, "gpu_hours": search.gpu_hours,
        "space": printable(search.space), "objective": printable(", ".join(search.objective)),
        "sampler": printable(search.sampler), "pruner": printable(search.pruner),
    }  # fmt: skip


def _settings(group: Sequence[Record], default: Record) -> str:
    """``lora_rank=4`` if all seeds have it; else ``seeds 0, 2: lora_rank=4; seed 1: the default settings``."""
    seeds = defaultdict(list)
    for record in group:
        seeds[assignments(changes(record.config, default.config))].append(str(record.seed))
    if len(seeds) == 1:
        return next(iter(seeds))
    return "; ".join(f"seed{'s' * (len(of) > 1)} {', '.join(of)}: {text}" for text, of in seeds.items())


def changes(config: MethodConfig, default: MethodConfig) -> dict[str, Any]:
    """Settings in which one record's config differs from another, by name; those of the recipe as ``recipe.lr``."""
    mine, theirs = _flat(config), _flat(default)
    return {name: value for name, value in mine.items() if value != theirs.get(name)}


def _flat(config: MethodConfig) -> dict[str, Any]:
    recipe = config.recipe or {}
    return {**config.settings, **{f"{RECIPE}{name}": recipe[name] for name in TUNABLE if name in recipe}}


def assignments(values: Mapping[str, Any]) -> str:
    """``lora_rank=4, recipe.lr=0.0012``; four digits of a number suffice a reader, the records have all."""
    texts = (f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items())
    return printable(", ".join(texts)) or DEFAULT


def notes(table: pd.DataFrame, cells: Mapping[RowKey, Sequence[Record]], tunings: Sequence[Tuning]) -> Iterator[str]:
    """Sentences under a board on its tuned rows, and on searches that have none.

    Args:
        table: the board's.
        cells: the records of its rows.
        tunings: the searches that its plan knows.
    """
    tuned = [row for row in table.itertuples() if part_of(row) == "tuned"]
    if tuned:
        yield (
            "Tuned rows stand apart: a search chose their settings by the validation split. Search h: hours of all "
            "cells of the trials, in brackets the part on a GPU."
        )
    for row in tuned:
        yield f"{row.label}: {_search(row)}. {_chosen(row, cells.get(row_key(row), ()))}"
    efforts = {row.label: row.trials for row in tuned if not pd.isna(row.trials)}
    if len(set(efforts.values())) > 1:
        counts = ", ".join(f"{label} {trials}" for label, trials in efforts.items())
        yield f"The tuned rows had different numbers of trials ({counts}): they were not searched alike."
    shown = {(row.method, row.variant, row.protocol) for row in tuned}
    for search in tunings:
        if (search.method, search.variant, search.protocol_hash) not in shown:
            yield (
                f"{search.method}: searched in {search.trials} trials ({search.failed} failed, "
                f"{search.cell_hours:.2f} hours), and has no tuned row."
            )


def superseded(records: Sequence[Record], cells: Mapping[RowKey, Sequence[Record]]) -> Iterator[str]:
    """Sentences on records that belong to no row."""
    placed = {record.cell_id for group in cells.values() for record in group}
    left = Counter(record.method for record in records if record.cell_id not in placed)
    for method, count in sorted(left.items()):
        yield f"{method}: {count} cell(s) of the ledger have settings that an earlier search chose, and are in no row."


def _search(row: Any) -> str:
    if pd.isna(row.trials):
        return "the plan of this board knows no search for it, so its trials and hours cannot be told"
    ended = ", ".join(f"{n} {how}" for n, how in ((row.pruned_trials, "pruned"), (row.failed_trials, "failed")) if n)
    studies = f"{row.studies} independent studies" if row.studies > 1 else "1 study"
    return (
        f"{row.trials} trials in {studies}{f' ({ended})' if ended else ''} over the space {row.space}, by "
        f"{row.objective}, with {row.sampler} and {row.pruner}: {row.cell_hours:.2f} hours, {row.gpu_hours:.2f} of "
        "them on a GPU"
    )


def _chosen(row: Any, group: Sequence[Record]) -> str:
    """A sentence on the chosen settings, and on what the interval is over."""
    if not group:
        return "No cell of it has run."
    configs = {str(changes(record.config, group[0].config)) for record in group}
    settings = f" ({row.settings})" if row.settings else ""
    said = f"All its cells have the same settings{settings}: its spread does not tell what another search would find."
    if len(configs) > 1:
        said = f"Its seeds have the settings of different studies{settings}: its spread is that of search and training."
    if DEFAULT in row.settings:
        said += " Where a search chose the defaults, its cells are those of the default row, and the difference is 0."
    return said
