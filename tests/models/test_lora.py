import copy

import pytest
import torch
from torch.nn.utils import parametrize

from fgsgl.models.towers.lora import add_lora, merge_lora
from fgsgl.models.towers.tower import build_tower
from fgsgl.util.errors import UserError

NATIVE = "fgsgl-test-native"  # of conftest.py

ALL = ("q", "k", "v", "o", "mlp")


def visual_and_frames(backbone: str) -> tuple[torch.nn.Module, torch.Tensor]:
    return build_tower(backbone, None, 32).visual, torch.randn(2, 3, 32, 32)


def randomise(visual: torch.nn.Module) -> None:
    for name, parameter in visual.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)


def adapted_weights(visual: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Every weight by its original name, as the layers use it."""
    return {
        f"{path}.{name}": getattr(module, name).detach()
        for path, module in visual.named_modules()
        if parametrize.is_parametrized(module)
        for name in module.parametrizations
    }


def test_the_output_is_the_same_at_the_start_and_only_lora_is_trained(backbone: str) -> None:
    visual, frames = visual_and_frames(backbone)
    before, weights = visual(frames), {name: value.clone() for name, value in visual.state_dict().items()}
    blocks = 3 if backbone == NATIVE else 4
    assert add_lora(visual, 4, 8.0, ALL) == 4 * blocks  # qkv, output and two mlp weights a block
    assert len(adapted_weights(visual)) == 4 * blocks
    assert all(torch.equal(value, weights[name]) for name, value in adapted_weights(visual).items())
    torch.testing.assert_close(visual(frames), before)
    randomise(visual)
    visual(frames).square().sum().backward()
    for name, parameter in visual.named_parameters():
        assert parameter.requires_grad == ("lora_" in name), name
        assert (parameter.grad is not None and parameter.grad.abs().sum() > 0) == ("lora_" in name), name


@pytest.mark.parametrize("targets", [ALL, ("q", "v"), ("k",), ("o",), ("mlp",)])
def test_merging_is_exact_and_restores_the_names(backbone: str, targets: tuple[str, ...]) -> None:
    visual, frames = visual_and_frames(backbone)
    names = list(visual.state_dict())
    before = visual(frames)
    add_lora(visual, 4, 8.0, targets)
    randomise(visual)
    tuned, weights = visual(frames), adapted_weights(visual)
    assert not torch.allclose(tuned, before)
    merge_lora(visual)
    assert sorted(visual.state_dict()) == sorted(names)
    assert all(torch.equal(visual.state_dict()[name], value) for name, value in weights.items())
    torch.testing.assert_close(visual(frames), tuned)
    assert not any(parameter.requires_grad for parameter in visual.parameters())


def test_only_the_chosen_rows_of_qkv_change(backbone: str) -> None:
    visual, _ = visual_and_frames(backbone)
    key = next(name for name in visual.state_dict() if name.endswith(("attn.in_proj_weight", "attn.qkv.weight")))
    before = visual.state_dict()[key].clone()
    add_lora(visual, 4, 8.0, ("q", "v"))
    randomise(visual)
    merge_lora(visual)
    q, k, v = (visual.state_dict()[key] - before).chunk(3)
    assert torch.count_nonzero(k) == 0
    assert torch.count_nonzero(q) > 0
    assert torch.count_nonzero(v) > 0


def test_the_update_is_scale_times_b_a() -> None:
    visual, _ = visual_and_frames(NATIVE)
    layer = visual.transformer.resblocks[0].mlp.c_fc
    before = layer.weight.detach().clone()
    add_lora(visual, 4, 6.0, ("mlp",))
    randomise(visual)
    low_rank = layer.parametrizations.weight[0]
    update = 6.0 / 4 * low_rank.lora_B_SOR[0] @ low_rank.lora_A_SRI[0]
    torch.testing.assert_close(layer.weight, before + update)


def test_a_copy_is_independent_and_the_fast_path_agrees() -> None:
    visual, frames = visual_and_frames(NATIVE)
    add_lora(visual, 4, 8.0, ALL)
    twin = copy.deepcopy(visual)
    randomise(visual)
    assert not torch.allclose(visual(frames), twin(frames))
    slow = visual(frames)
    with torch.no_grad():
        torch.testing.assert_close(visual(frames), slow)  # nn.MultiheadAttention's fused path in evaluation


def test_a_tower_without_blocks_is_refused() -> None:
    with pytest.raises(UserError, match="no weight"):
        add_lora(torch.nn.Sequential(torch.nn.Linear(4, 4)), 4, 8.0, ALL)
