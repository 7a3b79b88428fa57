"""Methods that read skeletons, from the cached joints to the scores, and the floor that draws at random."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch import nn

import fgsgl.mmaction  # noqa: F401 (registers)
from fgsgl.data.cache.joint_cache import JOINT_FRAMES
from fgsgl.data.clip_table import PER_SEGMENT
from fgsgl.data.skeletons import LAYOUTS
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get, scan
from fgsgl.mmaction.datasets import ClipDataset, SkeletonDataset, random_skeleton_batch
from fgsgl.models.baselines.skeleton import REACH, heatmaps
from fgsgl.models.preprocess_skeletons import SkeletonPreprocessor
from fgsgl.records.protocol import default_protocol
from fgsgl.training.mmengine_config import build_config

METHODS = [name for name, method in scan().items() if method.modality == "skeleton"]
LABELS = (0, 3, 1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    MMLogger.get_current_instance().setLevel("ERROR")
    init_default_scope("mmaction")
    torch.manual_seed(0)


def built(name: str, dataset: str = "synmg", classes: int = 17, **changes: Any) -> tuple[nn.Module, dict[str, Any]]:
    """A method's recognizer, initialised as for training, and a batch that it can be given."""
    from mmaction.registry import MODELS

    protocol = default_protocol(dataset, **{"num_frames": 1, "size": "quick", **changes})
    config = build_config(
        get(name), {}, protocol, 0, classes=Classes(count=classes, text="smg"), root=Path("r"), work_dir=Path("w")
    )
    model = MODELS.build(config["model"])
    model.init_weights()
    return model, random_skeleton_batch(dataset, protocol.num_frames, LABELS)


def loss_of(model: nn.Module, batch: dict[str, Any], training: bool = True) -> torch.Tensor:
    losses = model(**model.data_preprocessor(batch, training), mode="loss")
    return sum(value for name, value in losses.items() if name.startswith("loss"))


def scores_of(model: nn.Module, inputs: list[torch.Tensor]) -> torch.Tensor:
    from mmaction.structures import ActionDataSample

    with torch.no_grad():
        samples = model.test_step({"inputs": inputs, "data_samples": [ActionDataSample() for _ in inputs]})
    return torch.stack([sample.pred_score for sample in samples])


def test_there_are_four() -> None:
    assert METHODS == ["agcn", "posec3d", "stgcn", "stgcnpp"]


@pytest.mark.parametrize("name", METHODS)
def test_gradients_reach_every_weight_in_bf16(name: str) -> None:
    model, batch = built(name)
    for part in (model, getattr(model, "joint", model), getattr(model, "bone", model)):
        part.autocast = "bf16"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(3):  # some weights start behind a zero (AGCN's attention, residual branches), and then get theirs
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        optimizer.step()
    assert torch.isfinite(loss) and loss.dtype == torch.float32
    for parameter_name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().sum() > 0, parameter_name


@pytest.mark.parametrize("name", METHODS)
def test_a_score_depends_on_no_other_clip_of_the_batch(name: str) -> None:
    model, batch = built(name)
    with torch.no_grad():
        for _ in range(2):
            loss_of(model, batch)  # statistics of the batch normalisation
    model.eval()
    scores_BC = scores_of(model, batch["inputs"])
    assert torch.allclose(scores_BC.sum(1), torch.ones(3)) and scores_BC.std(0).max() > 0
    for clip, score_C in zip(batch["inputs"], scores_BC, strict=True):
        assert torch.allclose(scores_of(model, [clip])[0], score_C, atol=1e-5)
    assert torch.allclose(scores_of(model, batch["inputs"][::-1]), scores_BC.flip(0), atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_other_frames_classes_and_joints_reach_every_place(name: str) -> None:
    model, batch = built(name, dataset="imigue", classes=9, num_frames=3, label_smoothing=0.1)
    loss_of(model, batch).backward()
    assert scores_of(model.eval(), batch["inputs"]).shape == (3, 9)
    assert model.data_preprocessor(batch)["inputs"].shape == (3, 3 * JOINT_FRAMES, 22, 3)
    heads = [module for module in model.modules() if hasattr(module, "label_smooth_eps")]
    assert heads and all(head.label_smooth_eps == 0.1 and head.num_classes == 9 for head in heads)


@pytest.mark.parametrize("name", METHODS)
def test_the_standard_size_is_the_published_one(name: str) -> None:
    model, _ = built(name, size="standard", classes=60)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert millions == pytest.approx({"stgcn": 3.1, "stgcnpp": 1.4, "agcn": 2 * 3.5, "posec3d": 2.0}[name], rel=0.03)


def test_a_split_has_the_same_clips_as_in_pictures(smoke: Path) -> None:
    where = {"dataset": "synmg", "root": str(smoke), "preset": "smoke", "split": "val"}
    skeletons, pictures = SkeletonDataset(**where), ClipDataset(**where)
    assert skeletons.clips == pictures.clips and len(skeletons) == len(pictures)
    sample, made = skeletons[5], random_skeleton_batch("synmg", 8, [4])
    assert sample["data_samples"].gt_label.item() == skeletons.clips[5].label
    assert sample["data_samples"].clip_id == skeletons.clips[5].clip_id
    assert sample["inputs"].shape == made["inputs"][0].shape == (8 * JOINT_FRAMES * PER_SEGMENT, 25, 3)
    assert sample["inputs"].dtype == made["inputs"][0].dtype == torch.float32
    assert made["data_samples"][0].gt_label.item() == 4
    again, other = (random_skeleton_batch("synmg", 8, [4], seed)["inputs"][0] for seed in (0, 1))
    assert torch.equal(again, made["inputs"][0]) and not torch.equal(again, other)


def test_evaluation_takes_the_same_frame_of_each_segment_and_a_view_another() -> None:
    batch = random_skeleton_batch("synmg", 2, LABELS)
    joints_BKJ3 = torch.stack(batch["inputs"])
    preprocessor = SkeletonPreprocessor("kinect25")
    for view in range(PER_SEGMENT):
        preprocessor.view = view
        assert torch.equal(preprocessor(batch)["inputs"], joints_BKJ3[:, PER_SEGMENT - 1 - view :: PER_SEGMENT])


def test_training_draws_a_frame_of_each_segment_anew() -> None:
    batch = random_skeleton_batch("synmg", 4, LABELS)
    joints_BSPJ3 = torch.stack(batch["inputs"]).unflatten(1, (-1, PER_SEGMENT))
    preprocessor = SkeletonPreprocessor("kinect25", flip=0.0, turn_rad=0.0, scale=0.0)
    draws = [preprocessor(batch, training=True)["inputs"] for _ in range(2)]
    for joints_BTJ3 in draws:
        apart_BTP = (joints_BSPJ3 - joints_BTJ3[:, :, None]).abs().amax((3, 4))
        assert (apart_BTP.amin(2) < 1e-6).all()
        assert set(apart_BTP.argmin(2).unique().tolist()) == set(range(PER_SEGMENT))
    assert not torch.equal(*draws)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_mirrored_clip_has_its_sides_exchanged(name: str) -> None:
    layout = LAYOUTS[name]
    batch = random_skeleton_batch("csv", 1, LABELS, preset=name)
    batch["inputs"] = [joints_KJ3[:1].repeat(len(joints_KJ3), 1, 1) for joints_KJ3 in batch["inputs"]]
    seen_BTJ3 = SkeletonPreprocessor(name, flip=1.0, turn_rad=0.0, scale=0.0)(batch, training=True)["inputs"]
    left, right = layout.joints.index("WristLeft"), layout.joints.index("WristRight")
    for mirrored_TJ3, joints_KJ3 in zip(seen_BTJ3, batch["inputs"], strict=True):
        assert torch.allclose(mirrored_TJ3[0, left], joints_KJ3[0, right] * torch.tensor([-1.0, 1.0, 1.0]))
        assert torch.allclose(mirrored_TJ3[0, 0], joints_KJ3[0, 0] * torch.tensor([-1.0, 1.0, 1.0]))


@pytest.mark.parametrize("name", LAYOUTS)
def test_turning_and_scaling_keep_the_shape_and_the_confidence(name: str) -> None:
    axes = 2 if LAYOUTS[name].confidence else 3
    batch = random_skeleton_batch("csv", 1, range(8), preset=name)
    batch["inputs"] = [joints_KJ3[:1].repeat(len(joints_KJ3), 1, 1) for joints_KJ3 in batch["inputs"]]
    before_BJ3 = torch.stack(batch["inputs"])[:, 0]
    after_BJ3 = SkeletonPreprocessor(name, flip=0.0, scale=0.1)(batch, training=True)["inputs"][:, 0]
    ratio_BJ = after_BJ3[..., :axes].norm(dim=-1) / before_BJ3[..., :axes].norm(dim=-1)
    assert torch.allclose(ratio_BJ, ratio_BJ[:, :1].expand_as(ratio_BJ), atol=1e-4)
    assert 0.9 <= ratio_BJ.min() < ratio_BJ.max() <= 1.1
    assert (after_BJ3 - before_BJ3)[..., :2].abs().amax((1, 2)).min() > 0.01
    assert axes == 3 or torch.equal(after_BJ3[..., 2], before_BJ3[..., 2])


def test_bones_point_from_the_parent_to_the_joint() -> None:
    layout = LAYOUTS["openpose22"]
    model, batch = built("agcn", dataset="imigue")
    joints_BTJ3 = model.data_preprocessor(batch)["inputs"]
    bones_BTJ3 = model.bones(joints_BTJ3)
    wrist, elbow = layout.joints.index("WristLeft"), layout.joints.index("ElbowLeft")
    expected_BT3 = joints_BTJ3[:, :, wrist] - joints_BTJ3[:, :, elbow]
    assert torch.equal(bones_BTJ3[:, :, wrist, :2], expected_BT3[..., :2])
    assert torch.allclose(bones_BTJ3[:, :, wrist, 2], joints_BTJ3[:, :, [wrist, elbow], 2].mean(-1))
    assert (bones_BTJ3[:, :, layout.center, :2] == 0).all()


def test_a_heatmap_is_brightest_at_its_joint_and_dark_where_none_was_found() -> None:
    joints_BTJ3 = torch.tensor([[0.0, 0.0, 0.5], [0.5, -1.0, 1.0], [0.5, -1.0, 0.0]]).view(1, 1, 3, 3)
    volume_BJTSS = heatmaps(joints_BTJ3, 51, sigma=0.8, confidence=True)
    assert volume_BJTSS.shape == (1, 3, 1, 51, 51)
    middle, corner, none = volume_BJTSS[0, :, 0]
    assert middle[25, 25] == middle.max() == 0.5
    assert corner[round(25 - 25 / REACH), round(25 + 12.5 / REACH)] == corner.max() == 1
    assert none.max() == 0
    assert heatmaps(joints_BTJ3, 51, sigma=0.8, confidence=False)[0, :, 0].amax((1, 2)).tolist() == [1, 1, 1]


def test_the_random_floor_draws_by_the_training_shares() -> None:
    table = SimpleNamespace(classes=("a", "b", "c", "d"))
    train = [SimpleNamespace(label=label) for label in [0] * 60 + [1] * 30 + [2] * 10]
    test, protocol = [SimpleNamespace(label=0)] * 20_000, default_protocol("synmg", "smoke")
    scores_NC = get("stratified_random").scores(table, train, test, 3, protocol)
    assert np.allclose(scores_NC.sum(1), 1, atol=1e-5)
    drawn_C = np.bincount(scores_NC.argmax(1), minlength=4) / len(test)
    assert np.allclose(drawn_C, [0.6, 0.3, 0.1, 0], atol=0.015)
    second_C = np.bincount(scores_NC[scores_NC.argmax(1) == 0][:, 1:].argmax(1), minlength=3)
    assert second_C[0] / second_C.sum() == pytest.approx(0.75, abs=0.02), "the second by the shares among the rest"
    assert np.array_equal(scores_NC, get("stratified_random").scores(table, train, test, 3, protocol))
    assert not np.array_equal(scores_NC, get("stratified_random").scores(table, train, test, 4, protocol))


def test_the_config_feeds_joints() -> None:
    protocol = dataclasses.replace(default_protocol("synmg"), flip=0.25)
    config = build_config(
        get("stgcn"), {}, protocol, 0, classes=Classes(count=17, text="smg"), root=Path("r"), work_dir=Path("w")
    )
    assert config["model"]["data_preprocessor"] == {"type": "SkeletonPreprocessor", "layout": "kinect25", "flip": 0.25}
    kinds = {config[f"{split}_dataloader"]["dataset"]["type"] for split in ("train", "val", "test")}
    assert kinds == {"SkeletonDataset"} and config["test_pipeline"] == []
