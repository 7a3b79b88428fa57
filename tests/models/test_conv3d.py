"""Under bf16 autocast, 3D convolutions have the gradients of fp32."""

import torch
from torch import nn

from fgsgl.models.baselines.recognizers import Conv3d, exact_conv3d


def gradient(layer: nn.Module, clip_BCTHW: torch.Tensor, enabled: bool) -> torch.Tensor:
    layer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        layer(clip_BCTHW).square().mean().backward()
    return layer.weight.grad.clone()


def test_gradients_are_those_of_fp32() -> None:
    torch.manual_seed(0)
    layer, clip_BCTHW = nn.Conv3d(32, 48, 3, padding=1), torch.randn(2, 32, 4, 14, 14)
    exact_conv3d(layer)
    assert type(layer) is Conv3d
    assert torch.equal(gradient(layer, clip_BCTHW, True), gradient(layer, clip_BCTHW, False))


def test_every_recognizer_that_has_some_is_built_with_them() -> None:
    import fgsgl.mmaction  # noqa: F401 (registers)
    from fgsgl.methods.registry import get
    from fgsgl.records.protocol import default_protocol
    from fgsgl.testing.method_contract import BuiltMethod

    for name in ("slowonly", "posec3d", "st_adapter", "uniformerv2"):
        model = BuiltMethod(get(name), default_protocol("synmg", image_size=64)).model
        found = {type(module) for module in model.modules() if isinstance(module, nn.Conv3d)}
        assert found == {Conv3d}, name
