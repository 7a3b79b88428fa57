"""Motion programs put into words, for pretraining: one caption a clip and one sentence a dimension.

Nothing says left or right, so that a mirrored picture keeps its caption. The words of SMG's class names (akimbo,
collar, suprasternal notch, folding arms ...) name places and motions here, in other combinations than the classes'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from fgsgl.data.synmg.programs import CLASSES, DIMENSIONS, UPRIGHT, ClassProgram, Program
from fgsgl.data.synmg.streams import pick

_PLACES: dict[str, tuple[str, ...]] = {
    "thigh": ("the thigh", "the upper leg"),
    "knee": ("the knee",),
    "lap": ("the lap, hand on hand, crossing fingers", "the lap", "the other hand, crossing fingers"),
    "side": ("the side of the body", "a hanging arm"),
    "chair": ("the chair", "the edge of the seat"),
    "pocket": ("the trouser pocket", "the pocket"),
    "belly": ("the belly, a part of the body", "the belly", "the stomach"),
    "chest": ("the chest, a part of the body", "the chest"),
    "notch": ("the suprasternal notch", "the suprasternal notch below the throat"),
    "collar": ("the shirt collar", "the collar of the shirt"),
    "pendant": ("the jewelry", "the pendant, a piece of jewelry", "the necklace"),
    "neck": ("the neck", "the side of the neck"),
    "nape": ("the back of the neck", "the nape of the neck"),
    "shoulder": ("the other shoulder",),
    "folded": ("folded arms", "folding arms before the chest"),
    "hip": ("the hip, arms akimbo", "the hip", "the waist, akimbo"),
    "behind": ("the back, folding arms behind the body", "behind the body", "the back"),
    "air": ("the air before the body", "the open air"),
    "raised": ("the air beside the head", "a raised height"),
    "forehead": ("the forehead",),
    "eye": ("the eyes", "the eye"),
    "nose": ("the nose, a part of the face", "the nose"),
    "mouth": ("the mouth, a facial part", "the mouth", "the lips"),
    "cheek": ("the cheek, a facial part", "the cheek"),
    "chin": ("the chin, a part of the face", "the chin"),
    "ear": ("the ear",),
    "temple": ("the temple",),
    "hair": ("the hair at the side", "the hair"),
    "crown": ("the hair on top of the head", "the top of the head"),
    "fringe": ("the hair over the forehead", "the fringe of the hair"),
    "upper arm": ("the other upper arm",),
    "elbow": ("the other elbow", "the elbow of the other arm"),
    "forearm": ("the other forearm",),
    "wrist": ("the other wrist", "the jewelry at the other wrist"),
    "floor": ("the floor", "the ground"),
    "over the knee": ("the other knee, crossing legs", "crossed legs"),
    "forward": ("a place further forward", "the front"),
    "aside": ("a place further aside", "the outer side"),
    UPRIGHT: ("an upright posture", "a straight posture"),
}
_PARTS: dict[str, tuple[str, ...]] = {
    "one hand": ("one hand", "a single hand"),
    "both hands": ("both hands", "two hands"),
    "fingers of one hand": ("the fingers of one hand",),
    "fingers of both hands": ("the fingers of both hands", "the fingers of two hands"),
    "one leg": ("one leg", "a single leg"),
    "both legs": ("both legs", "two legs"),
    "head": ("the head", "the head alone"),
    "shoulders": ("the shoulders",),
    "head and shoulders": ("the head and the shoulders", "neck and shoulders"),
    "upper body": ("the upper body", "the whole trunk"),
}
_MOTIONS: dict[str, tuple[str, ...]] = {
    "hold": ("touching and holding still", "covering, holding without moving"),
    "rub": ("rubbing from side to side", "rubbing to and fro"),
    "stroke": ("stroking slowly up and down", "adjusting with long slow strokes"),
    "scratch": ("scratching quickly up and down", "scratching with small fast movements of bent fingers"),
    "tap": ("tapping again and again", "lifting and touching in turn"),
    "circle": ("moving round in small circles", "circling"),
    "pull": ("pulling outwards and letting go", "pulling away slowly and back"),
    "twist": ("playing by turning the hand", "twisting the hand this way and that way"),
    "squeeze": ("squeezing slowly", "gripping and opening the fingers"),
    "fidget": ("playing and manipulating with the fingers", "fiddling, manipulating an object"),
    "beat": ("illustrative gestures, waving wide", "waving wide in illustrative gestures"),
    "shake": ("shaking very fast", "trembling quickly"),
    "bounce": ("moving up and down, bouncing", "bouncing quickly"),
    "swing": ("moving and swinging slowly", "swinging sideways"),
    "slide": ("moving and sliding along the ground", "sliding slowly"),
    "nod": ("nodding", "nodding up and down"),
    "wag": ("shaking in refusal", "turning from side to side"),
    "tilt": ("tilting to one side", "leaning sideways"),
    "sink": ("sinking with the neck, turtling", "drawing the neck down and looking down"),
    "shrug": ("rising once, shrugging", "lifting up as when turtling"),
    "roll": ("rolling round", "rolling in circles"),
    "shrink": ("turtling, the head sinking between the rising shoulders",),
    "lean": ("leaning forward", "bending to the front"),
    "sway": ("swaying from side to side", "rocking sideways"),
    "turn": ("turning to one side", "twisting sideways"),
}
_CAPTIONS = (
    "{part} from {onset} to {outcome}, {trajectory}, {end}.",
    "{trajectory} at {outcome} with {part}, which came from {onset}, {end}.",
    "starting from {onset}, {part} reaching {outcome}, {trajectory}, {end}.",
    "{part} {trajectory} at {outcome}, coming from {onset}, {end}.",
)
_IN_PLACE = (
    "{part} {trajectory} at {outcome}, there from the start, {end}.",
    "already at {outcome}, {part} {trajectory}, {end}.",
    "{trajectory} at {outcome} with {part}, which was there before, {end}.",
)
_SENTENCES = {
    "part": ("{part} moving.", "the moving part: {part}.", "only {part} moving."),
    "onset": ("starting from {onset}.", "at first at {onset}.", "coming from {onset}."),
    "trajectory": ("{trajectory}.", "the motion: {trajectory}."),
    "outcome": ("ending at {outcome}, {end}.", "reaching {outcome}, {end}.", "at {outcome}, {end}."),
}
_ENDS = {True: ("then going back", "returning at the end"), False: ("staying there", "remaining at the end")}


def describe(program: Program, returns: bool, rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """A caption in all four dimensions, and a sentence for each, with the words drawn at random.

    Args:
        program: what moves.
        returns: whether the limb goes back to its onset at the end.
        rng: draws the synonyms.
    """
    templates = _IN_PLACE if program.onset == program.outcome else _CAPTIONS
    caption = pick(rng, templates).format(**_words(program, returns, rng))
    sentences = {name: pick(rng, _SENTENCES[name]).format(**_words(program, returns, rng)) for name in DIMENSIONS}
    return _tidy(caption), {name: _tidy(sentence) for name, sentence in sentences.items()}


def _words(program: Program, returns: bool, rng: np.random.Generator) -> dict[str, str]:
    return {
        "part": pick(rng, _PARTS[program.part]),
        "onset": pick(rng, _PLACES[program.onset]),
        "trajectory": pick(rng, _MOTIONS[program.trajectory]),
        "outcome": pick(rng, _PLACES[program.outcome]),
        "end": pick(rng, _ENDS[returns]),
    }


def _tidy(text: str) -> str:
    return text[0].upper() + text[1:]


def describe_class(program: ClassProgram) -> str:
    """One description of a class in the captions' style; up to three of its places and motions, joined by *or*."""

    def either(phrases: Sequence[str]) -> str:
        return " or ".join(dict.fromkeys(phrases[:3]))

    parts, places = either([_PARTS[p][0] for p in program.parts]), either([_PLACES[p][-1] for p in program.places])
    if len(program.places) == 1:
        places = _PLACES[program.places[0]][0]
    return _tidy(f"{parts} {either([_MOTIONS[m][0] for m in program.motions])} at {places}.")


def words() -> tuple[str, ...]:
    """Every word (lower case) that a caption, a sentence or a class description can hold, sorted."""
    texts = [
        phrase for table in (_PLACES, _PARTS, _MOTIONS, _SENTENCES, _ENDS) for row in table.values() for phrase in row
    ]
    texts += [*_CAPTIONS, *_IN_PLACE, *(describe_class(program) for program in CLASSES)]
    texts += [program.name for program in CLASSES]
    return tuple(sorted({word for text in texts for word in re.findall(r"[a-z]+", re.sub(r"{\w+}", "", text.lower()))}))
