"""The metrics of a cell's record, from its predictions."""

from __future__ import annotations

import numpy as np
from msgspec.structs import asdict

from fgsgl.data.datasets.base import DataSet
from fgsgl.records.predictions import Predictions
from fgsgl.records.record import Metrics, scored_sha256
from fgsgl.stats.metrics import classification_metrics, grouped_metrics, pair_accuracy


def metrics_of(predictions: Predictions, dataset: DataSet) -> Metrics:
    """The metrics of every score, those of groups and pairs of classes, and the identity of the scored clips."""
    by_name = {
        name: classification_metrics(predictions.labels, scores_NC) for name, scores_NC in predictions.scores.items()
    }
    fields = asdict(by_name.pop("combined"))
    if dataset.groups is not None:
        scores_NC = predictions.scores["combined"]
        fields |= asdict(grouped_metrics(predictions.labels, scores_NC, np.array(dataset.groups)))
    fine, scores_NC = dataset.fine_pairs, predictions.scores["combined"]
    if fine is not None and scores_NC.shape[1] == fine.n_classes:
        fields["fine_pairs"] = pair_accuracy(predictions.labels, scores_NC, fine.pairs)
    return Metrics(**fields, by_score=by_name, scored_sha256=scored_sha256(predictions.clip_ids))
