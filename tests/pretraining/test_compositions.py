"""Pretraining clips: never a benchmark program, never a held-out pair, and the same with pictures and without."""

import pytest
import torch

from fgsgl.data.synmg.body import draw_subject
from fgsgl.data.synmg.presets import PRESETS
from fgsgl.data.synmg.programs import CLASSES, Program, benchmark_keys
from fgsgl.data.synmg.randomness import stream
from fgsgl.data.synmg.scene import draw_class_program, draw_scene
from fgsgl.pretraining import compositions
from fgsgl.text.fgtext import DIMENSIONS


def test_every_program_of_the_benchmark_is_covered_by_its_keys() -> None:
    """What the classes really draw, with every confounder, has a key that pretraining avoids."""
    seen = set()
    for label, program in enumerate(CLASSES):
        for number in range(40):
            subject, rng = draw_subject("t", number), stream("t", label, number)
            scene = draw_scene(draw_class_program(program, subject, rng), subject, PRESETS["hard"].difficulty, 2.0, rng)
            seen.add(scene.program.key)
    assert seen == benchmark_keys()


def test_training_never_shows_a_benchmark_program_nor_a_held_out_pair() -> None:
    """Keys know no number of hands, so the two-hand twin of a one-hand class is excluded with it, and the reverse."""
    seen = set()
    for number in range(1500):
        subject, program, difficulty, rng = compositions.draw_clip(number, 5, is_held_out=False)
        seen.add(draw_scene(program, subject, difficulty, 2.0, rng).program.key)
    assert not seen & benchmark_keys()
    assert not seen & compositions.held_out_keys()
    assert len(seen) > 200
    for key in (("lap", "rub"), ("hair", "stroke"), ("hip", "hold"), ("air", "beat")):
        assert key in benchmark_keys()


def test_people_of_pretraining_are_not_the_benchmarks() -> None:
    benchmark = {draw_subject(name, 0, "subject", f"s{i:02d}") for name in ("quick", "standard") for i in range(76)}
    pretraining = {compositions.draw_clip(number, 0, is_held_out=False)[0] for number in range(100)}
    held_out = {compositions.draw_clip(number, 0, is_held_out=True)[0] for number in range(100)}
    assert not benchmark & pretraining and not pretraining & held_out


def test_held_out_compositions_are_a_hundred_and_unlike_training() -> None:
    held_out = compositions.held_out()
    assert len(held_out) == len(set(held_out)) == 100
    assert {program.key for program in held_out} == compositions.held_out_keys()
    for program in held_out:
        assert program.key not in benchmark_keys()
    # Each place and each motion of a held-out pair is also seen in training, in other pairs.
    rest = set(compositions.free_keys()["hand"]) - compositions.held_out_keys()
    assert {place for place, _ in compositions.held_out_keys()} <= {place for place, _ in rest}
    assert {motion for _, motion in compositions.held_out_keys()} <= {motion for _, motion in rest}


@pytest.fixture(scope="module")
def clips() -> compositions.PretrainClips:
    return compositions.sample(24, seed=3, num_frames=4, size_px=64)


def test_a_batch_has_the_documented_form(clips: compositions.PretrainClips) -> None:
    assert clips.frames_BTHWC.shape == (24, 4, 64, 64, 3) and clips.frames_BTHWC.dtype == torch.uint8
    assert clips.joints_BTJ2.shape == (24, 4, 25, 2) and clips.joints_BTJ2.dtype == torch.float32
    assert ((clips.joints_BTJ2[:, :, 3] > 0) & (clips.joints_BTJ2[:, :, 3] < 1)).all()  # heads are in the picture
    targets_BD = clips.targets_BD()
    assert targets_BD.shape == (24, 4) and targets_BD.dtype == torch.int64
    vocabulary = compositions.vocabulary()
    assert tuple(vocabulary) == DIMENSIONS
    for target_D, program in zip(targets_BD.tolist(), clips.programs, strict=True):
        assert Program(*(vocabulary[n][i] for n, i in zip(DIMENSIONS, target_D, strict=True))) == program
        assert compositions.target(program) == target_D
    assert len(set(clips.programs)) > 20 and set(clips.returns) == {False, True}


def test_the_same_seed_gives_the_same_clips(clips: compositions.PretrainClips) -> None:
    again = compositions.sample(3, seed=3, num_frames=4, size_px=64)
    assert torch.equal(again.frames_BTHWC, clips.frames_BTHWC[:3]) and again.programs == clips.programs[:3]
    assert not torch.equal(
        compositions.sample(1, seed=4, num_frames=4, size_px=64).frames_BTHWC, clips.frames_BTHWC[:1]
    )


@pytest.mark.parametrize("held_out", [False, True])
def test_motions_without_pictures_are_those_of_the_clips(held_out: bool) -> None:
    clips = compositions.sample(4, seed=6, num_frames=3, held_out=held_out)
    motions = compositions.sample_motions(4, seed=6, num_frames=3, held_out=held_out)
    assert torch.equal(motions.joints_BTJ2, clips.joints_BTJ2)
    assert (motions.programs, motions.returns) == (clips.programs, clips.returns)
    assert torch.equal(motions.targets_BD(), clips.targets_BD())


def test_held_out_clips_show_the_held_out_compositions() -> None:
    assert compositions.sample_motions(6, seed=0, num_frames=1, held_out=True).programs == compositions.held_out()[:6]
