"""Text from elsewhere does nothing where it is shown: on a terminal, in Markdown, in a spreadsheet, in LaTeX."""

from __future__ import annotations

import io
from pathlib import Path

import made
import pandas as pd
import pytest
from rich.console import Console
from rich.table import Table

from fgsgl.methods.cell import Variant
from fgsgl.report.csv_text import csv_text
from fgsgl.report.render.latex import latex_text
from fgsgl.running.explain import explain
from fgsgl.running.progress import Live
from fgsgl.running.status import show
from fgsgl.util.errors import UserError, run_command
from fgsgl.util.escaping import markdown_text, no_formula, one_line, printable, undo_no_formula
from fgsgl.util.files import read_table
from fgsgl.util.terminal import Counter, PlainConsole

HOSTILE = (
    "[/x]", "run[red]2", "[bold]b[/bold]", "\x1b[2Jgone", "\x9b31m", "a\u202egpj.exe", "\u2066iso", ":smile:", "a\rb",
    "bell\x07", "[link=http://e.x]l[/link]", "\ud800", "\x00",
)  # fmt: skip


def plain(width: int = 400) -> tuple[PlainConsole, io.StringIO]:
    file = io.StringIO()
    return PlainConsole(file=file, width=width), file


def harmless(said: str, text: str) -> None:
    """The text is shown as it is, but for what a terminal would obey."""
    assert all(line.isprintable() for line in said.split("\n")), ascii(said)
    assert "".join(printable(text).split()) in "".join(said.split()), (ascii(said), ascii(text))


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_terminal_shows_it_as_it_is(text: str) -> None:
    console, file = plain()
    console.print(text)
    harmless(file.getvalue(), text)
    for name in ("title", "caption"):
        console, file = plain()
        table = Table(text, **{name: text})
        table.add_row(text)
        console.print(table)
        harmless(file.getvalue(), text)
    console, file = plain()
    with Counter(console, text) as counter:
        counter.update(1, 2)
    harmless(file.getvalue(), text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_an_error_with_it_is_one_line(text: str, capsys) -> None:
    def fail() -> int:
        raise UserError(f"no folder at {text}\nand below")

    assert run_command(fail) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("error: no folder at ") and said.endswith(" and below\n")
    harmless(said, text)


@pytest.mark.parametrize("kind", [PlainConsole, Console])
@pytest.mark.parametrize("text", HOSTILE[:4], ids=ascii)
def test_how_a_cell_ended_is_told_whatever_it_says(text: str, kind: type[Console]) -> None:
    variant = Variant(method="tsm", name=text)
    cell = made.a_cell(variant=variant)
    file = io.StringIO()
    console = kind(file=file, width=400)
    with Live(console, 4) as live:
        for end in (made.done(cell), made.pruned(cell), made.failed(cell, "killed", text)):
            live.started(cell)
            live.retried(cell, end, 2)
            live.finished(cell, end)
    said = file.getvalue()
    assert said.count("TSM ") == 6 and said.count("1 of 2 retries") == 3
    if isinstance(console, PlainConsole):
        harmless(said, text)


@pytest.mark.parametrize("text", ["[/x] \x1b[31m", "run[red]2", "a\u202eb"], ids=ascii)
def test_status_and_why_show_what_a_record_says(text: str, tmp_path: Path) -> None:
    cell = made.a_cell("tsm")
    hardware = made.Hardware(device="cpu", cpu=text, cores=2, threads=1)
    name = "".join(filter(str.isprintable, text))  # others are refused when the record is read
    record = made.failed(cell, message=text, variant=name, hardware=hardware)
    record.write(tmp_path / "ledger")
    work = tmp_path / "work" / cell.cell_id
    work.mkdir(parents=True)
    (work / "log.txt").write_text(text)
    for command in (lambda console: show(tmp_path, console), lambda console: explain(tmp_path, cell.cell_id, console)):
        console, file = plain()
        command(console)
        harmless(file.getvalue(), text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b `c` *d* [e](f)", r"a\|b \`c\` \*d\* \[e\](f)"),
        ("$x$ ~~y~~ <b> &amp;", r"\$x\$ \~\~y\~\~ &lt;b&gt; &amp;amp;"),
        ("https://e.x www.e.x", "https&#58;//e.x www&#46;e.x"),
        ("# heading", r"\# heading"),
        ("_em_ loss_fine __b__", r"\_em\_ loss_fine \_\_b\_\_"),
        ("a\u202eb\nc", "a b c"),
    ],
)
def test_markdown_shows_it_as_it_is(text: str, shown: str) -> None:
    assert markdown_text(text) == shown


FORMULAS = ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1", "'=1", "''=1", "'", "'plain", "plain", "", "a=b")


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_no_cell_of_a_csv_is_a_formula_and_each_is_read_back(text: str) -> None:
    written = no_formula(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert undo_no_formula(written) == text


def test_every_text_of_a_csv_is_guarded(tmp_path: Path) -> None:
    texts = [*FORMULAS, "a,b", 'a"b', "a\nb", "a\rb"]
    table = pd.DataFrame({"number": range(len(texts)), "label": texts, "protocol": texts})
    (tmp_path / "a.csv").write_text(csv_text(table), encoding="utf-8", newline="")
    assert "\n=" not in (tmp_path / "a.csv").read_text() and ",=" not in (tmp_path / "a.csv").read_text()
    rows = [row for _, row in read_table(tmp_path / "a.csv", ("number", "label", "protocol"))]
    assert [int(row["number"]) for row in rows] == list(table["number"])
    for row, text in zip(rows, texts, strict=True):
        assert row["label"] == row["protocol"]
        assert row["label"].split() == text.split()


def test_latex_shows_it_as_it_is() -> None:
    assert latex_text(r"\input{x} $y$ %z #1 ^ ~ & _") == (
        r"\textbackslash{}input\{x\} \$y\$ \%z \#1 \textasciicircum{} \textasciitilde{} \& \_"
    )
    assert latex_text("a\u202eb\x1b") == "a b "


def test_one_line_is_one_line() -> None:
    assert one_line(" a\n\tb \x1b ") == "a b"
