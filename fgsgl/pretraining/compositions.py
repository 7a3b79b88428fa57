"""Captioned random motions for pretraining: other people and other motions than the benchmark's.

A *composition* is a program whose (place, motion) pair belongs to no class, in any number of hands or legs; 50 such
pairs are held out, so that what a model has learnt can be measured on pairs that it never saw.

B clips, T frames, J = 25 joints, D = 4 dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from fgsgl.data.synmg.body import Subject, draw_subject
from fgsgl.data.synmg.hand_places import ARM_PLACES, LEG_PLACES, PLACES
from fgsgl.data.synmg.motion import Pose, animate
from fgsgl.data.synmg.programs import (
    BODY_MOTIONS,
    CLASSES,
    HAND_MOTIONS,
    LEG_MOTIONS,
    ONSETS,
    OUTCOMES,
    PARTS,
    TRAJECTORIES,
    UPRIGHT,
    Program,
    benchmark_keys,
    part_for,
)
from fgsgl.data.synmg.randomness import between, chance, pick, stream
from fgsgl.data.synmg.render import draw_light, project, render
from fgsgl.data.synmg.scene import Difficulty, Scene, draw_rest, draw_scene, fits
from fgsgl.pretraining import captions
from fgsgl.text.fgtext import DIMENSIONS

Composition = Program
SECONDS = 2.0
HELD_OUT_PAIRS = 50
_ONLY_THERE = {"beat": ("raised", "chest", "belly", "lap")}
"""Motions that make sense at a few places only."""
_HIDDEN = {"behind": ("rub", "stroke", "pull", "beat", "shake")}
"""Places behind the body: only motions that also show in the elbows."""
_PEOPLE = 8192
_ONSETS_ELSEWHERE = ("hip", "folded", "air", "chest", "behind", "chin", "neck", "raised")


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionClips:
    """Programs and joints of a batch of clips; ``captions.describe`` puts them into words."""

    joints_BTJ2: torch.Tensor
    """float32, x (right) and y (down) as fractions of the picture; outside 0..1 where a joint is out of it."""
    programs: tuple[Program, ...]
    returns: tuple[bool, ...]
    """Whether the limb goes back to its onset at the end."""

    def targets_BD(self) -> torch.Tensor:
        """int64 index of the value in each dimension's vocabulary."""
        return torch.tensor([target(program) for program in self.programs])


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainClips(MotionClips):
    """A batch of clips."""

    frames_BTHWC: torch.Tensor
    """uint8 RGB"""


def vocabulary() -> dict[str, tuple[str, ...]]:
    """Dimension -> the names of its values, in the order of ``targets_BD``."""
    return dict(zip(DIMENSIONS, (PARTS, ONSETS, TRAJECTORIES, OUTCOMES), strict=True))


def target(program: Program) -> list[int]:
    """Index of the program's value in each dimension's vocabulary."""
    return [values.index(getattr(program, name)) for name, values in vocabulary().items()]


def class_descriptions() -> tuple[str, ...]:
    """A description of each of the 17 classes in the captions' style, for zero-shot recognition."""
    return tuple(captions.describe_class(program) for program in CLASSES)


def words() -> tuple[str, ...]:
    """Every word of the captions, sentences, class descriptions and class names."""
    return captions.words()


@cache
def free_keys() -> dict[str, tuple[tuple[str, str], ...]]:
    """Limb -> all (place, motion) pairs that belong to no class."""
    pairs = {
        "hand": [
            (p, m)
            for p in PLACES
            for m in HAND_MOTIONS
            if p in _ONLY_THERE.get(m, PLACES) and m in _HIDDEN.get(p, (m,))
        ],
        # A leg that holds still on the floor does nothing.
        "leg": [(p, m) for p in LEG_PLACES for m in LEG_MOTIONS if (p, m) != ("floor", "hold")],
        "body": [(part, m) for part, motions in BODY_MOTIONS.items() for m in motions],
    }
    taken = benchmark_keys()
    return {limb: tuple(pair for pair in found if pair not in taken) for limb, found in pairs.items()}


@cache
def held_out_keys() -> frozenset[tuple[str, str]]:
    """The (place, motion) pairs of hands that training never sees."""
    order = stream("pretrain", "held out").random(len(free_keys()["hand"])).argsort(kind="stable")
    return frozenset(free_keys()["hand"][i] for i in order[:HELD_OUT_PAIRS])


@cache
def held_out() -> tuple[Composition, ...]:
    """100 compositions of the held-out pairs: each pair with one hand and with both, from different onsets."""
    rng = stream("pretrain", "held out", "onsets")
    found = []
    for place, motion in sorted(held_out_keys()):
        rests = ("lap", "belly", "thigh") if place in ("knee", "thigh", "chair") else ("lap", "belly", "hip", "air")
        onsets = [rest for rest in rests if rest != place]
        first = int(rng.integers(len(onsets)))
        for number, count in enumerate((1, 1 if place in ARM_PLACES else 2)):
            onset = onsets[(first + number) % len(onsets)]
            found.append(Program(part_for(count, "hand", motion), onset, motion, place))
    return tuple(found)


def draw_composition(subject: Subject, rng: np.random.Generator) -> Composition:
    """A composition for training that fits the subject's posture."""
    limb = pick(rng, ("hand",) * 8 + ("leg", "body"))
    keys = [
        key for key in free_keys()[limb] if key not in held_out_keys() and (limb == "body" or fits(key[0], subject))
    ]
    place, motion = pick(rng, keys)
    if limb == "body":
        return Program(place, UPRIGHT, motion, UPRIGHT)
    single = place in ARM_PLACES or place == "over the knee"
    part = part_for(2 if chance(rng, 0.35) and not single else 1, limb, motion)
    if limb == "leg":
        return Program(part, pick(rng, ("floor", "floor", place)), motion, place)
    onset = draw_rest(subject, rng) if chance(rng, 0.75) else pick(rng, _ONSETS_ELSEWHERE)
    return Program(part, onset, motion, place)


def sample(
    count: int, *, seed: int, num_frames: int = 8, size_px: int = 112, held_out: bool = False, device: str = "cpu"
) -> PretrainClips:
    """Random compositions by random people, two seconds each, of which ``num_frames`` frames at equal distances.

    Args:
        count: number of clips; with ``held_out``, clip i shows composition ``held_out()[i % 100]`` without static
            confounders that would change it.
        seed: of these clips; other seeds give other people, motions, pictures and words.
        num_frames: frames per clip.
        size_px: side of the square frames.
        held_out: the held-out compositions instead of training ones.
        device: torch device that renders.
    """
    clips = [_clip(number, seed, num_frames, size_px, held_out) for number in range(count)]
    frames = []
    for clip, rng in clips:
        light = draw_light(clip.difficulty.noise_grey, rng)
        clutter = clip.difficulty.clutter
        view = render(clip.scene, clip.pose, light, rng, size_px=size_px, clutter=clutter, device=device)
        frames.append(view.frames_THWC)
    return PretrainClips(frames_BTHWC=torch.stack(frames), **_motions([clip for clip, _ in clips]))


def sample_motions(count: int, *, seed: int, num_frames: int = 8, held_out: bool = False) -> MotionClips:
    """The motions of :func:`sample` for the same arguments, without pictures: three hundred times as fast."""
    return MotionClips(**_motions([_clip(number, seed, num_frames, 112, held_out)[0] for number in range(count)]))


def draw_clip(number: int, seed: int, is_held_out: bool) -> tuple[Subject, Program, Difficulty, np.random.Generator]:
    """Person, composition and difficulty of one pretraining clip, and the stream that draws the rest of it."""
    split = "held out" if is_held_out else "train"
    rng = stream("pretrain", split, seed, number)
    while True:
        subject = draw_subject("pretrain", split, "subject", int(rng.integers(_PEOPLE)))
        if not is_held_out:
            program = draw_composition(subject, rng)
            break
        program = held_out()[number % len(held_out())]
        if fits(program.onset, subject) and fits(program.outcome, subject):
            break
    difficulty = Difficulty(
        amplitude_m=between(rng, 0.025, 0.05),
        confound_rest=0.0 if is_held_out else 0.3,
        confound_there=0.0 if is_held_out else 0.15,
        confound_early=0.0 if is_held_out else 0.1,
        idle=between(rng, 0.5, 1.3),
        unrelated=0.3,
        clutter=int(rng.integers(0, 12)),
        noise_grey=(0.0, 3.5),
    )
    return subject, program, difficulty, rng


class _Clip(NamedTuple):
    scene: Scene
    pose: Pose
    difficulty: Difficulty
    joints_TJ2: np.ndarray


def _clip(
    number: int, seed: int, num_frames: int, size_px: int, is_held_out: bool
) -> tuple[_Clip, np.random.Generator]:
    subject, program, difficulty, rng = draw_clip(number, seed, is_held_out)
    scene = draw_scene(program, subject, difficulty, SECONDS, rng)
    pose = animate(scene, (np.arange(num_frames) + 0.5) * (SECONDS / num_frames))
    joints_TJ2 = project(pose.joints_TJ3, scene.camera, 0.5 * subject.torso_m, size_px)[..., :2] / size_px
    return _Clip(scene, pose, difficulty, joints_TJ2.astype(np.float32)), rng


def _motions(clips: list[_Clip]) -> dict[str, Any]:
    return {
        "joints_BTJ2": torch.from_numpy(np.stack([clip.joints_TJ2 for clip in clips])),
        "programs": tuple(clip.scene.program for clip in clips),
        "returns": tuple(clip.scene.returns for clip in clips),
    }
