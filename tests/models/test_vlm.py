"""The published recognizers on one tower: what each trains, how it starts, and that its scores are a clip's own.

Every model comes from its file in ``baselines/``, on both kinds of tower.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.models.baselines.adapters import VideoBlock
from fgsgl.models.baselines.tuned_tower import PromptText
from fgsgl.models.fgsgl.losses import batch_contrast
from fgsgl.models.towers.tower import build_tower
from fgsgl.records.protocol import Protocol
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

NATIVE, TINY = "fgsgl-test-native", "synmg-tiny"  # of conftest.py: open_clip's own blocks, and timm's
FRAMES, SIDE = 4, 32
TUNED = ("text4vis", "vificlip", "vificlip_lora", "actionclip", "xclip")
ADAPTED = ("aim", "st_adapter")
ON_A_TOWER = TUNED + ADAPTED
EMBEDDED = ("manet", "label_embedding")
LABELS = (0, 3, 5, 5, 14, 16)


def build(
    name: str, backbone: str = NATIVE, seed: int = 0, autocast: str = "none", **changes: object
) -> torch.nn.Module:
    """The recognizer of a method at its quick size, on a small clip."""
    protocol = Protocol(
        dataset="synmg",
        preset="smoke",
        epochs=1,
        num_frames=FRAMES,
        image_size=SIDE,
        backbone=backbone,
        pretrained=None if backbone == NATIVE else TINY,
    )
    method = get(name)
    config = method.model(protocol, Classes(count=17, text="smg"), method.resolve(changes))
    config["data_preprocessor"]["type"] = "ClipPreprocessor"
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope("mmaction"):
        model = MODELS.build({**config, "autocast": autocast})
        model.init_weights()
    return model


def clips(count: int = len(LABELS)) -> torch.Tensor:
    return torch.randn(count, FRAMES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def samples() -> list[ActionDataSample]:
    return [ActionDataSample().set_gt_label(label) for label in LABELS]


def loss_of(model: torch.nn.Module, clip_BTCHW: torch.Tensor) -> torch.Tensor:
    return model.parse_losses(model(clip_BTCHW, samples(), mode="loss"))[0]


def scores_BC(model: torch.nn.Module, clip_BTCHW: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        predicted = model.eval()(clip_BTCHW, [ActionDataSample() for _ in clip_BTCHW], mode="predict")
    return torch.stack([sample.pred_score for sample in predicted])


def shake(model: torch.nn.Module) -> None:
    """Moves what is trained off its start, where adapters are zero."""
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.add_(0.05 * torch.randn_like(value))


@pytest.mark.parametrize("name", ON_A_TOWER)
def test_every_trained_weight_gets_a_finite_gradient(name: str, backbone: str) -> None:
    model = build(name, backbone).train()
    shake(model)
    loss_of(model, clips()).backward()
    for parameter_name, value in model.named_parameters():
        if value.requires_grad:
            assert value.grad is not None and value.grad.isfinite().all(), parameter_name
            assert value.grad.any(), parameter_name
        else:
            assert value.grad is None, parameter_name


@pytest.mark.parametrize("name", ON_A_TOWER)
def test_the_pixels_of_every_frame_have_a_gradient(name: str) -> None:
    model = build(name, TINY).eval()
    shake(model)
    clip_BTCHW = clips(2).requires_grad_()
    (gradient_BTCHW,) = torch.autograd.grad(model(clip_BTCHW).amax(1).sum(), clip_BTCHW)
    assert gradient_BTCHW.isfinite().all() and gradient_BTCHW.abs().amax((2, 3, 4)).min() > 0


@pytest.mark.parametrize("name", ON_A_TOWER + EMBEDDED)
@pytest.mark.slow
def test_six_clips_are_learned(name: str) -> None:
    model = build(name, TINY, **({"dropout": 0.0} if name in EMBEDDED else {})).train()
    trained = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3 if name in TUNED else 5e-3)
    losses = []
    for _ in range(40):
        loss = loss_of(model, clips())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    if name not in EMBEDDED:  # whose batch statistics are not yet those of an evaluation
        assert scores_BC(model, clips()).argmax(1).tolist() == list(LABELS)


@pytest.mark.parametrize("autocast", ["none", "bf16"])
@pytest.mark.parametrize("name", ON_A_TOWER + EMBEDDED)
def test_scores_are_probabilities_of_a_clip_alone(name: str, autocast: str) -> None:
    model = build(name, TINY, autocast=autocast)
    shake(model)
    together_BC = scores_BC(model, clips())
    assert together_BC.dtype == torch.float32
    torch.testing.assert_close(together_BC.sum(1), torch.ones(len(LABELS)))
    if autocast == "bf16":
        torch.testing.assert_close(together_BC, scores_BC(model, clips()))
        return
    order = torch.tensor([4, 1, 5, 0, 3, 2])
    torch.testing.assert_close(scores_BC(model, clips()[order]), together_BC[order], rtol=1e-3, atol=1e-5)
    alone_BC = torch.cat([scores_BC(model, clip_BTCHW) for clip_BTCHW in clips().split(1)])
    torch.testing.assert_close(alone_BC, together_BC, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("text4vis", {"tower.visual", "scale.log_scale"}),
        ("vificlip", {"tower.visual", "tower.text", "scale.log_scale"}),
        ("vificlip_lora", {"tower.visual", "tower.text", "scale.log_scale"}),
        ("actionclip", {"tower.visual", "tower.text", "scale.log_scale", "temporal.time_TE", "temporal.transformer"}),
        ("aim", {"tower.visual", "linear.0", "linear.1"}),
        ("st_adapter", {"tower.visual", "linear.0", "linear.1"}),
    ],
)
def test_only_what_is_meant_is_trained(name: str, trained: set[str], backbone: str) -> None:
    model = build(name, backbone)
    names = {name for name, value in model.named_parameters() if value.requires_grad}
    assert {".".join(name.split(".")[:2]) for name in names} == trained
    visual = {name for name in names if name.startswith("tower.visual")}
    whole = {name for name, _ in build_tower(backbone, None if backbone == NATIVE else TINY, SIDE).named_parameters()}
    whole = {f"tower.{name}" for name in whole if name.startswith("visual.")}
    if name in ADAPTED or name == "vificlip_lora":
        assert not visual & whole
        assert not any(part.startswith("tower.visual") and ".block.block." in part for part in names)
    else:
        assert visual == whole


@pytest.mark.parametrize("name", ADAPTED)
def test_adapters_start_as_the_frozen_tower_and_then_see_other_frames(name: str, backbone: str) -> None:
    model = build(name, backbone)
    tower = build_tower(backbone, None if backbone == NATIVE else TINY, SIDE)
    frames_NCHW = clips().flatten(0, 1)
    for tap in (1, tower.depth):
        pairs = zip(model.tower.encode_frames(frames_NCHW, tap), tower.encode_frames(frames_NCHW, tap), strict=True)
        for mine, frozen in pairs:
            torch.testing.assert_close(mine, frozen, rtol=1e-4, atol=1e-5)
    shake(model)
    before_BTE = model._frames(clips())
    changed_BTCHW = clips()
    changed_BTCHW[0, 0] += 1.0
    difference_BT = (model._frames(changed_BTCHW) - before_BTE).abs().amax(-1)
    assert (difference_BT[0] > 1e-4).sum() >= 2  # the changed frame, and the one after it
    assert (difference_BT[1:] < 1e-5).all()


def test_messages_carry_what_another_frame_shows(backbone: str) -> None:
    model = build("xclip", backbone)
    before_BTE = model._frames(clips())
    changed_BTCHW = clips()
    changed_BTCHW[0, 0] += 1.0
    difference_BT = (model._frames(changed_BTCHW) - before_BTE).abs().amax(-1)
    assert (difference_BT[0] > 1e-5).all() and (difference_BT[1:] < 1e-5).all()


@pytest.mark.parametrize("name", ON_A_TOWER)
def test_checkpoints_hold_what_is_trained_and_nothing_frozen(name: str, backbone: str) -> None:
    model, twin = build(name, backbone), build(name, backbone, seed=5)
    shake(model)
    kept = model.state_dict()
    assert set(kept) == {name for name, value in model.named_parameters() if value.requires_grad} | {"identity"}
    before_BC = scores_BC(twin, clips())
    twin.load_state_dict(kept)
    assert torch.equal(scores_BC(twin, clips()), scores_BC(model, clips()))
    assert not torch.equal(scores_BC(twin, clips()), before_BC)
    with pytest.raises(UserError, match="checkpoint of another model"):
        build(name, NATIVE if backbone == TINY else TINY).load_state_dict(kept)


def test_a_tuned_tower_is_kept_by_the_moving_average_too() -> None:
    from mmengine.model import ExponentialMovingAverage

    model = build("text4vis")
    average = ExponentialMovingAverage(model, momentum=0.5)
    shake(model)
    average.update_parameters(model)
    kept = {name.removeprefix("module.") for name in average.state_dict()} - {"steps"}
    assert kept == set(model.state_dict())


def test_a_tuned_text_is_read_once_an_evaluation_and_its_prompts_singly_in_training() -> None:
    tower, text = build_tower(NATIVE, None, SIDE), fgtext.load("smg")
    prompts = PromptText([entry.prompts for entry in text.classes], tower).eval()
    expected_CE = torch.stack([tower.encode_text(list(entry.prompts)).mean(0) for entry in text.classes])
    with torch.no_grad():
        class_CE = prompts(tower)
        torch.testing.assert_close(class_CE, torch.nn.functional.normalize(expected_CE, dim=-1), rtol=1e-4, atol=1e-5)
        assert prompts(tower) is class_CE
        assert prompts.train().eval()(tower) is not class_CE
    labels_B = torch.tensor([3] * 20)
    text_BE = prompts.one_each(labels_B, tower)
    own_NE = tower.encode_text(list(text.classes[3].prompts))
    distance_BN = torch.cdist(text_BE, own_NE)
    assert (distance_BN.amin(1) < 1e-4).all()
    assert len(set(distance_BN.argmin(1).tolist())) == len(text.classes[3].prompts)


def test_the_batch_contrast_is_zero_at_its_target_alone() -> None:
    labels_B = torch.tensor([2, 7, 2])
    same_BB = (labels_B[:, None] == labels_B).float()
    assert batch_contrast(60 * same_BB, labels_B) < 1e-6
    assert batch_contrast(60 * (1 - same_BB), labels_B) > 10
    logits_BB = torch.randn(3, 3)
    target_BB = torch.tensor([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    rows, columns = logits_BB.log_softmax(1), logits_BB.T.log_softmax(1)
    cross = -(target_BB * (rows + columns)).sum() / 6
    entropy = 2 * torch.tensor(2.0).log() / 3
    torch.testing.assert_close(batch_contrast(logits_BB, labels_B), cross - entropy)
    assert batch_contrast(60 * same_BB, labels_B, smoothing=0.1) > 1


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_label_embedding_is_a_loss_of_its_own(name: str) -> None:
    model = build(name, TINY).train()
    losses = model(clips(), samples(), mode="loss")
    assert losses["loss_embedding"] > 0
    model.parse_losses(losses)[0].backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())
    assert ("backbone.layer1.0.se.fc1.weight" in model.state_dict()) == (name == "manet")
    double = build(name, TINY, embedding_weight=2.0, dropout=0.0)(clips(), samples(), mode="loss")
    single = build(name, TINY, dropout=0.0)(clips(), samples(), mode="loss")
    torch.testing.assert_close(double["loss_embedding"], 2 * single["loss_embedding"])
    torch.testing.assert_close(double["loss_cls"], single["loss_cls"])


def test_what_cannot_be_built_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Linear cannot be adapted to video"):
        VideoBlock(torch.nn.Linear(2, 2), FRAMES)
    with pytest.raises(
        UserError, match=r"AIM got torch.float32 clips of shape \(1, 3, 3, 32, 32\), expected .* \(B, 4, 3, 32, 32\)"
    ):
        build("aim")(clips(1)[:, :3])
    with pytest.raises(UserError, match="17 classes"):
        fgtext.load_classes("smg", 5)
