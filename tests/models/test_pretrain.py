"""The pretraining: its parts against slow references, and a miniature run that learns, stops and goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch.nn import functional as F

from fgsgl.data.synmg import programs
from fgsgl.errors import UserError
from fgsgl.models import synmg_tiny
from fgsgl.models.pretrain import losses
from fgsgl.models.pretrain.augment import augment, mirrored_joints, normalise
from fgsgl.models.pretrain.evaluate import _rounds, retrieval
from fgsgl.models.pretrain.export import export
from fgsgl.models.pretrain.pool import CHUNK, Pool, render
from fgsgl.models.pretrain.run import CHECKPOINT, CURVE, pretrain
from fgsgl.models.pretrain.texts import noisy, rows_of
from fgsgl.models.pretrain.train import Recipe, Trainer
from fgsgl.models.slim_resnet import SlimResNet

PARTS = ("pose", "motion", "text", "caption", "video", "local")
MINIATURE = Recipe(
    batch=4, num_frames=4, captions=8, pose_steps=2, lr=2e-3, lr_steps=1, pool_clips=CHUNK, first_clips=CHUNK, held_out_clips=CHUNK
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A rendered pool of one chunk, and one of held-out compositions."""
    path = tmp_path_factory.mktemp("pretrain")
    render(path / "pool", CHUNK, seed=0, num_frames=4)
    render(path / "held_out", CHUNK, seed=0, num_frames=4, held_out=True)
    return path


def test_augmentation_moves_joints_with_their_pixels() -> None:
    frames_BTHWC = torch.zeros(16, 1, 56, 56, 3, dtype=torch.uint8)
    joints_BTJ2 = torch.full((16, 1, 25, 2), 0.5)
    for clip, (row, column) in enumerate(torch.randint(12, 44, (16, 2)).tolist()):
        frames_BTHWC[clip, 0, row, column] = 255
        joints_BTJ2[clip, 0, 7] = torch.tensor([column + 0.5, row + 0.5]) / 56
    frames_NCHW, joints_NJ2 = augment(frames_BTHWC, joints_BTJ2, torch.Generator().manual_seed(3))
    again_NCHW, _ = augment(frames_BTHWC, joints_BTJ2, torch.Generator().manual_seed(3))
    assert torch.equal(frames_NCHW, again_NCHW)
    mirrored = 0
    for frame_CHW, joints_J2 in zip(frames_NCHW, joints_NJ2, strict=True):
        row, column = divmod(int(frame_CHW[0].argmax()), 56)
        where = torch.tensor([column + 0.5, row + 0.5]) / 56
        joint = 11 if torch.allclose(joints_J2[11], where, atol=1e-5) else 7
        mirrored += joint == 11
        torch.testing.assert_close(joints_J2[joint], where)
    assert 0 < mirrored < 16


def test_mirroring_swaps_sides_and_normalising_is_open_clips() -> None:
    order = mirrored_joints()
    assert order[3] == 3 and order[7] == 11 and [order[joint] for joint in order] == list(range(25))
    clip_BTHWC = torch.randint(256, (1, 2, 8, 8, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(values) for values in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    expected_NHWC = (clip_BTHWC[0] / 255 - mean) / std
    torch.testing.assert_close(normalise(clip_BTHWC).permute(0, 2, 3, 1), expected_NHWC)
    torch.testing.assert_close(normalise(clip_BTHWC, torch.ones(1, 2)), normalise(clip_BTHWC))


def test_the_pose_loss_is_least_at_the_exact_place() -> None:
    joints_NJ2 = torch.tensor([[[0.41, 0.66], [1.2, 0.5]]])
    logits_NPJ = torch.zeros(1, 49, 2, requires_grad=True)
    optimizer = torch.optim.Adam([logits_NPJ], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        losses.pose_loss(logits_NPJ, joints_NJ2).backward()
        optimizer.step()
    error_NJ = losses.pose_error_NJ(logits_NPJ.detach(), joints_NJ2)
    assert error_NJ[0, 0] < 1e-3
    assert losses.motion_loss(logits_NPJ.repeat(2, 1, 1), joints_NJ2.repeat(2, 1, 1), 2) == 0
    moved_NJ2 = torch.cat((joints_NJ2, joints_NJ2 + torch.tensor([losses.MOTION_UNIT, 0.0])))
    assert losses.motion_loss(logits_NPJ.repeat(2, 1, 1), moved_NJ2, 2).item() == pytest.approx(1, abs=1e-4)
    assert error_NJ[0, 1].isnan() and logits_NPJ.grad[:, :, 1].abs().max() == 0, "a joint out of the picture counts"


def test_losses_equal_slow_references() -> None:
    torch.manual_seed(0)
    video_BE, text_BE = (F.normalize(torch.randn(5, 8), dim=-1) for _ in range(2))
    names = ["a", "b", "a", "c", "b"]
    same_BB = torch.tensor([[float(one == other) for other in names] for one in names])
    expected = 0.0
    for row in range(5):
        for scores in (7 * video_BE[row] @ text_BE.T, 7 * text_BE[row] @ video_BE.T):
            shares = scores.softmax(0).log()
            right = [column for column in range(5) if names[column] == names[row]]
            expected -= sum(shares[column] for column in right) / len(right) / 10
    torch.testing.assert_close(losses.contrastive_loss(video_BE, text_BE, same_BB, torch.tensor(7.0)), expected)
    target_B = torch.tensor([2, -1, 0, -1, 4])
    expected = -sum((7 * video_BE[row] @ text_BE.T).log_softmax(0)[target_B[row]] for row in (0, 2, 4)) / 3
    torch.testing.assert_close(losses.dimension_loss(video_BE, text_BE, target_B, torch.tensor(7.0)), expected)
    assert losses.dimension_loss(video_BE, text_BE, torch.full((5,), -1), torch.tensor(7.0)) == 0
    assert rows_of(torch.tensor([7, 2, -1, 3]), {7: set(), 2: set()}).tolist() == [1, 0, -1, -1]


def test_retrieval_counts_the_right_caption_among_a_hundred_different_ones() -> None:
    compositions = tuple(str(number % 100) for number in range(250))
    assert [len(set(compositions[index] for index in chosen)) for chosen in _rounds(compositions)] == [100, 100]
    text_NE = torch.eye(100).repeat(3, 1)[:250]
    assert retrieval(text_NE, text_NE, compositions) == {"r_at_1": 1.0, "r_at_5": 1.0}
    assert retrieval(text_NE.roll(1, 0), text_NE, compositions)["r_at_1"] < 0.05


def test_no_benchmark_program_is_in_the_pool(folder: Path) -> None:
    taken = programs.benchmark_keys()
    for texts in (Pool(folder / "pool").texts, Pool(folder / "held_out").texts):
        for text in texts:
            _part, _onset, trajectory, outcome = text["composition"].split("|")
            assert (outcome, trajectory) not in taken


def test_a_pool_is_completed_and_takes_in_whole_chunks_only(folder: Path, tmp_path) -> None:
    for path in (folder / "pool").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = (tmp_path / "chunk_00000.frames.npy").stat().st_mtime_ns
    np.save(tmp_path / "chunk_00001.frames.npy", np.zeros(3))  # what a kill in the middle leaves
    pool = Pool(tmp_path)
    assert len(pool) == CHUNK
    render(tmp_path, CHUNK + 1, seed=0, num_frames=1)
    pool.refresh()
    assert len(pool) == 2 * CHUNK
    assert (tmp_path / "chunk_00000.frames.npy").stat().st_mtime_ns == before
    batch = pool.batch(np.array([3, 150]), np.array([0]))
    assert batch.frames_BTHWC.shape == (2, 1, 112, 112, 3) and batch.captions[0] == pool.texts[3]["caption"]


def test_text_without_its_padding_is_open_clips(folder: Path) -> None:
    trainer = Trainer(MINIATURE, Pool(folder / "pool"))
    tower = trainer.networks["tower"].eval()
    tokens_KL = trainer.tokenizer(["one hand at the collar", "the head and the shoulders turtling, sinking slowly"])
    with torch.no_grad():
        torch.testing.assert_close(tower.encode_text(tokens_KL), tower.clip.encode_text(tokens_KL, normalize=True))
    noisy_KL = noisy(tokens_KL, trainer.tokenizer.sot_token_id, 0.5, np.random.default_rng(0))
    assert torch.equal(noisy_KL.argmax(1), tokens_KL.argmax(1)) and (noisy_KL != tokens_KL).any()


def test_a_miniature_run_learns_and_a_resumed_one_goes_on_alike(folder: Path, tmp_path) -> None:
    pool = Pool(folder / "pool")
    recipe = dataclasses.replace(MINIATURE, pose_steps=20)
    trainer = Trainer(recipe, pool)
    rows = [trainer.train_step() for _ in range(22)]
    for name, first, last in (("pose", 0, 20), ("slim", 1, 20)):
        assert np.mean([row[name] for row in rows[last - 3 : last]]) < 0.85 * rows[first][name]
    assert all(np.isfinite(list(row.values())).all() for row in rows) and set(PARTS) < set(rows[-1])
    trainer.save(tmp_path / "checkpoint.pt")
    expected = trainer.train_step()
    resumed = Trainer(recipe, pool)
    resumed.load(tmp_path / "checkpoint.pt")
    found = resumed.train_step()
    assert {name: found[name] for name in PARTS} == pytest.approx({name: expected[name] for name in PARTS}, abs=1e-3)
    with pytest.raises(UserError, match="another lr"):
        Trainer(dataclasses.replace(recipe, lr=1.0), pool).load(tmp_path / "checkpoint.pt")


def test_pretrain_stops_in_time_exports_and_refuses_to_overwrite(folder: Path, tmp_path) -> None:
    (tmp_path / "held_out").symlink_to(folder / "held_out")
    (tmp_path / "pool").symlink_to(folder / "pool")
    rows: list[dict[str, float]] = []
    threads = torch.get_num_threads()
    pretrain(tmp_path, minutes=0.03, threads=threads, recipe=MINIATURE, progress=rows.append)
    assert rows[-1]["step"] > 0 and 0 <= rows[-1]["r_at_1"] <= rows[-1]["r_at_5"] <= 1
    assert (tmp_path / CURVE).read_text(encoding="utf-8").count("\n") == len(rows) + 1
    with pytest.raises(UserError, match="--resume"):
        pretrain(tmp_path, minutes=0.1, threads=threads, recipe=MINIATURE)
    export(tmp_path, tmp_path / "weights")
    synmg_tiny.register()
    model = open_clip.create_model(synmg_tiny.NAME, pretrained=str(tmp_path / "weights/weights.safetensors"))
    average = torch.load(tmp_path / CHECKPOINT, weights_only=True)["averages"]["tower.clip.visual.trunk.cls_token"]
    torch.testing.assert_close(model.visual.trunk.cls_token.data, average, rtol=1e-3, atol=1e-5)
    SlimResNet(pretrained=str(tmp_path / "weights/slim.safetensors"))
    card = (tmp_path / "weights/MODEL_CARD.md").read_text(encoding="utf-8")
    assert synmg_tiny.sha256(tmp_path / "weights/weights.safetensors") in card


def test_export_needs_a_checkpoint(tmp_path) -> None:
    with pytest.raises(UserError, match="no pretraining checkpoint"):
        export(tmp_path, tmp_path)
