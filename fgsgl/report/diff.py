"""`fgsgl diff`: the differences between two cells: settings, data, code, hardware, results.

N clips, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import to_builtins
from msgspec.structs import asdict

from fgsgl.records.find import find_record
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import Predictions, predictions_of
from fgsgl.records.reading import read_record
from fgsgl.records.record import METRICS, MORE_METRICS, Done, Record
from fgsgl.report.board.board import label
from fgsgl.report.formatting import EMPTY, number
from fgsgl.training.record_check import check_record
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import printable

if TYPE_CHECKING:
    from rich.console import Console

LONGEST = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One value that differs between two cells."""

    group: str
    """``cell``, ``config``, ``protocol``, ``data``, ``versions``, ``code`` or ``hardware``."""
    name: str
    """Nested names are joined by dots."""
    one: Any
    other: Any
    """None: that cell's record does not have it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionChange:
    """Difference between the predictions of two cells on the clips that both scored, by their combined score."""

    n: int
    changed: int
    """Clips whose predicted class differs."""
    largest: float
    """The largest difference of a probability."""
    identical: bool
    """Every score of every clip is the same, bit for bit, and both scored the same clips with the same labels."""


def differences(one: Record, other: Record) -> tuple[Difference, ...]:
    """Every value that differs, except results and times, group by group."""
    return tuple(
        Difference(group=group, name=name, one=mine, other=theirs)
        for (group, values), (_, others) in zip(_groups(one), _groups(other), strict=True)
        for name, mine, theirs in changed(values, others)
    )


def changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(name, value of one, value of the other) wherever two nested mappings differ."""
    mine, theirs = dict(_flat(one)), dict(_flat(other))
    for name in mine | theirs:
        if mine.get(name) != theirs.get(name):
            yield name, mine.get(name), theirs.get(name)


def prediction_change(mine: Predictions, one_id: str, theirs: Predictions, other_id: str) -> PredictionChange:
    """Compares the predictions of two cells, whose ids errors name.

    Raises:
        UserError: if the two have no clip in common or other classes.
    """
    place = {clip_id: index for index, clip_id in enumerate(theirs.clip_ids.tolist())}
    both = [(index, place[clip]) for index, clip in enumerate(mine.clip_ids.tolist()) if clip in place]
    if not both:
        raise UserError(f"no clip was scored by both cell {one_id} and cell {other_id}, so no answers can be compared")
    mine_N, theirs_N = np.transpose(both)
    mine_NC, theirs_NC = mine.scores["combined"][mine_N], theirs.scores["combined"][theirs_N]
    if mine_NC.shape != theirs_NC.shape:
        raise UserError(f"cell {one_id} scores {mine_NC.shape[1]} classes and cell {other_id} {theirs_NC.shape[1]}")
    same_scores = mine.scores.keys() == theirs.scores.keys() and all(
        np.array_equal(table_NC[mine_N], theirs.scores[name][theirs_N]) for name, table_NC in mine.scores.items()
    )
    return PredictionChange(
        n=len(both),
        changed=int((mine_NC.argmax(1) != theirs_NC.argmax(1)).sum()),
        largest=float(np.abs(mine_NC - theirs_NC).max()),
        identical=same_scores
        and len(mine.clip_ids) == len(theirs.clip_ids) == len(both)
        and np.array_equal(mine.labels[mine_N], theirs.labels[theirs_N])
        and np.array_equal(mine.subjects[mine_N], theirs.subjects[theirs_N]),
    )


def find(name: str, folder: Path | None) -> tuple[Path, Record]:
    """The ledger and the record of a cell.

    Args:
        name: the path of a record's file, or a cell of the folder, as for :func:`fgsgl.records.find.find_record`.
        folder: the board's; None: ``name`` is a file.

    Raises:
        UserError: if there is no such cell, or several.
    """
    path = Path(name)
    if folder is not None and path.suffix != ".json":
        ledger = Ledger(folder / "ledger")
        return ledger.folder, find_record(name, ledger)
    if not path.is_file():
        raise UserError(
            f"no record at {name}; give the file <board>/ledger/<cell id>.json, or cells of one board after its folder"
        )
    return path.parent, read_record(path)


def show(one: str, other: str, folder: Path | None, console: Console) -> None:
    """Prints what differs between two cells; arguments as for :func:`find`.

    Raises:
        UserError: as :func:`find`; and after the table, if a record does not fit its predictions or itself.
    """
    from rich.table import Table
    from rich.text import Text

    (ledger, mine), (others_ledger, theirs) = find(one, folder), find(other, folder)
    for side, record in (("one", mine), ("other", theirs)):
        who = label(record.config.display_name, record.variant)
        console.print(f"{side}: cell {record.cell_id}, {who}, seed {record.seed}", markup=False, highlight=False)
    table = Table("", "what", "one", "other", "difference")
    for found in differences(mine, theirs):
        table.add_row(found.group, Text(printable(found.name)), Text(_shown(found.one)), Text(_shown(found.other)))
    table.add_section()
    for name, value, others in _results(mine, theirs):
        change = EMPTY if value is None or others is None else number(others - value, 2, sign="+")
        shown = (EMPTY if one_value is None else number(one_value, 2) for one_value in (value, others))
        table.add_row("results", Text(name), *shown, change)
    console.print(table)
    try:
        for folder_of, record in ((ledger, mine), (others_ledger, theirs)):
            check_record(folder_of, record)
    except UserError as error:  # what the records say has been compared all the same
        raise UserError(f"answers not compared: {error}") from None
    if isinstance(mine, Done) and isinstance(theirs, Done):
        answers = predictions_of(ledger, mine), predictions_of(others_ledger, theirs)
        try:
            text = _change_text(prediction_change(answers[0], mine.cell_id, answers[1], theirs.cell_id))
        except UserError as error:  # two cells of different data, say
            text = f"answers not compared: {error}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _change_text(found: PredictionChange) -> str:
    if found.identical:
        return f"identical: every score of all {found.n} clips is the same, bit for bit"
    return (
        f"{found.changed} of {found.n} clips changed their prediction; the largest difference of a probability is "
        f"{found.largest:.2g}"
    )


def _groups(record: Record) -> Iterator[tuple[str, Mapping[str, Any]]]:
    whole = to_builtins(record)
    cell = {name: whole[name] for name in ("method", "variant", "kind", "seed", "status")}
    yield "cell", cell | {"budget_epochs": whole["budget_epochs"], "failure": whole["failure"] or {}}
    yield "config", {**whole["config"], "pretraining": record.pretraining}
    yield "protocol", whole["protocol"]
    yield "data", whole["data"]
    code = {name: value for name, value in whole["environment"].items() if name.startswith("git_")}
    yield "versions", {name: value for name, value in whole["environment"].items() if name not in code}
    yield "code", code
    yield "hardware", whole["hardware"]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _results(one: Record, other: Record) -> Iterator[tuple[str, float | None, float | None]]:
    """Every share of either cell, in percent, and the numbers of the model selection on the validation split."""
    mine, theirs = _shares(one), _shares(other)
    for name in mine | theirs:
        yield name, mine.get(name), theirs.get(name)


def _shares(record: Record) -> dict[str, float]:
    shares = {}
    if isinstance(record, Done):
        found = asdict(record.metrics)
        shares = {f"{name} %": 100 * found[name] for name in (*METRICS, *MORE_METRICS) if found[name] is not None}
        shares |= {f"{score} top1 %": 100 * scores.top1 for score, scores in record.metrics.by_score.items()}
    return shares | {name: value for name, value in record.selection.items() if isinstance(value, int | float)}


def _shown(value: Any) -> str:
    text = EMPTY if value is None else printable(str(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
