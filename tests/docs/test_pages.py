"""The documentation: the command lines accept every command on a page, and every page is in the contents."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import fgsgl as package
from fgsgl.ablations import run as ablation
from fgsgl.ablations import study
from fgsgl.cli import main as fgsgl
from fgsgl.sweeps import optuna_search

DOCS = Path(__file__).resolve().parents[2] / "docs"
README = DOCS.parent / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
PARSERS = {
    ("fgsgl",): fgsgl.build_parser,
    ("python", "ablations/run.py"): ablation.build_parser,
    ("python", "ablations/study.py"): study.build_parser,
    ("python", "sweeps/optuna_search.py"): optuna_search.build_parser,
}


def commands() -> list[tuple[str, str]]:
    """(page, command line) of all lines of shell that call the suite, or a Python script."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(page.name, line) for line in lines if re.match(r"fgsgl |python (?!-m)|make ", line)]
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_is_accepted(page: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        return
    for begin, parser in PARSERS.items():
        if tuple(words[: len(begin)]) == begin:
            try:
                parser().parse_args(words[len(begin) :])
            except SystemExit:
                pytest.fail(f"{page}: {line}: {capsys.readouterr().err}")
            return
    pytest.fail(f"{page}: {line}: no parser knows it")


def test_there_are_commands() -> None:
    assert len(commands()) > 20


def test_every_page_stands_in_the_contents() -> None:
    contents = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^[a-z-]+$", contents, re.M))
    assert {page.stem for page in PAGES if page != README} - {"index"} <= listed


def test_every_make_target_on_a_page_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (DOCS.parent / "Makefile").read_text(encoding="utf-8"), re.M))
    named = {target for _, line in commands() for target in re.findall(r"^make ([a-z-]+)", line)}
    assert named and named <= targets


@pytest.mark.parametrize("name", ["leaderboard.csv", "contrasts.csv", "ablation.csv"])
def test_every_column_of_a_csv_is_explained(name: str) -> None:
    """And nothing is explained that the file lacks."""
    part = (DOCS / "columns.md").read_text(encoding="utf-8").split(f"## {name}")[1].split("\n## ")[0]
    explained = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", part, re.M)))
    folder = "results/synmg-2" if name == "leaderboard.csv" else "tests/frozen/synmg-1"
    header = (DOCS.parent / folder / name).read_text(encoding="utf-8").splitlines()[0]
    assert explained == sorted(explained, key=explained.index) and {*explained} == {*header.split(",")}


def test_the_readme_is_a_front_door_and_no_manual() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


def python_blocks() -> list[tuple[str, str]]:
    """(page, code) of all blocks of Python."""
    return [
        (page.name, code)
        for page in PAGES
        for code in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    ]


@pytest.mark.parametrize(("page", "code"), python_blocks())
def test_python_on_a_page_names_what_exists(page: str, code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "fgsgl":
            assert node.attr in package.__all__, (page, node.attr)
