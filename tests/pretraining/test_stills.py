"""What the pretraining sees: pictures of other people than the benchmark's, and captions that are true of them."""

from __future__ import annotations

import re
from itertools import chain

import numpy as np
import open_clip
import pytest
import torch

from fgsgl.data.synmg.body import draw_subject
from fgsgl.data.synmg.clips import plan
from fgsgl.data.synmg.presets import PRESETS
from fgsgl.data.synmg.programs import CLASS_NAMES
from fgsgl.models.towers import synmg_tiny
from fgsgl.pretraining import captions
from fgsgl.pretraining.captions import describe, describe_all, sentence
from fgsgl.pretraining.facts import HANDS, VALUES, Facts, Statement, agree, as_rows, numbers
from fgsgl.pretraining.stills import PICTURES, draw_facts, draw_person, held_out_pairs, sitting

MOTION = re.compile(
    "mov|motion|rub|scratch|strok|tap|circl|pull|twist|squeez|fidget|beat|shak|bounc|swing|slid|nod|wag|sink|shrug|roll|"
    "shrink|sway|lean|turn|touch|hold|fold|cross|adjust|illustrat|play|turtl|return|reach|start|end|again|repeat|slow|"
    "fast|quick|still|then|until|while"
)
"""Beginnings of words that tell of motion or of time."""
STATIC = {"crossed", "folded", "opposite", "end"}
"""Words of posture, and the end of an arm, that begin like them."""


def test_a_sitting_is_drawn_alone_and_its_facts_need_no_pictures() -> None:
    one, again, other = sitting(3, 0), sitting(3, 0), sitting(4, 0)
    assert one.frames_NHWC.shape == (PICTURES, 112, 112, 3) and one.frames_NHWC.dtype == torch.uint8
    assert one.joints_NJ2.shape == (PICTURES, 25, 2)
    assert torch.equal(one.frames_NHWC, again.frames_NHWC) and torch.equal(one.joints_NJ2, again.joints_NJ2)
    assert not torch.equal(one.frames_NHWC, other.frames_NHWC)
    assert one.facts == draw_facts(3, 0) != draw_facts(3, 1)


def test_hands_lie_where_the_facts_say() -> None:
    """Against the true joints: a hand on the nose is at the head, hands that share a place mirror each other."""
    stills = [sitting(number, 5) for number in range(60)]
    near, far, mirrored = [], [], []
    for shown in stills:
        for joints_J2, facts in zip(shown.joints_NJ2, shown.facts, strict=True):
            to_head = (joints_J2[[7, 11]] - joints_J2[3]).norm(dim=-1).min().item()
            if {"nose", "mouth", "eye", "forehead"} & set(facts.hands):
                near.append(to_head)
            elif set(facts.hands) <= {"thigh", "knee", "lap", "hip", "belly", "side", "chair", "pocket"}:
                far.append(to_head)
            if facts.hands == ("hip", "hip"):
                mirrored.append((joints_J2[7, 1] - joints_J2[11, 1]).abs().item())
    assert max(near) < 0.16 < min(far)
    assert mirrored and max(mirrored) < 0.12


@pytest.mark.slow
def test_held_out_pairs_are_never_drawn_for_training_and_people_are_others_than_the_benchmarks() -> None:
    trained, tested = (
        [draw_facts(number, 0, held_out=held_out) for number in range(120)] for held_out in (False, True)
    )
    pairs = [{facts.hands for facts in chain(*told)} for told in (trained, tested)]
    assert not pairs[0] & held_out_pairs() and pairs[1] <= held_out_pairs()
    assert len(pairs[0]) > 150 and len(held_out_pairs()) > 50
    people = {repr(draw_person(number, 0, held_out=held_out)) for number in range(120) for held_out in (False, True)}
    assert len(people) > 200
    for preset in PRESETS.values():
        subjects = {clip.subject for clip in plan(preset, 0)}
        assert not people & {repr(draw_subject(preset.name, 0, "subject", subject)) for subject in subjects}


def test_captions_are_true_and_say_what_they_say() -> None:
    rng = np.random.default_rng(0)
    shown = [facts for number in range(40) for facts in draw_facts(number, 0)]
    true_NV = as_rows([facts.statements() for facts in shown])
    for tell in (describe, describe_all):
        told = [tell(facts, rng) for facts in shown]
        agree_CN = agree(as_rows([caption.says for caption in told]), true_NV)
        assert (agree_CN.diagonal() == 1).all()
        for caption in told:
            for statement in caption.says:
                table = captions._PLACES if statement.kind in HANDS else captions._PHRASES[statement.kind]
                assert any(text in caption.text.lower() for text in map(str.lower, table[statement.value])), caption
    mean = agree_CN.mean().item()
    assert 1 / len(shown) <= mean < 0.01, "whole captions tell pictures apart"


def test_agreement_is_that_of_sets() -> None:
    shown = [draw_facts(number, 1)[0] for number in range(30)]
    told = [describe(facts, np.random.default_rng(number)).says for number, facts in enumerate(shown)]
    found_CN = agree(as_rows(told), as_rows([facts.statements() for facts in shown]))
    expected = [[float(set(says) <= set(facts.statements())) for facts in shown] for says in told]
    assert found_CN.tolist() == expected


def test_one_hand_and_both_hands_exclude_each_other() -> None:
    facts = draw_facts(0, 0)[0]
    both = Facts(**{name: getattr(facts, name) for name in facts.__slots__} | {"hands": ("hip", "hip")})
    assert Statement("both hands", "hip") in both.statements()
    assert Statement("one hand", "hip") not in both.statements()
    assert len(both.statements()) == len(VALUES) - 1
    assert len(numbers()) == sum(map(len, VALUES.values())) == len(set(numbers().values()))


def test_no_caption_tells_of_motion_of_sides_or_a_class() -> None:
    pieces = [text.lower() for text in captions.phrases()]
    words = set(captions.words()) - STATIC
    assert not {word for word in words if MOTION.match(word)}
    assert not {word for word in words if word.endswith("ing")} - {"standing", "thing", "nothing"}
    assert not words & {"left", "right"}
    assert not [name for name in CLASS_NAMES for text in pieces if name.lower() in text]
    told = [sentence(Statement(kind, value), np.random.default_rng(0)) for kind in VALUES for value in VALUES[kind]]
    assert set(re.findall("[a-z]+", " ".join(told).lower())) <= set(captions.words())
    assert {"akimbo", "suprasternal", "collar", "hair", "legs", "neck"} <= set(captions.words())


def test_the_longest_caption_fits_the_context() -> None:
    synmg_tiny.register()
    tokenizer, context = open_clip.get_tokenizer(synmg_tiny.NAME), 56

    def longest(texts: tuple[str, ...]) -> int:
        return max(len(tokenizer.encode(text)) for text in texts)

    places = sorted(longest(row) for row in captions._PLACES.values())
    hands = longest(("one hand, the other",)) + places[-1] + places[-2]
    looks = {kind: max(map(longest, table.values())) for kind, table in captions._PHRASES.items()}
    start = max(looks.pop("posture"), longest(captions._SOMEONE))
    most = sorted(looks.values())[-captions.MOST_LOOKS :]
    assert start + hands + sum(most) + len(most) + 1 + 1 + 2 <= context, "commas, full stop, start and end"
    assert start + hands + sum(looks[kind] for kind in captions._TELLING[2:]) + 4 + 1 + 2 <= context
