"""One class's FG-Text on the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from fgsgl.errors import UserError
from fgsgl.text.fgtext import ClassText, FGText


def show(text: FGText, class_id: int) -> RenderableType:
    """A class's prompts and sentences, and with which classes it shares a stage.

    Raises:
        UserError: for a class id outside the text.
    """
    if not 0 <= class_id < len(text.classes):
        raise UserError(f"FG-Text {text.name!r} has no class {class_id}; expected 0..{len(text.classes) - 1}")
    entry = text.classes[class_id]
    lines: list[RenderableType] = [Text(f"{text.name} {entry.id}  {entry.name}", style="bold")]
    for kind, cell in entry.cells():
        heading = Text(f"\n{kind}", style="bold cyan")
        if sharing := _sharing(text, entry, kind):
            heading.append(f"  ({entry.stages[kind]}: shared with {', '.join(sharing)})", style="dim not bold")
        lines += [heading, *(Padding(Text(sentence), (0, 0, 0, 2)) for sentence in cell)]
    return Group(*lines)


def _sharing(text: FGText, entry: ClassText, kind: str) -> list[str]:
    """Ids and names of the other classes of the same stage."""
    stage = entry.stages.get(kind)
    others = (other for other in text.classes if other is not entry and stage)
    return [f"{other.id} {other.name}" for other in others if other.stages.get(kind) == stage]
