"""Figures show the numbers that they say they show."""

import json
import tracemalloc
import warnings

import numpy as np
import pytest
from figure_boards import a_thousand_classes, draw, factorial, keep_saliency, small

from fgsgl.report.board.board import read_board
from fgsgl.report.board.predicted_classes import PredictedClasses
from fgsgl.report.drawing import labels
from fgsgl.report.drawing.axes import canvas
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.render import pdf_of
from fgsgl.report.figures import _matrix, attention, pareto
from fgsgl.report.plot import plot_top1
from fgsgl.util.errors import UserError

pytestmark = pytest.mark.usefixtures("figure_style")


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


@pytest.mark.parametrize("name", ["accuracy", "forest"])
def test_long_names_are_whole_and_take_no_width_from_what_is_drawn(ledger, name):
    label = "Generous oracle (true joints, motion, 25 frames)"
    ledger.add("majority", 0.0, kind="floor")
    for seed in range(3):
        ledger.add("fgsgl", 2.4, seed=seed)
        ledger.add("generous", 2.3, seed=seed, name=label)
    (sheet,) = draw(Inputs(read_board(ledger.folder)), name)
    sheet.figure.draw_without_rendering()
    (axes,) = sheet.figure.axes
    assert label in [tick.get_text() for tick in axes.get_yticklabels()]
    assert axes.get_position().width * sheet.figure.get_size_inches()[0] > 2


def test_no_two_seeds_share_a_colour(ledger):
    ledger.add("majority", 0.0, kind="floor")
    for seed in range(12):
        ledger.add("fgsgl", 2.4, seed=seed)
        ledger.add("tsm", 2.3, seed=seed)
    (sheet,) = draw(Inputs(read_board(ledger.folder)), "accuracy")
    own = plot_top1(read_board(ledger.folder), canvas(4, 3).subplots())
    for axes in (sheet.figure.axes[0], own):
        colours = [tuple(line.get_markeredgecolor()) for line in axes.lines if line.get_marker() == "o"]
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


def test_the_share_of_a_map_inside_the_moving_part():
    map_TP = np.array([[0.5, 0.25, 0.0, 0.0], [0.25, 0.0, 0.0, 0.0]])
    mask_THW = np.zeros((2, 8, 8), dtype=bool)
    mask_THW[:, 1, 2] = True  # in the first patch of both frames
    assert attention.inside(map_TP, mask_THW) == pytest.approx((0.75, 0.25))


def test_beside_attention_stands_the_saliency_of_the_model_without_it(ledger):
    """On the moving part: 80 % of it; of FG-SGL itself, where the other has kept none, 30 %."""
    small(ledger)
    (own,) = (r for r in read_board(ledger.folder).records.values() if r.method == "fgsgl" and r.localisation)

    def on_the_part(share):
        saliency_NTP = np.full((2, 4, 7, 7), (1 - share) / 4 / 35)
        saliency_NTP[..., 5:] = share / 4 / 14  # the mask reaches into the last two columns of patches
        return saliency_NTP.reshape(2, 4, 49)

    def last_strip():
        sheet, _ = draw(Inputs(read_board(ledger.folder)), "attention")
        texts = [axes.get_ylabel() for axes in sheet.figure.axes if axes.get_ylabel()]
        return sheet, texts[-1].replace("\n", " ")

    sheet, text = last_strip()
    assert text.startswith("OUTCOME") and "ran with a version that kept none" in sheet.caption
    keep_saliency(ledger, own, on_the_part(0.3))
    sheet, text = last_strip()
    assert (
        text == "GRADIENT SALIENCY of FG-SGL itself inside: 30 % (even: 29 %)"
        and "none is kept of FG-SGL w/o" in sheet.caption
    )
    for seed, share in ((1, 0.5), (0, 0.8)):
        other = ledger.add("fgsgl", 2.0, "w/o fgsa", seed, localisation=own.localisation)
        path = keep_saliency(ledger, other, on_the_part(share))
    sheet, text = last_strip()
    assert text == "GRADIENT SALIENCY of FG-SGL w/o fgsa, same seed inside: 80 % (even: 29 %)"
    assert "the class that FG-SGL w/o fgsa predicts, trained with the same seed" in sheet.caption
    rows = sheet.table[sheet.table["map"] == "gradient saliency"]
    assert len(rows) == 4 * 7 and rows["6"].to_numpy() == pytest.approx(np.full(28, 0.8 * 7 / 2), abs=1e-2)
    keep_saliency(ledger, other, on_the_part(0.8), names=("Folding arms", "Crossing legs"))
    with pytest.raises(UserError, match=f"{path.name} is not of the clips of"):
        draw(Inputs(read_board(ledger.folder)), "attention")
    keep_saliency(ledger, other, on_the_part(0.8) * 0)
    with pytest.raises(UserError, match="without a positive sum"):
        draw(Inputs(read_board(ledger.folder)), "attention")


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


def test_no_scale_of_recalls_goes_where_no_recall_can(ledger):
    ledger.n_clips = 32  # two clips a class, so that two seeds have intervals of hundreds of points
    for seed in range(2):
        ledger.add("fgsgl", 1.5, seed=seed)
        ledger.add("tsm", 1.0, seed=seed)
    ledger.add("majority", 0.0, kind="floor")
    (sheet,) = draw(Inputs(read_board(ledger.folder)), "per-class-difference")
    assert sheet.table["half_width"].max() > 200
    assert max(axes.get_xlim()[1] for axes in sheet.figure.axes) <= 105


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
