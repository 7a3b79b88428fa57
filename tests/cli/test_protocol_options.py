"""The protocol's options: refused where they make no sense, doing what they say, leaving old identities alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

import fgsgl.mmaction  # noqa: F401 (registers)
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get, scan
from fgsgl.mmaction.class_balanced_sampler import ClassBalancedSampler
from fgsgl.mmaction.datasets import ClipDataset
from fgsgl.records.identity import LABEL, LATER, identity, without
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import Predictions
from fgsgl.records.protocol import default_protocol
from fgsgl.text.fgtext import load
from fgsgl.training.cost import measure
from fgsgl.training.evaluate import adjusted, predict_split
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

OPTIONS = {
    "size": "standard",
    "accumulate": 2,
    "sampling": "class_balanced",
    "label_smoothing": 0.1,
    "logit_adjustment": 0.5,
    "ema": 0.9,
    "views": 2,
    "patience": 2,
    "unseen": 4,
    "shots": 8,
    "long_tail": 20.0,
    "budget": "compute",
}


def test_what_came_later_leaves_old_identities_alone() -> None:
    @dataclasses.dataclass
    class Thing:
        first: int = 1
        later: int = dataclasses.field(default=0, metadata=LATER)
        name: str = dataclasses.field(default="", metadata=LABEL)

    assert identity(Thing()) == identity(Thing(name="x")) == {"first": 1}
    assert identity(Thing(later=3)) == {"first": 1, "later": 3}
    assert without({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 0}) == {"a": 1, "c": 3}


def test_the_protocols_of_committed_records_keep_their_hashes() -> None:
    """They are of SynMG 1, whose preset set other epochs and left the class prior in."""
    records = Ledger(Path(__file__).parents[1] / "frozen" / "synmg-1" / "ledger").done().values()
    earlier = default_protocol("synmg", "quick", epochs=5, logit_adjustment=0.0)
    assert {record.protocol_hash for record in records} == {earlier.hash()}


@pytest.mark.parametrize(("name", "value"), OPTIONS.items())
def test_each_option_makes_another_protocol(name: str, value: Any) -> None:
    assert default_protocol("synmg", **{name: value}).hash() != default_protocol("synmg").hash()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("size", "huge", "size is 'huge'"),
        ("sampling", "classbalanced", "did you mean class_balanced"),
        ("accumulate", 3, "divides the batch of 16 clips"),
        ("accumulate", 0, "accumulate is 0, expected a whole number, 1 to"),
        ("label_smoothing", 1.0, "label_smoothing is 1.0, expected 0 or more, and less than 1"),
        ("ema", -0.1, "ema is -0.1"),
        ("logit_adjustment", -1.0, "expected 0 to 10"),
        ("views", 3, "views is 3, expected a whole number, 1 to 2"),
        ("patience", -1, "patience is -1, expected a whole number, 0 to"),
        ("unseen", -1, "unseen is -1, expected a whole number, 0 to"),
        ("fold", 2, "fold is 2, but no class is held out"),
        ("shots", 1.5, "shots is 1.5, expected a whole number"),
        ("long_tail", 0.5, "long_tail is 0.5, expected the ratio"),
        ("budget", "computed", "budget is 'computed'; did you mean compute"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(name: str, value: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        default_protocol("synmg", **{name: value})


def test_class_balanced_draws_are_balanced_and_new_in_every_epoch() -> None:
    labels = [0] * 90 + [1] * 9 + [3]
    dataset = SimpleNamespace(clips=[SimpleNamespace(label=label) for label in labels])
    sampler = ClassBalancedSampler(dataset, seed=0)
    drawn = []
    for epoch in range(60):
        sampler.set_epoch(epoch)
        drawn.append(list(sampler))
        assert drawn[-1] == list(sampler) and len(drawn[-1]) == len(sampler) == 100
    assert drawn[0] != drawn[1]
    share_C = np.bincount([labels[index] for epoch in drawn for index in epoch], minlength=4) / 6000
    np.testing.assert_allclose(share_C, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.025)  # four standard deviations


def test_processes_share_the_balanced_draws() -> None:
    dataset = SimpleNamespace(clips=[SimpleNamespace(label=label) for label in [0] * 90 + [1] * 11])
    one, *two = (ClassBalancedSampler(dataset, seed=3) for _ in range(3))
    for rank, sampler in enumerate(two):
        sampler.rank, sampler.world_size, sampler.num_samples = rank, 2, 51
    dealt = [index for pair in zip(*two, strict=True) for index in pair]
    assert len(dealt) == 102 and dealt[:101] == list(one)


def test_logit_adjustment_divides_by_the_class_shares() -> None:
    scores_NC = np.array([[0.8, 0.2, 0.0], [0.5, 0.25, 0.25]], dtype=np.float32)
    given = Predictions(
        clip_ids=np.array(["a", "b"]), subjects=np.array(["s", "s"]), labels=np.array([0, 1]),
        scores={"combined": scores_NC},
    )  # fmt: skip
    assert adjusted(given, [8, 2, 0], 0.0).scores["combined"] is scores_NC
    found_NC = adjusted(given, [8, 2, 0], 1.0).scores["combined"]
    np.testing.assert_allclose(found_NC, [[0.5, 0.5, 0], [1 / 7, 2 / 7, 4 / 7]], rtol=1e-6)  # an absent class: one clip


def test_logit_adjustment_speaks_neither_for_nor_against_an_unseen_class() -> None:
    scores_NC = np.array([[0.4, 0.2, 0.4]], dtype=np.float32)
    given = Predictions(
        clip_ids=np.array(["a"]), subjects=np.array(["s"]), labels=np.array([2]), scores={"combined": scores_NC}
    )
    found_NC = adjusted(given, [8, 2, 0], 1.0, unseen=(2,)).scores["combined"]  # counts as sqrt(8 * 2) = 4
    raised = np.array([0.4 / 8, 0.2 / 2, 0.4 / 4])
    np.testing.assert_allclose(found_NC[0], raised / raised.sum(), rtol=1e-6)


def test_unseen_classes_reach_every_loss_and_the_regime_every_loader() -> None:
    protocol = default_protocol("synmg", unseen=3, fold=1, shots=2)
    classes = Classes.of(load("smg").class_names, "smg", protocol)
    assert len(classes.unseen) == 3
    for name, method in scan().items():
        if not method.recipe:
            continue
        config = build_config(method, {}, protocol, 5, classes=classes, root=Path("d"), work_dir=Path("w"))
        model = config["model"]
        told = [model.get("unseen"), model.get("cls_head", {}).get("loss_cls", {}).get("unseen")]
        assert list(classes.unseen) in told, name
        for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
            dataset = config[loader]["dataset"]
            assert (dataset["regime"]["unseen"], dataset["regime"]["fold"], dataset["seed"]) == (3, 1, 5)


def test_a_recognizer_that_knows_of_no_unseen_classes_is_refused() -> None:
    protocol = default_protocol("synmg", unseen=3)
    plain = dataclasses.replace(get("tsm"), model=lambda *_: {"type": "Mine", "data_preprocessor": {}})
    with pytest.raises(UserError, match="tsm cannot train with unseen classes"):
        build_config(
            plain, {}, protocol, 0, classes=Classes(count=17, text="smg", unseen=(1,)), root=Path(), work_dir=Path()
        )


def test_operations_are_those_of_the_products() -> None:
    class Model(torch.nn.Module):
        def test_step(self, batch: dict[str, Any]) -> torch.Tensor:
            return torch.stack(batch["inputs"]) @ torch.ones(30, 50)

    batch = {"inputs": [torch.ones(20, 30)] * 4, "data_samples": [None] * 4}
    found = measure(Model(), batch)
    assert found.gflops == 2 * 20 * 30 * 50 / 1e9
    assert found.latency_ms > 0 and found.clips_per_s > 0
    assert set(msgspec.to_builtins(measure(Model(), batch, repeats=0))) == {"gflops"}


def test_two_views_are_the_mean_of_both(smoke: Path) -> None:
    from mmaction.registry import MODELS
    from mmengine.dataset import pseudo_collate
    from mmengine.registry import init_default_scope
    from torch.utils.data import DataLoader

    init_default_scope("mmaction")
    protocol = default_protocol("synmg", "smoke")
    config = build_config(
        get("zero_shot_names"), {}, protocol, 0, classes=Classes(count=26, text="synmg"), root=smoke, work_dir=smoke
    )
    model = MODELS.build({**config["model"], "autocast": "none"})
    few = ClipDataset("synmg", str(smoke), "test", "smoke")
    few.clips = few.clips[:8]
    loader = DataLoader(few, 8, collate_fn=pseudo_collate)
    last_NC, both_NC = (predict_split(model, loader, views).scores["combined"] for views in (1, 2))
    model.data_preprocessor.register_forward_pre_hook(lambda module, given: setattr(module, "view", 1))
    other_NC = predict_split(model, loader).scores["combined"]
    np.testing.assert_allclose(both_NC, (last_NC + other_NC) / 2, atol=1e-6)
    assert not np.allclose(last_NC, other_NC, atol=1e-4)


def test_accumulation_divides_the_batch_and_smoothing_reaches_the_head() -> None:
    protocol = default_protocol("synmg", accumulate=4, label_smoothing=0.1)
    classes = Classes(count=17, text="smg")
    built = {
        name: build_config(get(name), {}, protocol, 0, classes=classes, root=Path("d"), work_dir=Path("w"))
        for name, method in scan().items()
        if method.recipe
    }
    for config in built.values():
        assert config["train_dataloader"]["batch_size"] == 4 and config["val_dataloader"]["batch_size"] == 16
        assert config["optim_wrapper"]["accumulative_counts"] == 4
        model = config["model"]
        assert 0.1 in (model.get("label_smoothing"), model.get("cls_head", {}).get("label_smooth_eps"))
