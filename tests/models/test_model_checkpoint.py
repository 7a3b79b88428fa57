"""Checkpoints through MMEngine's own runner, loader and resume."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.runner import Runner, load_checkpoint, save_checkpoint
from torch.utils.data import DataLoader

from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.towers.lora import merge_lora
from fgsgl.util.errors import UserError

Build = Callable[..., FGSGL]


def train(model: FGSGL, work_dir: Path, epochs: int, resume: bool = False, hooks: tuple[dict, ...] = ()) -> Runner:
    """A real, tiny training: 8 clips, 2 an iteration."""
    clips = [(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(i)), i % 4) for i in range(8)]

    def collate(batch: list) -> dict:
        labels = [ActionDataSample().set_gt_label(label) for _, label in batch]
        return {"inputs": torch.stack([clip for clip, _ in batch]), "data_samples": labels}

    runner = Runner(
        model=model,
        work_dir=str(work_dir),
        train_dataloader=DataLoader(clips, batch_size=2, collate_fn=collate),
        train_cfg={"by_epoch": True, "max_epochs": epochs},
        optim_wrapper={"optimizer": {"type": "AdamW", "lr": 1e-3}},
        default_hooks={"timer": None, "logger": None},
        custom_hooks=[{"type": "ProgressHook"}, *hooks],
        default_scope="mmaction",
        experiment_name=f"epochs{epochs}",
        randomness={"seed": 0},
        log_level="ERROR",
        resume=resume,
    )
    runner.train()
    return runner


def test_training_saves_little_and_resumes(build: Build, tmp_path: Path, clip_BTCHW: torch.Tensor) -> None:
    model = build()
    train(model, tmp_path, epochs=2)
    assert model.progress == pytest.approx(7 / 8)  # of the last iteration's start
    saved = torch.load(tmp_path / "epoch_2.pth", weights_only=True)["state_dict"]
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    calibration = {"category_temperature", "fine_temperature", "beta", "combined_temperature"}
    assert set(saved) == trained | calibration | {"identity"}
    twin = build(seed=5)
    load_checkpoint(twin, str(tmp_path / "epoch_2.pth"), map_location="cpu")
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(clip_BTCHW)["video_BE"], twin.eval()(clip_BTCHW)["video_BE"])
    runner = train(build(seed=6), tmp_path, epochs=3, resume=True)
    assert runner.iter == 12
    assert runner.model.progress == pytest.approx(11 / 12)


def test_a_file_holds_nothing_frozen_in_weights_average_or_optimizer(build: Build, tmp_path: Path) -> None:
    model = build(tower="synmg-tiny", pretrained="synmg-tiny")
    train(model, tmp_path, epochs=1, hooks=({"type": "EMAHook"},))
    whole, trained = (
        sum(parameter.nbytes for parameter in model.parameters() if parameter.requires_grad or not only)
        for only in (False, True)
    )
    size = (tmp_path / "epoch_1.pth").stat().st_size
    assert 4 * trained < size < 4.2 * trained < 0.7 * whole, "the weights, their average, and two of the optimizer"


def test_torch_loads_strictly_and_a_merged_model_keeps_its_output(build: Build, clip_BTCHW: torch.Tensor) -> None:
    model, twin = build(), build(seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01 * torch.randn_like(parameter))
    result = twin.load_state_dict(model.state_dict(), strict=True)
    assert not result.missing_keys
    assert not result.unexpected_keys
    with torch.no_grad():
        video_BE = model.eval()(clip_BTCHW)["video_BE"]
        assert torch.equal(twin.eval()(clip_BTCHW)["video_BE"], video_BE)
        merge_lora(twin)
        torch.testing.assert_close(twin(clip_BTCHW)["video_BE"], video_BE)


@pytest.mark.slow
def test_a_checkpoint_of_vit_b16_is_under_10_mb() -> None:
    """All trained parts but the learned prompt (8 kB) and two temperatures, for which 200 texts would be encoded."""
    model = FGSGL(num_classes=52, tower="ViT-B-16", pretrained=None, image_size=224, head="linear", loss_fine=0.0)
    assert {name.split(".")[0] for name in model.state_dict()} >= {"tower", "temporal", "linear", "fgsa", "gate_D"}
    assert sum(value.nbytes for value in model.state_dict().values()) < 10e6


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tower": "synmg-tiny"}, "tower synmg-tiny"),
        ({"text_control": "shuffled"}, "shuffled"),
        ({"lora_rank": 4}, "shape"),
        ({"fgsa": False}, "fgsa"),
        ({"temporal": "mean"}, "temporal"),
        ({"cpa": False}, "category_scale"),
    ],
    ids=str,
)
def test_a_checkpoint_of_another_model_is_refused(build: Build, change: dict, told: str, tmp_path: Path) -> None:
    path = str(tmp_path / "model.pth")
    save_checkpoint({"state_dict": build(**change).state_dict()}, path)
    model = build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(UserError, match=f"checkpoint of another model: .*{told}") as caught:
        load_checkpoint(model, path, map_location="cpu")
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_other_weights_of_the_same_backbone_are_refused(build: Build, weights_file: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "model.pth")
    save_checkpoint({"state_dict": build(pretrained=str(weights_file)).state_dict()}, path)
    with pytest.raises(UserError, match="checkpoint of another model: it was trained on"):
        load_checkpoint(build(), path, map_location="cpu")


def test_a_checkpoint_of_no_fgsgl_is_refused(build: Build) -> None:
    with pytest.raises(UserError, match="no FG-SGL"):
        build().load_state_dict({"cls_head.fc_cls.weight": torch.zeros(17, 8)})
