"""3D networks and video transformers that start from pictures' weights begin as what those know of pictures."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import nn

import fgsgl.mmaction  # noqa: F401 (cures the stack)
from fgsgl.models.baselines.from_tower import TowerTimeSformer, TowerUniFormerV2, visual_tower
from fgsgl.models.baselines.inflated import InflatedSlimResNet, SlowFastSlimResNet
from fgsgl.models.baselines.slim_resnet import SlimResNet
from fgsgl.models.towers import synmg_tiny

FRAMES = 17
UNIFORMER = {"t_size": 4, "return_list": [2, 3], "n_layers": 2, "n_dim": 128, "n_head": 4, "mlp_dropout": [0.5, 0.5]}


@pytest.fixture(autouse=True)
def scope() -> None:
    init_default_scope("mmaction")


@pytest.fixture
def picture_1CHW() -> torch.Tensor:
    return torch.randn(1, 3, 112, 112)


def clip_of(picture_1CHW: torch.Tensor, frames: int) -> torch.Tensor:
    return picture_1CHW[:, :, None].repeat(1, 1, frames, 1, 1)


@pytest.mark.parametrize(
    ("settings", "length"),
    [
        ({}, FRAMES),
        ({"kernels": (5, 3, 3, 3, 3)}, FRAMES),
        ({"kernels": (1, 1, 1, 3, 3)}, FRAMES),
        ({"kernels": (3, 3, 3, 3, 3), "separate": True}, FRAMES),
        ({"kernels": (3, 3, 3, 3, 3), "strides": (1, 2, 2, 2), "separate": True}, 3),
        ({"kernels": (3, 3, 3, 3, 3), "strides": (1, 2, 1, 1)}, 9),
    ],
)
def test_a_picture_repeated_gives_the_pictures_features(
    settings: dict, length: int, picture_1CHW: torch.Tensor
) -> None:
    flat = SlimResNet(pretrained=synmg_tiny.SLIM_NAME).eval()
    inflated = InflatedSlimResNet(pretrained=synmg_tiny.SLIM_NAME, **settings).eval()
    with torch.no_grad():
        expected_1Chw, found_1CThw = flat(picture_1CHW), inflated(clip_of(picture_1CHW, FRAMES))
    assert found_1CThw.shape[2] == length
    torch.testing.assert_close(found_1CThw[:, :, length // 2], expected_1Chw, atol=2e-5, rtol=1e-4)


def test_inflation_sees_order_in_time(picture_1CHW: torch.Tensor) -> None:
    clip_1CTHW = torch.randn(1, 3, 5, 64, 64)
    with torch.no_grad():
        for kernels, sees in (((1, 1, 1, 1, 1), False), ((1, 1, 1, 3, 3), True)):
            net = InflatedSlimResNet(kernels, pretrained=synmg_tiny.SLIM_NAME).eval()
            there, back = net(clip_1CTHW), net(clip_1CTHW.flip(2)).flip(2)
            nn.init.normal_(net.net.layer4[0].conv1.weight)
            other, other_back = net(clip_1CTHW), net(clip_1CTHW.flip(2)).flip(2)
            assert torch.allclose(there, back, atol=1e-5), "an inflated kernel begins symmetric"
            assert torch.allclose(other, other_back, atol=1e-3) != sees


def test_several_stages_are_given_as_they_are_asked_for(picture_1CHW: torch.Tensor) -> None:
    net = InflatedSlimResNet(outputs=(1, 2))
    low, high = net(clip_of(picture_1CHW, 2))
    assert low.shape == (1, 64, 2, 14, 14) and high.shape == (1, 128, 2, 7, 7)
    assert not hasattr(net.net, "layer4"), "what nothing reads"


def test_slowfasts_slow_pathway_begins_as_the_slim_resnet(picture_1CHW: torch.Tensor) -> None:
    flat = SlimResNet(pretrained=synmg_tiny.SLIM_NAME).eval()
    net = SlowFastSlimResNet(ratio=2, pretrained=synmg_tiny.SLIM_NAME).eval()
    slow, fast = net(clip_of(picture_1CHW, 2 * FRAMES))
    torch.testing.assert_close(slow[:, :, FRAMES // 2], flat(picture_1CHW), atol=2e-5, rtol=1e-4)
    assert fast.shape == (1, 24, 2 * FRAMES, 7, 7)
    slow.square().mean().backward()
    widened = net.slow.layer2[0].conv1.weight.grad
    assert widened[:, -8:].abs().sum() > 0, "what the fast pathway gives can be learnt"


def test_timesformer_begins_as_the_mean_of_the_towers_pictures(picture_1CHW: torch.Tensor) -> None:
    """A picture repeated: attention in time has no effect yet, and in space is the tower's own."""
    tower = visual_tower(synmg_tiny.NAME, 112).eval()
    net = TowerTimeSformer(synmg_tiny.NAME, num_frames=4, img_size=112).eval()
    with torch.no_grad():
        tokens_1LW = tower.forward_features(picture_1CHW)
        torch.testing.assert_close(net(clip_of(picture_1CHW, 4)), tokens_1LW[:, 0], atol=2e-5, rtol=1e-4)
    net.init_weights()
    with torch.no_grad():
        torch.testing.assert_close(net(clip_of(picture_1CHW, 4)), tokens_1LW[:, 0], atol=2e-5, rtol=1e-4)


def test_uniformerv2s_local_blocks_begin_as_the_towers(picture_1CHW: torch.Tensor) -> None:
    tower = visual_tower(synmg_tiny.NAME, 112).eval()
    net = TowerUniFormerV2(synmg_tiny.NAME, input_resolution=112, **UNIFORMER).eval()
    wanted, found = {}, {}
    tower.blocks[2].register_forward_hook(lambda _m, _i, output: wanted.update(tokens=output))
    net.transformer.resblocks[2].register_forward_hook(lambda _m, _i, output: found.update(tokens=output))
    with torch.no_grad():
        tower.forward_features(picture_1CHW)
        net(clip_of(picture_1CHW, 4))
    torch.testing.assert_close(found["tokens"][:, :1].transpose(0, 1), wanted["tokens"], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [112, 160])
def test_every_weight_of_the_transformers_learns(size: int) -> None:
    clip_BCTHW = torch.randn(2, 3, 4, size, size)
    for net in (
        TowerTimeSformer(None, num_frames=4, img_size=size),
        TowerUniFormerV2(None, input_resolution=size, **UNIFORMER),
    ):
        net(clip_BCTHW).square().sum().backward()
        assert [name for name, value in net.named_parameters() if value.grad is None] == []
