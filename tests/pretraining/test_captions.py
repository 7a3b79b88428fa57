"""Captions say what is seen in all four dimensions, in known words, and never the side."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fgsgl.data.synmg.programs import Program
from fgsgl.pretraining import captions, compositions
from fgsgl.text.fgtext import DIMENSIONS

ABOVE = Program("one hand", "lap", "rub", "ear")
"""A motion whose onset and outcome share no words."""


def drawn(number: int, kind: str, program: Program = ABOVE, returns: bool = True) -> str:
    """One caption, without its capital."""
    text = getattr(captions, kind)(program, returns, np.random.default_rng(number))
    assert text[0].isupper() and text.endswith(".") and "{" not in text
    return text.lower()


def says(text: str, dimension: str, program: Program = ABOVE) -> bool:
    """Whether the text holds one of the value's phrases."""
    return any(phrase in text for phrase in captions._PHRASES[dimension][getattr(program, dimension)])


def ends(text: str, returns: bool) -> bool:
    """Whether the text says that the limb goes back (or stays)."""
    return any(end in text for end in captions._ENDS[returns])


def test_every_value_has_words() -> None:
    for dimension, values in compositions.vocabulary().items():
        assert set(captions._PHRASES[dimension]) == set(values)
    assert set(captions._MOVES) == set(captions._MOTIONS)


@pytest.mark.parametrize("returns", [True, False])
def test_a_description_says_all_four_dimensions_and_the_end(returns: bool) -> None:
    texts = [drawn(number, "describe", returns=returns) for number in range(60)]
    for text in texts:
        assert all(says(text, dimension) for dimension in DIMENSIONS), text
        assert ends(text, returns) and not ends(text, not returns), text
    assert len(set(texts)) > 50


def test_a_motion_that_starts_at_its_place_comes_from_nowhere() -> None:
    there = Program("one hand", "ear", "rub", "ear")
    for number in range(60):
        text = drawn(number, "describe", there)
        assert any(words in text for words in ("there from the start", "already at", "was there before")), text
        assert "coming from" not in text and "starting from" not in text, text
        assert says(text, "part", there) and says(text, "trajectory", there) and ends(text, True), text


def test_a_mention_says_neither_onset_nor_end() -> None:
    for number in range(60):
        text = drawn(number, "mention")
        assert all(says(text, dimension) for dimension in ("part", "trajectory", "outcome")), text
        assert not says(text, "onset") and not ends(text, True) and not ends(text, False), text


def test_a_sentence_is_about_its_dimension_alone() -> None:
    for number in range(60):
        for dimension in DIMENSIONS:
            value = getattr(ABOVE, dimension)
            text = captions.sentence(dimension, value, True, np.random.default_rng(number)).lower()
            others = [name for name in DIMENSIONS if name != dimension]
            moves = dimension == "trajectory" and any(phrase in text for phrase in captions._MOVES[value])
            assert says(text, dimension) or moves, text
            assert not any(says(text, other) for other in others), text
            assert ends(text, True) == (dimension == "outcome"), text


def test_the_same_stream_gives_the_same_words() -> None:
    assert drawn(3, "describe") == drawn(3, "describe") != drawn(4, "describe")


def test_texts_use_known_words_the_class_names_words_and_no_sides() -> None:
    known, used = set(compositions.words()), set()
    for number in range(1500):
        _, program, _, rng = compositions.draw_clip(number, 9, is_held_out=False)
        texts = [kind(program, number % 2 == 0, rng) for kind in (captions.describe, captions.mention)]
        texts += [captions.sentence(name, getattr(program, name), number % 3 == 0, rng) for name in DIMENSIONS]
        used |= set(re.findall(r"[a-z]+", " ".join(texts).lower()))
    assert used <= known
    assert not used & {"left", "right"}
    wanted = "akimbo collar suprasternal notch folding arms jewelry crossing finger turtling neck shoulder legs hair"
    assert {word.rstrip("s") for word in wanted.split()} <= {word.rstrip("s") for word in used}


def test_every_class_has_a_description_in_known_words() -> None:
    descriptions = compositions.class_descriptions()
    assert len(set(descriptions)) == 17
    assert set(re.findall(r"[a-z]+", " ".join(descriptions).lower())) <= set(compositions.words())
