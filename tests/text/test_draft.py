"""Drafts of FG-Text: a start that runs, is marked, and is judged alike by `text check` and `fgsgl run`."""

from __future__ import annotations

from pathlib import Path

import pytest
from open_clip.tokenizer import SimpleTokenizer

from fgsgl.methods.cell import Variant
from fgsgl.records.protocol import default_protocol
from fgsgl.running.fit import require_buildable
from fgsgl.text.draft import blank, draft, draft_sentence, prompt
from fgsgl.text.fgtext import DIMENSIONS, load, parse
from fgsgl.text.lines import located_faults
from fgsgl.text.rules import check
from fgsgl.util.errors import UserError

NAMES = ("Touching or scratching neck", "waving {} slowly", "left hand up: tense", "нога")


@pytest.fixture(scope="module")
def tokenizer() -> SimpleTokenizer:
    return SimpleTokenizer(context_length=32)


def test_a_draft_has_no_fault_and_is_told_as_one(tokenizer: SimpleTokenizer) -> None:
    text = parse(draft("mine", NAMES))
    assert [str(fault) for fault in check(text, tokenizer)] == []
    assert "is a draft: in 16 of 16 class dimensions" in draft_sentence(text)
    assert draft_sentence(load("smg")) == ""


def test_a_draft_that_is_half_written_counts_the_rest(tokenizer: SimpleTokenizer) -> None:
    """The mark is in the sentences: it goes when they go, and not with a line of the file."""
    yaml = draft("mine", NAMES[:2]).replace("note: a draft", "note: finished")
    yaml = yaml.replace("The start of Touching or scratching neck.", "Both hands lie in the lap.")
    text = parse(yaml)
    assert "in 7 of 8 class dimensions" in draft_sentence(text)
    (first, *_) = check(text, tokenizer)
    assert "onset" in str(first) and "says the class name" in str(first)  # what is left of a draft says it


def test_a_blank_text_is_refused_until_it_is_filled_in() -> None:
    with pytest.raises(UserError, match="at least 3"):
        parse(blank("mine", NAMES))


def test_the_prompt_names_every_class_and_dimension() -> None:
    said = prompt(NAMES)
    assert all(name in said for name in (*NAMES, *DIMENSIONS)) and "id: 0" in said


def test_check_and_run_name_the_same_fault_and_its_line(tmp_path: Path, tokenizer: SimpleTokenizer) -> None:
    lines = draft("mine", NAMES[:2]).splitlines()
    (number,) = [n for n, line in enumerate(lines, start=1) if "The first moment of waving" in line]
    lines[number - 1] = "  - The left hand hangs."
    path = tmp_path / "my text.yaml"
    path.write_text("\n".join(lines))
    (fault,) = [one for one in located_faults(path, load(path), tokenizer) if "names a side" in one]
    assert fault.startswith(f"{path}, line {number}: class 1 (waving {{}} slowly), onset: names a side (left)")
    with pytest.raises(UserError, match="lists all") as caught:
        require_buildable([Variant(method="fgsgl")], default_protocol("synmg"), str(path))
    assert str(caught.value).startswith(f"{path}, line ") and f"'{path}'" in str(caught.value)
    require_buildable([Variant(method="tsm")], default_protocol("synmg"), str(path))  # reads no text


def test_a_fault_in_a_shared_stage_is_found_where_the_stage_stands(tokenizer: SimpleTokenizer) -> None:
    from fgsgl.text.lines import line_of

    yaml = """name: a
author: a
version: '1'
licence: a
note: a
stages:
  part:
    hand:
    - The hand moves.
    - One hand is busy.
    - The right hand is busy.
classes:
"""
    for index, name in enumerate(("wave", "nod")):
        yaml += f"- {{id: {index}, name: {name}, prompts: [a {name}, the {name}, one {name}], part: hand,"
        yaml += "".join(f" {kind}: [{kind} {index} a, {kind} {index} b, {kind} {index} c]," for kind in DIMENSIONS[1:])
        yaml += "}\n"
    faults = check(parse(yaml), tokenizer)
    assert {line_of(yaml, fault) for fault in faults if "names a side" in str(fault)} == {11}
