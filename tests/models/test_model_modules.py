"""FG-SA, CP-A and the temporal encoder by themselves."""

from collections.abc import Callable

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn.functional import normalize

from fgsgl.models.fgsgl.cpa import CategoryText, prompt_text_CE
from fgsgl.models.fgsgl.fgsa import FGSA
from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.towers.last_block import Shortened
from fgsgl.models.towers.temporal import MeanOverTime, TemporalTransformer
from fgsgl.models.towers.tower import build_tower
from fgsgl.text import fgtext

NATIVE = "fgsgl-test-native"  # of conftest.py


def build_fgsa(motion_difference: bool = True) -> FGSA:
    return FGSA(
        width=32, embedding=24, num_frames=3, num_patches=4, num_dimensions=2, motion_difference=motion_difference
    )


@pytest.mark.parametrize("motion_difference", [True, False])
def test_fgsa_shapes_and_gradients(motion_difference: bool) -> None:
    fgsa = build_fgsa(motion_difference)
    mid_BTPW = torch.randn(5, 3, 4, 32, requires_grad=True)
    local_BDE, attention = fgsa(mid_BTPW)
    assert local_BDE.shape == (5, 2, 24)
    assert attention is None
    local_BDE.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in fgsa.parameters())
    assert mid_BTPW.grad.abs().sum() > 0


def test_fgsa_attention_sums_to_one_and_leaves_the_output_as_it_is() -> None:
    fgsa = build_fgsa()
    mid_BTPW = torch.randn(5, 3, 4, 32)
    local_BDE, attention_BDTP = fgsa(mid_BTPW, with_attention=True)
    assert attention_BDTP.shape == (5, 2, 3, 4)
    torch.testing.assert_close(attention_BDTP.sum((2, 3)), torch.ones(5, 2))
    torch.testing.assert_close(local_BDE, fgsa(mid_BTPW)[0])


def plain_fgsa(fgsa: FGSA, mid_BTPW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """FG-SA as it is described: motion tokens, their keys and values, and attention over all of them."""
    token_BTPW = fgsa.norm(mid_BTPW)
    if fgsa.motion_difference:
        change_BTPW = torch.cat([token_BTPW[:, 1:] - token_BTPW[:, :-1], torch.zeros_like(token_BTPW[:, :1])], dim=1)
        token_BTPW = torch.cat([token_BTPW, change_BTPW], dim=-1)
    motion_BTPM = fgsa.to_motion(token_BTPW) + fgsa.time_TM[:, None] + fgsa.place_PM
    key_BHNF, value_BHNF = (
        part.unflatten(-1, (2, -1)).transpose(1, 2) for part in fgsa.key_value(motion_BTPM.flatten(1, 2)).chunk(2, -1)
    )
    query_HDF = fgsa.query_DM.unflatten(-1, (2, -1)).transpose(0, 1)
    attention_BHDN = (query_HDF @ key_BHNF.transpose(-1, -2) / key_BHNF.shape[-1] ** 0.5).softmax(-1)
    attended_BDM = (attention_BHDN @ value_BHNF).transpose(1, 2).flatten(2)
    return fgsa.to_local(attended_BDM + fgsa.query_DM), attention_BHDN.mean(1).unflatten(-1, mid_BTPW.shape[1:3])


@pytest.mark.parametrize("motion_difference", [True, False])
def test_fgsa_is_attention_over_motion_tokens(motion_difference: bool) -> None:
    fgsa = build_fgsa(motion_difference)
    mid_BTPW = torch.randn(5, 3, 4, 32, requires_grad=True)
    weights, found, expected = [mid_BTPW, *fgsa.parameters()], fgsa(mid_BTPW, True), plain_fgsa(fgsa, mid_BTPW)
    torch.testing.assert_close(found, expected)
    for ours, plain in zip(
        torch.autograd.grad(found[0].square().sum(), weights),
        torch.autograd.grad(expected[0].square().sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_a_step_is_that_of_the_plain_computation(
    build: Callable[..., FGSGL],
    clip_BTCHW: torch.Tensor,
    samples: list[ActionDataSample],
    backbone: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = build(tower=backbone, schedule="joint").train()
    for name, parameter in model.named_parameters():
        if "lora_B" in name or name == "gate_D":
            torch.nn.init.normal_(parameter, std=0.1)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def step() -> tuple[dict[str, torch.Tensor], tuple[torch.Tensor, ...]]:
        losses = model(clip_BTCHW, samples, mode="loss")
        return losses, torch.autograd.grad(model.parse_losses(losses)[0], trained)

    found = step()
    monkeypatch.setattr(FGSA, "forward", lambda self, mid_BTPW, with_attention: plain_fgsa(self, mid_BTPW))
    monkeypatch.setattr(Shortened, "patches_read", property(lambda block: True, lambda block, read: None))
    torch.testing.assert_close(found, step(), rtol=1e-4, atol=1e-5)


def test_the_temporal_encoder_starts_as_the_mean_and_learns_the_order() -> None:
    encoder = TemporalTransformer(24, num_frames=3)
    frame_BTE = torch.randn(5, 3, 24)
    torch.testing.assert_close(encoder(frame_BTE), MeanOverTime()(frame_BTE))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    assert not torch.allclose(encoder(frame_BTE), encoder(frame_BTE.flip(1)), atol=1e-4)
    encoder(frame_BTE).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in encoder.parameters())


def test_a_temporal_encoder_starts_from_another_of_any_number_of_frames() -> None:
    pretrained = TemporalTransformer(24, num_frames=3)
    with torch.no_grad():
        for parameter in pretrained.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    alike, longer = TemporalTransformer(24, num_frames=3), TemporalTransformer(24, num_frames=5)
    alike.start_from(pretrained.state_dict())
    longer.start_from(pretrained.state_dict())
    frame_BTE = torch.randn(5, 3, 24)
    torch.testing.assert_close(alike(frame_BTE), pretrained(frame_BTE))
    torch.testing.assert_close(longer.time_TM[::2], pretrained.time_TM)
    torch.testing.assert_close(longer.time_TM[1], pretrained.time_TM[:2].mean(0))


def test_category_text_is_the_mean_of_its_prompts() -> None:
    tower, text = build_tower(NATIVE, None, 32), fgtext.load("smg")
    category_CE = prompt_text_CE(text, tower)
    assert category_CE.shape == (17, 24)
    own_E = normalize(tower.encode_text(list(text.classes[3].prompts)).mean(0), dim=-1)
    torch.testing.assert_close(category_CE[3], own_E)


def test_learned_context_moves_category_text_and_nothing_else_is_trained(backbone: str) -> None:
    tower, text = build_tower(backbone, None, 32), fgtext.load("smg")
    category_text = CategoryText(text, tower, context_tokens=6)
    category_CE = category_text(tower)
    assert not torch.allclose(category_CE, category_text.frozen_CE)
    torch.testing.assert_close(category_CE.norm(dim=-1), torch.ones(17))
    (category_CE * torch.randn_like(category_CE)).sum().backward()
    assert (category_text.context_KV.grad.abs().sum(1) > 0).all()
    assert all(parameter.grad is None for parameter in tower.parameters())
