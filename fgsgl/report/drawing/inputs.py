"""Inputs of a board's figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from fgsgl.records.record import Done
from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board.board import REFERENCE, Board, row_key
from fgsgl.report.board.predicted_classes import PredictedClasses


@dataclass(frozen=True)
class Inputs:
    """A board with its designs, evaluated."""

    board: Board
    ablations: Sequence[Ablation] = ()
    """The board's designs, evaluated."""

    def scored(self, row: Any) -> tuple[Done, ...]:
        """The records behind the numbers of a row of the board's table, by seed."""
        return self.board.scored.get(row_key(row), ())

    def predictions(self, row: Any) -> list[PredictedClasses]:
        """The predicted classes of every seed of a row from :meth:`with_predictions`.

        Raises:
            UserError: from :meth:`fgsgl.report.board.predicted_classes.PredictionCache.read`.
        """
        found = map(self.board.predictions.read, self.scored(row))
        return [predictions for predictions in found if predictions is not None]

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
