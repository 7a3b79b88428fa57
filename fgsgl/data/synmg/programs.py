"""Motion programs in the four dimensions of FG-Text (part, onset, trajectory, outcome), the classes, and their pairs.

The label of a clip is what *moves*; what merely rests somewhere (a hand on the hip, crossed legs) never makes it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from fgsgl.data.synmg.hand_places import LEG_PLACES, PLACES

UPRIGHT = "upright"
"""The one place of head, shoulders and upper body: their movements start and end in it."""


@dataclass(frozen=True, slots=True)
class Program:
    """One motion in the four dimensions; ``onset`` and ``outcome`` are places, equal where it starts at its place."""

    part: str
    onset: str
    trajectory: str
    outcome: str

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
    onsets: tuple[str, ...] = ()
    """The places that it has to start from; empty: from wherever the hand or foot happens to be."""


_HAND, _HANDS = ("one hand",), ("both hands",)
_EYES, _NECK, _ARM = ("eye", "forehead"), ("neck", "nape"), ("upper arm", "elbow", "forearm")
_FACE, _HAIR = ("nose", "mouth", "cheek", "chin"), ("hair", "crown", "fringe")

CLASSES: tuple[ClassProgram, ...] = (
    ClassProgram("Turtling neck and shoulder", ("head and shoulders",), (UPRIGHT,), ("shrink",)),
    ClassProgram("Rubbing eyes and forehead", _HAND, _EYES, ("rub",)),
    ClassProgram("Folding arms", _HANDS, ("folded",), ("hold",)),
    ClassProgram("Touching or covering suprasternal notch", _HAND, ("notch",), ("hold",)),
    ClassProgram("Bouncing legs", ("one leg", "both legs"), ("floor",), ("bounce",)),
    ClassProgram("Scratching neck", _HAND, _NECK, ("scratch",)),
    ClassProgram("Folding arms behind body", _HANDS, ("behind",), ("hold",)),
    ClassProgram("Rubbing hands and crossing finger", _HANDS, ("lap",), ("rub",)),
    ClassProgram("Arms akimbo", _HANDS, ("hip",), ("hold",)),
    ClassProgram("Crossing legs", ("one leg",), ("over the knee",), ("hold",), ("floor",)),
    ClassProgram("Scratching arms", _HAND, _ARM, ("scratch",)),
    ClassProgram("Touching facial parts other than eyes", _HAND, _FACE, ("hold",)),
    ClassProgram("Stroking hair", _HAND, _HAIR, ("stroke",)),
    ClassProgram("Holding arms", _HAND, _ARM, ("hold",)),
    ClassProgram("Pulling shirt collar", _HAND, ("collar",), ("pull",)),
    ClassProgram(
        "Playing with jewelry, and manipulating other objects",
        ("fingers of both hands", "fingers of one hand"), ("lap", "pendant", "wrist"), ("fidget",),
    ),
    ClassProgram("Illustrative hand gestures", ("one hand", "both hands"), ("air",), ("beat",)),
    ClassProgram("Touching eyes and forehead", _HAND, _EYES, ("hold",)),
    ClassProgram("Settling folded arms", _HANDS, ("folded",), ("hold",), ("folded",)),
    ClassProgram("Tapping suprasternal notch", _HAND, ("notch",), ("tap",)),
    ClassProgram("Swinging legs", ("one leg", "both legs"), ("floor",), ("swing",)),
    ClassProgram("Rubbing neck", _HAND, _NECK, ("rub",)),
    ClassProgram("Settling crossed legs", ("one leg",), ("over the knee",), ("hold",), ("over the knee",)),
    ClassProgram("Scratching facial parts other than eyes", _HAND, _FACE, ("scratch",)),
    ClassProgram("Twirling hair", _HAND, _HAIR, ("twist",)),
    ClassProgram("Smoothing shirt collar", _HAND, ("collar",), ("stroke",)),
)  # fmt: skip
"""The 17 classes of SMG in its order, five of them narrowed to one motion, and the partners of nine of them."""

CLASS_NAMES = tuple(program.name for program in CLASSES)


@dataclass(frozen=True, slots=True)
class FinePair:
    """Two classes that share the part and the outcome, and all but one dimension."""

    one: int
    other: int
    """Class ids, the smaller first."""
    dimension: str
    """``trajectory`` or ``onset``: the one they differ in."""


def fine_pairs() -> tuple[FinePair, ...]:
    """Every fine pair of :data:`CLASSES`, as their programs have it."""
    found = []
    for (one, mine), (other, theirs) in itertools.combinations(enumerate(CLASSES), 2):
        if (mine.parts, mine.places) != (theirs.parts, theirs.places):
            continue
        if mine.onsets == theirs.onsets and not {*mine.motions} & {*theirs.motions}:
            found.append(FinePair(one, other, "trajectory"))
        elif mine.onsets != theirs.onsets and mine.motions == theirs.motions:
            found.append(FinePair(one, other, "onset"))
    return tuple(found)


_FREQUENT_FIRST = (8, 7, 4, 9, 11, 2, 16, 0, 13, 12, 1, 6, 3, 5, 14, 15)
"""Classes from the most to the least frequent, about as in SMG; their partners are not among them."""


def frequent_first() -> tuple[int, ...]:
    """Class ids from the most to the least frequent.

    The two of a fine pair stand side by side, so that the frequency tells little about which of them it is.
    """
    partner = {pair.one: pair.other for pair in fine_pairs()} | {pair.other: pair.one for pair in fine_pairs()}
    return tuple(label for first in _FREQUENT_FIRST for label in (first, partner.get(first)) if label is not None)
