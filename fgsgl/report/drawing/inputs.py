"""Inputs of a board's figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from fgsgl.records.predictions import Predictions
from fgsgl.records.record import Done
from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board.board import REFERENCE, Board, row_key
from fgsgl.report.board.predicted_classes import predictions_beside
from fgsgl.report.board.rows import RowKey


@dataclass(frozen=True)
class Inputs:
    """A board with its designs, evaluated; predictions that one figure reads are kept for the next."""

    board: Board
    ablations: Sequence[Ablation] = ()
    """The board's designs, evaluated."""
    _predictions: dict[RowKey, list[Predictions]] = field(default_factory=dict)

    def scored(self, row: Any) -> tuple[Done, ...]:
        """The records behind the numbers of a row of the board's table, by seed."""
        return self.board.scored.get(row_key(row), ())

    def predictions(self, row: Any) -> list[Predictions]:
        """The predictions of every seed of a row from :meth:`with_predictions`.

        Raises:
            UserError: from :func:`fgsgl.report.board.predicted_classes.predictions_beside`.
        """
        key = row_key(row)
        if key not in self._predictions:
            ledger = self.board.folder / "ledger"
            found = (predictions_beside(ledger, record) for record in self.scored(row))
            self._predictions[key] = [predictions for predictions in found if predictions is not None]
        return self._predictions[key]

    @cached_property
    def _predicted(self) -> set[str]:
        """The cells whose predictions lie beside their records."""
        return {path.stem for path in (self.board.folder / "ledger").glob("*.npz")}

    def with_predictions(self) -> list[Any]:
        """The rows of measured methods whose predictions lie beside their records: FG-SGL first, then full methods,
        then variants, each the best first."""
        rows = [row for row in self.board.table.itertuples() if row.kind == "method" and row.n_seeds]
        rows = [row for row in rows if all(record.cell_id in self._predicted for record in self.scored(row))]
        return sorted(rows, key=lambda row: ((row.method, row.variant) != REFERENCE, row.variant != "full", row.Index))


def factorial_designs(inputs: Inputs) -> Iterator[tuple[str, Ablation, pd.DataFrame]]:
    """The factorial designs of which every arm has a seed: suffix (none where there is one design), design, effects."""
    found = [(one, one.effects) for one in inputs.ablations if one.effects is not None]
    for number, (ablation, effects) in enumerate(found, start=1):
        yield f"-{number}" if len(found) > 1 else "", ablation, effects
