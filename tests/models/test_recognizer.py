from collections.abc import Callable

import pytest
import torch
from mmaction.registry import HOOKS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.optim import build_optim_wrapper

from fgsgl.models.fgsgl.recognizer import FGSGL, ProgressHook
from fgsgl.text.fgtext import DIMENSIONS
from fgsgl.util.errors import UserError

Build = Callable[..., FGSGL]


def nudge(model: FGSGL) -> None:
    """Moves what starts at zero (LoRA's B, gates, last layers), which would hide what lies behind it."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad and not parameter.any():
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))


def losses_and_gradients(
    model: FGSGL, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]
) -> tuple[float, dict[str, torch.Tensor]]:
    """At a point of the training where every level counts, and every schedule differently."""
    model.progress = 0.15
    nudge(model)
    loss, _ = model.parse_losses(model(clip_BTCHW, samples, mode="loss"))
    loss.backward()
    return loss.item(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_the_whole_model_trains(
    build: Build, backbone: str, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]
) -> None:
    model = build(tower=backbone)
    losses = model(clip_BTCHW, samples, mode="loss")
    assert set(losses) == {"loss_category", "fine_weight", *(f"loss_fine_{name}" for name in DIMENSIONS)}
    _, gradients = losses_and_gradients(model, clip_BTCHW, samples)
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (name in gradients), name
    assert {name.split(".")[0] for name in gradients} == {
        *("tower", "temporal", "category_text", "category_scale", "gate_D", "fgsa", "fine_scale")
    }
    assert all(gradient.isfinite().all() and gradient.abs().sum() > 0 for gradient in gradients.values())


def test_a_few_steps_fit_six_clips(build: Build, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]) -> None:
    model = build()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(40):
        loss, _ = model.parse_losses(model(clip_BTCHW, samples, mode="loss"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    predicted = model(clip_BTCHW, None, mode="predict")
    for score in ("pred_score", "category_score", "fine_score"):
        assert [int(getattr(sample, score).argmax()) for sample in predicted] == [0, 3, 5, 5, 14, 16]


CHANGES = [
    {"tap": "early"},
    {"tap": "late"},
    {"temporal": "mean"},
    {"lora": False},
    {"lora_rank": 4},
    {"lora_alpha": 8.0},
    {"lora_targets": ["q", "v"]},
    {"fgsa": False},
    {"motion_difference": False},
    {"guidance": False},
    {"fine_from_video": False},
    {"label_smoothing": 0.1},
    {"cpa": False},
    {"head": "linear"},
    {"head": "both"},
    {"learned_prompts": False},
    {"context_tokens": 2},
    {"loss_category": 0.0},
    {"loss_fine": 0.0},
    {"fine_v2t": False},
    {"fine_t2v": False},
    {"stage": 0.5},
    {"schedule": "joint"},
    {"schedule": "fine_to_coarse"},
    {"multi_positive": False},
    *({"dimensions": [name for name in DIMENSIONS if name != out]} for out in DIMENSIONS),
    {"dimension_weights": [1.0, 1.0, 2.0, 1.0]},
    {"text_control": "shuffled"},
    {"text_control": "names"},
    {"text_control": "static"},
    {"text_control": "random"},
    {"temperature": 0.1},
    {"autocast": "bf16"},
    {"pretrained": "file"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_setting_changes_the_loss_or_the_gradients(
    build: Build, change: dict, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample], weights_file: str
) -> None:
    if "pretrained" in change:
        change = {"pretrained": str(weights_file)}
    full_loss, full = losses_and_gradients(build(), clip_BTCHW, samples)
    loss, variant = losses_and_gradients(build(**change), clip_BTCHW, samples)
    assert torch.tensor(loss).isfinite()
    changed = full.keys() != variant.keys() or any(
        full[name].shape != variant[name].shape or not torch.equal(full[name], variant[name]) for name in full
    )
    assert changed or loss != full_loss


def test_fine_from_video_starts_as_the_video_embedding(build: Build, clip_BTCHW: torch.Tensor) -> None:
    seen = build()(clip_BTCHW)
    assert torch.allclose(seen["local_BDE"], seen["video_BE"][:, None].expand_as(seen["local_BDE"]), atol=1e-6)
    assert not torch.allclose(build(fine_from_video=False)(clip_BTCHW)["local_BDE"], seen["local_BDE"], atol=1e-2)
    alone = build(loss_category=0.0)(clip_BTCHW)
    assert torch.equal(alone["local_BDE"], seen["local_BDE"]), "the fine level alone starts there too"
    assert "video_BE" not in build(loss_category=0.0, fine_from_video=False)(clip_BTCHW)


def test_an_evaluation_reads_the_category_text_once_and_the_next_one_anew(
    build: Build, clip_BTCHW: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, calls = build().eval(), []
    encode = model.tower.encode_text_with_context
    monkeypatch.setattr(model.tower, "encode_text_with_context", lambda *given: calls.append(1) or encode(*given))
    with torch.no_grad():
        before = [model(clip_BTCHW)["category_logits_BC"] for _ in range(2)]
        assert len(calls) == 1 and torch.equal(*before)
        model.category_text.context_KV.add_(1.0)
        after = model.train().eval()(clip_BTCHW)["category_logits_BC"]
    assert len(calls) == 2 and not torch.allclose(before[0], after)


def test_the_same_seed_gives_the_same_model_and_a_variant_shares_what_it_has(build: Build) -> None:
    full, again, other = build().state_dict(), build().state_dict(), build(seed=1).state_dict()
    assert all(torch.equal(full[name], again[name]) for name in full)
    assert not torch.equal(full["fgsa.query_DM"], other["fgsa.query_DM"])
    for change in ({"fgsa": False}, {"lora": False}, {"temporal": "mean"}, {"cpa": False}):
        variant = build(**change).state_dict()
        assert all(torch.equal(full[name], variant[name]) for name in full.keys() & variant.keys() - {"identity"})


def test_what_is_switched_off_is_not_built(build: Build) -> None:
    def parts(**changes: object) -> set[str]:
        return {name.split(".")[0] for name, _ in build(**changes).named_parameters()}

    full = {"tower", "temporal", "category_text", "category_scale", "gate_D", "fgsa", "fine_scale"}
    assert parts() == full
    assert parts(fgsa=False) == full - {"fgsa", "gate_D", "fine_scale"}
    assert parts(loss_fine=0.0) == full - {"fine_scale"}  # module-only: FG-SA and its gate stay
    assert parts(guidance=False) == full - {"gate_D"}
    assert parts(cpa=False) == full - {"category_text", "category_scale"} | {"linear"}
    assert parts(head="both") == full | {"linear"}
    assert parts(temporal="mean") == full - {"temporal"}
    assert parts(learned_prompts=False) == full - {"category_text"}
    assert parts(loss_category=0.0) == {"tower", "temporal", "fgsa", "fine_scale"}
    assert parts(loss_category=0.0, fine_from_video=False) == {"tower", "fgsa", "fine_scale"}


def test_the_text_tower_is_kept_only_for_learned_prompts(build: Build) -> None:
    assert build().tower.text is not None
    small = build(learned_prompts=False)
    assert small.tower.text is None
    frozen = {id(p) for n, p in small.tower.named_parameters() if "lora_" not in n}
    assert all(p.requires_grad == (id(p) not in frozen) for p in small.parameters())
    assert trained(build(lora=False)) < trained(build())


def trained(model: FGSGL) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def predictions(model: FGSGL, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample] | None) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack([sample.pred_score for sample in model.eval()(clip_BTCHW, samples, mode="predict")])


def test_predict_sees_no_label(build: Build, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]) -> None:
    model = build()
    scores_BC = predictions(model, clip_BTCHW, samples)
    permuted = [ActionDataSample().set_gt_label(sample.gt_label) for sample in reversed(samples)]
    assert torch.equal(predictions(model, clip_BTCHW, permuted), scores_BC)
    assert torch.equal(predictions(model, clip_BTCHW, [ActionDataSample() for _ in samples]), scores_BC)
    assert torch.equal(predictions(model, clip_BTCHW, None), scores_BC)


def test_predict_fills_the_samples(build: Build, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]) -> None:
    predicted = build().eval()(clip_BTCHW, samples, mode="predict")
    assert all(given is filled for given, filled in zip(samples, predicted, strict=True))
    for sample in predicted:
        assert sample.pred_label.item() == sample.pred_score.argmax().item()
        for name in ("pred_score", "category_score", "fine_score"):
            assert getattr(sample, name).sum().item() == pytest.approx(1)
        torch.testing.assert_close(sample.category_logits.softmax(0), sample.category_score)
        both = sample.category_score.log() + sample.fine_score.log()  # before calibration: beta and temperatures 1
        torch.testing.assert_close(sample.pred_score, both.softmax(0))


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ({"fgsa": False}, {"category"}),
        ({"loss_fine": 0.0}, {"category"}),
        ({"loss_category": 0.0}, {"fine"}),
        ({"fine_at_test": False}, {"category", "fine"}),
        ({"cpa": False}, {"category", "fine"}),
    ],
    ids=lambda value: "-".join(sorted(value)),
)
def test_scores_of_variants(build: Build, change: dict, there: set[str], clip_BTCHW: torch.Tensor) -> None:
    sample = build(**change).eval()(clip_BTCHW, None, mode="predict")[0]
    assert {name for name in ("category", "fine") if f"{name}_score" in sample} == there
    if change != {"cpa": False}:
        only = "fine" if there == {"fine"} else "category"
        assert torch.equal(sample.pred_score, getattr(sample, f"{only}_score"))


def test_calibration_is_used_and_kept(build: Build, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]) -> None:
    model = build()
    before_BC = predictions(model, clip_BTCHW, samples)
    logits = {
        name: torch.stack([getattr(sample, f"{name}_logits") for sample in samples]).numpy()
        for name in ("category", "fine")
    }
    fitted = model.calibrate(logits["category"], logits["fine"], [0, 3, 5, 5, 14, 16])
    assert set(fitted) == {"category_temperature", "fine_temperature", "beta", "combined_temperature"}
    after_BC = predictions(model, clip_BTCHW, samples)
    assert not torch.equal(after_BC, before_BC)
    twin = build()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(predictions(twin, clip_BTCHW, None), after_BC)


def test_tensor_mode_shows_what_the_model_sees(build: Build, clip_BTCHW: torch.Tensor) -> None:
    shown = build().eval()(clip_BTCHW)
    assert {name: tuple(value.shape) for name, value in shown.items()} == {
        "video_BE": (6, 24),
        "local_BDE": (6, 4, 24),
        "attention_BDTP": (6, 4, 2, 4),
        "category_logits_BC": (6, 17),
        "fine_logits_BDC": (6, 4, 17),
    }


def test_bf16_stays_near_fp32_and_scores_are_fp32(
    build: Build, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]
) -> None:
    full, half = build(), build(autocast="bf16")
    scores = predictions(full, clip_BTCHW, samples), predictions(half, clip_BTCHW, samples)
    assert scores[1].dtype == torch.float32
    assert not torch.equal(*scores)
    torch.testing.assert_close(*scores, atol=0.03, rtol=0)
    losses = half.train()(clip_BTCHW, samples, mode="loss")
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())


def test_frozen_parameters_are_not_touched_by_the_optimizer(
    build: Build, clip_BTCHW: torch.Tensor, samples: list[ActionDataSample]
) -> None:
    model = build()
    nudge(model)
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = {"type": "AdamW", "lr": 0.01, "weight_decay": 0.5, "fused": True}
    wrapper = build_optim_wrapper(model, {"type": "OptimWrapper", "optimizer": optimizer})
    model.progress = 0.15
    wrapper.update_params(model.parse_losses(model(clip_BTCHW, samples, mode="loss"))[0])
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) != parameter.requires_grad, name
    assert len(wrapper.optimizer.state) == sum(parameter.requires_grad for parameter in model.parameters())


def test_a_frozen_tower_runs_without_a_graph(build: Build, clip_BTCHW: torch.Tensor) -> None:
    model = build(lora=False)
    grads = []
    model.tower.visual.transformer.resblocks[-1].register_forward_hook(
        lambda m, i, out: grads.append(out.requires_grad)
    )
    assert model(clip_BTCHW)["video_BE"].requires_grad
    assert grads == [False]


def test_pixels_have_the_same_gradient_through_a_frozen_tower(build: Build, clip_BTCHW: torch.Tensor) -> None:
    """At the start LoRA adds nothing, so both compute the same."""
    gradients = []
    clip_BTCHW.requires_grad_()
    for lora in (True, False):
        shown = build(lora=lora).eval()(clip_BTCHW, mode="tensor")
        gradients += torch.autograd.grad(shown["category_logits_BC"].amax(1).sum(), clip_BTCHW)
    assert gradients[0].abs().amax(dim=(1, 2, 3, 4)).min() > 0
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"num_classes": 5}, "17 classes"),
        ({"text": "smgg"}, "smg"),
        ({"tap": 9}, "1..3"),
        ({"lora_rnak": 2}, "lora_rank"),
    ],
)
def test_wrong_settings_are_refused(build: Build, wrong: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        build(**wrong)


def test_clips_of_another_shape_are_refused(build: Build) -> None:
    with pytest.raises(UserError, match=r"\(1, 3, 3, 32, 32\), expected .* \(B, 2, 3, 32, 32\)"):
        build()(torch.zeros(1, 3, 3, 32, 32))


def test_mmaction_knows_the_recognizer_and_the_hook() -> None:
    assert MODELS.get("FGSGL") is FGSGL
    assert HOOKS.get("ProgressHook") is ProgressHook
