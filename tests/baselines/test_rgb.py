"""Every RGB baseline of MMAction2: it learns at its quick size, and the protocol's knobs reach all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import fgsgl.mmaction  # noqa: F401 (cures the stack, registers the recognizers)
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

NAMES = (
    "tsn", "tsm", "trn", "tpn", "tanet", "i3d", "c2d", "slowfast", "slowonly", "r2plus1d", "c3d", "x3d_s", "x3d_m",
    "csn_ip", "csn_ir", "timesformer", "video_swin", "mvitv2", "uniformer", "uniformerv2", "videomae",
)  # fmt: skip
ALWAYS = {"tsm", "slowfast", "csn_ir", "timesformer", "mvitv2"}
"""One network of each kind; of the others every run tries the knobs alone (``tests/testing``)."""


def build(name: str, autocast: str = "none", classes: int = 17, changes: dict | None = None, **protocol: Any):
    """The recognizer as a training builds and initialises it."""
    from mmaction.registry import MODELS
    from mmengine.registry import init_default_scope

    init_default_scope("mmaction")
    config = build_config(
        get(name),
        changes or {},
        Protocol(dataset="synmg", preset="quick", epochs=1, **protocol),
        seed=0,
        classes=Classes(count=classes, text="smg"),
        root=Path(),
        work_dir=Path(),
    )
    torch.manual_seed(0)
    model = MODELS.build({**config["model"], "autocast": autocast})
    model.init_weights()
    return model


def samples(count: int) -> list:
    from mmaction.structures import ActionDataSample

    return [ActionDataSample().set_gt_label(label) for label in range(count)]


def scores_BC(model: Any, clip_BTCHW: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        predicted = model.eval()(clip_BTCHW, samples(len(clip_BTCHW)), mode="predict")
    return torch.stack([sample.pred_score for sample in predicted])


def check_learning_and_knobs(name: str, size: str) -> None:
    model = build(name, autocast="bf16", size=size)
    losses = model.train()(torch.randn(2, 8, 3, 112, 112), samples(2), mode="loss")
    sum(value for key, value in losses.items() if "loss" in key).backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.isfinite().all(), parameter_name
    changed = build(name, classes=5, num_frames=16, image_size=128, size=size)
    score_1C = scores_BC(changed, torch.randn(1, 16, 3, 128, 128))
    assert score_1C.shape == (1, 5)
    assert score_1C.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "name", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_quick_size(name: str) -> None:
    check_learning_and_knobs(name, "quick")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_standard_size(name: str) -> None:
    check_learning_and_knobs(name, "standard")


def test_a_clips_score_does_not_depend_on_what_was_scored_with_it_or_before() -> None:
    model = build("trn")
    clip_BTCHW = torch.randn(3, 8, 3, 64, 64)
    together_BC = scores_BC(model, clip_BTCHW)
    np.random.seed(5)
    torch.testing.assert_close(scores_BC(model, clip_BTCHW[2:]), together_BC[2:])


def test_a_cpu_computes_3d_convolutions_in_fp32_and_the_rest_in_bf16() -> None:
    backbone = build("videomae").backbone
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        patches = backbone.patch_embed.projection(torch.randn(1, 3, 2, 16, 16))
        queries = backbone.blocks[0].attn.qkv(torch.randn(1, 2, 192))
    assert (patches.dtype, queries.dtype) == (torch.float32, torch.bfloat16)


@pytest.mark.parametrize("frames", [8, 16, 32])
def test_slowfasts_slow_pathway_sees_four_frames(frames: int) -> None:
    backbone = build("slowfast", num_frames=frames).backbone.eval()
    with torch.no_grad():
        slow_BCTHW, fast_BCTHW = backbone(torch.randn(1, 3, frames, 32, 32))
    assert (slow_BCTHW.shape[2], fast_BCTHW.shape[2]) == (4, frames)


def test_a_backbone_starts_from_a_checkpoint_of_mmaction2(tmp_path: Path) -> None:
    source = build("csn_ip")
    torch.nn.init.constant_(source.backbone.conv1.conv.weight, 0.25)
    torch.save({"meta": {}, "state_dict": source.state_dict()}, tmp_path / "csn_ip.pth")
    save_file(source.backbone.state_dict(), tmp_path / "csn_ip.safetensors")
    for file in ("csn_ip.pth", "csn_ip.safetensors"):
        model = build("csn_ip", changes={"pretrained": str(tmp_path / file)}, classes=3)
        assert (model.backbone.conv1.conv.weight == 0.25).all()
    method = get("csn_ip")
    protocol = Protocol(dataset="synmg", preset="quick", epochs=1)
    named = method.pretraining(protocol, method.resolve({"pretrained": str(tmp_path / "csn_ip.pth")}))
    assert named.startswith("csn_ip.pth@")
    with pytest.raises(UserError, match="not of this backbone"):
        build("c3d", changes={"pretrained": str(tmp_path / "csn_ip.pth")})


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": print}, tmp_path / "bad.pth")
    with pytest.raises(UserError, match=r"bad\.pth cannot be read as tensors"):
        build("csn_ip", changes={"pretrained": str(tmp_path / "bad.pth")})


@pytest.mark.parametrize(
    ("name", "knob", "takes"),
    [
        ("c3d", {"num_frames": 4}, "num_frames is 4, but C3D takes values from 8 on"),
        ("slowfast", {"num_frames": 10}, "SlowFast takes multiples of 4 from 8 on"),
        ("trn", {"num_frames": 32}, "TRN takes values from 3 to 16"),
        ("videomae", {"num_frames": 9}, "VideoMAE takes multiples of 2"),
        ("i3d", {"num_frames": 1}, "I3D takes values from 2 on"),
        ("timesformer", {"image_size": 100}, "TimeSformer takes multiples of 16"),
    ],
)
def test_what_a_network_cannot_take_is_refused(name: str, knob: dict[str, int], takes: str) -> None:
    with pytest.raises(UserError, match=takes):
        build(name, **knob)


def test_the_standard_size_leaves_the_slim_weights_out() -> None:
    method = get("tsm")
    quick, standard = (Protocol(dataset="synmg", preset="quick", epochs=1, size=size) for size in ("quick", "standard"))
    assert method.pretraining(quick, method.settings).startswith("synmg-slim@")
    assert method.pretraining(standard, method.settings) == "none"
