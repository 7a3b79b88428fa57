"""The frozen tower: zero-shot scores against their definition, and a probe that trains its linear layer alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn.functional import normalize

from fgsgl.models.baselines.frozen_tower import FrozenTower
from fgsgl.models.fgsgl.cpa import prompt_text_CE
from fgsgl.models.towers.temporal import MeanOverTime
from fgsgl.models.towers.tower import build_tower
from fgsgl.text import embed, fgtext
from fgsgl.util.errors import UserError

NATIVE = "fgsgl-test-native"  # of conftest.py


def build(head: str, weights: Path, **changes: Any) -> FrozenTower:
    settings = {"tower": NATIVE, "pretrained": str(weights), "image_size": 32, "num_frames": 2, "text": "smg"}
    return FrozenTower(**{"num_classes": 17, "head": head, **settings, **changes})


@pytest.mark.parametrize("head", ["names", "descriptions"])
def test_zero_shot_scores_are_similarities_to_the_text(head: str, weights_file: Path, clip_BTCHW: torch.Tensor) -> None:
    model, tower, text = build(head, weights_file), build_tower(NATIVE, str(weights_file), 32), fgtext.load("smg")
    frame_BTE = tower.encode_frames(clip_BTCHW.flatten(0, 1), tap=1)[1].unflatten(0, (6, 2))
    video_BE = normalize(normalize(frame_BTE, dim=-1).mean(1), dim=-1)
    if head == "names":
        expected_BC = video_BE @ prompt_text_CE(text, tower).T
    else:
        expected_BC = torch.einsum("be,cde->bdc", video_BE, embed.fine_text_CDE(text, tower.encode_text)).mean(1)
    torch.testing.assert_close(model(clip_BTCHW) / model.inverse_temperature, expected_BC, rtol=1e-4, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    predicted = model(clip_BTCHW, None, mode="predict")
    assert [int(sample.pred_label) for sample in predicted] == expected_BC.argmax(1).tolist()


def test_the_probe_fits_six_clips_with_its_linear_layer_alone(
    weights_file: Path, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]
) -> None:
    model = build("linear", weights_file)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"linear"}
    optimizer = torch.optim.AdamW(model.linear.parameters(), lr=0.1)
    for _ in range(60):
        loss, _ = model.parse_losses(model(clip_BTCHW, samples, mode="loss"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model(clip_BTCHW).argmax(1).tolist() == [int(sample.gt_label) for sample in samples]
    kept = model.state_dict()
    assert not any(name.startswith("tower.") for name in kept)
    again = build("linear", weights_file)
    again.load_state_dict(kept)
    assert torch.equal(again(clip_BTCHW), model(clip_BTCHW))


@pytest.mark.parametrize("head", ["names", "linear"])
def test_pixels_have_a_gradient_where_it_is_asked_for(head: str, weights_file: Path, clip_BTCHW: torch.Tensor) -> None:
    model = build(head, weights_file)
    assert model._see(clip_BTCHW, None)[0].grad_fn is None, "training keeps no graph of what is frozen"
    clip_BTCHW.requires_grad_()
    (gradient_BTCHW,) = torch.autograd.grad(model(clip_BTCHW)[0].max(), clip_BTCHW)
    assert gradient_BTCHW[0].any() and not gradient_BTCHW[1:].any(), "a score depends on its own clip alone"


def test_only_the_tiny_tower_that_has_seen_motions_brings_a_temporal_encoder() -> None:
    tiny = {"tower": "synmg-tiny", "image_size": 112, "num_frames": 8}
    assert isinstance(build("names", "synmg-tiny", **tiny).temporal, MeanOverTime)
    model = build("names", "synmg-tiny-motion", **tiny)
    torch.testing.assert_close(
        dict(model.temporal.named_parameters())["qkv.weight"], model.tower.temporal["qkv.weight"].float()
    )


@pytest.mark.parametrize(
    ("changes", "message"), [({"head": "wide"}, "wide.*names"), ({"num_classes": 5}, "17 classes")]
)
def test_what_cannot_be_built_is_named(changes: dict[str, Any], message: str, weights_file: Path) -> None:
    with pytest.raises(UserError, match=message):
        build(**{"head": "names", "weights": weights_file, **changes})
