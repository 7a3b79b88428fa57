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

from fgsgl.models.baselines.slim_resnet import SlimResNet
from fgsgl.models.towers import synmg_tiny
from fgsgl.pretraining import losses
from fgsgl.pretraining.augment import augment, mirrored_joints, normalise
from fgsgl.pretraining.evaluate import ROUND, read_out, retrieval
from fgsgl.pretraining.export import FILES, ROWS, export
from fgsgl.pretraining.facts import VALUES, Statement, as_rows
from fgsgl.pretraining.pool import CHUNK, Pool, render
from fgsgl.pretraining.run import CHECKPOINT, CURVE, LOSSES, pretrain
from fgsgl.pretraining.stills import PICTURES, draw_facts, sitting
from fgsgl.pretraining.teacher import Teacher, TeacherRecipe, loss_of, noisy, taught, train
from fgsgl.pretraining.train import PretrainingRecipe, Trainer
from fgsgl.util.errors import UserError

TEACHER = TeacherRecipe(sittings=40, steps=60, batch=64, captions=32)
MINIATURE = PretrainingRecipe(
    batch=16,
    pose_steps=2,
    lr_steps=1,
    pool_pictures=CHUNK,
    first_pictures=CHUNK,
    held_out_pictures=CHUNK,
    teacher=TEACHER,
)


@pytest.fixture(scope="module")
def folder(shared) -> Path:
    """A rendered pool of one chunk, one of held-out pictures, and a teacher of few steps. Read-only."""

    def make(path: Path) -> None:
        render(path / "pool", CHUNK, seed=0)
        render(path / "held_out", CHUNK, seed=0, held_out=True)
        taught(path, TEACHER, seed=0)

    return shared("pretraining", make)


@pytest.fixture
def teacher(folder: Path) -> Teacher:
    return taught(folder, TEACHER, seed=0)


def test_augmentation_moves_joints_with_their_pixels() -> None:
    frames_NHWC = torch.zeros(16, 56, 56, 3, dtype=torch.uint8)
    joints_NJ2 = torch.full((16, 25, 2), 0.5)
    for picture, (row, column) in enumerate(torch.randint(12, 44, (16, 2)).tolist()):
        frames_NHWC[picture, row, column] = 255
        joints_NJ2[picture, 7] = torch.tensor([column + 0.5, row + 0.5]) / 56
    frames_NCHW, moved_NJ2 = augment(frames_NHWC, joints_NJ2, torch.Generator().manual_seed(3))
    again_NCHW, _ = augment(frames_NHWC, joints_NJ2, torch.Generator().manual_seed(3))
    assert torch.equal(frames_NCHW, again_NCHW)
    mirrored = 0
    for frame_CHW, joints_J2 in zip(frames_NCHW, moved_NJ2, strict=True):
        row, column = divmod(int(frame_CHW[0].argmax()), 56)
        where = torch.tensor([column + 0.5, row + 0.5]) / 56
        joint = 11 if torch.allclose(joints_J2[11], where, atol=1e-5) else 7
        mirrored += joint == 11
        torch.testing.assert_close(joints_J2[joint], where)
    assert 0 < mirrored < 16


def test_mirroring_swaps_sides_and_normalising_is_open_clips() -> None:
    order = mirrored_joints()
    assert order[3] == 3 and order[7] == 11 and [order[joint] for joint in order] == list(range(25))
    frames_NHWC = torch.randint(256, (2, 8, 8, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(values) for values in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    expected_NHWC = (frames_NHWC / 255 - mean) / std
    torch.testing.assert_close(normalise(frames_NHWC).permute(0, 2, 3, 1), expected_NHWC)
    torch.testing.assert_close(normalise(frames_NHWC, torch.ones(2, 2)), normalise(frames_NHWC))


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
    assert error_NJ[0, 1].isnan() and logits_NPJ.grad[:, :, 1].abs().max() == 0, "a joint out of the picture counts"


def test_the_contrastive_loss_equals_a_slow_reference() -> None:
    """Three captions of five pictures; the last picture has none that is true of it."""
    picture_NE, caption_CE = F.normalize(torch.randn(5, 8), dim=-1), F.normalize(torch.randn(3, 8), dim=-1)
    agree_CN = torch.tensor([[1.0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [1, 0, 1, 0, 0]])
    scores_CN = 7 * caption_CE @ picture_NE.T
    to_picture = [-scores_CN[c].log_softmax(0)[agree_CN[c] > 0].mean() for c in range(3)]
    to_caption = [-scores_CN[:, n].log_softmax(0)[agree_CN[:, n] > 0].mean() for n in range(4)]
    expected = (sum(to_picture) / 3 + sum(to_caption) / 4) / 2
    torch.testing.assert_close(losses.contrastive_loss(picture_NE, caption_CE, agree_CN, torch.tensor(7.0)), expected)


def test_what_is_unexplained_is_a_share_of_the_teachers_variance() -> None:
    taught_NE, found_NE = F.normalize(torch.randn(2, 12, 5), dim=-1)
    mean_E = sum(taught_NE) / 12
    error = sum(((found_NE[n] - taught_NE[n]) ** 2).sum() for n in range(12))
    spread = sum(((taught_NE[n] - mean_E) ** 2).sum() for n in range(12))
    torch.testing.assert_close(losses.unexplained(found_NE, taught_NE), error / spread)
    assert losses.unexplained(taught_NE, taught_NE) == 0
    assert losses.unexplained(mean_E.expand(12, 5), taught_NE).item() == pytest.approx(1)


def test_retrieval_takes_every_caption_that_is_true_of_the_picture() -> None:
    text_NE = torch.eye(ROUND).repeat_interleave(PICTURES, 0)
    own_NN = torch.eye(ROUND * PICTURES)
    assert retrieval(text_NE, text_NE, own_NN) == {"r_at_1": 1.0, "r_at_5": 1.0}
    assert retrieval(text_NE.roll(PICTURES, 0), text_NE, own_NN)["r_at_1"] == 0.0
    both_NN = torch.maximum(own_NN, own_NN.roll(-PICTURES, 0))  # the next picture's caption is true of this one too
    assert retrieval(text_NE.roll(PICTURES, 0), text_NE, both_NN)["r_at_1"] == 1.0
    assert np.isnan(retrieval(text_NE[:-PICTURES], text_NE[:-PICTURES], own_NN)["r_at_1"]), "no whole round"


def test_the_read_out_counts_pictures_of_which_a_sentence_is_true() -> None:
    shown = [facts for number in range(20) for facts in draw_facts(number, 0)]
    values = VALUES["one hand"]
    said_SV = as_rows([[Statement("one hand", value)] for value in values])
    true_NV = as_rows([facts.statements() for facts in shown])
    assert read_out(true_NV, said_SV, "one hand", shown) == 1.0
    assert read_out(true_NV, -said_SV, "one hand", shown) == 0.0
    found = read_out(torch.randn(len(shown), 4), torch.randn(len(values), 4), "one hand", shown)
    assert 0 <= found < 0.3


@pytest.mark.slow
def test_the_teacher_learns_what_texts_mean(teacher: Teacher) -> None:
    shown = [facts for number in range(40) for facts in draw_facts(number, 9)]
    true_NV = as_rows([facts.statements() for facts in shown])
    torch.manual_seed(0)
    with torch.no_grad():
        first, last = (
            loss_of(one, shown, true_NV, TEACHER, np.random.default_rng(99)).item() for one in (Teacher(), teacher)
        )
    assert last < first - 0.3, f"{first:.3f} -> {last:.3f}"


@pytest.mark.slow
def test_text_without_its_padding_is_open_clips(teacher: Teacher) -> None:
    tokens_CL = teacher.tokenizer(["One hand at the collar.", "A seated person, both hands on the nose, legs crossed."])
    with torch.no_grad():
        torch.testing.assert_close(teacher.encode_text(tokens_CL), teacher.clip.encode_text(tokens_CL, normalize=True))
    texts = [f"One hand at the collar, {number}." for number in range(300)]
    piecewise_CE, one = teacher.embed(texts), teacher.encode_text(teacher.tokenizer(texts[290:291]))
    assert piecewise_CE.shape == (300, 128)
    torch.testing.assert_close(piecewise_CE[290:291], one)


@pytest.mark.slow
def test_noise_keeps_start_end_and_padding(teacher: Teacher) -> None:
    tokenizer = teacher.tokenizer
    tokens_CL = tokenizer(["one hand at the collar", "a seated person, the other hand in the lap"] * 20)
    noisy_CL = noisy(tokens_CL, tokenizer.sot_token_id, 0.5, np.random.default_rng(0))
    kept_CL = (tokens_CL == 0) | (tokens_CL >= tokenizer.sot_token_id)
    assert torch.equal(noisy_CL[kept_CL], tokens_CL[kept_CL])
    assert 0.4 < (noisy_CL != tokens_CL)[~kept_CL].float().mean() < 0.6
    assert noisy_CL[~kept_CL].max() < tokenizer.sot_token_id


@pytest.mark.slow
def test_a_teacher_is_the_same_again(teacher: Teacher) -> None:
    again = train(TEACHER, 0).state_dict()
    for name, value in teacher.state_dict().items():
        torch.testing.assert_close(again[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_teacher_is_made_once_and_one_of_other_settings_is_refused(folder: Path, teacher: Teacher) -> None:
    assert not any(value.requires_grad for value in teacher.parameters())
    for recipe, seed in ((dataclasses.replace(TEACHER, lr=1.0), 0), (TEACHER, 1)):
        with pytest.raises(UserError, match="other settings; use a new --out folder"):
            taught(folder, recipe, seed=seed)


@pytest.mark.slow
def test_a_pool_is_completed_and_takes_in_whole_chunks_only(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "pool").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = (tmp_path / "chunk_00000.frames.npy").stat().st_mtime_ns
    np.save(tmp_path / "chunk_00001.frames.npy", np.zeros(3))  # what a kill in the middle leaves
    pool = Pool(tmp_path)
    assert len(pool) == CHUNK
    render(tmp_path, CHUNK + 1, seed=0)
    pool.refresh()
    assert len(pool) == 2 * CHUNK
    assert (tmp_path / "chunk_00000.frames.npy").stat().st_mtime_ns == before
    stills, expected = (
        pool.stills(np.array([3, CHUNK + 9])),
        [sitting(number, 0) for number in (0, CHUNK // PICTURES + 1)],
    )
    for row, (found, picture) in enumerate(zip(expected, (3, 1), strict=True)):
        assert torch.equal(stills.frames_NHWC[row], found.frames_NHWC[picture])
        assert torch.equal(stills.joints_NJ2[row], found.joints_NJ2[picture])
        assert stills.facts[row] == found.facts[picture]


@pytest.mark.slow
def test_a_miniature_run_learns_and_a_resumed_one_goes_on_alike(folder: Path, teacher: Teacher, tmp_path: Path) -> None:
    pool = Pool(folder / "pool")
    recipe = dataclasses.replace(MINIATURE, pose_steps=12)
    running = Trainer(recipe, pool, teacher)
    rows = [running.train_step() for _ in range(30)]
    assert all(np.isfinite(list(row.values())).all() for row in rows) and set(rows[-1]) == set(LOSSES)
    for name, first, last in (("pose", 0, 12), ("taught", 12, 30), ("slim", 13, 30)):
        assert np.mean([row[name] for row in rows[last - 2 : last]]) < 0.9 * rows[first][name], name
    running.save(tmp_path / "checkpoint.pt")
    expected = running.train_step()
    resumed = Trainer(recipe, pool, teacher)
    resumed.load(tmp_path / "checkpoint.pt")
    found = resumed.train_step()
    assert found == pytest.approx({name: expected[name] for name in found}, abs=1e-3)
    assert set(found) == set(LOSSES) - {"slim"}
    for other, named in (({"lr": 1.0}, "lr"), ({"teacher": TeacherRecipe()}, "teacher")):
        with pytest.raises(UserError, match=f"another {named};"):
            Trainer(dataclasses.replace(recipe, **other), pool, teacher).load(tmp_path / "checkpoint.pt")


@pytest.mark.slow
def test_the_text_tower_is_the_teachers_and_stays_so(folder: Path, teacher: Teacher) -> None:
    trainer = Trainer(dataclasses.replace(MINIATURE, pose_steps=0), Pool(folder / "pool"), teacher)
    trainer.train_step()
    trainer.finish()
    weights = trainer.networks["tower"].clip.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in teacher.clip.state_dict().items())
    assert any(name.startswith("visual.") for name in weights)


@pytest.mark.slow
def test_pretrain_stops_in_time_exports_and_refuses_to_overwrite(folder: Path, tmp_path: Path) -> None:
    for name in ("held_out", "pool", "teacher.pt"):
        (tmp_path / name).symlink_to(folder / name)
    rows: list[dict[str, float]] = []
    threads = torch.get_num_threads()
    pretrain(tmp_path, minutes=0.03, threads=threads, recipe=MINIATURE, progress=rows.append)
    assert rows[-1]["step"] > 0 and 0 <= rows[-1]["one_hand"] <= 1 and 0 < rows[-1]["slim_pose_error"] < 1
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
    assert not any("temporal" in name for file in FILES for name in load_file(weights / file)), "nothing over time"


@pytest.mark.slow
def test_the_card_shows_the_recipe_the_measurements_and_the_way_there(
    folder: Path, teacher: Teacher, tmp_path: Path
) -> None:
    trainer = Trainer(MINIATURE, Pool(folder / "pool"), teacher)
    trainer.step = 170
    trainer.save(tmp_path / CHECKPOINT)
    measures = ("r_at_1", "one_hand", "pose_error", "view")
    head = ("step", "pictures_seen", "pool", "minutes", "loss_pose", *measures, *(f"slim_{name}" for name in measures))
    with (tmp_path / CURVE).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [head, *([step, 16 * step, 9, 9, 9, *[step / 1000] * 8] for step in range(10, 200, 10))]
        )
    export(tmp_path, tmp_path / "weights")
    card = (tmp_path / "weights/MODEL_CARD.md").read_text(encoding="utf-8")
    for name in FILES:
        assert synmg_tiny.sha256(tmp_path / "weights" / name) in card
    assert "| recipe: batch | 16 |" in card and "| recipe: teacher.steps | 60 |" in card
    assert "at step 170:" in card and "loss_pose" not in card and "{'" not in card
    assert "| r_at_1 | 0.170 | 0.170 |" in card and "| view | 0.170 | 0.170 |" in card
    learning = card[card.index("| step | pictures seen |") :].split("\n\n")[0].splitlines()[2:]
    steps = [int(line.split("|")[1]) for line in learning if line.startswith("|")]
    assert steps[-1] == 170 and len(set(np.diff(steps))) == 1 and ROWS / 2 < len(steps) <= ROWS
