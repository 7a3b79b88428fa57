"""The list of boards in a folder."""

import dataclasses
import re

import pytest

from fgsgl.cli.main import main
from fgsgl.report.board.answer import answers
from fgsgl.report.board.board import read_board
from fgsgl.report.overview import MARK, board_folders, write_overview
from fgsgl.util.errors import UserError

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def boards(ledger, tmp_path):
    """Two boards, one within another, a hostile one and a damaged one."""
    root = tmp_path / "results"
    for name in ("first", "first/again"):
        dataclasses.replace(ledger, folder=root / name, written={}).fill(seeds=3)
    odd = dataclasses.replace(ledger, folder=root / "a [b](x) | c", written={})
    odd.add("majority", 0.0, kind="floor")
    odd.add("evil", 1.0, name=HOSTILE)
    broken = root / "broken" / "ledger"
    broken.mkdir(parents=True)
    (broken / "0123456789abcdef.json").write_text("{}")
    (root / "link").symlink_to(root / "first")
    for folder in (root / "first" / "again", odd.folder):
        for ending in ("html", "md"):
            (folder / f"leaderboard.{ending}").touch()
    return root


def test_every_board_is_listed_with_its_answer(boards, capsys, without_figures):
    assert main(["report", str(boards)]) == 0
    text, html = (boards / "README.md").read_text(), (boards / "index.html").read_text()
    (sentence,) = answers(read_board(boards / "first").table)
    assert text.startswith(MARK) and text.count(f"**{sentence}**") == html.count(sentence) == 2
    assert "(first/again/leaderboard.md)" in text and 'href="first/again/leaderboard.html"' in html
    assert 'href="first/leaderboard' not in html and "(first/leaderboard" not in text, "its files are not written yet"
    assert "link" not in [path.name for path in board_folders(boards)]
    assert HOSTILE not in text and HOSTILE not in html and "&lt;script&gt;" in html
    assert "a \\[b\\](x) \\| c" in text and "a%20%5Bb%5D%28x%29%20%7C%20c/leaderboard.html" in html
    assert "broken" in html and "0123456789abcdef.json" in html.replace("&#39;", "'")
    assert "first: " in capsys.readouterr().out.replace("\n", " ")
    assert "script" not in re.sub("&lt;.*?&gt;", "", html).replace("script-src", "")
    before = text
    write_overview(boards)
    assert (boards / "README.md").read_text() == before


def test_a_readme_of_ones_own_is_kept(boards):
    (boards / "README.md").write_text("my notes")
    with pytest.raises(UserError, match="was not written by this command"):
        write_overview(boards)
    assert (boards / "README.md").read_text() == "my notes" and not (boards / "index.html").exists()


def test_a_folder_without_boards_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
