"""Holds records against their predictions and against themselves, so that no edited or exchanged number is shown.

The metrics are computed anew from the predictions, the cell's id from what the record holds. N clips, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fgsgl.data import datasets
from fgsgl.methods.cell import id_is_its_own
from fgsgl.methods.registry import get, has
from fgsgl.records.predictions import Predictions, predictions_of
from fgsgl.records.reading import MOST_BYTES
from fgsgl.records.record import Done, Record, content_sha256
from fgsgl.records.verdicts import Verdicts, state_of
from fgsgl.training.cell_metrics import HeldOut, held_out, metrics_of
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular

CLOSE = 1e-9
"""Largest difference of two shares that another version of NumPy may make."""
SHOWN = 3
"""Records that an error names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What a check of a ledger's records found."""

    without_predictions: frozenset[str]
    """Finished cells whose predictions are gone, so that nothing bears their numbers out."""
    unknown_ids: frozenset[str]
    """Cells whose id this version cannot compute: of a method that it lacks, or with a text that is not on record."""


def check_records(ledger: Path, records: Iterable[Record]) -> Checked:
    """Checks the records of a ledger; those found in order before are checked again only when their files changed.

    Raises:
        UserError: naming the first records that do not fit, and what does not.
    """
    verdicts, without, unknown, misfits = Verdicts.of(ledger), set(), set(), []
    for record in records:
        paths = [ledger / f"{record.cell_id}.json"]
        predicted = ledger / f"{record.cell_id}.npz"
        if isinstance(record, Done):
            if not predicted.exists():
                without.add(record.cell_id)
                continue
            paths.append(predicted)
        state = state_of(*paths)
        id_known = verdicts.known.get(state)
        if id_known is None:
            try:
                id_known = check_record(ledger, record)
            except UserError as error:
                misfits.append(str(error))
                continue
        verdicts.used[state] = id_known
        if not id_known:
            unknown.add(record.cell_id)
    verdicts.keep()
    _refuse(misfits)
    return Checked(without_predictions=frozenset(without), unknown_ids=frozenset(unknown))


def _refuse(misfits: Sequence[str]) -> None:
    if misfits:
        more = f"; and {len(misfits) - SHOWN} more record(s)" if len(misfits) > SHOWN else ""
        raise UserError("; ".join(misfits[:SHOWN]) + more)


def check_record(ledger: Path, record: Record) -> bool:
    """Checks one record, and says whether this version could compute its cell's id.

    Raises:
        UserError: saying what does not fit.
    """
    path = ledger / f"{record.cell_id}.json"
    if record.content_sha256 is not None:
        content: Any = msgspec.json.decode(read_regular(path, MOST_BYTES))
        if content_sha256(content) != record.content_sha256:
            raise UserError(
                f"the record {path} was changed after it was written: its content_sha256 is another; bring back the "
                "file that the cell wrote, or run the cell again"
            )
    try:
        own = id_is_its_own(record)
    except UserError as error:
        raise UserError(f"the record {path} cannot stand on a board: {error}") from None
    if own is False:
        raise UserError(
            f"the record {path} is of another cell: its id does not follow from the method, settings, weights, text, "
            "protocol, seed and data in it; bring back the file that the cell wrote, or run the cell again"
        )
    if isinstance(record, Done) and (says := _unlike(record, predictions_of(ledger, record))):
        raise UserError(
            f"the record {path} does not follow from its predictions: {says}; bring back the files that the cell "
            "wrote, or run the cell again"
        )
    return own is True


def _unlike(record: Done, predictions: Predictions) -> str:
    """The first number of a record that its predictions do not give; empty: there is none."""
    found = metrics_of(predictions, datasets.get(record.protocol.dataset), held_out_of(record))
    fields: tuple[tuple[str, Any, Any], ...] = (("metrics", found, record.metrics),)
    n_clips, n_subjects = record.data.n_clips, record.data.n_subjects
    split = record.protocol.scored_split
    if len(predictions.labels) == getattr(n_clips, split):
        majority = float(np.bincount(predictions.labels).max() / len(predictions.labels))
        subjects = len(np.unique(predictions.subjects))
        fields += (
            ("data.majority", majority, record.data.majority),
            (f"data.n_subjects.{split}", subjects, getattr(n_subjects, split)),
        )
    for name, right, stated in fields:
        if right != stated:
            plain: tuple[Any, Any] = msgspec.to_builtins(right), msgspec.to_builtins(stated)
            if says := _first_difference(plain[0], plain[1], name):
                return says
    return ""


def held_out_of(record: Done) -> HeldOut | None:
    """The classes that the record's protocol held out; of a method that this version lacks, the record says itself
    which of its scores can name them."""
    if has(record.method):
        method = get(record.method)
        known = {name: value for name, value in record.config.settings.items() if name in method.settings}
        return held_out(record.protocol, record.data.classes, method, method.resolve(known))
    if not record.metrics.unseen:
        return None
    names = [name for name, scores in record.metrics.unseen.items() if scores.unseen is not None]
    return HeldOut(classes=record.protocol.regime.held_out(record.data.classes), text_scores=names)


def _first_difference(right: Any, stated: Any, place: str) -> str:
    """``metrics.top1 is 0.9, they give 0.5``: where two plain values differ first; empty: nowhere."""
    if isinstance(right, dict) and isinstance(stated, dict):
        pairs = ((right.get(name), stated.get(name), f"{place}.{name}") for name in {**right, **stated})
        return next(filter(None, (_first_difference(*pair) for pair in pairs)), "")
    if isinstance(right, list) and isinstance(stated, list) and len(right) == len(stated):
        pairs = ((*both, f"{place}[{index}]") for index, both in enumerate(zip(right, stated, strict=True)))
        return next(filter(None, (_first_difference(*pair) for pair in pairs)), "")
    if isinstance(right, float) and isinstance(stated, float | int):
        same = math.isclose(right, stated, rel_tol=0, abs_tol=CLOSE)
    else:
        same = right == stated
    return "" if same else f"{place} is {stated!r:.40}, they give {right!r:.40}"
