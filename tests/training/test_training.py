"""What a training does with the protocol's options: parts of a batch, the average of the weights, an early end."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.records.curve import read_curve
from fgsgl.records.protocol import default_protocol
from fgsgl.training.hooks import CellHook
from fgsgl.training.mmengine_config import build_config
from fgsgl.training.train import _use_average


class KeepWeights(Hook):
    """The trained layer after every batch."""

    priority = "LOWEST"

    def __init__(self) -> None:
        self.weights: list[Tensor] = []

    def after_train_iter(self, runner: Runner, batch_idx: int, *_: Any, **__: Any) -> None:
        self.weights.append(runner.model.linear[1].weight.detach().clone())


def train(smoke: Path, work_dir: Path, **options: Any) -> tuple[Runner, list[Tensor]]:
    """One epoch of the linear probe over a clip of each class, without augmentation, by plain gradient steps of one
    size."""
    protocol = default_protocol("synmg", "smoke", epochs=1, shots=1, **options)
    classes = Classes(count=26, text="synmg")
    config = build_config(get("linear_probe"), {}, protocol, 0, classes=classes, root=smoke, work_dir=work_dir)
    config["model"]["autocast"] = "none"
    config["optim_wrapper"] |= {"optimizer": {"type": "SGD", "lr": 0.5}, "clip_grad": None}
    config |= {"param_scheduler": None, "experiment_name": work_dir.name}
    runner = Runner.from_cfg(Config(config))
    runner.model.data_preprocessor.register_forward_pre_hook(
        lambda module, given, named: (given[:1], {"training": False}), with_kwargs=True
    )
    kept = KeepWeights()
    runner.register_hook(kept)
    runner.train()
    return runner, kept.weights


def test_a_batch_in_two_parts_makes_the_same_steps(smoke: Path, tmp_path: Path) -> None:
    _, whole = train(smoke, tmp_path / "whole", batch_size=8)
    _, parts = train(smoke, tmp_path / "parts", batch_size=8, accumulate=2)
    _, small = train(smoke, tmp_path / "small", batch_size=4)
    assert (len(whole), len(parts)) == (4, 7)  # 26 clips
    torch.testing.assert_close(parts[1::2], whole[:3])
    torch.testing.assert_close(parts[-1], whole[-1])
    assert not torch.allclose(small[-1], whole[-1], atol=1e-3)


def test_the_moving_average_is_what_is_evaluated(smoke: Path, tmp_path: Path) -> None:
    runner, weights = train(smoke, tmp_path / "average", batch_size=8, ema=0.9)
    average = weights[0]
    for weight in weights[1:]:
        average = 0.9 * average + 0.1 * weight
    torch.testing.assert_close(runner.model.linear[1].weight, weights[-1])
    _use_average(runner)
    torch.testing.assert_close(runner.model.linear[1].weight.detach(), average)
    assert not torch.allclose(average, weights[-1], atol=1e-3)


@pytest.mark.slow
def test_a_training_without_gain_on_validation_ends_early_and_stays_ended(smoke: Path, tmp_path: Path) -> None:
    """A rate of zero gains nothing; the same with a training that is called again, as after a kill that tore the
    file of its learning curve."""
    protocol = default_protocol("synmg", "smoke", epochs=6, patience=2)
    classes = Classes(count=26, text="synmg")
    for call, patience, epochs in (("first", 2, 3), ("again", 2, 3), ("on", 0, 6)):
        config = build_config(get("linear_probe"), {}, protocol, 0, classes=classes, root=smoke, work_dir=tmp_path)
        config["optim_wrapper"] |= {"optimizer": {"type": "SGD", "lr": 0.0}}
        if call == "again":
            (tmp_path / "curve.jsonl").write_text('{"epoch": 1, "lo')
        config |= {"param_scheduler": None, "experiment_name": call, "resume": call != "first"}
        runner = Runner.from_cfg(Config(config))
        runner.register_hook(CellHook(tmp_path / "progress.json", tmp_path / "curve.jsonl", patience))
        runner.train()
        assert runner.epoch == epochs
        assert [row["epoch"] for row in read_curve(tmp_path / "curve.jsonl")] == [*range(1, epochs + 1)]


class DiesAtValidation(Hook):
    """Ends the training before its first validation is done."""

    priority = "HIGHEST"

    def before_val_epoch(self, runner: Runner) -> None:
        raise KeyboardInterrupt


class ForgetsCalibration(Hook):
    """Before each validation, what the one before it had fitted is gone."""

    def before_val_epoch(self, runner: Runner) -> None:
        runner.model.beta.fill_(1000.0)


@pytest.mark.slow
def test_accuracy_of_an_epoch_follows_from_its_weights_alone_also_where_it_was_killed(
    smoke: Path, tmp_path: Path
) -> None:
    """One training goes through; the other dies between an epoch's checkpoint and its validation."""
    protocol = default_protocol("synmg", "smoke", epochs=2, batch_size=8)
    classes = Classes(count=26, text="synmg")
    for name, calls in (("whole", (None,)), ("killed", (DiesAtValidation(), ForgetsCalibration()))):
        for call, hook in enumerate(calls):
            work_dir = tmp_path / name
            config = build_config(get("fgsgl"), {}, protocol, 0, classes=classes, root=smoke, work_dir=work_dir)
            runner = Runner.from_cfg(Config(config | {"experiment_name": f"{name}{call}", "resume": call > 0}))
            runner.register_hook(CellHook(work_dir / "progress.json", work_dir / "curve.jsonl"))
            if hook:
                runner.register_hook(hook)
            with pytest.raises(KeyboardInterrupt) if call < len(calls) - 1 else nullcontext():
                runner.train()
    whole, killed = (read_curve(tmp_path / name / "curve.jsonl") for name in ("whole", "killed"))
    assert [(row["epoch"], row["loss"], row["val_top1"]) for row in killed] == [
        (row["epoch"], row["loss"], row["val_top1"]) for row in whole
    ]


@pytest.mark.parametrize("name", ["fgsgl", "linear_probe", "tsm", "stgcnpp", "actionclip", "manet"])
def test_label_smoothing_changes_the_loss(name: str, tmp_path: Path) -> None:
    from fgsgl.testing.method_contract import BuiltMethod, loss_of

    losses = []
    for smoothing in (0.0, 0.2):
        protocol = default_protocol("synmg", num_frames=8, image_size=64, label_smoothing=smoothing)
        subject = BuiltMethod(get(name), protocol)
        torch.manual_seed(0)
        losses.append(loss_of(subject.model, subject.batch).item())
    assert losses[0] != losses[1]  # of one seed, so equal where smoothing does not reach the loss
