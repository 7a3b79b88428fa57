"""The shipped texts keep their rules, and each planted fault is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from open_clip.tokenizer import SimpleTokenizer

from fgsgl.text.fgtext import FGText, load, shipped
from fgsgl.text.rules import check, says


@pytest.fixture(scope="module")
def tokenizer() -> SimpleTokenizer:
    """CLIP's own, at the smallest context that a shipped tower has."""
    return SimpleTokenizer(context_length=32)


def planted(dimension: str, sentence: str, class_id: int = 5) -> FGText:
    """SMG's text with one sentence of a cell replaced."""
    text = load("smg")
    entry = text.classes[class_id]
    cell = (sentence, *entry.sentences[dimension][1:])
    changed = replace(entry, sentences={**entry.sentences, dimension: cell})
    return replace(text, classes=(*text.classes[:class_id], changed, *text.classes[class_id + 1 :]))


@pytest.mark.parametrize("name", shipped())
def test_shipped_text_has_no_fault(name: str, tokenizer: SimpleTokenizer):
    assert [str(fault) for fault in check(load(name), tokenizer)] == []


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("The fingers touch or scratch the neck.", "says the class name"),
        ("A neck is scratched, then touched again.", "says the class name"),
        ("The hand ends at the left side.", r"names a side (left)"),
        ("The nervous hand feels the skin.", "tells a feeling or an intention (feels, nervous)"),
        ("The palm lies on the skin between the ear and the shoulder.", "stands 2 times"),
        ("the palm lies on the skin, between the ear and the shoulder", "stands 2 times"),
        ("...", "empty"),
        ("The hand\trests.", "not printable"),
        (" The hand rests there.", "stray blanks"),
        ("1234 !", "empty"),
        (" ".join(["word"] * 26), "26 words"),
        (" ".join(["sternocleidomastoid"] * 12), "tokens, which the tower's context of 32 would cut"),
        ("The fingertips pinch the cloth at the collar.", "share some sentences in outcome but not all"),
    ],
)
def test_a_planted_fault_is_found(sentence: str, fault: str, tokenizer: SimpleTokenizer):
    faults = [str(one) for one in check(planted("outcome", sentence), tokenizer)]
    assert any(fault in line and "Touching or scratching neck" in line for line in faults), faults


def test_the_token_limit_is_the_tower_s_own_to_the_token(tokenizer: SimpleTokenizer):
    fits, cut = "hand " * 29 + "hand", "hand " * 30 + "hand"
    assert (tokenizer([fits])[0] != 0).sum() == 32  # start, 30 words, end: nothing was cut
    assert not [line for line in check(planted("outcome", fits), tokenizer) if "would cut" in str(line)]
    assert [line for line in check(planted("outcome", cut), tokenizer) if "33 tokens" in str(line)]


def test_classes_that_cannot_be_told_apart_are_found(tokenizer: SimpleTokenizer):
    text = load("smg")
    twin = replace(text.classes[5], sentences=text.classes[1].sentences, prompts=text.classes[1].prompts)
    faults = [str(one) for one in check(replace(text, classes=(*text.classes[:5], twin, *text.classes[6:])), tokenizer)]
    assert any("classes 1" in line and "in every dimension" in line for line in faults)
    assert any("classes 1" in line and "the same prompt" in line for line in faults)


@pytest.mark.parametrize("name", shipped())
def test_prompts_say_the_class_name(name: str):
    misspelt = {"Siting straightly", "Buckle botton, pulling shirt collar, adjusting tie", "Dustoffing clothes"}
    misspelt |= {"Illustrative BLs"}
    for entry in load(name).classes:
        assert entry.name in misspelt or any(says(prompt, entry.name) for prompt in entry.prompts), entry.name


@pytest.mark.parametrize(
    ("sentence", "name", "expected"),
    [
        ("The leg crosses.", "Crossing legs", True),
        ("A head that nods twice.", "nodding", True),
        ("Both arms are folded.", "Folding arms", True),
        ("Both arms are folded.", "Folding arms behind body", False),
        ("One knee ends stacked on the other knee.", "Crossing legs", False),
        ("It is gesture 11.", "gesture 1", False),
    ],
)
def test_names_are_recognised_in_any_inflection(sentence: str, name: str, expected: bool):
    assert says(sentence, name) is expected
