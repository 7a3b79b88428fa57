"""Motion programs put into words, for pretraining: one caption a clip and one sentence a dimension.

Nothing says left or right, so that a mirrored picture keeps its caption. The words of SMG's class names (akimbo,
collar, suprasternal notch, folding arms ...) name places and motions here, in other combinations than the classes'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from fgsgl.data.synmg.programs import CLASSES, UPRIGHT, ClassProgram, Program
from fgsgl.data.synmg.randomness import pick

_PLACES: dict[str, tuple[str, ...]] = {
    "thigh": ("the thigh", "the upper leg", "the top of the thigh", "the thigh, low, below the waist"),
    "knee": ("the knee", "the bent knee", "the front of the knee"),
    "lap": (
        "the lap, hand on hand, crossing fingers",
        "the lap",
        "the other hand, crossing fingers",
        "the lap, where both palms meet",
        "the other palm, low before the belly",
    ),
    "side": ("the side of the body", "a hanging arm", "the side, hanging down beside the thigh", "a low, lowered arm"),
    "chair": ("the chair", "the edge of the seat", "the seat beside the hips"),
    "pocket": ("the trouser pocket", "the pocket", "the cloth at the pocket"),
    "belly": ("the belly, a part of the body", "the belly", "the stomach", "the middle of the trunk, above the belt"),
    "chest": ("the chest, a part of the body", "the chest", "the front of the chest", "the ribs"),
    "notch": (
        "the suprasternal notch",
        "the suprasternal notch below the throat",
        "the hollow at the base of the throat",
        "the small pit between the collarbones",
    ),
    "collar": ("the shirt collar", "the collar of the shirt", "the neckline", "the fabric of the clothing at the neck"),
    "pendant": ("the jewelry", "the pendant, a piece of jewelry", "the necklace", "a small thing worn on the chest"),
    "neck": ("the neck", "the side of the neck", "the skin of the neck below the jaw", "the throat at its side"),
    "nape": ("the back of the neck", "the nape of the neck", "the rear of the neck", "the neck, below the skull"),
    "shoulder": ("the other shoulder", "the opposite shoulder", "the top of the other shoulder"),
    "folded": (
        "folded arms",
        "folding arms before the chest",
        "the opposite elbow, forearms stacked on the chest",
        "crossed forearms in front of the chest",
        "both forearms, tucked in at the ribs",
    ),
    "hip": (
        "the hip, arms akimbo",
        "the hip",
        "the waist, akimbo",
        "the hips, elbows pointing outward",
        "the waist, elbow out, a gap beside the trunk",
    ),
    "behind": (
        "the back, folding arms behind the body",
        "behind the body",
        "the back",
        "the rear of the trunk, out of sight",
        "the lower back, hidden from view",
    ),
    "air": ("the air before the body", "the open air", "free space in front of the trunk", "free space, away from all"),
    "raised": ("the air beside the head", "a raised height", "free space high beside the face"),
    "forehead": ("the forehead", "the brow", "the skin above the eyes"),
    "eye": ("the eyes", "the eye", "the closed eyelids", "the skin around the eyes", "the upper face"),
    "nose": ("the nose, a part of the face", "the nose", "the middle of the face"),
    "mouth": ("the mouth, a facial part", "the mouth", "the lips", "the lower face"),
    "cheek": ("the cheek, a facial part", "the cheek", "the skin at the side of the face"),
    "chin": ("the chin, a part of the face", "the chin", "the jaw", "the face below the lips"),
    "ear": ("the ear", "one of the ears"),
    "temple": ("the temple", "the side of the head near the eye"),
    "hair": ("the hair at the side", "the hair", "a strand of hair"),
    "crown": ("the hair on top of the head", "the top of the head", "the hair above the skull"),
    "fringe": ("the hair over the forehead", "the fringe of the hair", "a strand above the brow"),
    "upper arm": ("the other upper arm", "the opposite upper arm", "the sleeve of the other upper arm"),
    "elbow": ("the other elbow", "the elbow of the other arm", "the opposite elbow, bent"),
    "forearm": ("the other forearm", "the skin of the opposite forearm"),
    "wrist": ("the other wrist", "the jewelry at the other wrist", "a bracelet at the opposite wrist"),
    "floor": ("the floor", "the ground", "the floor, both soles flat", "the ground, feet side by side"),
    "over the knee": (
        "the other knee, crossing legs",
        "crossed legs",
        "the opposite thigh, the ankle free in the air",
        "crossed thighs, one knee over the other",
    ),
    "forward": ("a place further forward", "the front", "a step forward"),
    "aside": ("a place further aside", "the outer side", "a place outward, feet apart"),
    UPRIGHT: ("an upright posture", "a straight posture", "an upright trunk, face forward", "a level, visible neck"),
}
_PARTS: dict[str, tuple[str, ...]] = {
    "one hand": ("one hand", "a single hand", "one hand and its forearm", "only one arm, led by its hand", "one palm"),
    "both hands": ("both hands", "two hands", "both arms at once", "the two whole arms, elbows included"),
    "fingers of one hand": ("the fingers of one hand", "the thumb and fingertips of one hand"),
    "fingers of both hands": (
        "the fingers of both hands",
        "the fingers of two hands",
        "thumbs and fingertips of both hands together",
    ),
    "one leg": ("one leg", "a single leg", "one foot and its knee", "one lower limb", "a thigh, a knee and a foot"),
    "both legs": ("both legs", "two legs", "both feet and knees", "the lower limbs"),
    "head": ("the head", "the head alone", "only the head"),
    "shoulders": ("the shoulders", "both shoulders"),
    "head and shoulders": ("the head and the shoulders", "neck and shoulders", "the head and both shoulders"),
    "upper body": ("the upper body", "the whole trunk"),
}
_MOTIONS: dict[str, tuple[str, ...]] = {
    "hold": (
        "touching and holding still",
        "covering, holding without moving",
        "pressing lightly and keeping its place",
        "resting there in stillness, without repetition",
        "coming to rest after one smooth reach",
    ),
    "rub": (
        "rubbing from side to side",
        "rubbing to and fro",
        "rubbing back and forth over a short path",
        "making several small strokes sideways",
    ),
    "stroke": (
        "stroking slowly up and down",
        "adjusting with long slow strokes",
        "gliding along in a slow smooth sweep",
        "running along like a comb",
    ),
    "scratch": (
        "scratching quickly up and down",
        "scratching with small fast movements of bent fingers",
        "scraping with the nails, many tiny quick strokes",
        "making tiny quick scratches at one spot",
    ),
    "tap": ("tapping again and again", "lifting and touching in turn", "touching lightly in a steady rhythm"),
    "circle": ("moving round in small circles", "circling", "drawing rings, round and round"),
    "pull": (
        "pulling outwards and letting go",
        "pulling away slowly and back",
        "drawing off outward by a few centimetres",
        "tugging outward, then letting it fall back",
    ),
    "twist": (
        "playing by turning the hand",
        "twisting the hand this way and that way",
        "twirling, turning the wrist to and fro",
    ),
    "squeeze": ("squeezing slowly", "gripping and opening the fingers", "closing the grip and opening it"),
    "fidget": (
        "playing and manipulating with the fingers",
        "fiddling, manipulating an object",
        "working finger against thumb, turning a small thing",
        "handling something such as a ring or a pen",
    ),
    "beat": (
        "illustrative gestures, waving wide",
        "waving wide in illustrative gestures",
        "sweeping in large curves while talking",
        "beating irregular paths, changing direction often",
    ),
    "shake": ("shaking very fast", "trembling quickly", "jerking very fast by a centimetre"),
    "bounce": ("moving up and down, bouncing", "bouncing quickly", "bouncing in a quick vertical rhythm"),
    "swing": ("moving and swinging slowly", "swinging sideways", "swaying out and back in a curve"),
    "slide": ("moving and sliding along the ground", "sliding slowly", "shifting in one slow glide"),
    "nod": ("nodding", "nodding up and down", "going down and up again by a few centimetres"),
    "wag": ("shaking in refusal", "turning from side to side"),
    "tilt": ("tilting to one side", "leaning sideways"),
    "sink": ("sinking with the neck, turtling", "drawing the neck down and looking down", "drawing downward and back"),
    "shrug": ("rising once, shrugging", "lifting up as when turtling", "rising upward toward the ears, then dropping"),
    "roll": ("rolling round", "rolling in circles"),
    "shrink": ("turtling, the head sinking between the rising shoulders",),
    "lean": ("leaning forward", "bending to the front"),
    "sway": ("swaying from side to side", "rocking sideways"),
    "turn": ("turning to one side", "twisting sideways"),
}
_MOVES: dict[str, tuple[str, ...]] = {
    "hold": (
        "it arrives in one smooth path and then stays still",
        "one direct reach, then it rests and nothing moves",
        "it settles and keeps still, pressed lightly",
    ),
    "rub": (
        "it rubs to and fro over a short path",
        "it swings back and forth by a few centimetres, about two times a second",
    ),
    "stroke": ("it sweeps slowly along, up and down", "one long slow stroke follows another, like a comb"),
    "scratch": ("the nails scrape one spot in tiny quick strokes", "fingertips scratch up and down by a centimetre"),
    "tap": ("it taps, lifts and touches again in a steady rhythm",),
    "circle": ("it goes round and round in small rings",),
    "pull": ("it draws outward, then lets go and falls back", "it tugs away by a few centimetres and returns"),
    "twist": ("it turns this way and that way", "it twirls, the wrist turns to and fro"),
    "squeeze": ("the grip closes slowly and opens again",),
    "fidget": ("finger and thumb work against each other", "the fingertips turn and handle a little thing"),
    "beat": ("it sweeps through free space in large curves", "it often changes direction and is never still"),
    "shake": ("it jerks very fast, many times a second",),
    "bounce": ("it bounces up and down in a quick rhythm",),
    "swing": ("it swings out and back, slower",),
    "slide": ("it slides and shifts along the ground",),
    "nod": ("it drops and lifts again, upward and downward",),
    "wag": ("it turns to one side and to the other",),
    "tilt": ("it leans to one side",),
    "sink": ("it sinks downward and draws back",),
    "shrug": ("they rise toward the ears, then drop",),
    "roll": ("they go round in circles",),
    "shrink": ("it sinks while the shoulders rise",),
    "lean": ("it bends forward",),
    "sway": ("it sways from side to side",),
    "turn": ("it turns and twists sideways",),
}
"""The motions again, as sentences."""
_CAPTIONS = (
    "{part} from {onset} to {outcome}, {trajectory}, {end}.",
    "{trajectory} at {outcome} with {part}, coming from {onset}, {end}.",
    "starting from {onset}, {part} reaching {outcome}, {trajectory}, {end}.",
    "{part} {trajectory} at {outcome}, coming from {onset}, {end}.",
)
_IN_PLACE = (
    "{part} {trajectory} at {outcome}, there from the start, {end}.",
    "already at {outcome}, {part} {trajectory}, {end}.",
    "{trajectory} at {outcome} with {part}, which was there before, {end}.",
)
_SHORT = ("a person, {part} {trajectory} at {outcome}.", "someone {trajectory}, with {part} at {outcome}.")
_SENTENCES = {
    "part": (
        "{part} moving.",
        "the moving part: {part}.",
        "only {part} moving.",
        "the motion is in {part}, while the rest of the body keeps still.",
    ),
    "onset": (
        "starting from {onset}.",
        "at first at {onset}.",
        "coming from {onset}.",
        "the motion begins from {onset}.",
        "the start is a posture at {onset}.",
    ),
    "trajectory": (
        "{trajectory}.",
        "the motion: {trajectory}.",
        "the path, after the reach: {trajectory}.",
        "the movement: {moves}.",
        "{moves}.",
    ),
    "outcome": (
        "ending at {outcome}, {end}.",
        "reaching {outcome}, {end}.",
        "at {outcome}, {end}.",
        "the contact is at {outcome}, {end}.",
        "it ends on {outcome}, {end}.",
    ),
}
_ENDS = {
    True: ("then going back", "returning at the end", "until it leaves again"),
    False: ("staying there", "remaining at the end", "keeping the place until the end"),
}

_PHRASES = {"part": _PARTS, "onset": _PLACES, "trajectory": _MOTIONS, "outcome": _PLACES}


def describe(program: Program, returns: bool, rng: np.random.Generator) -> str:
    """A caption in all four dimensions, with the words drawn at random.

    Args:
        program: what moves.
        returns: whether the limb goes back to its onset at the end.
        rng: draws the synonyms.
    """
    templates = _IN_PLACE if program.onset == program.outcome else _CAPTIONS
    return _tidy(pick(rng, templates).format(**_words(program, returns, rng)))


def mention(program: Program, returns: bool, rng: np.random.Generator) -> str:
    """A caption as short as a class name: without where the motion comes from and how it ends."""
    return _tidy(pick(rng, _SHORT).format(**_words(program, returns, rng)))


def sentence(dimension: str, value: str, returns: bool, rng: np.random.Generator) -> str:
    """A sentence about one dimension alone; ``returns`` shows in the outcome only."""
    words = {"end": pick(rng, _ENDS[returns]), dimension: pick(rng, _PHRASES[dimension][value])}
    if dimension == "trajectory":
        words["moves"] = pick(rng, _MOVES[value])
    return _tidy(pick(rng, _SENTENCES[dimension]).format(**words))


def _words(program: Program, returns: bool, rng: np.random.Generator) -> dict[str, str]:
    words = {name: pick(rng, phrases[getattr(program, name)]) for name, phrases in _PHRASES.items()}
    return words | {"end": pick(rng, _ENDS[returns])}


def _tidy(text: str) -> str:
    return text[0].upper() + text[1:]


def describe_class(program: ClassProgram) -> str:
    """One description of a class in the captions' style; up to three of its places and motions, joined by *or*."""

    def either(phrases: Sequence[str]) -> str:
        return " or ".join(dict.fromkeys(phrases[:3]))

    parts, places = either([_PARTS[p][0] for p in program.parts]), either([_plain(p) for p in program.places])
    if len(program.places) == 1:
        places = _PLACES[program.places[0]][0]
    return _tidy(f"{parts} {either([_MOTIONS[m][0] for m in program.motions])} at {places}.")


def _plain(place: str) -> str:
    """The first of its phrases that adds nothing after a comma."""
    return next(phrase for phrase in _PLACES[place] if "," not in phrase)


def words() -> tuple[str, ...]:
    """Every word (lower case) that a caption, a sentence or a class description can hold, sorted."""
    texts = [
        phrase
        for table in (_PLACES, _PARTS, _MOTIONS, _MOVES, _SENTENCES, _ENDS)
        for row in table.values()
        for phrase in row
    ]
    texts += [*_CAPTIONS, *_IN_PLACE, *_SHORT, *(describe_class(program) for program in CLASSES)]
    texts += [program.name for program in CLASSES]
    return tuple(sorted({word for text in texts for word in re.findall(r"[a-z]+", re.sub(r"{\w+}", "", text.lower()))}))
