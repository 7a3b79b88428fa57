"""The pretraining: its parts against slow references, and a miniature run that learns, stops and goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch.nn import functional as F

from fgsgl.data.synmg import compose, programs
from fgsgl.errors import UserError
from fgsgl.models import synmg_tiny
from fgsgl.models.pretrain import losses, motions
from fgsgl.models.pretrain.augment import augment, mirrored_joints, normalise
from fgsgl.models.pretrain.evaluate import _rounds, retrieval
from fgsgl.models.pretrain.export import export
from fgsgl.models.pretrain.pool import CHUNK, Pool, render
from fgsgl.models.pretrain.run import CHECKPOINT, CURVE, pretrain
from fgsgl.models.pretrain.teach import taught
from fgsgl.models.pretrain.teacher import Teacher, TeacherRecipe, losses_of
from fgsgl.models.pretrain.texts import Bank, Told, noisy, rows_of
from fgsgl.models.pretrain.train import Recipe, Trainer
from fgsgl.models.slim_resnet import SlimResNet

PARTS = ("pose", "motion", "frame", "change", "caption", "video", "local")
SCHOOL = TeacherRecipe(clips=1, joint_steps=30, text_steps=10, batch=64, captions=8)
MINIATURE = Recipe(
    batch=4,
    num_frames=4,
    captions=8,
    pose_steps=2,
    lr_steps=1,
    pool_clips=CHUNK,
    first_clips=CHUNK,
    held_out_clips=CHUNK,
    teacher=SCHOOL,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A rendered pool of one chunk, one of held-out compositions, and a teacher with its motions."""
    path = tmp_path_factory.mktemp("pretrain")
    render(path / "pool", CHUNK, seed=0, num_frames=4)
    render(path / "held_out", CHUNK, seed=0, num_frames=4, held_out=True)
    motions.make_motions(path / "motions", SCHOOL.clips, seed=0, num_frames=4, processes=1)
    taught(path, SCHOOL, num_frames=4, seed=0)
    return path


@pytest.fixture(scope="module")
def teacher(folder: Path) -> Teacher:
    return taught(folder, SCHOOL, num_frames=4, seed=0)


@pytest.fixture(scope="module")
def bank(teacher: Teacher) -> Bank:
    return Bank(teacher.embed, teacher.known, seed=0)


def program(number: int) -> programs.Program:
    """One of a hundred different programs."""
    return compose.held_out()[number % 100]


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
    assert rows_of(torch.tensor([7, 2, -1, 3]), [2, 7]).tolist() == [1, 0, -1, -1]


def test_unexplained_shares_are_none_for_the_truth_and_one_for_its_mean() -> None:
    torch.manual_seed(0)
    taught_BTE = torch.randn(6, 5, 8)
    assert [loss.item() for loss in losses.frame_losses(taught_BTE, taught_BTE)] == [0, 0]
    mean_BTE = taught_BTE.mean((0, 1), keepdim=True).expand_as(taught_BTE)
    torch.testing.assert_close(torch.stack(losses.frame_losses(mean_BTE, taught_BTE)), torch.ones(2))
    shifted_BTE = taught_BTE + torch.randn(6, 1, 8)
    frame, change = losses.frame_losses(shifted_BTE, taught_BTE)
    assert frame > 0.5 and change < 1e-10, "an error that a clip's frames share is not one of motion"


def test_retrieval_counts_the_right_caption_among_a_hundred_different_ones() -> None:
    told = [Told(program(number), returns=number % 2 == 0) for number in range(250)]
    assert [len({told[index].program for index in chosen}) for chosen in _rounds(told)] == [100, 100]
    text_NE = torch.eye(100).repeat(3, 1)[:250]
    assert retrieval(text_NE, text_NE, told) == {"r_at_1": 1.0, "r_at_5": 1.0}
    assert retrieval(text_NE.roll(1, 0), text_NE, told)["r_at_1"] < 0.05


def test_no_benchmark_program_is_among_what_is_learnt_from(folder: Path) -> None:
    taken = programs.benchmark_keys()
    seen = motions.make_motions(folder / "motions", SCHOOL.clips, seed=0, num_frames=4).told
    for clips in (Pool(folder / "pool").told, Pool(folder / "held_out").told, seen):
        assert not {clip.program.key for clip in clips} & taken
    assert not {clip.program.key for clip in seen} & compose.held_out_keys()


def test_motions_are_completed_and_not_made_again(folder: Path, tmp_path) -> None:
    source = folder / "motions/motions_0000.npz"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    before = (tmp_path / source.name).stat().st_mtime_ns
    made = motions.make_motions(tmp_path, motions.CHUNK, seed=0, num_frames=4)
    assert (tmp_path / source.name).stat().st_mtime_ns == before
    assert made.joints_BTJ2.shape == (motions.CHUNK, 4, 25, 2) and len(made.told) == len(made)
    clips = compose.sample_motions(3, seed=motions.SEED, num_frames=4)
    assert torch.equal(clips.joints_BTJ2, made.joints_BTJ2[:3])
    assert [Told(*pair) for pair in zip(clips.programs, clips.returns, strict=True)] == made.told[:3]


def test_the_teacher_learns_from_joints_and_then_from_texts(folder: Path) -> None:
    seen = motions.make_motions(folder / "motions", SCHOOL.clips, seed=0, num_frames=4)
    torch.manual_seed(0)
    learning = Teacher(4, seen.known)
    optimizer = torch.optim.AdamW(learning.parameters(), lr=2e-3)
    rows = []
    for step in range(40):
        parts = losses_of(learning, seen, SCHOOL, np.random.default_rng(step), with_texts=step >= 20)
        optimizer.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        optimizer.step()
        rows.append({name: value.item() for name, value in parts.items()})
    assert set(rows[0]) == {"value"} and set(rows[-1]) == {"value", "video", "sentence", "text", "caption"}
    assert np.mean([row["value"] for row in rows[17:20]]) < 0.95 * rows[0]["value"]
    assert np.mean([row["sentence"] for row in rows[37:]]) < 0.9 * rows[20]["sentence"]


def test_a_teacher_of_another_recipe_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="trained with other settings"):
        taught(folder, dataclasses.replace(SCHOOL, lr=1.0), num_frames=4, seed=0)


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
    assert batch.frames_BTHWC.shape == (2, 1, 112, 112, 3) and batch.told[0] == pool.told[3]
    assert compose.target(batch.told[1].program) == batch.targets_BD[1].tolist()


def test_text_without_its_padding_is_open_clips(teacher: Teacher) -> None:
    tokens_NL = teacher.tokenizer(["one hand at the collar", "the head and the shoulders turtling, sinking slowly"])
    torch.testing.assert_close(teacher.encode_text(tokens_NL), teacher.clip.encode_text(tokens_NL, normalize=True))
    noisy_NL = noisy(tokens_NL, teacher.tokenizer.sot_token_id, 0.5, np.random.default_rng(0))
    assert torch.equal(noisy_NL.argmax(1), tokens_NL.argmax(1)) and (noisy_NL != tokens_NL).any()
    assert torch.equal(noisy_NL == 0, tokens_NL == 0) and torch.equal(noisy_NL[:, 0], tokens_NL[:, 0])


def test_a_bank_embeds_each_text_once(teacher: Teacher) -> None:
    asked: list[str] = []

    def encode(texts: list[str]) -> torch.Tensor:
        asked.extend(texts)
        return teacher.embed(texts)

    bank = Bank(encode, teacher.known, seed=0)
    assert [len(value_KE) for value_KE in bank.values_KE] == [len(values) for values in teacher.known]
    asked.clear()
    first, second = Told(program(0), returns=True), Told(program(1), returns=False)
    row_N = bank.rows([first, second, first], short=0.0)
    assert row_N[0] == row_N[2] != row_N[1] and len(asked) == 2 * bank.SAMPLES
    torch.testing.assert_close(bank.caption_PSE[row_N[1]], teacher.embed(asked[bank.SAMPLES :]))
    assert torch.equal(bank.rows([second, first], short=0.0), row_N[[1, 0]]) and len(asked) == 2 * bank.SAMPLES
    described = min(len(text) for text in asked)
    assert bank.rows([first], short=1.0) == 2 and len(asked[-1]) < described


def test_a_miniature_run_learns_and_a_resumed_one_goes_on_alike(
    folder: Path, tmp_path, teacher: Teacher, bank: Bank
) -> None:
    pool = Pool(folder / "pool")
    recipe = dataclasses.replace(MINIATURE, pose_steps=20)
    trainer = Trainer(recipe, pool, teacher, bank)
    rows = [trainer.train_step() for _ in range(26)]
    for name, first, last in (("pose", 0, 20), ("slim", 1, 20), ("frame", 20, 26)):
        assert np.mean([row[name] for row in rows[last - 3 : last]]) < 0.85 * rows[first][name]
    assert all(np.isfinite(list(row.values())).all() for row in rows) and set(PARTS) < set(rows[-1])
    assert torch.equal(trainer.networks["tower"].clip.text_projection, teacher.clip.text_projection)
    trainer.save(tmp_path / "checkpoint.pt")
    expected = trainer.train_step()
    resumed = Trainer(recipe, pool, teacher, bank)
    resumed.load(tmp_path / "checkpoint.pt")
    found = resumed.train_step()
    assert {name: found[name] for name in PARTS} == pytest.approx({name: expected[name] for name in PARTS}, abs=1e-3)
    with pytest.raises(UserError, match="another lr"):
        Trainer(dataclasses.replace(recipe, lr=1.0), pool, teacher, bank).load(tmp_path / "checkpoint.pt")


def test_pretrain_stops_in_time_exports_and_refuses_to_overwrite(folder: Path, tmp_path) -> None:
    (tmp_path / "held_out").symlink_to(folder / "held_out")
    (tmp_path / "pool").symlink_to(folder / "pool")
    (tmp_path / "teacher.pt").symlink_to(folder / "teacher.pt")
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
