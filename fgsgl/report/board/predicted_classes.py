"""The predicted class of each test clip, and how sure it is, from the predictions beside a cell's record.

Scores of all classes are not kept: of a thousand classes they would fill the memory.

A file is opened only where a number needs it (an interval over clips, a test over subjects, two rows that may be the
same), and only once. N clips, C classes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fgsgl.records.predictions import Predictions, predictions_of
from fgsgl.records.record import Done
from fgsgl.stats.calibration import confidence


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictedClasses:
    """Predicted classes of one cell, its clips sorted by their id: those of two cells with one split are pairs."""

    class_N: np.ndarray
    """(N,) the class with the highest combined score, from 0."""
    label_N: np.ndarray
    """(N,) the true class, from 0."""
    confidence_N: np.ndarray
    """(N,) the probability of the predicted class; NaN where a clip's scores are no probabilities."""
    correct_N: np.ndarray
    """(N,) bool"""
    subject_N: np.ndarray
    """(N,) str"""
    scores_sha256: str
    """Digest of the combined scores, to the last bit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionCache:
    """Predicted classes of a ledger's cells, each read once."""

    ledger: Path
    _read: dict[str, PredictedClasses | None] = field(default_factory=dict)

    def read(self, record: Done) -> PredictedClasses | None:
        """The predicted classes of a finished cell; None if no predictions lie beside its record.

        Raises:
            UserError: from :func:`predictions_beside`.
        """
        if record.cell_id not in self._read:
            predictions = predictions_beside(self.ledger, record)
            self._read[record.cell_id] = None if predictions is None else _classes(predictions)
        return self._read[record.cell_id]


def predictions_beside(ledger: Path, record: Done) -> Predictions | None:
    """The predictions of a finished cell, checked against its record; None if there is no such file.

    Raises:
        UserError: from :func:`fgsgl.records.predictions.predictions_of`.
    """
    return predictions_of(ledger, record) if (ledger / f"{record.cell_id}.npz").exists() else None


def _classes(predictions: Predictions) -> PredictedClasses:
    order_N = np.argsort(predictions.clip_ids)
    scores_NC = np.ascontiguousarray(predictions.scores["combined"][order_N])
    class_N, label_N = scores_NC.argmax(axis=1), predictions.labels[order_N]
    return PredictedClasses(
        class_N=class_N,
        label_N=label_N,
        confidence_N=confidence(scores_NC),
        correct_N=class_N == label_N,
        subject_N=predictions.subjects[order_N],
        scores_sha256=hashlib.sha256(scores_NC.data).hexdigest(),
    )
