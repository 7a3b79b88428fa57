"""A scene: everything about one clip that is drawn at random, before anything moves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fgsgl.data.synmg.body import Subject
from fgsgl.data.synmg.hand_places import ARM_PLACES, LEG_PLACES, SEATED_ONLY, STANDING_ONLY
from fgsgl.data.synmg.programs import UPRIGHT, ClassProgram, Program
from fgsgl.data.synmg.randomness import between, chance, pick

IDLE = (
    "lean", "yaw", "roll", "shift_x", "breath", "head_yaw", "head_pitch", "head_roll",
    "left_x", "left_y", "left_z", "right_x", "right_y", "right_z", "foot_left", "foot_right",
)  # fmt: skip
"""Small movements that never stop: radians for angles, metres for the rest."""
_IDLE_SIZE = (0.018, 0.03, 0.015, 0.008, 0.004, 0.07, 0.05, 0.03, *[0.0045] * 6, 0.004, 0.004)

_OFFSET_M = (0.022, 0.022, 0.008)

_TWO_HANDED = ("folded", "hip", "behind", "lap")
_ONE_HANDED = (
    ("eye", "forehead"), ("notch",), ("neck", "nape"), ("belly", "chest"), ("nose", "mouth", "cheek", "chin"),
    ("hair", "crown", "fringe"), ("collar",), ("pendant",), ("air",), ("hip",),
)  # fmt: skip
"""Places where hands may rest as static confounders: the end places of the classes, a group per class."""
_BESIDE_ARM = ("belly", "lap", "chin", "notch", "collar", "hip")
"""Places of an arm that the other hand touches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difficulty:
    """Settings that make a clip easy or hard to recognise."""

    amplitude_m: float
    """Size of an oscillation; the gesture's approach is as long as its way."""
    confound_rest: float
    """Probability that hands which do not move rest in some class's end pose. Legs are crossed and shoulders
    drawn up with 0.4 times this probability each, and moving hands come from an end pose with the same."""
    confound_there: float
    """Probability that the gesture starts at its own place."""
    confound_early: float
    """Probability that the gesture stops early."""
    idle: float
    """Factor on sway, breathing and head movements."""
    unrelated: float
    """Probability of each of three small unrelated movements (other hand, foot, head turn)."""
    clutter: int
    """Things on the wall."""
    noise_grey: tuple[float, float]
    """Range of the sensor noise's standard deviation, grey levels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """Weak perspective: rotation, then scale and shift. Fractions are of the picture's side."""

    yaw_rad: float
    pitch_rad: float
    scale: float
    """Picture sides per metre."""
    x: float
    """The trunk's middle in the picture, from the left."""
    y: float
    """The trunk's middle in the picture, from the top."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One clip. Sides are +1 (the person's left) and -1; times in seconds from the clip's start."""

    subject: Subject
    program: Program
    sides: tuple[int, ...]
    """The moving sides; empty for head, shoulders and upper body."""
    hands: dict[int, str]
    """Side -> place where the hand is before the motion."""
    legs: dict[int, str]
    raised_m: float
    """How far the shoulders are drawn up all along."""
    curl_rad: dict[int, float]
    """Side -> how far the fingers are bent."""
    offset_m: dict[int, np.ndarray]
    """Side -> (3,): how far the hand is off any place's middle, so that one frame does not tell rest from motion."""
    foot_m: dict[int, np.ndarray]
    """Side -> (3,): the same for the foot."""
    slant: dict[int, float]
    """Side -> how far the fingers point off the place's usual direction (tangent)."""
    start_s: float
    arrive_s: float
    leave_s: float
    end_s: float
    returns: bool
    """Whether the limb goes back to its onset at the end."""
    reach: float
    """Fraction of the way that is made: below 1 where the gesture stops early."""
    amplitude_m: float
    frequency_hz: float
    phase_rad: np.ndarray
    """(3,)"""
    idle_C23: np.ndarray
    """Channel x two sines x (amplitude, frequency in Hz, phase)."""
    shifts: tuple[tuple[str, float, float], ...]
    """Unrelated movements: idle channel, size, time in seconds."""
    camera: Camera
    confounders: tuple[str, ...]


def draw_class_program(program: ClassProgram, subject: Subject, rng: np.random.Generator) -> Program:
    """One motion of the class, from where it has to start, or from a usual rest (the clip may change that later)."""
    place, motion = pick(rng, program.places), pick(rng, program.motions)
    part = pick(rng, program.parts)
    if len(program.places) > 1 and len(program.parts) > 1:  # jewelry: both hands in the lap, one hand elsewhere
        part = program.parts[0] if place == "lap" else program.parts[1]
    usual = UPRIGHT if place == UPRIGHT else "floor" if place in LEG_PLACES else draw_rest(subject, rng)
    onset = pick(rng, program.onsets) if program.onsets else usual
    return Program(part, onset, motion, place)


def draw_rest(subject: Subject, rng: np.random.Generator) -> str:
    """A usual resting place of the subject's hands."""
    return subject.rest[0] if chance(rng, 0.7) else subject.rest[1]


def fits(place: str, subject: Subject) -> bool:
    """Whether the place exists in the subject's posture."""
    return place not in (STANDING_ONLY if subject.seated else SEATED_ONLY)


def draw_scene(
    program: Program,
    subject: Subject,
    difficulty: Difficulty,
    seconds: float,
    rng: np.random.Generator,
    *,
    keeps_onset: bool = False,
) -> Scene:
    """Draws the clip: which sides move, what the others do, when, how large, and from where it is filmed.

    Args:
        program: the motion.
        subject: who makes it.
        difficulty: of the preset.
        seconds: length of the clip.
        rng: of all draws.
        keeps_onset: the motion starts where ``program`` says; else it may also start at its own place, or from another
            class's end pose.
    """
    sides = _sides(program, subject, rng)
    drawn, confounders = _draw_onset(program, sides, difficulty, rng)
    program, confounders = (program, []) if keeps_onset else (drawn, confounders)
    early = chance(rng, difficulty.confound_early)
    hands, legs, raised_m = _draw_rests(program, subject, sides, difficulty.confound_rest, rng)
    if raised_m or "over the knee" in legs.values() or not set(hands.values()) <= {*subject.rest, program.onset}:
        confounders.append("rest_pose")
    if early:
        confounders.append("stops_early")
    # A held pose is told from the one before it by their order only if either may be seen for longer.
    latest = 1.0 if program.trajectory == "hold" or program.is_double else 0.33
    start_s = between(rng, 0.07, latest) * (seconds - 0.8)
    arrive_s = start_s + between(rng, 0.30, 0.50) / subject.tempo
    lasting_s = (seconds - arrive_s) * between(rng, 0.65, 1.0)
    if early and program.trajectory != "hold":
        lasting_s *= 0.5
    return Scene(
        subject=subject,
        program=program,
        sides=sides,
        hands=hands,
        legs=legs,
        raised_m=raised_m,
        curl_rad={side: between(rng, 0.2, 1.0) for side in (1, -1)},
        offset_m={side: np.array([between(rng, -size, size) for size in _OFFSET_M]) for side in (1, -1)},
        foot_m={
            side: np.array([between(rng, -0.04, 0.04), between(rng, 0, 0.04), between(rng, -0.04, 0.04)])
            for side in (1, -1)
        },
        slant={side: between(rng, -0.35, 0.35) for side in (1, -1)},
        start_s=start_s,
        arrive_s=arrive_s,
        leave_s=arrive_s + lasting_s,
        end_s=arrive_s + lasting_s + between(rng, 0.30, 0.50),
        returns=chance(rng, 0.5),
        reach=between(rng, 0.6, 0.85) if early and program.trajectory == "hold" else 1.0,
        amplitude_m=difficulty.amplitude_m * subject.vigour * between(rng, 0.8, 1.2),
        frequency_hz=subject.tempo * between(rng, 0.9, 1.1),
        phase_rad=np.array([between(rng, 0.0, 2 * np.pi) for _ in range(3)]),
        idle_C23=_idle(difficulty.idle, rng),
        shifts=_shifts(program, sides, difficulty.unrelated, seconds, rng),
        camera=_camera(subject, rng),
        confounders=tuple(confounders),
    )


def _sides(program: Program, subject: Subject, rng: np.random.Generator) -> tuple[int, ...]:
    side = -1 if chance(rng, subject.right_handed) else 1
    if program.limb == "body":
        return ()
    return (side, -side) if program.is_double else (side,)


def _draw_onset(
    program: Program, sides: tuple[int, ...], difficulty: Difficulty, rng: np.random.Generator
) -> tuple[Program, list[str]]:
    """Lets the motion start at its own place, or the hands come from another class's end pose."""
    there, elsewhere = chance(rng, difficulty.confound_there), chance(rng, difficulty.confound_rest)
    one, both = pick(rng, pick(rng, (*_ONE_HANDED, ARM_PLACES, ARM_PLACES))), pick(rng, _TWO_HANDED)
    place = one if len(sides) < 2 else both
    # Two hands that start in their end pose would show a single frame all there is: no other limb could confound it.
    if there and len(sides) == 1 and program.onset != program.outcome:
        return replace(program, onset=program.outcome), ["starts_there"]
    if elsewhere and program.limb == "hand" and place != program.outcome:
        return replace(program, onset=place), ["onset_pose"]
    return program, []


def _draw_rests(
    program: Program, subject: Subject, sides: tuple[int, ...], probability: float, rng: np.random.Generator
) -> tuple[dict[int, str], dict[int, str], float]:
    """Places of hands and feet before the motion, and how far the shoulders are drawn up (metres)."""
    usual = draw_rest(subject, rng)
    hands = {1: usual, -1: usual if chance(rng, 0.75) else draw_rest(subject, rng)}
    legs = {1: "floor", -1: "floor"}
    ones, both = [pick(rng, pick(rng, _ONE_HANDED)) for _ in range(2)], pick(rng, _TWO_HANDED)
    side, beside, is_pair = pick(rng, (1, -1)), pick(rng, _BESIDE_ARM), chance(rng, 0.5)
    if chance(rng, probability):
        hands = {1: both, -1: both} if is_pair else {1: ones[0], -1: ones[1]}
        if program.limb == "hand" and not program.is_double:
            hands[-sides[0]] = both if is_pair and chance(rng, 0.6) else ones[0]
    if chance(rng, 0.4 * probability):
        legs[side] = "over the knee"
    raised_m = between(rng, 0.02, 0.06) if chance(rng, 0.4 * probability) and program.limb != "body" else 0.0
    if program.limb == "leg":
        legs = {1: "floor", -1: "floor"} | dict.fromkeys(sides, program.onset)
    if program.limb == "hand":
        hands |= dict.fromkeys(sides, program.onset)
        if len(sides) == 1 and {program.onset, program.outcome} & set(ARM_PLACES):
            hands[-sides[0]] = beside
    return hands, legs, raised_m


def _idle(factor: float, rng: np.random.Generator) -> np.ndarray:
    draws = rng.random((len(IDLE), 2, 3))
    sizes_C1 = factor * np.array(_IDLE_SIZE)[:, None]
    frequency_C2 = 0.15 + 0.55 * draws[..., 1]
    return np.stack([sizes_C1 * (0.3 + 0.7 * draws[..., 0]), frequency_C2, 2 * np.pi * draws[..., 2]], -1)


def _shifts(
    program: Program, sides: tuple[int, ...], probability: float, seconds: float, rng: np.random.Generator
) -> tuple[tuple[str, float, float], ...]:
    shifts = []
    side = pick(rng, (1, -1)) if len(sides) != 1 or program.limb != "hand" else -sides[0]
    hand = "left" if side == 1 else "right"
    for channel, low, high in (
        (f"{hand}_{pick(rng, ('x', 'y'))}", 0.015, 0.035),
        (pick(rng, ("foot_left", "foot_right")), 0.01, 0.03),
        ("head_yaw", 0.2, 0.6),
    ):
        size, at_s = between(rng, low, high) * pick(rng, (1, -1)), between(rng, 0.1, 0.9) * seconds
        if chance(rng, probability):
            shifts.append((channel, size, at_s))
    return tuple(shifts)


def _camera(subject: Subject, rng: np.random.Generator) -> Camera:
    return Camera(
        yaw_rad=between(rng, -0.35, 0.35),
        pitch_rad=between(rng, -0.02, 0.16),
        scale=(0.76 if subject.seated else 0.66) * between(rng, 0.95, 1.05),
        x=0.5 + between(rng, -0.04, 0.04),
        y=(0.50 if subject.seated else 0.43) + between(rng, -0.03, 0.03),
    )
