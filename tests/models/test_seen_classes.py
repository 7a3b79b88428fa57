"""Classes held out of training: no loss and no calibration reads their columns, and only class text can name them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn.functional import cross_entropy

from fgsgl.models.baselines.seen_heads import SeenCrossEntropy
from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.seen_classes import SeenClasses

UNSEEN = (1, 2, 9)  # of 17; the samples have 0, 3, 5, 14 and 16


def test_all_classes_seen_changes_nothing() -> None:
    seen, logits_BC, labels_B = SeenClasses(4), torch.randn(2, 4), torch.tensor([0, 3])
    assert seen.columns(logits_BC) is logits_BC and seen.labels(labels_B) is labels_B
    assert seen.closed(logits_BC) is logits_BC and seen.neutral(logits_BC) is logits_BC


def test_columns_and_labels_fit_each_other() -> None:
    seen, logits_BC = SeenClasses(5, (1, 3)), torch.arange(10.0).view(2, 5)
    assert seen.columns(logits_BC).tolist() == [[0, 2, 4], [5, 7, 9]]
    assert seen.labels(torch.tensor([0, 2, 4])).tolist() == [0, 1, 2]
    assert seen.pairs(torch.arange(25).view(5, 5)).tolist() == [[0, 2, 4], [10, 12, 14], [20, 22, 24]]
    assert seen.closed(logits_BC).softmax(1)[:, [1, 3]].tolist() == [[0, 0], [0, 0]]
    assert seen.neutral(logits_BC).tolist() == [[0, 2, 2, 2, 4], [5, 7, 7, 7, 9]]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_heads_is_that_of_a_head_with_the_seen_classes_alone(smoothing: float) -> None:
    loss, scores_BC = SeenCrossEntropy(num_classes=6, unseen=(0, 4)), torch.randn(3, 6)
    labels_B = torch.tensor([1, 3, 5])
    given = labels_B
    if smoothing:  # as MMAction2's heads do it
        given = (1 - smoothing) * torch.nn.functional.one_hot(labels_B, 6) + smoothing / 6
    wanted = cross_entropy(scores_BC[:, [1, 2, 3, 5]], torch.tensor([0, 2, 3]), label_smoothing=smoothing)
    torch.testing.assert_close(loss(scores_BC, given), wanted)


CHANGES = [
    {},
    {"cpa": False},
    {"head": "both", "label_smoothing": 0.1},
    {"fgsa": False},
    {"fine_t2v": False, "multi_positive": False},
    {"loss_category": 0.0},
]


def loss_of(model: FGSGL, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]) -> torch.Tensor:
    loss, _ = model.parse_losses(model(clip_BTCHW, samples, mode="loss"))
    return loss


def spoil(model: FGSGL) -> None:
    """Other text, and other rows of the linear layer, for the unseen classes alone."""
    with torch.no_grad():
        if hasattr(model, "fine_text_CDE"):
            model.fine_text_CDE[list(UNSEEN)] = torch.randn(len(UNSEEN), *model.fine_text_CDE.shape[1:])
        if hasattr(model, "linear"):
            model.linear[1].weight[list(UNSEEN)] += 3
            model.linear[1].bias[list(UNSEEN)] += 3
        if hasattr(model, "category_text"):
            forward = model.category_text.forward

            def spoiled(*given: object) -> torch.Tensor:
                text_CE = forward(*given).clone()
                text_CE[list(UNSEEN)] = torch.randn(len(UNSEEN), text_CE.shape[1])
                return text_CE

            model.category_text.forward = spoiled


@pytest.mark.parametrize("changes", CHANGES)
def test_the_loss_does_not_depend_on_what_unseen_classes_are(
    changes: dict, build: Callable[..., FGSGL], clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]
) -> None:
    whole, held = build(**changes), build(unseen=UNSEEN, **changes)
    before = loss_of(held, clip_BTCHW, samples)
    spoil(held)
    assert loss_of(held, clip_BTCHW, samples) == before
    whole_before = loss_of(whole, clip_BTCHW, samples)
    spoil(whole)
    assert loss_of(whole, clip_BTCHW, samples) != whole_before != before  # where all are seen, it does


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, {"combined", "category", "fine"}),
        ({"fgsa": False}, {"combined", "category"}),
        ({"loss_fine": 0.0}, {"combined", "category"}),
        ({"cpa": False}, {"combined", "fine"}),
        ({"head": "both"}, {"combined", "category", "fine"}),
        ({"cpa": False, "fine_at_test": False}, {"fine"}),
        ({"cpa": False, "fgsa": False}, set()),
        ({"loss_category": 0.0}, {"combined", "fine"}),
    ],
)
def test_the_scores_by_text_are_those_that_tell_unseen_classes_apart(
    changes: dict, named: set[str], build: Callable[..., FGSGL], clip_BTCHW: torch.Tensor
) -> None:
    model = build(unseen=UNSEEN, **changes).eval()
    assert set(model.config.text_scores) == named
    answered = model(clip_BTCHW, None, mode="predict")
    for name, field in (("combined", "pred_score"), ("category", "category_score"), ("fine", "fine_score")):
        if field not in answered[0]:
            assert name not in named
            continue
        scores_BU = torch.stack([getattr(sample, field) for sample in answered])[:, list(UNSEEN)]
        assert (scores_BU.std(1) > 1e-6).any() == (name in named), name
        if name not in named:
            assert (scores_BU > 0).all() if "combined" in named else not scores_BU.any(), "neutral, or never named"


def test_calibration_reads_no_column_of_an_unseen_class(build: Callable[..., FGSGL]) -> None:
    random = np.random.default_rng(0)
    labels_N = np.array([label for label in range(17) if label not in UNSEEN] * 6)
    category_NC, fine_NC = random.normal(size=(2, len(labels_N), 17))
    category_NC[np.arange(len(labels_N)), labels_N] += 2
    fine_NC[np.arange(len(labels_N)), labels_N] += 1
    model = build(unseen=UNSEEN)
    fitted = model.calibrate(category_NC, fine_NC, labels_N)
    category_NC[:, list(UNSEEN)] += 9
    fine_NC[:, list(UNSEEN)] -= 9
    assert model.calibrate(category_NC, fine_NC, labels_N) == fitted
    assert build().calibrate(category_NC, fine_NC, labels_N) != fitted
