"""The pretraining of both networks: its parts against slow references, and a miniature run that stops and goes on."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from fgsgl.data.synmg import programs
from fgsgl.models.baselines.slim_resnet import SlimResNet
from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.temporal import TemporalTransformer
from fgsgl.pretraining import compositions, losses
from fgsgl.pretraining.augment import augment, mirrored_joints, normalise
from fgsgl.pretraining.caption_bank import Bank, Told, rows_of
from fgsgl.pretraining.evaluate import ROUND, _rounds, read_out, retrieval
from fgsgl.pretraining.export import ROWS, export
from fgsgl.pretraining.pool import CHUNK, Pool, render
from fgsgl.pretraining.run import CHECKPOINT, CURVE, LOSSES, pretrain
from fgsgl.pretraining.teacher import Teacher, TeacherRecipe, taught
from fgsgl.pretraining.train import PretrainingRecipe, Trainer
from fgsgl.util.errors import UserError

TEACHER = TeacherRecipe(clips=200, joint_steps=20, text_steps=3, batch=64, captions=8)
MINIATURE = PretrainingRecipe(
    batch=4,
    num_frames=4,
    pose_steps=2,
    lr_steps=1,
    captions=8,
    pool_clips=CHUNK,
    first_clips=CHUNK,
    held_out_clips=CHUNK,
    teacher=TEACHER,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered pool of one chunk, one of held-out compositions, and a teacher of few motions."""
    path = tmp_path_factory.mktemp("pretrain")
    render(path / "pool", CHUNK, seed=0, num_frames=4)
    render(path / "held_out", CHUNK, seed=0, num_frames=4, held_out=True)
    motions = compositions.sample_motions(TEACHER.clips, seed=7, num_frames=4)
    (path / "motions").mkdir()
    np.savez(
        path / "motions/seed0_4frames_0000.npz",
        joints_BTJ2=motions.joints_BTJ2,
        targets_BD=motions.targets_BD(),
        returns_B=np.array(motions.returns),
    )
    taught(path, TEACHER, num_frames=4, seed=0)
    return path


@pytest.fixture
def teacher(folder: Path) -> Teacher:
    return taught(folder, TEACHER, num_frames=4, seed=0)


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


def test_text_losses_equal_slow_references() -> None:
    torch.manual_seed(0)
    video_BE, caption_CE = F.normalize(torch.randn(5, 8), dim=-1), F.normalize(torch.randn(7, 8), dim=-1)
    names = ["a", "b", "a", "c", "b", "a", "d"]
    same_BC = torch.tensor([[float(one == other) for other in names] for one in names[:5]])
    expected = 0.0
    for row in range(5):
        for scores in (7 * caption_CE @ video_BE[row], 7 * video_BE @ caption_CE[row]):
            right = [column for column in range(len(scores)) if names[column] == names[row]]
            expected -= scores.log_softmax(0)[right].mean() / 10
    torch.testing.assert_close(losses.contrastive_loss(video_BE, caption_CE, same_BC, torch.tensor(7.0)), expected)
    target_B = torch.tensor([2, -1, 0, -1, 6])
    expected = -sum((7 * caption_CE @ video_BE[row]).log_softmax(0)[target_B[row]] for row in (0, 2, 4)) / 3
    torch.testing.assert_close(losses.dimension_loss(video_BE, caption_CE, target_B, torch.tensor(7.0)), expected)
    assert losses.dimension_loss(video_BE, caption_CE, torch.full((5,), -1), torch.tensor(7.0)) == 0
    assert rows_of(torch.tensor([7, 2, -1, 3]), (2, 7)).tolist() == [1, 0, -1, -1]


def test_frame_losses_are_shares_of_the_teachers_variance() -> None:
    torch.manual_seed(0)
    taught_BTE, frame_BTE = F.normalize(torch.randn(2, 3, 4, 5), dim=-1)
    mean_E = sum(taught_BTE[b, t] for b in range(3) for t in range(4)) / 12
    error = sum(((frame_BTE[b, t] - taught_BTE[b, t]) ** 2).sum() for b in range(3) for t in range(4))
    spread = sum(((taught_BTE[b, t] - mean_E) ** 2).sum() for b in range(3) for t in range(4))
    change_error = change_spread = 0.0
    for b in range(3):
        for t in range(3):
            wanted_E = taught_BTE[b, t + 1] - taught_BTE[b, t]
            change_error += ((frame_BTE[b, t + 1] - frame_BTE[b, t] - wanted_E) ** 2).sum()
            change_spread += (wanted_E**2).sum()
    expected = (error / spread, change_error / change_spread)
    torch.testing.assert_close(losses.frame_losses(frame_BTE, taught_BTE), expected)
    assert losses.frame_losses(taught_BTE, taught_BTE) == (0, 0)
    constant_BTE = mean_E.expand(3, 4, 5)
    assert torch.stack(losses.frame_losses(constant_BTE, taught_BTE)).tolist() == pytest.approx([1, 1])
    frame, change = losses.frame_losses(taught_BTE + torch.randn(3, 1, 5), taught_BTE)
    assert frame > 0.1 and change < 1e-6, "an error that a clip's frames share is no error of motion"


def test_retrieval_counts_the_right_caption_among_a_hundred_different_ones() -> None:
    told = [Told(compositions.held_out()[number % 100], returns=False) for number in range(250)]
    assert [len({told[index].program for index in chosen}) for chosen in _rounds(told)] == [ROUND, ROUND]
    text_NE = torch.eye(100).repeat(3, 1)[:250]
    assert retrieval(text_NE, text_NE, told) == {"r_at_1": 1.0, "r_at_5": 1.0}
    assert retrieval(text_NE.roll(1, 0), text_NE, told)["r_at_1"] < 0.05


def test_the_read_out_of_the_right_sentences_is_perfect_where_the_value_is_known(
    folder: Path, teacher: Teacher
) -> None:
    bank, batch = Bank(teacher.embed, teacher.known, 0), Pool(folder / "held_out").batch(np.arange(CHUNK))
    row_ND = torch.stack(
        [rows_of(target_N, known) for target_N, known in zip(batch.targets_BD.T, bank.known, strict=True)], dim=1
    )
    right_NDE = torch.stack([bank.values_KE[number][row_ND[:, number]] for number in range(4)], dim=1)
    known_D = (row_ND >= 0).float().mean(0).tolist()
    assert min(known_D) > 0.5
    assert read_out(right_NDE, bank, batch) == pytest.approx(dict(zip(compositions.DIMENSIONS, known_D, strict=True)))
    part_only = read_out(right_NDE[:, :1], bank, batch)
    assert part_only["part"] == pytest.approx(known_D[0]) and part_only["outcome"] < 0.5


def test_no_benchmark_program_is_in_the_pool(folder: Path) -> None:
    pool, held_out = ({clip.program.key for clip in Pool(folder / name).told} for name in ("pool", "held_out"))
    assert not (pool | held_out) & programs.benchmark_keys()
    assert held_out == compositions.held_out_keys() and not held_out & pool


def test_a_pool_is_completed_and_takes_in_whole_chunks_only(folder: Path, tmp_path: Path) -> None:
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
    assert batch.frames_BTHWC.shape == (2, 1, 112, 112, 3) and batch.told == (pool.told[3], pool.told[150])
    expected = compositions.sample(4, seed=0, num_frames=4)
    assert torch.equal(batch.frames_BTHWC[0], expected.frames_BTHWC[3, :1])
    assert batch.told[0] == Told(expected.programs[3], expected.returns[3])
    assert torch.equal(batch.targets_BD[0], expected.targets_BD()[3])


@pytest.mark.slow
def test_a_miniature_run_learns_and_a_resumed_one_goes_on_alike(folder: Path, teacher: Teacher, tmp_path: Path) -> None:
    pool = Pool(folder / "pool")
    recipe = dataclasses.replace(MINIATURE, pose_steps=12)

    def trainer(recipe: PretrainingRecipe) -> Trainer:
        return Trainer(recipe, pool, teacher, Bank(teacher.embed, teacher.known, recipe.seed))

    running = trainer(recipe)
    rows = [running.train_step() for _ in range(16)]
    assert all(np.isfinite(list(row.values())).all() for row in rows) and set(rows[-1]) == set(LOSSES)
    for name, first, last in (("pose", 0, 12), ("frame", 12, 16), ("slim", 13, 16)):
        assert np.mean([row[name] for row in rows[last - 2 : last]]) < 0.85 * rows[first][name], name
    running.save(tmp_path / "checkpoint.pt")
    expected = running.train_step()
    resumed = trainer(recipe)
    resumed.load(tmp_path / "checkpoint.pt")
    found = resumed.train_step()
    assert found == pytest.approx({name: expected[name] for name in found}, abs=1e-3)
    assert set(found) == set(LOSSES) - {"slim"}
    for other, named in (({"lr": 1.0}, "lr"), ({"teacher": TeacherRecipe()}, "teacher")):
        with pytest.raises(UserError, match=f"another {named};"):
            trainer(dataclasses.replace(recipe, **other)).load(tmp_path / "checkpoint.pt")


def test_the_text_tower_is_the_teachers_and_stays_so(folder: Path, teacher: Teacher) -> None:
    trainer = Trainer(
        dataclasses.replace(MINIATURE, pose_steps=0),
        Pool(folder / "pool"),
        teacher,
        Bank(teacher.embed, teacher.known, 0),
    )
    trainer.train_step()
    trainer.finish()
    weights = trainer.networks["tower"].clip.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in teacher.clip.state_dict().items())
    assert any(name.startswith("visual.") for name in weights)


def test_pretrain_stops_in_time_exports_and_refuses_to_overwrite(folder: Path, tmp_path: Path) -> None:
    for name in ("held_out", "pool", "motions", "teacher.pt"):
        (tmp_path / name).symlink_to(folder / name)
    rows: list[dict[str, float]] = []
    threads = torch.get_num_threads()
    pretrain(tmp_path, minutes=0.03, threads=threads, recipe=MINIATURE, progress=rows.append)
    assert rows[-1]["step"] > 0 and 0 <= rows[-1]["r_at_1"] <= rows[-1]["r_at_5"] <= 1
    assert (tmp_path / CURVE).read_text(encoding="utf-8").count("\n") == len(rows) + 1
    with pytest.raises(UserError, match="--resume"):
        pretrain(tmp_path, minutes=0.1, threads=threads, recipe=MINIATURE)
    weights = export(tmp_path, tmp_path / "weights")
    averages = torch.load(tmp_path / CHECKPOINT, weights_only=True)["averages"]
    synmg_tiny.register()
    model = open_clip.create_model(synmg_tiny.NAME, pretrained=str(weights / "weights.safetensors"))
    for name in ("visual.trunk.cls_token", "token_embedding.weight"):
        torch.testing.assert_close(model.state_dict()[name], averages[f"tower.clip.{name}"], rtol=1e-3, atol=1e-5)
    SlimResNet(pretrained=str(weights / "slim.safetensors"))
    temporal = TemporalTransformer(width=128, num_frames=4)
    temporal.start_from(load_file(weights / "temporal.safetensors"))
    torch.testing.assert_close(temporal.time_TM.data, averages["tower.temporal.time_TM"], rtol=1e-3, atol=1e-5)


def test_the_card_shows_the_recipe_the_measurements_and_the_way_there(
    folder: Path, teacher: Teacher, tmp_path: Path
) -> None:
    trainer = Trainer(MINIATURE, Pool(folder / "pool"), teacher, Bank(teacher.embed, teacher.known, 0))
    trainer.step = 170
    trainer.save(tmp_path / CHECKPOINT)
    measures = ("r_at_1", "r_at_5", "video_trajectory", "local_part", "slim_r_at_1", "slim_r_at_5")
    head = ("step", "clips_seen", "pool", "minutes", "loss_pose", *measures, "slim_video_trajectory")
    with (tmp_path / CURVE).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [head, *([step, 4 * step, 9, 9, 9, *[step / 1000] * 7] for step in range(10, 200, 10))]
        )
    export(tmp_path, tmp_path / "weights")
    card = (tmp_path / "weights/MODEL_CARD.md").read_text(encoding="utf-8")
    for name in ("weights", "slim", "temporal"):
        assert synmg_tiny.sha256(tmp_path / f"weights/{name}.safetensors") in card
    assert "| recipe: batch | 4 |" in card and "| recipe: teacher.text_steps | 3 |" in card
    assert "at step 170:" in card and "loss_pose" not in card and "{'" not in card
    assert "| r_at_1 | 0.170 | 0.170 |" in card and "| local_part | 0.170 |  |" in card
    learning = card[card.index("| step | clips seen |") :].split("\n\n")[0].splitlines()[2:]
    steps = [int(line.split("|")[1]) for line in learning if line.startswith("|")]
    assert steps[-1] == 170 and len(set(np.diff(steps))) == 1 and ROWS / 2 < len(steps) <= ROWS


def test_export_needs_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pretraining checkpoint"):
        export(tmp_path, tmp_path)
