import csv
import io
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import made
import msgspec
import pandas as pd
import pytest
from rich.console import Console

from fgsgl.report.board.board import COLUMNS, TEXTS, read_board
from fgsgl.report.drawing import render
from fgsgl.report.drawing.render import pdf_of
from fgsgl.report.freshness import Stamp, is_fresh, sources_of, write_stamp
from fgsgl.report.render.tables import columns_of, console_table, markdown
from fgsgl.report.render.tables import csv as csv_of
from fgsgl.report.report import report, show_board_if_changed
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import markdown_text

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script>"


def tables(text):
    """Lines of each table, which all have the same number of bars, escaped ones aside."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    for block in blocks:
        assert len({re.sub(r"\\\|", "", line).count("|") for line in block}) == 1
    return blocks


@pytest.mark.slow
def test_writes_the_whole_report_without_torch_and_the_same_again_whoever_draws(ledger, monkeypatch):
    monkeypatch.setattr(render, "pdf_of", pdf_of)  # our own, which other tests do without
    ledger.fill(seeds=2)
    program = (  # of one thread, so that others draw where there are two cores
        "import sys; from pathlib import Path; from fgsgl.report.report import report; "
        f"report(Path({str(ledger.folder)!r})); assert 'torch' not in sys.modules; "
        "from matplotlib import pyplot; assert pyplot.get_fignums() == []"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
    before = {path: path.read_bytes() for path in ledger.folder.rglob("*") if path.is_file()}
    shutil.rmtree(ledger.folder / "figures")
    thread = threading.Thread(target=report, args=[ledger.folder])  # beside another thread it draws by itself
    thread.start()
    thread.join()
    assert {path: path.read_bytes() for path in ledger.folder.rglob("*") if path.is_file()} == before
    names = {f"leaderboard.{suffix}" for suffix in ("md", "csv", "tex", "html")} | {"accuracy.png", "accuracy.pdf"}
    assert not [path for path in before if path.name.startswith(("ablation.", "localisation."))]
    assert names <= {path.name for path in before} and not [path for path in before if path.suffix == ".tmp"]


def test_markdown_and_csv_carry_the_boards_numbers(ledger):
    ledger.fill(seeds=3)
    board = read_board(ledger.folder)
    first = board.table.iloc[0]
    half = 50 * (first["top1_ci_high"] - first["top1_ci_low"])
    text = markdown(board)
    assert f"| FG-SGL | {100 * first['top1']:.1f} ± {half:.1f} |" in text
    results, costs = tables(text)
    assert len(results) == len(costs) == len(board.table) + 2
    shown = re.findall(r"[^|]+", f"{results[0]}{costs[0]}")
    assert {column.heading for column in columns_of(board)} <= {heading.strip().replace("\\", "") for heading in shown}
    assert all(sentence in text for sentence in map(markdown_text, (*board.notes, *board.cost_notes)))
    assert "with n = 3 seeds the smallest p is 0.25" in text
    read = pd.read_csv(io.StringIO(csv_of(board)))
    assert [re.sub("_(pct|points)$", "", name) for name in read.columns] == [
        name
        for name in COLUMNS
        if name != "fine_pairs"  # those of SynMG's own classes, which are not this board's
    ]
    assert read["top1_pct"].to_numpy() == pytest.approx(100 * board.table["top1"].to_numpy(), nan_ok=True)
    assert read["diff_top1_points"].to_numpy() == pytest.approx(board.table["diff_top1"].to_numpy(), nan_ok=True)
    assert (read["diff_top1_points"] < 0).any() and read["floor_pct"].max() > 5


@pytest.mark.filterwarnings("error::UserWarning")  # a figure's warning would stand before the board
def test_hostile_names_stay_text_everywhere(ledger):
    ledger.classes = (HOSTILE, "=1+1", "$\\frac{", "| a | b |", "\x1b[31mred", "a" * 300)
    ledger.absent = ()
    ledger.add("majority", 0.0, kind="floor", name="floor")
    ledger.add("fgsgl", 2.0)
    ledger.add("../evil", 2.0, HOSTILE, name=f"\"'>{HOSTILE}")
    ledger.add("pipe", 2.0, name="a | b $x^ [bold]c\x1b[2J\n| d |")
    ledger.add("=cmd()", 2.0, "+x", name="@sum")
    ledger.add_failed("tsm", "full", 0, "error", f"it broke: {HOSTILE}")
    board = report(ledger.folder).board

    assert all(path.parent == ledger.folder / "figures" for path in ledger.folder.parent.rglob("*.png"))
    markdown = (ledger.folder / "leaderboard.md").read_text()
    assert "<script" not in markdown and "\x1b" not in markdown
    assert [len(lines) for lines in tables(markdown)] == [len(board.table) + 2] * 2

    rows = list(csv.DictReader(io.StringIO((ledger.folder / "leaderboard.csv").read_text(), newline="")))
    risky = next(row for row in rows if row["method"].endswith("=cmd()"))
    assert (risky["method"], risky["variant"], risky["label"]) == ("'=cmd()", "'+x", "'@sum +x")
    for row in rows:
        for name, value in row.items():
            if value.startswith(("=", "+", "-", "@")):
                assert name not in TEXTS and float(value) < 0

    console = Console(width=200, file=io.StringIO(), force_terminal=False)
    console.print(console_table(board))
    shown = console.file.getvalue()
    assert "[bold]c" in shown and "\x1b" not in shown and "±" not in shown  # one seed has no interval over seeds


def test_the_console_shows_what_a_reader_asks_first(ledger):
    ledger.fill(seeds=2)
    console = Console(width=160, file=io.StringIO())
    board = read_board(ledger.folder)
    console.print(console_table(board))
    shown = console.file.getvalue()
    for row in board.table.itertuples():
        assert row.label in shown and f"{100 * row.top1:.1f}" in shown
    for heading in ("Top-1 %", "Macro-F1 %", "Difference", "Category %", "Fine %", "Params M", "Train s", "Status"):
        assert heading in shown


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_narrow_terminal_keeps_names_and_numbers_whole_and_names_what_it_leaves_out(ledger, width):
    ledger.fill(seeds=2)
    for fold in range(2):
        for seed in range(2):
            ledger.add("fgsgl", 2.0, "text=shuffled", seed, protocol=ledger.protocol(unseen=4, fold=fold))
            ledger.add("tsm", 2.0, "full", seed, protocol=ledger.protocol(unseen=4, fold=fold))
        ledger.add("majority", 0.0, kind="floor", protocol=ledger.protocol(unseen=4, fold=fold))
    board = read_board(ledger.folder)
    console = Console(width=width, file=io.StringIO())
    console.print(console_table(board, width))
    shown = console.file.getvalue()
    table, caption = shown.rsplit("┘", 1)
    assert "…" not in table and max(map(len, shown.splitlines())) <= width
    headings = [heading for heading in ("Method", "Top-1 %", "Difference", "Status") if heading not in table]
    assert headings == [] and "SGL" in table and "Motion" in table
    for row in board.table.itertuples():
        assert f"{100 * row.top1:.1f}" in table
    flat = " ".join(caption.split())
    assert "left out, to fit the terminal: " in flat and "Train s" in flat and "leaderboard.md has them all" in flat


def test_of_many_rows_the_console_shows_first_what_readers_look_for(ledger, monkeypatch):
    ledger.fill(seeds=1)
    ledger.add("fgsgl", 2.2, "w/o fgsa")
    board = read_board(ledger.folder)
    first = board.table.loc[board.table["variant"].isin(["full", "w/o fgsa", "w/o cpa"]), "label"].tolist()
    assert first[-1] == "Majority class" and "FG-SGL w/o fgsa" in first and len(first) < len(board.table)
    monkeypatch.setattr("fgsgl.report.render.tables.MOST_IN_TERMINAL", len(first))
    shown = console_table(board)
    assert [text.plain for text in shown.columns[0].cells] == first
    assert shown.caption == (
        f"{len(first)} of {len(board.table)} rows are shown, first full methods and FG-SGL without FG-SA or CP-A; "
        "leaderboard.md has them all."
    )


def shown_if_changed(folder):
    console = Console(width=1000, file=io.StringIO())  # wider than any path
    show_board_if_changed(folder, console)
    return console.file.getvalue()


NOTHING = "nothing in it has changed"


def test_a_board_whose_records_have_not_changed_is_not_made_again(ledger, without_figures):
    ledger.add("majority", 0.0, kind="floor")
    (ledger.folder / "plan.json").write_text('{"cells": []}')
    board = ledger.folder / "leaderboard.html"
    assert NOTHING not in shown_if_changed(ledger.folder)
    before = board.stat().st_mtime_ns
    assert NOTHING in shown_if_changed(ledger.folder) and board.stat().st_mtime_ns == before
    board.write_text(board.read_text().replace("Majority class", "Best method"))
    os.utime(board, (4e9, 4e9))  # an edited page, dated in the future, hides neither the edit nor a cell
    ledger.add("stratified_random", 0.0, kind="floor")
    assert NOTHING not in shown_if_changed(ledger.folder)
    assert "stratified_random" in board.read_text() and "Best method" not in board.read_text()


def test_whatever_was_edited_removed_or_exchanged_is_seen(ledger):
    ledger.add("majority", 0.0, kind="floor")
    record = ledger.add("tsm", 1.0)
    with made.without_figures("accuracy"):
        report(ledger.folder)
    written = msgspec.json.decode((ledger.folder / "board.json").read_bytes(), type=Stamp).outputs
    assert {"leaderboard.html", "leaderboard.md", "leaderboard.csv", "figures/accuracy.png"} <= written.keys()
    for path in (ledger.folder / name for name in written):
        whole = path.read_bytes()
        path.write_bytes(whole + b" ")
        assert not is_fresh(ledger.folder)
        path.unlink()
        assert not is_fresh(ledger.folder)
        path.write_bytes(whole)
    again, predictions = (ledger.folder / "ledger" / f"{record.cell_id}.{suffix}" for suffix in ("json", "npz"))
    for change in (
        lambda: again.write_bytes(again.read_bytes()),
        lambda: predictions.write_bytes(predictions.read_bytes()),
        lambda: (ledger.folder / "plan.json").write_text('{"cells": []}'),
        again.unlink,
        (ledger.folder / "board.json").unlink,
        lambda: (ledger.folder / "board.json").write_text("{"),
    ):
        write_stamp(ledger.folder, sources_of(ledger.folder), [ledger.folder / name for name in written])
        assert is_fresh(ledger.folder)
        change()
        assert not is_fresh(ledger.folder)


def test_figures_are_not_written_through_a_link(ledger, tmp_path):
    ledger.add("majority", 0.0, kind="floor")
    ledger.add("tsm", 1.0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (ledger.folder / "figures").symlink_to(elsewhere)
    with (
        pytest.raises(UserError, match="figures is a symbolic link, and nothing is written through it"),
        made.without_figures("accuracy"),
    ):
        report(ledger.folder)
    assert not list(elsewhere.iterdir())
