"""Motion programs: what moves, from where, how, where it ends (the four dimensions of FG-Text), and the 17 classes.

The label of a clip is what *moves*; what merely rests somewhere (a hand on the hip, crossed legs) never makes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fgsgl.data.synmg.hand_places import LEG_PLACES, PLACES

PARTS = (
    "one hand", "both hands", "fingers of one hand", "fingers of both hands", "one leg", "both legs", "head",
    "shoulders", "head and shoulders", "upper body",
)  # fmt: skip
HAND_MOTIONS = (
    "hold", "rub", "stroke", "scratch", "tap", "circle", "pull", "twist", "squeeze", "fidget", "beat", "shake",
)  # fmt: skip
"""What a hand does at its place. ``fidget`` moves the fingers only, so its part is the fingers."""
LEG_MOTIONS = ("hold", "bounce", "swing", "tap", "slide")
BODY_MOTIONS: dict[str, tuple[str, ...]] = {
    "head": ("nod", "wag", "tilt", "sink"),
    "shoulders": ("shrug", "roll"),
    "head and shoulders": ("shrink", "tilt"),
    "upper body": ("lean", "sway", "turn"),
}
TRAJECTORIES = tuple(dict.fromkeys([*HAND_MOTIONS, *LEG_MOTIONS, *(m for ms in BODY_MOTIONS.values() for m in ms)]))
UPRIGHT = "upright"
"""The one place of head, shoulders and upper body: their movements start and end in it."""
ONSETS = (*PLACES, *LEG_PLACES, UPRIGHT)
OUTCOMES = ONSETS


@dataclass(frozen=True, slots=True)
class Program:
    """One motion in the four dimensions; ``onset`` and ``outcome`` are places, equal where it starts at its place."""

    part: str
    onset: str
    trajectory: str
    outcome: str

    @property
    def key(self) -> tuple[str, str]:
        """(place, motion), whatever the number of hands or legs and wherever they come from."""
        return (self.outcome if self.outcome != UPRIGHT else self.part, self.trajectory)

    @property
    def limb(self) -> str:
        """``hand``, ``leg`` or ``body``."""
        return "hand" if self.outcome in PLACES else "leg" if self.outcome in LEG_PLACES else "body"

    @property
    def is_double(self) -> bool:
        """Whether both hands or both legs move."""
        return self.part.endswith(("both hands", "both legs"))


@dataclass(frozen=True, slots=True)
class ClassProgram:
    """A class: the places and motions it may take. Its parts are tried in the given proportions."""

    name: str
    parts: tuple[str, ...]
    places: tuple[str, ...]
    motions: tuple[str, ...]

    def keys(self) -> Iterator[tuple[str, str]]:
        """All (place, motion) pairs of the class."""
        places = self.parts if self.places == (UPRIGHT,) else self.places
        return ((place, motion) for place in places for motion in self.motions)


_HAND, _HANDS = ("one hand",), ("both hands",)

CLASSES: tuple[ClassProgram, ...] = (
    ClassProgram("Turtling neck and shoulder", ("head and shoulders",), (UPRIGHT,), ("shrink",)),
    ClassProgram("Rubbing eyes and forehead", _HAND, ("eye", "forehead"), ("rub",)),
    ClassProgram("Folding arms", _HANDS, ("folded",), ("hold",)),
    ClassProgram("Touching or covering suprasternal notch", _HAND, ("notch",), ("hold",)),
    ClassProgram("Moving legs", ("one leg", "both legs"), ("floor",), ("bounce", "swing")),
    ClassProgram("Touching or scratching neck", _HAND, ("neck", "nape"), ("scratch", "hold")),
    ClassProgram("Folding arms behind body", _HANDS, ("behind",), ("hold",)),
    ClassProgram("Rubbing hands and crossing finger", _HANDS, ("lap",), ("rub",)),
    ClassProgram("Arms akimbo", _HANDS, ("hip",), ("hold",)),
    ClassProgram("Crossing legs", ("one leg",), ("over the knee",), ("hold",)),
    ClassProgram("Scratching some part of body", _HAND, ("belly", "chest", "forearm", "upper arm"), ("scratch",)),
    ClassProgram(
        "Scratching or touching facial parts other than eyes",
        _HAND, ("nose", "mouth", "cheek", "chin"), ("rub", "scratch", "hold"),
    ),
    ClassProgram("Playing or adjusting hair", _HAND, ("hair", "crown", "fringe"), ("stroke", "twist")),
    ClassProgram("Holding arms", _HAND, ("upper arm", "elbow", "forearm"), ("hold",)),
    ClassProgram("Pulling shirt collar", _HAND, ("collar",), ("pull",)),
    ClassProgram(
        "Playing with jewelry, and manipulating other objects",
        ("fingers of both hands", "fingers of one hand"), ("lap", "pendant", "wrist"), ("fidget",),
    ),
    ClassProgram("Illustrative hand gestures", ("one hand", "both hands"), ("air",), ("beat",)),
)  # fmt: skip
"""The 17 classes of SMG in its order. Pairs that differ in one dimension only: see CARD.md."""

CLASS_NAMES = tuple(program.name for program in CLASSES)
FREQUENT_FIRST = (8, 7, 4, 9, 11, 2, 16, 0, 10, 13, 12, 1, 6, 3, 5, 14, 15)
"""Class ids from the most to the least frequent, about as in SMG."""


def benchmark_keys() -> frozenset[tuple[str, str]]:
    """Every (place, motion) pair that any class may take; pretraining must avoid them all."""
    return frozenset(key for program in CLASSES for key in program.keys())  # noqa: SIM118 (not a dict)


def part_for(count: int, limb: str, motion: str) -> str:
    """The part's name for one or two hands or legs."""
    if limb == "leg":
        return "both legs" if count == 2 else "one leg"
    hands = "both hands" if count == 2 else "one hand"
    return f"fingers of {hands}" if motion == "fidget" else hands
