import math

import pytest
import torch

from fgsgl.models.fgsgl.losses import LogitScale, contrastive_loss, level_weights, similarity_BC

POSITIVES_CC = torch.eye(5, dtype=torch.bool)
POSITIVES_CC[1, 3] = POSITIVES_CC[3, 1] = True  # classes 1 and 3 share a text


def slow_contrastive_loss(
    logits: list[list[float]], labels: list[int], positives: list[list[bool]], v2t: bool, t2v: bool
) -> float:
    """The definition, word by word."""
    clips, classes = range(len(labels)), range(len(positives))
    parts = []
    if v2t:
        losses = []
        for b in clips:
            total = sum(math.exp(logits[b][c]) for c in classes)
            terms = [-math.log(math.exp(logits[b][c]) / total) for c in classes if positives[labels[b]][c]]
            losses.append(sum(terms) / len(terms))
        parts.append(sum(losses) / len(losses))
    if t2v:
        losses, seen = [], []
        for c in labels:
            if any(positives[c][other] for other in seen):
                continue  # this text was counted already
            seen.append(c)
            total = sum(math.exp(logits[b][c]) for b in clips)
            terms = [-math.log(math.exp(logits[b][c]) / total) for b in clips if positives[c][labels[b]]]
            losses.append(sum(terms) / len(terms))
        parts.append(sum(losses) / len(losses))
    return sum(parts) / len(parts)


@pytest.mark.parametrize("labels", [[0, 1, 1, 3, 4, 2], [2], [1, 3, 3], [4, 4, 4, 4]])
@pytest.mark.parametrize("directions", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("shared", [True, False])
def test_loss_equals_the_slow_definition(labels: list[int], directions: tuple[bool, bool], shared: bool) -> None:
    positives_CC = POSITIVES_CC if shared else torch.eye(5, dtype=torch.bool)
    text_CE = torch.nn.functional.normalize(torch.randn(5, 8), dim=-1)
    if shared:
        text_CE[3] = text_CE[1]
    logits_BC = similarity_BC(torch.randn(len(labels), 8), text_CE, torch.tensor(7.0))
    fast = contrastive_loss(logits_BC, torch.tensor(labels), positives_CC, *directions)
    slow = slow_contrastive_loss(logits_BC.tolist(), labels, positives_CC.tolist(), *directions)
    assert fast.item() == pytest.approx(slow, rel=1e-5)


def test_no_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="direction"):
        contrastive_loss(torch.zeros(2, 5), torch.tensor([0, 1]), POSITIVES_CC, v2t=False, t2v=False)


def test_logits_are_scaled_cosines() -> None:
    text_CE = torch.eye(3)
    logits_BC = similarity_BC(torch.tensor([[0.0, 5.0, 0.0]]), text_CE, torch.tensor(10.0))
    torch.testing.assert_close(logits_BC, torch.tensor([[0.0, 10.0, 0.0]]))


def test_the_temperature_stays_in_its_range_and_can_come_back() -> None:
    scale = LogitScale(temperature=0.07, maximum=100.0)
    assert scale().item() == pytest.approx(1 / 0.07)
    for outside, inside in ((9.0, 100.0), (-3.0, 1.0)):
        with torch.no_grad():
            scale.log_scale.fill_(outside)
        scale.log_scale.grad = None
        value = scale()
        assert value.item() == pytest.approx(inside)
        value.backward()
        assert scale.log_scale.grad.item() != 0


def test_coarse_to_fine_over_the_epochs() -> None:
    weights = [level_weights("coarse_to_fine", epoch / 12) for epoch in range(13)]
    assert all(category == 1 for category, _ in weights)
    fine = [weight for _, weight in weights]
    assert fine[:5] == pytest.approx([0] * 5)
    assert fine[4:9] == pytest.approx([step / 4 for step in range(5)])
    assert fine[8:] == pytest.approx([1] * 5)


def test_the_other_schedules() -> None:
    for epoch in range(13):
        assert level_weights("joint", epoch / 12) == (1, 1)
        assert level_weights("fine_to_coarse", epoch / 12) == level_weights("coarse_to_fine", epoch / 12)[::-1]
