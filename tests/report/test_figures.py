"""Every figure keeps the contract on boards of all sizes, and shows the numbers it says it shows."""

import io
import itertools
import json
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
from pathlib import Path

import made
import matplotlib
import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from PIL import Image
from rich.console import Console

from fgsgl.records.record import Cost
from fgsgl.report import figures
from fgsgl.report.ablations.evaluate import Ablation, judge_effects
from fgsgl.report.board.board import read_board
from fgsgl.report.board.predicted_classes import PredictedClasses
from fgsgl.report.drawing import labels
from fgsgl.report.drawing.axes import canvas, marker_style, spread
from fgsgl.report.drawing.draw import draw_all
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import short
from fgsgl.report.drawing.render import pdf_of, png_of
from fgsgl.report.drawing.scan import scan
from fgsgl.report.figures import _matrix, attention, pareto
from fgsgl.report.report import show_board, write_figures
from fgsgl.stats.factorial import effects, full_factorial
from fgsgl.style import COLOURS, STYLE
from fgsgl.testing.figure_contract import examine, misplaced
from fgsgl.testing.finding import BrokenPromise
from fgsgl.util.errors import UserError

ROOT = Path(__file__).parents[2]
FACTORS = ("fgsa", "cpa", "lora", "schedule")
WITHOUT_DESIGN = {
    "accuracy", "calibration", "confusion", "confusion-difference", "forest", "learning-curves", "pareto",
    "per-class-difference", "subjects",
}  # fmt: skip


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(fname=STYLE):
        yield


def draw(inputs, name):
    (figure,) = (figure for figure in scan(figures).figures if figure.name == name)
    return list(figure.draw(inputs))


def factorial(seeds=8):
    """A full factorial with fgsa +2, cpa +1, together 1 less."""
    off_AK = full_factorial(FACTORS)
    fgsa_A, cpa_A = ~off_AK[:, 0], ~off_AK[:, 1]
    noise_AS = np.random.default_rng(0).normal(scale=0.3, size=(len(off_AK), seeds))
    value_AS = 60 + (2.0 * fgsa_A + cpa_A - fgsa_A * cpa_A)[:, None] + noise_AS
    offs = [tuple(name for name, off in zip(FACTORS, row, strict=True) if off) for row in off_AK]
    return Ablation(
        design="factorial", factors=FACTORS, protocol_hash="5f3a", planned_seeds=seeds, seeds=tuple(range(seeds)),
        reference="FG-SGL", value_AS=value_AS, arms=pd.DataFrame({"off": offs}), aliases=(), missing=(), failed=(),
        effects=judge_effects(effects(off_AK, value_AS, FACTORS), seeds),
    )  # fmt: skip


def localised(ledger, record, frames=4, side=7):
    """Gives a record measured localisation and the attention of three clips, as a training cell writes them."""
    random = np.random.default_rng(record.seed)
    names = ("part", "onset", "trajectory", "outcome", "saliency", "even", "centre", "prior")
    shares = {name: float(share) for name, share in zip(names, random.uniform(0.05, 0.5, len(names)), strict=True)}
    found = made.localisation(shares, n_clips=240)
    structs.replace(record, localisation=found).write(ledger.folder / "ledger")
    np.savez_compressed(
        ledger.folder / "ledger" / f"{record.cell_id}.attention.npz",
        names=np.array(["Folding arms", "Arms akimbo"]),
        dimensions=np.array(names[:4]),
        sentences_ND=np.array([["Both arms move at once, from the shoulders to the hands.", "A", "B", "C"]] * 2),
        frames_NTHWC=random.integers(0, 255, (2, frames, 56, 56, 3), dtype=np.uint8),
        mask_NTHW=np.tile(np.arange(56) > 40, (2, frames, 56, 1)),
        attention_NDTP=random.dirichlet(np.ones(frames * side**2), (2, 4)).reshape(2, 4, frames, -1).astype(np.float16),
    )


def small(ledger):
    ledger.fill(seeds=3)
    localised(ledger, ledger.add("fgsgl", 2.4, seed=0))


def large(ledger):
    """40 methods with long names, and as many variants."""
    for seed in range(2):
        for index in range(40):
            cost = Cost(gflops=1.5 + index % 7, latency_ms=20.0 + index)
            name = f"Recognizer number {index} with a long name"
            method = "fgsgl" if index == 0 else f"method{index}"
            ledger.add(method, 2 - index / 40, seed=seed, name=name, cost=cost, params=10**6 * (1 + index % 11))
            ledger.add("fgsgl", 2 - index / 80, f"w/o factor{index}, text=shuffled, schedule=joint", seed)
    ledger.add("majority", 0.0, kind="floor")


def many_classes(ledger):
    """MA-52's 52 classes, of which one has no test clip, and one seed."""
    ledger.classes = tuple(f"{index}: touching or scratching some part of the body" for index in range(52))
    ledger.n_clips = 300
    ledger.fill(seeds=1)


def a_thousand_classes(ledger):
    """More classes than any figure shows, many of them without a test clip."""
    ledger.classes = tuple(f"action number {index:04d}" for index in range(1200))
    ledger.n_clips = 200
    for method, skill in (("fgsgl", 2.4), ("tsm", 1.6)):
        ledger.add(method, skill)
    ledger.add("majority", 0.0, kind="floor")


@pytest.mark.parametrize("fill", [small, large, many_classes, a_thousand_classes])
def test_every_figure_keeps_the_contract(ledger, fill):
    fill(ledger)
    inputs = Inputs(read_board(ledger.folder), (factorial(), factorial(seeds=3)))
    found = scan(figures)
    assert found.faults == ()
    drawn = {figure.name: examine(figure, inputs) for figure in found.figures}
    always = WITHOUT_DESIGN | {"factorial-effects", "interactions", "shapley"}
    assert {name for name, sheets in drawn.items() if sheets} >= always
    assert bool(drawn["attention"] and drawn["localisation"]) == (fill is small)


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


def test_of_many_classes_the_most_confused_are_shown_and_all_pairs_are_in_the_table(ledger):
    a_thousand_classes(ledger)
    inputs = Inputs(read_board(ledger.folder))
    (sheet,) = draw(inputs, "confusion")
    assert "60 of 1200 classes are shown" in sheet.caption
    (first,) = (row for row in inputs.board.table.itertuples() if row.method == "fgsgl")
    seeds = inputs.predictions(first)
    pairs = {(label, said) for one in seeds for label, said in zip(one.label_N, one.class_N, strict=True)}
    assert set(zip(sheet.table["true_number"], sheet.table["answer_number"], strict=True)) == pairs
    assert sheet.table.groupby("true_number")["percent"].sum().to_numpy() == pytest.approx(100)
    mistakes = np.zeros(1200)
    for row in sheet.table.itertuples():
        if row.true_number != row.answer_number:
            mistakes[[row.true_number, row.answer_number]] += row.percent
    shown = {int(text.get_text().split()[-1]) for text in sheet.figure.axes[0].get_xticklabels()}
    assert min(mistakes[list(shown)]) >= max(mistakes[[index for index in range(1200) if index not in shown]])


@pytest.mark.parametrize("name", ["confusion", "confusion-difference"])
def test_the_memory_of_a_matrix_does_not_grow_with_the_square_of_the_classes(name):
    n_classes = 20_000  # of which the full matrix would take 3 GB
    random = np.random.default_rng(0)
    label_N = random.integers(0, n_classes, 2000)
    tracemalloc.start()
    seeds = [made_up(label_N, random.integers(0, n_classes, 2000)) for _ in range(2)]
    value_CC = _matrix.confusion_percent(seeds, n_classes)
    if name == "confusion-difference":
        value_CC = value_CC - _matrix.confusion_percent(seeds[:1], n_classes)
    shown_K, names = _matrix.shown_classes(value_CC), [f"class {index}" for index in range(n_classes)]
    present_C = np.bincount(label_N, minlength=n_classes) > 0
    _matrix.matrix(_matrix.dense(value_CC, shown_K, present_C), _matrix.names_of(names, shown_K), "Blues", 0, "x")
    assert len(_matrix.matrix_table(value_CC, names, present_C)) <= 4000
    assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    tracemalloc.stop()


def made_up(label_N, class_N):
    names = np.array([""] * len(label_N))
    return PredictedClasses(
        class_N=class_N, label_N=label_N, confidence_N=np.ones(len(label_N)), correct_N=class_N == label_N,
        subject_N=names, scores_sha256="",
    )  # fmt: skip


def contents(drawn):
    for figure in drawn:
        for name, content in figure.files.items():
            yield name, content.encode() if isinstance(content, str) else content


@pytest.mark.slow
def test_every_figure_is_written_as_image_document_and_table_and_the_same_again(ledger):
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
        assert 600 <= width <= 1800 and 300 <= height <= 2400, figure.name
        with Image.open(io.BytesIO(figure.png)) as image:
            assert image.mode == "P" and np.allclose(image.info["dpi"], 200, atol=0.1)
        assert figure.pdf.startswith(b"%PDF") and len(pd.read_csv(io.StringIO(figure.csv)))
    for name in ("accuracy", "confusion"):
        (sheet,) = draw(Inputs(board), name)
        assert png_of(sheet.figure) == before[folder / f"{name}.png"]
        sheet.figure.set_layout_engine("none")
        assert pdf_of(sheet.figure) == before[folder / f"{name}.pdf"]


def test_the_forest_shows_the_boards_differences_and_hollow_what_was_not_declared(ledger):
    for seed in range(8):
        ledger.add("fgsgl", 2.4, seed=seed)
        ledger.add("tsm", 1.6, seed=seed)
    ledger.add("majority", 0.0, kind="floor")
    for declared in (True, False):
        primary = [{"protocol_hash": ledger.protocol().hash(), "rows": [["tsm", "full"]]}] if declared else []
        (ledger.folder / "plan.json").write_text(json.dumps({"cells": [], "primary": primary}))
        board = read_board(ledger.folder)
        (sheet,) = draw(Inputs(board), "forest")
        mean = sheet.figure.axes[-1].collections[-1]
        (row,) = board.table[board.table["diff_top1"].notna() & (board.table["method"] == "tsm")].itertuples()
        assert mean.get_offsets()[0, 0] == pytest.approx(row.diff_top1) and row.diff_ci_high < 0
        assert (mean.get_facecolor()[0].min() < 1) == declared == ("Hollow" not in sheet.caption)


def test_an_interval_can_be_seen_beside_rows_far_out(ledger):
    ledger.add("majority", 0.0, kind="floor")
    for seed in range(4):
        ledger.add("fgsgl", 2.4, seed=seed)
        ledger.add("fgsgl", 2.3, "w/o fgsa", seed=seed)
        ledger.add("fgsgl", 0.2, "w/o temporal", seed=seed)
    inputs = Inputs(read_board(ledger.folder))
    row = inputs.board.table.set_index("variant").loc["w/o fgsa"]
    for name, interval in (
        ("forest", (row["diff_ci_low"], row["diff_ci_high"])),
        ("accuracy", (100 * row["top1_ci_low"], 100 * row["top1_ci_high"])),
    ):
        (sheet,) = draw(inputs, name)
        whole, near = sheet.figure.axes
        assert len(whole.get_yticklabels()) == len(inputs.board.table) - (2 if name == "forest" else 1)
        assert np.ptp(interval) > 0.2 * np.ptp(near.get_xlim()) and np.ptp(whole.get_xlim()) > 2 * np.ptp(
            near.get_xlim()
        )
        (shade,) = whole.patches
        assert near.get_xlim() == pytest.approx((shade.get_x(), shade.get_x() + shade.get_width()))


def test_no_two_seeds_share_a_colour(ledger):
    ledger.add("majority", 0.0, kind="floor")
    for seed in range(12):
        ledger.add("fgsgl", 2.4, seed=seed)
        ledger.add("tsm", 2.3, seed=seed)
    (sheet,) = draw(Inputs(read_board(ledger.folder)), "accuracy")
    colours = [tuple(line.get_markeredgecolor()) for line in sheet.figure.axes[0].lines if line.get_marker() == "o"]
    assert len(set(colours)) == 12


def test_names_in_other_scripts_are_drawn_or_named_in_the_caption(ledger, monkeypatch):
    """Never as boxes: a name that no font holds is a number in the figure, and the caption tells which."""
    ledger.classes = ("摸脖子", "Складывание рук", "𒀀𒀁", *(f"class {index}" for index in range(14)))
    ledger.fill(seeds=1)
    inputs = Inputs(read_board(ledger.folder))
    for known in (True, False):
        if not known:
            monkeypatch.setattr(labels, "can_be_drawn", str.isascii)
        (sheet,) = draw(inputs, "confusion")
        shown = [tick.get_text() for tick in sheet.figure.axes[0].get_yticklabels()]
        assert ("Складывание рук" in shown) == known and ("class 1" in shown) >= (not known)
        assert "class 2" in shown and "class 2: 𒀀𒀁" in sheet.caption
        assert ("class 0: 摸脖子" in sheet.caption) == ("摸脖子" not in shown)
        assert "摸脖子" in list(sheet.table["true_class"])


def test_fine_and_category_losses_have_panels_of_their_own(ledger):
    ledger.add("majority", 0.0, kind="floor")
    curve = [
        {"epoch": e, "loss": 3.0, "loss_category": 1.0, "loss_fine_part": 1.5, "loss_fine_onset": 0.5} for e in (1, 2)
    ]
    ledger.add("fgsgl", 2.4, curve=curve)
    for number in range(9):
        ledger.add(f"method{number}", 1.0, name=f"Method {number}")
    (sheet,) = draw(Inputs(read_board(ledger.folder)), "learning-curves")
    titles = [axes.get_title(loc="left") for axes in sheet.figure.axes]
    assert titles[2:] == ["category loss (CP-A)", "fine loss (FG-SA), sum of its dimensions"]
    fine = sheet.table[sheet.table["quantity"] == "loss_fine"]
    assert list(fine["mean"]) == [2.0, 2.0] and sheet.table["row"].nunique() == 6


def test_the_share_of_attention_inside_the_moving_part(ledger):
    attention_NDTP = np.zeros((1, 1, 2, 4))
    attention_NDTP[0, 0, 0] = (0.5, 0.25, 0.0, 0.0)
    attention_NDTP[0, 0, 1] = (0.25, 0.0, 0.0, 0.0)
    mask_NTHW = np.zeros((1, 2, 8, 8), dtype=bool)
    mask_NTHW[0, :, 1, 2] = True  # in the first patch of both frames
    shares, even = attention.inside({"attention_NDTP": attention_NDTP, "mask_NTHW": mask_NTHW}, 0)
    assert shares == pytest.approx([0.75]) and even == 0.25


def test_the_confusion_is_that_of_the_prediction_files_and_the_difference_of_two(ledger):
    ledger.fill(seeds=2)
    inputs = Inputs(read_board(ledger.folder))

    def percent_CC(skill):
        counts_CC = np.zeros((17, 17))
        for seed in range(2):
            predictions = ledger.predictions(skill, seed)
            said_N = predictions.scores["combined"].astype(np.float32).argmax(axis=1)
            np.add.at(counts_CC, (predictions.labels, said_N), 1)
        with np.errstate(invalid="ignore"):
            return 100 * counts_CC / counts_CC.sum(axis=1, keepdims=True)

    for name, expected_CC in (
        ("confusion", percent_CC(2.4)),
        ("confusion-difference", percent_CC(2.4) - percent_CC(1.6)),
    ):
        (sheet,) = draw(inputs, name)
        assert np.allclose(sheet.table.drop(columns="true_class"), expected_CC, equal_nan=True)
        shown_CC = sheet.figure.axes[0].collections[0].get_array()
        assert (
            np.allclose(shown_CC.filled(np.nan), expected_CC, equal_nan=True) and np.ma.getmaskarray(shown_CC)[14].all()
        )


def test_bars_are_the_mean_paired_differences_of_recall(ledger):
    ledger.fill(seeds=3)
    board = read_board(ledger.folder)
    (sheet,) = draw(Inputs(board), "per-class-difference")
    recall = {
        row.label: np.mean([[c.recall or 0 for c in r.metrics.per_class] for r in Inputs(board).scored(row)], axis=0)
        for row in board.table.itertuples()
    }
    present = [index for index in range(17) if index != 14]
    rows = list(dict.fromkeys(sheet.table["row"]))
    assert set(rows) == {"TSM", "FG-SGL -fgsa", "FG-SGL text=shuffled"}
    expected = np.concatenate([100 * (recall[name] - recall["FG-SGL"])[present] for name in rows])
    assert np.allclose(sheet.table["difference_points"], expected)
    assert np.allclose([bar.get_width() for axes in sheet.figure.axes for bar in axes.patches], expected)


def test_subjects_and_calibration_are_those_of_the_prediction_files(ledger):
    ledger.fill(seeds=1)
    inputs, predictions = Inputs(read_board(ledger.folder)), ledger.predictions(2.4, 0)
    probability_NC = predictions.scores["combined"].astype(np.float32)
    right_N = probability_NC.argmax(axis=1) == predictions.labels
    (strips,) = draw(inputs, "subjects")
    strip = strips.table.set_index("row").loc["FG-SGL"]
    assert strip["s03"] == pytest.approx(100 * right_N[predictions.subjects == "s03"].mean())
    (reliability,) = draw(inputs, "calibration")
    bins = reliability.table[reliability.table["row"] == "FG-SGL"]
    top_N = probability_NC.max(axis=1)
    in_bin_N = (top_N > 0.4) & (top_N <= 7 / 15)
    (bin_,) = bins[np.isclose(bins["low"], 0.4)].itertuples()
    assert bin_.n == in_bin_N.sum() > 0 and bin_.accuracy == pytest.approx(right_N[in_bin_N].mean())


def test_calibrated_probabilities_are_told_from_raw_ones(ledger):
    ledger.fill(seeds=1)
    (raw,) = draw(Inputs(read_board(ledger.folder)), "calibration")
    assert "No probabilities were calibrated." in raw.caption
    ledger.add("fgsgl", 2.4, selection={"epoch": 25, "combined_temperature": 1.2})
    (mixed,) = draw(Inputs(read_board(ledger.folder)), "calibration")
    assert mixed.table.groupby("row")["calibrated"].all().to_dict()["FG-SGL"]
    assert not mixed.table.groupby("row")["calibrated"].any().to_dict()["TSM"]
    titles = {axes.get_title(loc="left") for axes in mixed.figure.axes}
    assert "FG-SGL (calibrated)" in titles and "TSM" in titles and "does not compare" in mixed.caption


def test_the_front_holds_what_nothing_beats():
    cost_M = np.array([1.0, 2.0, 2.0, 3.0, 4.0, np.nan, 1.0])
    value_M = np.array([50.0, 60.0, 55.0, 60.0, 70.0, 90.0, 50.0])
    assert pareto.front(cost_M, value_M).tolist() == [True, True, False, False, True, False, True]


def test_interactions_show_the_means_of_the_arms():
    design = factorial()
    (sheet,) = draw(Inputs(None, (design,)), "interactions")
    both = sheet.table.query("factor == 'fgsa' and other == 'cpa' and has_factor and has_other")
    arms = [index for index, off in enumerate(design.arms["off"]) if not {"fgsa", "cpa"} & set(off)]
    assert both["top1_pct"].item() == pytest.approx(design.value_AS[arms].mean()) and len(arms) == 4
    (bars,) = draw(Inputs(None, (design,)), "shapley")
    widths = [bar.get_width() for bar in bars.figure.axes[0].patches[:4]]
    assert widths == sorted(widths, reverse=True) and sum(widths) == pytest.approx(2, abs=0.5)


def test_exploratory_effects_are_hollow():
    (sheet,) = draw(Inputs(None, (factorial(),)), "factorial-effects")
    for axes, hollow in zip(sheet.figure.axes, (False, True), strict=True):  # main effects, interactions
        assert (axes.collections[-1].get_facecolor().min() == 1) == hollow
    assert "Hollow" in sheet.caption


def test_predictions_of_another_cell_are_refused_and_missing_ones_leave_their_figure_out(ledger):
    ledger.fill(seeds=2)
    first, second = ledger.add("tsm", 1.6), ledger.add("fgsgl", 2.4)
    board, path = read_board(ledger.folder), ledger.folder / "ledger" / f"{first.cell_id}.npz"
    path.write_bytes((ledger.folder / "ledger" / f"{second.cell_id}.npz").read_bytes())
    with pytest.raises(UserError, match=f"{first.cell_id}.* are not those"):
        draw(Inputs(board), "calibration")
    path.unlink()
    (sheet,) = draw(Inputs(board), "calibration")
    assert "TSM" not in set(sheet.table["row"])


def test_attention_that_does_not_fit_is_refused(ledger):
    small(ledger)
    board = read_board(ledger.folder)
    (path,) = (ledger.folder / "ledger").glob("*.attention.npz")
    content = dict(np.load(path))
    for change, said in (
        ({"names": np.array(["one"])}, "names|sentences"),
        ({"mask_NTHW": np.zeros((2, 4, 9))}, "mask"),
    ):
        np.savez(path, **(content | change))
        with pytest.raises(UserError, match=said):
            list(attention.FIGURE.draw(Inputs(board)))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match="cannot be read"):
        list(attention.FIGURE.draw(Inputs(board)))


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


def test_names_in_other_letters_are_drawn(ledger):
    for seed in range(2):
        ledger.add("fgsgl", 2.0, seed=seed)
        ledger.add("tsm", 1.8, "lr=0.1 Жест", seed)
    ledger.add("majority", 0.0, kind="floor")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Glyph")  # is missing
        (sheet,) = draw(Inputs(read_board(ledger.folder)), "accuracy")
        document = pdf_of(sheet.figure)
    assert b"DejaVuSans" in document
