"""Still pictures of random people, with the facts that captions tell: other people than the benchmark's.

A *sitting* is one person before one wall in one light, photographed several times in poses that have nothing to do
with each other. A hand rests at one place or is caught on its way between two. No benchmark subject and no class is
drawn; a tenth of the pairs of hand places are held out, to measure on what training never saw.

Shapes: K pictures of a sitting, N pictures, J = 25 joints.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
import torch

from fgsgl.data.synmg import body
from fgsgl.data.synmg.body import Subject, draw_subject
from fgsgl.data.synmg.hand_places import ARM_PLACES, PLACES
from fgsgl.data.synmg.motion import Pose, animate
from fgsgl.data.synmg.programs import Program
from fgsgl.data.synmg.randomness import between, chance, named, pick, stream
from fgsgl.data.synmg.render import draw_light, project, render
from fgsgl.data.synmg.scene import Difficulty, Scene, draw_scene, fits
from fgsgl.pretraining import facts
from fgsgl.pretraining.facts import FREE, Facts

PICTURES = 8
"""K: pictures of a sitting; they share the drawing of the background, and so cost a fifth of pictures one by one."""
SIZE_PX = 112
HELD_OUT = 0.1
"""Share of the pairs of hand places that training never sees."""
_PEOPLE = 8192
_ON_ITS_WAY = 0.15
_BESIDE_ARM = ("belly", "lap", "chin", "notch", "collar", "hip", "thigh", "side", "chest")
"""Places of a hand whose arm the other hand touches."""
_FULL_WALL = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Stills:
    """Pictures and what they show."""

    frames_NHWC: torch.Tensor
    """uint8 RGB"""
    joints_NJ2: torch.Tensor
    """float32, x (right) and y (down) as fractions of the picture; outside 0..1 where a joint is out of it."""
    facts: tuple[Facts, ...]


@cache
def held_out_pairs() -> frozenset[tuple[str, str]]:
    """The pairs of hand places, each sorted, that training never sees: the same for every version of SynMG, since the
    weights that ship have seen the others."""
    pairs = list(combinations_with_replacement(sorted(PLACES), 2))
    order = named("synmg", 1, "stills", "held out").random(len(pairs)).argsort(kind="stable")
    return frozenset(pairs[index] for index in order[: round(HELD_OUT * len(pairs))])


def sitting(number: int, seed: int, *, held_out: bool = False, device: str = "cpu") -> Stills:
    """The pictures of one sitting.

    Args:
        number: of the sitting; each is drawn alone, whatever else is rendered.
        seed: of all sittings.
        held_out: other people, with held-out pairs of hand places only.
        device: torch device that renders.
    """
    subject, difficulty, rng = _begun(number, seed, held_out)
    first, *_ = shots = _draw_shots(subject, difficulty, rng, held_out)
    names = [field.name for field in fields(Pose)]
    pose = Pose(**{name: np.concatenate([getattr(shot.pose, name) for shot in shots]) for name in names})
    view = render(
        first.scene, pose, draw_light(difficulty.noise_grey, rng), rng,
        size_px=SIZE_PX, clutter=difficulty.clutter, device=device,
    )  # fmt: skip
    joints_KJ2 = project(pose.joints_TJ3, first.scene.camera, 0.5 * subject.torso_m, SIZE_PX)[..., :2] / SIZE_PX
    return Stills(
        frames_NHWC=view.frames_THWC.cpu(),
        joints_NJ2=torch.from_numpy(joints_KJ2.astype(np.float32)),
        facts=tuple(shot.facts for shot in shots),
    )


def draw_facts(number: int, seed: int, *, held_out: bool = False) -> tuple[Facts, ...]:
    """The facts of :func:`sitting` for the same arguments, without the pictures."""
    subject, difficulty, rng = _begun(number, seed, held_out)
    return tuple(shot.facts for shot in _draw_shots(subject, difficulty, rng, held_out))


def draw_person(number: int, seed: int, *, held_out: bool = False) -> Subject:
    """The person of :func:`sitting` for the same arguments."""
    return _begun(number, seed, held_out)[0]


def _begun(number: int, seed: int, held_out: bool) -> tuple[Subject, Difficulty, np.random.Generator]:
    """Person and picture settings of a sitting, and the stream that draws the rest of it."""
    split = "held out" if held_out else "train"
    rng = stream("stills", split, seed, number)
    subject = draw_subject("stills", split, "subject", int(rng.integers(_PEOPLE)))
    difficulty = Difficulty(
        amplitude_m=0.03, confound_rest=0.0, confound_there=0.0, confound_early=0.0, idle=between(rng, 0.5, 1.3),
        unrelated=0.0, clutter=int(rng.integers(0, 12)), noise_grey=(0.0, 3.5),
    )  # fmt: skip
    return subject, difficulty, rng


@dataclass(frozen=True, slots=True)
class _Shot:
    scene: Scene
    pose: Pose
    facts: Facts


def _draw_shots(subject: Subject, difficulty: Difficulty, rng: np.random.Generator, held_out: bool) -> list[_Shot]:
    shots: list[_Shot] = []
    for _ in range(PICTURES):
        shot = _draw_shot(subject, difficulty, rng, held_out)
        if shots:  # one camera for all: the background is drawn once
            scene = replace(shot.scene, camera=shots[0].scene.camera)
            shot = _Shot(scene, shot.pose, replace(shot.facts, view=shots[0].facts.view))
        shots.append(shot)
    return shots


def _draw_shot(subject: Subject, difficulty: Difficulty, rng: np.random.Generator, held_out: bool) -> _Shot:
    """One pose at one moment; the hand that is solved last may touch the other arm, or be on its way."""
    place, other = _draw_hands(subject, rng, held_out)
    moving = chance(rng, _ON_ITS_WAY) and not held_out
    origin = _draw_place(subject, rng, other) if moving else place
    moving = moving and origin != place
    side = pick(rng, (1, -1))
    scene = draw_scene(Program("one hand", origin, "hold", place), subject, difficulty, 2.0, rng)
    feet, legs = _draw_feet(rng)
    raised_m = between(rng, 0.03, 0.06) if chance(rng, 0.25) else 0.0
    head, trunk, shifts = _draw_bearing(rng)
    scene = replace(
        scene, program=Program("one hand", origin, "hold", place), sides=(side,), hands={side: origin, -side: other},
        legs=legs, raised_m=raised_m, shifts=shifts, start_s=0.0, arrive_s=1.0, leave_s=8.0, end_s=9.0,
        returns=False, reach=1.0,
    )  # fmt: skip
    at_s = between(rng, 0.35, 0.65) if moving else 0.0
    wall = facts.WALLS[0 if difficulty.clutter == 0 else 1 if difficulty.clutter < _FULL_WALL else 2]
    hands = sorted((FREE if moving else place, other))
    return _Shot(
        scene=scene,
        pose=animate(scene, np.array([at_s])),
        facts=Facts(
            hands=(hands[0], hands[1]),
            posture="seated" if subject.seated else "standing",
            feet=feet,
            shoulders="raised" if raised_m else "level",
            head=head,
            trunk=trunk,
            shirt=_nearest(subject.shirt, body.SHIRTS, facts.SHIRTS),
            trousers=_nearest(subject.trousers, body.TROUSERS, facts.TROUSERS),
            hair=_nearest(subject.hair, body.HAIRS, facts.HAIRS),
            length="long" if subject.long_hair else "short",
            sleeves="short" if subject.bare_forearms else "long",
            view="front" if abs(scene.camera.yaw_rad) < 0.17 else "side",
            wall=wall,
        ),
    )


def _draw_hands(subject: Subject, rng: np.random.Generator, held_out: bool) -> tuple[str, str]:
    """Two places that fit the posture; the first alone may be on the other arm. A third of the pairs are one place."""
    while True:
        other = _draw_place(subject, rng)
        place = other if chance(rng, 0.3) else _draw_place(subject, rng, other)
        if place in ARM_PLACES and place == other:
            continue
        if other in ARM_PLACES:
            place, other = other, place
        if place in ARM_PLACES and other not in _BESIDE_ARM:
            continue
        one, two = sorted((place, other))
        if ((one, two) in held_out_pairs()) == held_out:
            return place, other


def _draw_place(subject: Subject, rng: np.random.Generator, beside: str | None = None) -> str:
    """A place that fits the posture; where the other hand is on an arm, or cannot be reached around, not on an arm."""
    while True:
        place = pick(rng, tuple(PLACES))
        if fits(place, subject) and not (place in ARM_PLACES and beside is not None and beside not in _BESIDE_ARM):
            return place


def _draw_feet(rng: np.random.Generator) -> tuple[str, dict[int, str]]:
    feet = pick(rng, ("flat", "flat", "flat", "crossed", "crossed", "forward", "aside"))
    place = {"flat": "floor", "crossed": "over the knee", "forward": "forward", "aside": "aside"}[feet]
    side = pick(rng, (1, -1))
    return feet, {side: place, -side: "floor"}


def _draw_bearing(rng: np.random.Generator) -> tuple[str, str, tuple[tuple[str, float, float], ...]]:
    """How head and trunk are held, as displacements that were over before the picture was taken."""
    head = pick(rng, ("straight", "straight", "turned", "tilted", "bowed"))
    trunk = pick(rng, ("upright",) * 4 + ("forward", "sideways"))
    sign = pick(rng, (1, -1))
    shifts = []
    if head != "straight":
        channel, low, high = {
            "turned": ("head_yaw", 0.4, 0.7), "tilted": ("head_roll", 0.2, 0.4), "bowed": ("head_pitch", 0.3, 0.5),
        }[head]  # fmt: skip
        shifts.append((channel, between(rng, low, high) * (1 if head == "bowed" else sign), -9.0))
    if trunk != "upright":
        channel, low, high = ("lean", 0.2, 0.35) if trunk == "forward" else ("roll", 0.12, 0.2)
        shifts.append((channel, between(rng, low, high) * (1 if trunk == "forward" else sign), -9.0))
    return head, trunk, tuple(shifts)


def _nearest(colour: tuple[float, ...], colours: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> str:
    """The name of the colour that lies nearest."""
    distances = [sum((a - b) ** 2 for a, b in zip(colour, known, strict=True)) for known in colours]
    return names[int(np.argmin(distances))]
