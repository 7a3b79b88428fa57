"""The metrics of a cell's record, from its predictions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import asdict

from fgsgl.data.datasets.base import DataSet
from fgsgl.methods.method import Method, Settings
from fgsgl.records.predictions import Predictions
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Metrics, scored_sha256
from fgsgl.stats.metrics import classification_metrics, grouped_metrics, pair_accuracy
from fgsgl.stats.unseen import unseen_scores


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut:
    """Classes held out of training, where the test split is scored on them."""

    classes: tuple[int, ...]
    text_scores: Collection[str]
    """Names of the scores that can name them (:attr:`fgsgl.methods.method.Method.text_scores`)."""


def held_out(protocol: Protocol, classes: Sequence[str], method: Method, settings: Settings) -> HeldOut | None:
    """What a cell is scored on besides; None where no class is held out, or the test split stays sealed.

    Args:
        protocol: of the cell.
        classes: names of all classes.
        method, settings: of the cell, every setting with its value.
    """
    unseen = protocol.regime.held_out(classes)
    if not unseen or protocol.scored_split != "test":
        return None
    return HeldOut(classes=unseen, text_scores=method.text_scores(settings))


def metrics_of(predictions: Predictions, dataset: DataSet, held: HeldOut | None = None) -> Metrics:
    """The metrics of every score, those of groups and pairs of classes and of classes held out, and the identity
    of the scored clips. With classes held out, the pairs are those of two seen ones."""
    by_name = {
        name: classification_metrics(predictions.labels, scores_NC) for name, scores_NC in predictions.scores.items()
    }
    fields = asdict(by_name.pop("combined"))
    if dataset.groups is not None:
        scores_NC = predictions.scores["combined"]
        fields |= asdict(grouped_metrics(predictions.labels, scores_NC, np.array(dataset.groups)))
    if held is not None:
        fields["unseen"] = {
            name: unseen_scores(predictions.labels, scores_NC, held.classes, name in held.text_scores)
            for name, scores_NC in predictions.scores.items()
        }
    fine, scores_NC = dataset.fine_pairs, predictions.scores["combined"]
    if fine is not None and scores_NC.shape[1] == fine.n_classes:
        # A method without text scores an unseen class 0 always, which would count as 0.5 in each of its pairs.
        unseen = held.classes if held is not None else ()
        seen_pairs = [pair for pair in fine.pairs if set(pair).isdisjoint(unseen)]
        fields["fine_pairs"] = pair_accuracy(predictions.labels, scores_NC, seen_pairs)
    return Metrics(**fields, by_score=by_name, scored_sha256=scored_sha256(predictions.clip_ids))
