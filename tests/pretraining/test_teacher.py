"""The teacher of the pretraining: its motions, its texts, and that it learns to tell both apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from fgsgl.data.synmg.programs import benchmark_keys
from fgsgl.pretraining import captions, compositions
from fgsgl.pretraining.caption_bank import Bank, Told, draw_captions, known_values, noisy, told
from fgsgl.pretraining.motions import CHUNK, SEED, Motions, make_motions
from fgsgl.pretraining.teacher import Teacher, TeacherRecipe, disturbed, losses_of, taught, train
from fgsgl.util.errors import UserError

RECIPE = TeacherRecipe(joint_steps=60, text_steps=40, batch=64, captions=16)
THERE = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Motions of which the first chunk is there already, short enough to be told from a new one."""
    path = tmp_path_factory.mktemp("teacher") / "motions"
    path.mkdir()
    clips = compositions.sample_motions(THERE, seed=123, num_frames=4)
    arrays = {"joints_BTJ2": clips.joints_BTJ2, "targets_BD": clips.targets_BD(), "returns_B": np.array(clips.returns)}
    np.savez(path / "seed0_4frames_0000.npz", **arrays)
    return path


@pytest.fixture(scope="module")
def motions(folder: Path) -> Motions:
    return make_motions(folder, CHUNK + 1, seed=0, num_frames=4, processes=1)


@pytest.fixture(scope="module")
def teacher(motions: Motions) -> Teacher:
    """One that has learnt for some seconds."""
    return train(motions, RECIPE, num_frames=4, seed=0).eval().requires_grad_(False)


def recording(teacher: Teacher) -> tuple[list[str], Callable[[list[str]], torch.Tensor]]:
    """What the teacher was asked to embed, and its ``embed``."""
    said: list[str] = []

    def encode(texts: list[str]) -> torch.Tensor:
        said.extend(texts)
        return teacher.embed(texts)

    return said, encode


def test_motions_are_completed_and_what_is_there_is_kept(folder: Path, motions: Motions) -> None:
    there = compositions.sample_motions(THERE, seed=123, num_frames=4)
    made = compositions.sample_motions(5, seed=SEED + 1, num_frames=4)
    assert motions.joints_BTJ2.shape == (THERE + CHUNK, 4, 25, 2) and len(motions) == THERE + CHUNK
    assert torch.equal(motions.joints_BTJ2[:THERE], there.joints_BTJ2)
    assert torch.equal(motions.joints_BTJ2[THERE : THERE + 5], made.joints_BTJ2)
    assert motions.told[THERE : THERE + 5] == [
        Told(program, returns) for program, returns in zip(made.programs, made.returns, strict=True)
    ]
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = make_motions(folder, CHUNK + 1, seed=0, num_frames=4, processes=1)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert torch.equal(again.joints_BTJ2, motions.joints_BTJ2)


def test_motions_show_no_benchmark_program_and_no_held_out_pair(motions: Motions) -> None:
    keys = {clip.program.key for clip in motions.told}
    assert len(keys) > 200 and not keys & benchmark_keys() and not keys & compositions.held_out_keys()
    assert all(program.key in compositions.held_out_keys() for program in compositions.held_out())


def test_the_teacher_learns_what_motions_and_texts_mean(motions: Motions, teacher: Teacher) -> None:
    torch.manual_seed(0)
    untaught = Teacher(4, motions.known)
    with torch.no_grad():
        first, last = (
            losses_of(one, motions, RECIPE, np.random.default_rng(99), with_texts=True) for one in (untaught, teacher)
        )
    assert set(first) == {"value", "video", "sentence", "text", "caption"}
    for name in first:
        assert last[name] < first[name] - 0.3, f"{name}: {first[name]:.3f} -> {last[name]:.3f}"
    without = losses_of(teacher, motions, RECIPE, np.random.default_rng(99), with_texts=False)
    assert set(without) == {"value"}
    torch.testing.assert_close(without["value"], last["value"])


def test_text_without_its_padding_is_open_clips(teacher: Teacher) -> None:
    tokens_NL = teacher.tokenizer(["One hand at the collar.", "The head and the shoulders turtling, sinking slowly."])
    with torch.no_grad():
        torch.testing.assert_close(teacher.encode_text(tokens_NL), teacher.clip.encode_text(tokens_NL, normalize=True))
    texts = [f"One hand at the collar, {number} times." for number in range(300)]
    piecewise_NE, one = teacher.embed(texts), teacher.encode_text(teacher.tokenizer(texts[290:291]))
    assert piecewise_NE.shape == (300, 128)
    torch.testing.assert_close(piecewise_NE[290:291], one)


def test_noise_keeps_start_end_and_padding(teacher: Teacher) -> None:
    tokenizer = teacher.tokenizer
    tokens_NL = tokenizer(["one hand at the collar", "the head and the shoulders turtling, sinking slowly"] * 20)
    noisy_NL = noisy(tokens_NL, tokenizer.sot_token_id, 0.5, np.random.default_rng(0))
    kept_NL = (tokens_NL == 0) | (tokens_NL >= tokenizer.sot_token_id)
    assert torch.equal(noisy_NL[kept_NL], tokens_NL[kept_NL])
    assert 0.4 < (noisy_NL != tokens_NL)[~kept_NL].float().mean() < 0.6
    assert noisy_NL[~kept_NL].max() < tokenizer.sot_token_id
    assert torch.equal(noisy(tokens_NL, tokenizer.sot_token_id, 0.0, np.random.default_rng(0)), tokens_NL)


def test_disturbed_joints_share_their_clips_mirror_and_shift() -> None:
    joints_BTJ2 = torch.rand(200, 3, 25, 2)
    quiet = dataclasses.replace(RECIPE, offset=0.0, jitter=0.0)
    moved_BTJ2 = disturbed(joints_BTJ2, quiet, torch.Generator().manual_seed(0))
    spine = 3
    heights_BT = moved_BTJ2[:, :, spine, 1] - joints_BTJ2[:, :, spine, 1]
    assert heights_BT.abs().max() <= 8 / 112 + 1e-6 and heights_BT.std(1).max() < 1e-6 and heights_BT[:, 0].std() > 0.02
    mirrored_B = ((moved_BTJ2 + joints_BTJ2)[:, :, spine, 0].std(1) < 1e-6).float()
    assert 0.3 < mirrored_B.mean() < 0.7
    offset_BTJ2 = disturbed(joints_BTJ2, RECIPE, torch.Generator().manual_seed(0)) - moved_BTJ2
    assert offset_BTJ2.mean(1).std().item() == pytest.approx(RECIPE.offset, rel=0.1)
    assert offset_BTJ2.std(1).square().mean().sqrt().item() == pytest.approx(RECIPE.jitter, rel=0.1)


def test_numbers_become_words_again_and_known_values_are_those_that_occur(motions: Motions) -> None:
    program = compositions.held_out()[3]
    assert told(compositions.target(program), returns=True) == Told(program, returns=True)
    assert known_values(torch.tensor([[1, 5], [0, 5], [1, 2]])) == ([0, 1], [2, 5])
    assert all(set(values) == set(motions.targets_BD[:, row].tolist()) for row, values in enumerate(motions.known))


def test_the_bank_embeds_each_clips_captions_once(motions: Motions, teacher: Teacher) -> None:
    said, encode = recording(teacher)
    bank = Bank(encode, teacher.known, seed=0)
    said.clear()
    first, second, third = (Told(program, returns=True) for program in compositions.held_out()[:3])
    assert bank.rows([first, second, first], short=0.0).tolist() == [0, 1, 0] and len(said) == 2 * Bank.SAMPLES
    assert bank.rows([second, third], short=0.0).tolist() == [1, 2] and len(said) == 3 * Bank.SAMPLES
    other = first._replace(returns=False)
    assert bank.rows([other, first], short=0.0).tolist() == [3, 0]
    assert bank.rows([first], short=1.0).tolist() == [4] and bank.caption_PSE.shape[:2] == (5, Bank.SAMPLES)
    torch.testing.assert_close(bank.caption_PSE.flatten(0, 1), teacher.embed(said))
    told_in_order = [first, second, third, other, first]
    for row, clip in enumerate(told_in_order):
        for text in said[row * Bank.SAMPLES : (row + 1) * Bank.SAMPLES]:
            assert any(phrase in text.lower() for phrase in captions._PLACES[clip.program.outcome])
            assert any(end in text for end in captions._ENDS[clip.returns]) == (row < 4)
    again = Bank(teacher.embed, teacher.known, seed=0)
    row_N = again.rows([third, first], short=0.0)
    torch.testing.assert_close(again.caption_PSE[row_N], bank.caption_PSE[[2, 0]])


def test_the_banks_values_are_the_means_of_their_sentences(teacher: Teacher) -> None:
    said, encode = recording(teacher)
    bank = Bank(encode, ((2, 5), (0,), (1,), (0, 1, 4)), seed=1)
    assert [len(value_KE) for value_KE in bank.values_KE] == [2, 1, 1, 3]
    assert len(said) == 7 * Bank.SENTENCES + 1
    part_5 = said[: 2 * Bank.SENTENCES][1::2]
    assert all(any(phrase in text.lower() for phrase in captions._PARTS[compositions.PARTS[5]]) for text in part_5)
    torch.testing.assert_close(bank.values_KE[0][1], normalize(teacher.embed(part_5).mean(0), dim=-1))


def test_a_quarter_of_the_captions_are_short(motions: Motions) -> None:
    texts = draw_captions(motions.told[:400], np.random.default_rng(0))
    short = sum(text.startswith(("A person, ", "Someone ")) for text in texts)
    assert 0.2 < short / 400 < 0.3


def test_a_teacher_is_trained_once_and_only_of_one_recipe(folder: Path, motions: Motions, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, clips=THERE, joint_steps=2, text_steps=1)
    (tmp_path / "motions").symlink_to(folder)
    first = taught(tmp_path, recipe, num_frames=4, seed=0)
    assert not any(value.requires_grad for value in first.parameters()) and not first.training
    (tmp_path / "motions").unlink()
    second = taught(tmp_path, recipe, num_frames=4, seed=0)
    joints_BTJ2 = motions.joints_BTJ2[:3]
    assert torch.equal(first(joints_BTJ2), second(joints_BTJ2)) and first.known == second.known
    assert not (tmp_path / "motions").exists()
    for changes in ({"recipe": dataclasses.replace(recipe, lr=1.0)}, {"num_frames": 8}, {"seed": 1}):
        with pytest.raises(UserError, match="other settings; use a new --out folder"):
            taught(tmp_path, **{"recipe": recipe, "num_frames": 4, "seed": 0, **changes})
