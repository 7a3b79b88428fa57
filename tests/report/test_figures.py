"""Every figure keeps the contract on boards of all sizes, and is drawn without a trace."""

import io
import itertools
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_boards import WITHOUT_DESIGN, a_thousand_classes, draw, factorial, large, many_classes, small
from PIL import Image
from rich.console import Console

from fgsgl.report import figures
from fgsgl.report.board.board import read_board
from fgsgl.report.drawing import render
from fgsgl.report.drawing.axes import canvas, marker_style, spread
from fgsgl.report.drawing.draw import draw_all
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import short
from fgsgl.report.drawing.render import pdf_of, png_of
from fgsgl.report.drawing.scan import scan
from fgsgl.report.report import show_board, write_figures
from fgsgl.style import COLOURS, STYLE
from fgsgl.testing.figure_contract import examine, misplaced
from fgsgl.testing.finding import BrokenPromise

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("figure_style")


@pytest.mark.parametrize(
    "fill",
    [small, *(pytest.param(fill, marks=pytest.mark.slow) for fill in (large, many_classes, a_thousand_classes))],
)
def test_every_figure_keeps_the_contract(ledger, fill):
    fill(ledger)
    inputs = Inputs(read_board(ledger.folder), (factorial(), factorial(seeds=3)))
    found = scan(figures)
    assert found.faults == ()
    drawn = {figure.name: examine(figure, inputs) for figure in found.figures}
    always = WITHOUT_DESIGN | {"factorial-effects", "interactions", "shapley"}
    assert {name for name, sheets in drawn.items() if sheets} >= always
    assert bool(drawn["attention"] and drawn["localisation"]) == (fill is small)


def test_a_document_embeds_the_letters_that_it_uses_as_a_font():
    drawn = canvas(3, 2)
    drawn.text(0.5, 0.5, "journals refuse outlines (Type 3)")
    with matplotlib.rc_context(fname=STYLE):
        document = pdf_of(drawn)
    assert b"/FontFile2" in document and b"/Type3" not in document and len(document) < 40_000


def test_a_board_without_results_has_no_figure(ledger):
    ledger.add("majority", 0.0, kind="floor")
    ledger.add_failed("tsm", "full", 0, "nan")
    drawing = draw_all(scan(figures), Inputs(read_board(ledger.folder)))
    assert drawing.figures == () and drawing.faults == ()


def test_the_contract_notices_what_breaks_it(ledger):
    drawn = canvas(3, 2)
    for text, x in (("one label", 0.1), ("another", 0.2), ("at the edge", 0.9), ("apart", 0.5)):
        drawn.text(x, 0.5 if x < 0.5 else 0.9, text)
    assert misplaced(drawn) == ["'at the edge' is cut at the edge", "'one label' lies on 'another'"]

    def figure(title="A title", caption="A caption.", size=(3, 2), suffix=""):
        sheet = Sheet(figure=canvas(*size), table=pd.DataFrame({"a": [1]}), caption=caption, suffix=suffix)
        return Figure(name="accuracy", title=title, draw=lambda source: iter([sheet]))

    assert len(examine(figure(), None)) == 1
    for change, said in (
        ({"suffix": "/../x"}, "file name"), ({"title": "two\nlines"}, "title"), ({"caption": "No stop"}, "caption"),
        ({"size": (3, 200)}, "inches"),
    ):  # fmt: skip
        with pytest.raises(BrokenPromise, match=said):
            examine(figure(**change), None)


def test_a_broken_figure_is_said_with_its_path_and_takes_nothing_else_along(ledger, tmp_path, monkeypatch):
    ledger.add("majority", 0.0, kind="floor")
    ledger.add("fgsgl", 2.0)
    broken = {
        "import_fails": "import no_such_package",
        "has_no_figure": "FIGURE = 3",
        "wrong_name": "from fgsgl.report.figures.accuracy import FIGURE",
        "draw_fails": "from fgsgl.report.drawing.figure import Figure\n"
        "def draw(inputs):\n    yield from ()\n    raise ValueError('two\\nlines')\n"
        "FIGURE = Figure(name='draw-fails', title='A title', draw=draw)",
        "is_killed": "import os, signal\nfrom fgsgl.report.drawing.figure import Figure\n"
        f"def draw(inputs):\n    assert os.getpid() != {os.getpid()}\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "FIGURE = Figure(name='is-killed', title='A title', draw=draw)",
        "_shared": "raise RuntimeError('not a figure, so never imported')",
    }
    for name, text in broken.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    console = Console(width=1000, file=io.StringIO())
    assert not show_board(ledger.folder, console), "fgsgl report ends with exit code 1"
    lines = [line for line in console.file.getvalue().splitlines() if line.startswith("figure left out: ")]
    said = {Path(line.split(": ")[1]).stem: line.removeprefix("figure left out: ") for line in lines}
    assert set(said) == set(broken) - {"_shared"} and len(lines) == len(said)
    assert said["import_fails"].endswith("ModuleNotFoundError: No module named 'no_such_package'")
    assert said["has_no_figure"].endswith(
        "FIGURE is of the type int; expected FIGURE = Figure(name='has-no-figure', ...)"
    )
    assert "FIGURE is named 'accuracy'; expected" in said["wrong_name"]
    assert said["is_killed"].startswith(f"{tmp_path / 'is_killed.py'}: its process was killed (exit code -9)")
    assert said["draw_fails"] == f"{tmp_path / 'draw_fails.py'}: ValueError: two lines"
    drawn = {path.stem for path in (ledger.folder / "figures").glob("*.png")}
    assert drawn >= {"accuracy", "confusion", "learning-curves"}
    assert "figure-accuracy" in (ledger.folder / "leaderboard.html").read_text()


ENDS = """
import os, signal
from fgsgl.report.drawing.draw import draw_all
from fgsgl.report.drawing.figure import Figure
from fgsgl.report.drawing.scan import Scan
def killed(source):
    os.kill(os.getpid(), signal.SIGKILL)
def exits(source):
    raise SystemExit("no licence")
os.sched_getaffinity = lambda pid: {0}
figures = tuple(Figure(name=draw.__name__, title="x", draw=draw) for draw in (killed, exits))
print(*draw_all(Scan(figures=figures, faults=()), None).faults, sep="\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="drawing processes are forked on Linux alone")
def test_a_figure_whose_process_ends_takes_nothing_along_on_a_single_core_either(tmp_path):
    (tmp_path / "ends.py").write_text(ENDS)
    said = subprocess.run([sys.executable, tmp_path / "ends.py"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    killed, exits = said.stdout.splitlines()
    assert "its process was killed (exit code -9)" in killed and exits.endswith("SystemExit: no licence")


SLEEPS = """
import os, sys, time
from fgsgl.report.drawing.draw import draw_all
from fgsgl.report.drawing.figure import Figure
from fgsgl.report.drawing.scan import Scan
def draw(source):
    print("noise of a figure", flush=True)
    open(sys.argv[1] + str(os.getpid()), "w").close()
    time.sleep(600)
os.sched_getaffinity = lambda pid: {0, 1}
draw_all(Scan(figures=tuple(Figure(name=name, title="x", draw=draw) for name in "ab"), faults=()), None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="drawing processes are forked on Linux alone")
def test_drawing_processes_die_with_a_killed_command_and_hold_none_of_its_outputs(tmp_path):
    command = [sys.executable, "-c", SLEEPS, f"{tmp_path}/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as parent:
        deadline = time.monotonic() + 60
        while len(pids := [int(path.name) for path in tmp_path.iterdir()]) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        parent.kill()
        assert parent.stdout.read() == b"", "a reader of its output sees the end at once"
    assert len(pids) == 2
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def contents(drawn):
    for figure in drawn:
        for name, content in figure.files.items():
            yield name, content.encode() if isinstance(content, str) else content


@pytest.mark.slow
def test_every_figure_is_written_as_image_document_and_table_and_the_same_again(ledger, monkeypatch):
    monkeypatch.setattr(render, "pdf_of", pdf_of)  # our own, which other tests do without
    small(ledger)
    board, folder = read_board(ledger.folder), ledger.folder / "figures"
    written = draw_all(scan(figures), Inputs(board, (factorial(),))).figures
    write_figures(ledger.folder, written)
    names = {figure.name for figure in written}
    assert names >= WITHOUT_DESIGN | {
        "attention-1", "attention-2", "localisation", "factorial-effects", "interactions", "shapley"
    }  # fmt: skip
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert before == {folder / name: content for name, content in contents(written)}
    for figure in written:
        width, height = struct.unpack(">II", figure.png[16:24])
        assert 600 <= width <= 1800 and 200 <= height <= 2400, figure.name
        with Image.open(io.BytesIO(figure.png)) as image:
            assert image.mode == "P" and np.allclose(image.info["dpi"], 200, atol=0.1)
        assert figure.pdf.startswith(b"%PDF") and len(pd.read_csv(io.StringIO(figure.csv)))
    for name in ("accuracy", "confusion"):
        (sheet,) = draw(Inputs(board), name)
        assert png_of(sheet.figure) == before[folder / f"{name}.png"]
        sheet.figure.set_layout_engine("none")
        assert pdf_of(sheet.figure) == before[folder / f"{name}.pdf"]


def test_places_are_apart_in_order_and_inside():
    places = np.array(spread([1.0, 1.0, 1.1, 9.9, 10.0], 0.5, 0, 10))
    assert (np.diff(places) >= 0.5 - 1e-9).all() and places.min() >= 0 and places.max() <= 10
    assert spread([2.0, 5.0], 0.5, 0, 10) == [2.0, 5.0]
    crowded = np.array(spread(np.linspace(0, 1, 30), 0.5, 0, 10))
    assert np.allclose(np.diff(crowded), 0.5) and crowded[0] == 0


def test_long_names_keep_both_ends():
    assert short("FG-SGL") == "FG-SGL" and short("a" * 36) == "a" * 36
    assert short("FG-SGL fine_from_video=true, text_control=shuffled") == "FG-SGL fine_from_vide…ntrol=shuffled"
    assert len(short("x\n" * 300)) == 36 and "\n" not in short("x\n" * 300)


def test_many_points_differ_in_more_than_colour():
    styles = [marker_style(index) for index in range(49)]
    assert len({(one["color"], one["marker"]) for one in styles}) == 49 and len(COLOURS) == 7
    assert all(one["marker"] != other["marker"] for one, other in itertools.pairwise(styles))


def test_figures_need_no_torch_and_leave_nothing_in_pyplot(ledger):
    ledger.fill(seeds=1)
    program = (
        "import sys; from pathlib import Path; from fgsgl.report import figures; "
        "from fgsgl.report.board.board import read_board; from fgsgl.report.drawing.draw import draw_all; "
        "from fgsgl.report.drawing.inputs import Inputs; from fgsgl.report.drawing.scan import scan; "
        f"inputs = Inputs(read_board(Path({str(ledger.folder)!r}))); "
        "print(sum(len(list(figure.draw(inputs))) for figure in scan(figures).figures)); "
        "from matplotlib import pyplot; print({'torch'} & set(sys.modules), pyplot.get_fignums())"
    )
    answer = subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, capture_output=True, text=True)
    n_sheets, left = answer.stdout.splitlines()
    assert int(n_sheets) >= 9 and left == "set() []"
