"""``fgsgl text``: check, show, export, import or begin FG-Text. Each action imports what it needs."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.cli.options import Commands, add_command, say
from fgsgl.models.towers.backbones import require_backbone
from fgsgl.util import downloads
from fgsgl.util.command_line import file_path, number, path_ending
from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from fgsgl.text.fgtext import ClassText, FGText

READS = "open_clip model that reads it (default: %(default)s)"


def add_text_commands(commands: Commands) -> None:
    """Adds ``text`` and its actions to the command line."""
    text = commands.add_parser("text", help="check, show, export, import or begin FG-Text")
    actions = text.add_subparsers(required=True, metavar="action")
    named = "a shipped text's name (smg, imigue, ma52, synmg) or a YAML file"

    check = add_command(actions, "check", _check, "check texts against every rule of FG-Text, and print the faults")
    check.add_argument("texts", nargs="*", metavar="text", help=f"{named} (default: all shipped)")
    check.add_argument("--backbone", default="synmg-tiny", help=READS)

    show = add_command(
        actions, "show", _show, "print a class's prompts and sentences, and with which classes it shares"
    )
    show.add_argument("text", help=named)
    show.add_argument("class_id", type=number(int), help="from 0")

    export = add_command(actions, "export", _export, "write a text as a table for annotators")
    export.add_argument("text", help=named)
    export.add_argument("--out", type=path_ending(".csv"), help="the CSV file (default: <name>.csv)")

    imported = add_command(actions, "import", _import, "read an annotators' table back into a text")
    imported.add_argument("table", type=file_path, help="a CSV file as `fgsgl text export` writes it")
    imported.add_argument("--base", required=True, metavar="TEXT", help=f"the text that was exported: {named}")
    imported.add_argument("--out", type=path_ending(".yaml", ".yml"), required=True, help="the YAML file to write")

    new = add_command(actions, "new", _new, "write the FG-Text of your own data set, as a draft or to fill in")
    new.add_argument("data", type=file_path, help="the data set's table or folder, as for --dataset csv")
    new.add_argument(
        "--from-names", action="store_true", help="sentences made from the class names: a draft that can be run at once"
    )
    new.add_argument(
        "--out", type=path_ending(".yaml", ".yml"), help="the YAML file (default: where --dataset csv looks for it)"
    )

    prompt = add_command(
        actions, "prompt", _prompt, "print instructions with which a person or a language model writes the FG-Text"
    )
    prompt.add_argument("data", type=file_path, help="the data set's table or folder, as for --dataset csv")

    similarity = add_command(
        actions, "similarity", _similarity, "draw how similar a tower finds the classes in each dimension"
    )
    similarity.add_argument("text", help=named)
    similarity.add_argument(
        "--out", type=path_ending(".png", ".pdf", ".svg"), help="the picture (default: <name>-similarity.png)"
    )
    similarity.add_argument("--backbone", default="synmg-tiny", help=READS)
    similarity.add_argument(
        "--pretrained", default="synmg-tiny", help="its weights: a tag or a file (default: %(default)s)"
    )
    similarity.add_argument("--allow-download", action="store_true", help="ask the network for weights")


def _check(arguments: argparse.Namespace) -> int:
    require_backbone(arguments.backbone)
    from fgsgl.text.draft import draft_sentence
    from fgsgl.text.fgtext import load, shipped

    texts = [(name, load(name)) for name in arguments.texts or shipped()]  # what is no text is told at once
    from fgsgl.models.towers.tower import load_tokenizer
    from fgsgl.text.lines import located_faults

    tokenizer = load_tokenizer(arguments.backbone)
    n_faults = 0
    for name, text in texts:
        faults = located_faults(name, text, tokenizer)
        n_faults += len(faults)
        for fault in faults:
            say(fault)
        if marked := draft_sentence(text):
            say(f"{name}: {marked}")
        n_sentences = sum(len(cell) for entry in text.classes for _, cell in entry.cells())
        say(f"{name}: {len(text.classes)} classes, {n_sentences} sentences, {len(faults)} fault(s)")
    if n_faults:
        raise UserError(f"{n_faults} fault(s) in FG-Text under the tokenizer of {arguments.backbone}; they stand above")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from fgsgl.text.fgtext import load
    from fgsgl.util.terminal import wide_console

    wide_console().print(show(load(arguments.text), arguments.class_id))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from fgsgl.text.annotation_table import export_csv
    from fgsgl.text.fgtext import load

    text = load(arguments.text)
    path = arguments.out or Path(f"{Path(arguments.text).stem}.csv")
    export_csv(text, path)
    say(f"written: {path}; `fgsgl text import {path} --base {arguments.text} --out <file>.yaml` takes it back")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from fgsgl.text.annotation_table import import_csv
    from fgsgl.text.fgtext import dump, load
    from fgsgl.util.files import write_whole

    base = load(arguments.base)
    text = import_csv(arguments.table, base)
    write_whole(arguments.out, dump(text))
    changed = [str(new.id) for new, old in zip(text.classes, base.classes, strict=True) if new != old]
    say(f"written: {arguments.out}; classes that changed: {', '.join(changed) or 'none'}")
    return 0


def _new(arguments: argparse.Namespace) -> int:
    from fgsgl.data.data_spec import DataSpec
    from fgsgl.text.draft import blank, draft
    from fgsgl.util.files import write_whole

    data = DataSpec(dataset="csv", preset="all", root=arguments.data)
    table = data.load()
    path = arguments.out or Path(data.text)
    if path.exists():
        raise UserError(f"{path} exists already, and may hold sentences; give another --out, or remove it")
    name = arguments.data.resolve().stem  # of the table or the folder
    write_whole(path, (draft if arguments.from_names else blank)(name, table.classes))
    next_step = "it can be run as it is, as a draft" if arguments.from_names else "fill it in"
    check = f"fgsgl text check {shlex.quote(str(path))}"
    say(f"written: {path}, {len(table.classes)} classes; {next_step}; `{check}` checks it")
    return 0


def _prompt(arguments: argparse.Namespace) -> int:
    from fgsgl.data.data_spec import DataSpec
    from fgsgl.text.draft import prompt

    say(prompt(DataSpec(dataset="csv", preset="all", root=arguments.data).load().classes))
    return 0


def _similarity(arguments: argparse.Namespace) -> int:
    require_backbone(arguments.backbone)
    if arguments.allow_download:
        downloads.allow()
    from fgsgl.models.towers.similarity import draw
    from fgsgl.text.fgtext import load

    path = arguments.out or Path(f"{Path(arguments.text).stem}-similarity.png")
    draw(load(arguments.text), arguments.backbone, arguments.pretrained, path)
    say(f"drawn: {path}")
    return 0


def show(text: FGText, class_id: int) -> RenderableType:
    """A class's prompts and sentences, and with which classes it shares a stage.

    Raises:
        UserError: for a class id outside the text.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

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
