"""What `fgsgl text show` prints."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from fgsgl.cli.text import show
from fgsgl.text.fgtext import load
from fgsgl.util.errors import UserError


def test_a_class_is_shown_whole_and_markup_is_only_text():
    text = load("smg")
    entry = replace(text.classes[5], prompts=("[bold]neck[/bold] [link=file:///etc]x[/link]", "two", "three"))
    text = replace(text, classes=(*text.classes[:5], entry, *text.classes[6:]))
    console = Console(width=200)
    with console.capture() as captured:
        console.print(show(text, 5))
    shown = captured.get()
    assert "smg 5  Touching or scratching neck" in shown
    for _, cell in entry.cells():
        assert all(sentence in shown for sentence in cell)
    assert "(touch_or_scratch: shared with 11 Scratching or touching facial parts other than eyes)" in shown


def test_a_class_that_is_not_there():
    with pytest.raises(UserError, match=r"'smg' has no class 17; expected 0\.\.16"):
        show(load("smg"), 17)
