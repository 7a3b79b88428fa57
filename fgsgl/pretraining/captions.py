"""Still pictures put into words: posture, where each hand is, feet, head, clothing, hair, view, wall.

No word of motion, nothing of left and right, and no benchmark class's name. The nouns of the classes' names (hair,
collar, suprasternal notch ...) name places here, as they do in any large collection of captioned photographs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fgsgl.data.synmg.randomness import between, chance, pick
from fgsgl.pretraining.facts import FREE, HANDS, VALUES, Facts, Statement, numbers

_PLACES: dict[str, tuple[str, ...]] = {
    "thigh": ("on the thigh", "on the upper leg", "flat on the thigh", "on the leg, above the knee"),
    "knee": ("on the knee", "on the bent knee", "at the front of the knee"),
    "lap": ("in the lap", "low before the belly, in the lap", "in the lap, palm up"),
    "side": ("at the side of the body", "down beside the hip", "at the end of a lowered arm", "low at the side"),
    "chair": ("on the chair", "at the edge of the seat", "on the seat, beside the hip"),
    "pocket": ("in the trouser pocket", "in the pocket", "at the pocket"),
    "belly": ("on the belly", "on the stomach", "at the middle of the trunk", "above the belt"),
    "chest": ("on the chest", "at the front of the chest", "flat on the ribs"),
    "notch": (
        "at the suprasternal notch",
        "on the suprasternal notch",
        "at the hollow of the throat",
        "between the collarbones",
    ),
    "collar": ("at the shirt collar", "on the collar of the shirt", "at the neckline", "on the cloth at the neck"),
    "pendant": ("at the pendant", "at a necklace", "on jewelry at the chest", "at a small thing on the chest"),
    "neck": ("at the neck", "on the side of the neck", "on the skin below the jaw", "on the throat, at its side"),
    "nape": ("at the back of the neck", "on the nape of the neck", "behind the neck", "below the skull"),
    "shoulder": ("on the other shoulder", "on the opposite shoulder", "on top of the other shoulder"),
    "folded": (
        "at the opposite elbow, arms folded",
        "under the other arm, arms folded",
        "tucked in at the ribs, forearms crossed",
    ),
    "hip": ("on the hip", "at the waist, elbow out", "on the hip, akimbo", "on the hips, elbow far out"),
    "behind": ("behind the body", "behind the back", "at the lower back, out of sight", "hidden behind the trunk"),
    "air": ("in the air before the body", "in open space before the trunk", "in free space before the chest"),
    "raised": ("raised beside the head", "up beside the face", "high, at the height of the face"),
    "forehead": ("on the forehead", "at the brow", "on the skin above the eyes"),
    "eye": ("at the eye", "on the eyes", "over the eyelids", "at the upper face"),
    "nose": ("at the nose", "on the nose", "at the middle of the face"),
    "mouth": ("at the mouth", "over the mouth", "on the lips", "at the lower face"),
    "cheek": ("on the cheek", "at the cheek", "at the side of the face"),
    "chin": ("at the chin", "under the chin", "at the jaw"),
    "ear": ("at the ear", "on one of the ears", "over an ear"),
    "temple": ("at the temple", "beside the eye, above the cheek"),
    "hair": ("in the hair at the side", "in the hair", "at a strand of hair"),
    "crown": ("on top of the head", "on the hair above the skull", "on the crown of the head"),
    "fringe": ("at the fringe of the hair", "on the hair over the forehead", "at a strand above the brow"),
    "upper arm": ("on the other upper arm", "on the opposite upper arm", "at the sleeve of the other upper arm"),
    "elbow": ("at the other elbow", "on the elbow of the other arm", "at the opposite elbow"),
    "forearm": ("on the other forearm", "on the skin of the opposite forearm"),
    "wrist": ("at the other wrist", "on a bracelet at the other wrist", "at the opposite wrist"),
    FREE: ("in the air", "free, on nothing", "somewhere before the body"),
}
_PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "posture": {
        "seated": ("a seated person", "a person on a chair", "someone who sits", "a person, seated"),
        "standing": ("a standing person", "a person who stands", "someone upright on both feet", "a person, standing"),
    },
    "feet": {
        "flat": ("both feet on the floor", "both soles flat on the ground", "feet side by side on the floor"),
        "crossed": ("crossed legs", "legs crossed", "one leg over the other knee", "an ankle on the opposite thigh"),
        "forward": ("one foot further forward", "a foot put to the front"),
        "aside": ("one foot further out", "feet wide apart"),
    },
    "shoulders": {
        "level": ("level shoulders", "low shoulders", "a long, visible neck"),
        "raised": ("raised shoulders", "shoulders up at the ears", "a short neck between high shoulders"),
    },
    "head": {
        "straight": ("face forward", "a straight head", "the face to the front"),
        "turned": ("the face in half profile", "a face in half profile", "eyes to the side"),
        "tilted": ("a tilted head", "an ear near the shoulder", "the head at an angle"),
        "bowed": ("a bowed head", "eyes down", "the face to the ground"),
    },
    "trunk": {
        "upright": ("an upright trunk", "a straight back", "an upright body"),
        "forward": ("the upper body far forward", "a bent back"),
        "sideways": ("the upper body aslant", "a slanted trunk"),
    },
    "shirt": {
        name: (f"in a {name} shirt", f"a {name} top", f"a {name} sweater") for name in VALUES["shirt"]
    },
    "trousers": {name: (f"{name} trousers", f"in {name} trousers") for name in VALUES["trousers"]},
    "hair": {name: (f"{name} hair", f"hair that is {name}") for name in VALUES["hair"]},
    "length": {
        "short": ("short hair", "hair above the ears"),
        "long": ("long hair", "hair down to the shoulders"),
    },
    "sleeves": {
        "long": ("long sleeves", "covered forearms"),
        "short": ("short sleeves", "bare forearms", "bare skin at the forearms"),
    },
    "view": {
        "front": ("from the front", "a frontal view"),
        "side": ("from an angle", "a view from one side"),
    },
    "wall": {
        "bare": ("before a bare wall", "an empty room", "a plain background"),
        "a few things": ("a few things on the wall", "some pictures behind"),
        "full": ("a wall full of things", "a cluttered background"),
    },
}  # fmt: skip
_SOMEONE = ("a person", "someone", "a photo of a person", "a picture of somebody")
_LOOKS = tuple(kind for kind in _PHRASES if kind != "posture")
SHORT = 0.25
"""Share of captions that tell of the hands alone."""
MOST_LOOKS = 3


class Caption(NamedTuple):
    """A text, and what it says."""

    text: str
    says: tuple[Statement, ...]


def describe(facts: Facts, rng: np.random.Generator) -> Caption:
    """A caption as they come: posture mostly, hands mostly, up to three of the rest, in any order."""
    if chance(rng, SHORT):
        fragments = [_hands(facts, rng)]
        start = Caption(pick(rng, _SOMEONE), ()) if chance(rng, 0.5) else None
    else:
        looks = sorted(_LOOKS, key=lambda _: rng.random())[: int(between(rng, 0, MOST_LOOKS + 1))]
        fragments = [_fragment(kind, facts, rng) for kind in looks]
        if chance(rng, 0.85) or not fragments:
            fragments.insert(int(rng.integers(len(fragments) + 1)), _hands(facts, rng))
        start = _fragment("posture", facts, rng) if chance(rng, 0.7) else Caption(pick(rng, _SOMEONE), ())
    return _joined([start, *fragments] if start else fragments)


def describe_all(facts: Facts, rng: np.random.Generator) -> Caption:
    """A caption of posture, both hands, feet, shirt and hair: what tells pictures apart."""
    hands = _both_hands(facts, rng)
    return _joined([_fragment(kind, facts, rng) if kind else hands for kind in _TELLING])


_TELLING = ("posture", "", "feet", "shirt", "hair")


def sentence(statement: Statement, rng: np.random.Generator) -> str:
    """One statement alone."""
    if statement.kind in HANDS:
        return _tidy(f"{statement.kind} {pick(rng, _PLACES[statement.value])}")
    return _tidy(pick(rng, _PHRASES[statement.kind][statement.value]))


def sentences(rng: np.random.Generator) -> list[str]:
    """A sentence for every statement, in the order of their columns."""
    return [sentence(statement, rng) for statement in numbers()]


def _hands(facts: Facts, rng: np.random.Generator) -> Caption:
    """One hand's place, or both."""
    both = chance(rng, 0.6)
    if both or facts.hands[0] == facts.hands[1]:
        return _both_hands(facts, rng)
    place = pick(rng, facts.hands)
    return Caption(f"one hand {pick(rng, _PLACES[place])}", (Statement("one hand", place),))


def _both_hands(facts: Facts, rng: np.random.Generator) -> Caption:
    one, other = facts.hands if chance(rng, 0.5) else facts.hands[::-1]
    if one == other:
        return Caption(f"both hands {pick(rng, _PLACES[one])}", (Statement("both hands", one),))
    text = f"one hand {pick(rng, _PLACES[one])}, the other {pick(rng, _PLACES[other])}"
    return Caption(text, (Statement("one hand", one), Statement("one hand", other)))


def _fragment(kind: str, facts: Facts, rng: np.random.Generator) -> Caption:
    value = getattr(facts, kind)
    return Caption(pick(rng, _PHRASES[kind][value]), (Statement(kind, value),))


def _joined(fragments: Sequence[Caption]) -> Caption:
    return Caption(
        _tidy(", ".join(fragment.text for fragment in fragments)),
        tuple(statement for fragment in fragments for statement in fragment.says),
    )


def _tidy(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def phrases() -> tuple[str, ...]:
    """Every piece of text that a caption can be made of."""
    tables = [_PLACES, *_PHRASES.values()]
    return (*_SOMEONE, *HANDS, "the other", *(text for table in tables for row in table.values() for text in row))


def words() -> tuple[str, ...]:
    """Every word (lower case) that a caption can hold, sorted."""
    return tuple(sorted({word for text in phrases() for word in re.findall(r"[a-z]+", text.lower())}))
