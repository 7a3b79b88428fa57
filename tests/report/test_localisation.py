"""The table of where recognizers look: planted differences, records of older versions, and names that would do harm."""

import html
import io

import made
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fgsgl.records.record import Localisation, Readout
from fgsgl.report.board.board import read_board
from fgsgl.report.csv_text import csv_text
from fgsgl.report.formatting import p_text
from fgsgl.report.localisation.evaluate import localisation
from fgsgl.report.localisation.render import localisation_tables, markdown
from fgsgl.report.report import report
from fgsgl.util.errors import UserError

SEEDS = 6
BLIND = {"even": 0.03, "centre": 0.06, "prior": 0.1}


def measured(energy: dict[str, float], r1: dict[str, dict[str, float]], **changes) -> Localisation:
    """What a cell records; the pointing game gets twice the energy."""
    hits = {
        source: {name: Readout(r1=value, sentences=8, largest=0.25) for name, value in dimensions.items()}
        for source, dimensions in r1.items()
    }
    pointing = {name: 2 * value for name, value in (energy | BLIND).items()}
    return made.localisation(energy | BLIND, **{"pointing": pointing, "readout": hits or None, **changes})


@pytest.fixture
def values() -> dict[str, np.ndarray]:
    """Planted: the attention of ``part`` lies above the saliency of the category-only model, ``outcome`` does not."""
    random = np.random.default_rng(0)
    means = {"part": 0.2, "outcome": 0.1, "saliency": 0.12, "without": 0.1, "local": 0.3, "video": 0.5}
    return {name: mean + 0.01 * random.standard_normal(SEEDS) for name, mean in means.items()}


@pytest.fixture
def folder(ledger, values):
    ledger.fill(seeds=1)
    for seed in range(SEEDS):
        own = {name: float(column[seed]) for name, column in values.items()}
        looks = {name: own[name] for name in ("part", "outcome", "saliency")}
        full = measured(looks, {"local": {"part": own["local"]}, "video": {"part": own["video"]}})
        ledger.add("fgsgl", 2.4, seed=seed, localisation=full)
        without = measured({"saliency": own["without"]}, {"video": {"part": own["video"] - 0.05}})
        ledger.add("fgsgl", 2.0, "w/o fgsa", seed, localisation=without)
    return ledger.folder


def only(table: pd.DataFrame, **wanted) -> pd.Series:
    for name, value in wanted.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_differences_to_the_category_only_model_are_paired(folder, values) -> None:
    table = localisation(read_board(folder))
    for name in ("part", "outcome", "saliency"):
        wanted = {"dimension": "" if name == "saliency" else name, "variant": "full", "measure": "energy"}
        row = only(table, source="saliency" if name == "saliency" else "attention", **wanted)
        test = stats.ttest_rel(values[name], values["without"])
        assert row["difference"] == pytest.approx(100 * np.mean(values[name] - values["without"]))
        low = 100 * test.confidence_interval().low
        assert row["difference"] - row["diff_half_width"] == pytest.approx(low)
        assert row["n_pairs"] == row["n_seeds"] == SEEDS
    part = only(table, dimension="part", source="attention", measure="energy")
    assert part["p"] == part["smallest_p"] == 2 / 2**SEEDS and part["wins"] == 1 and part["d_z"] > 3
    reads = only(table, variant="full", source="video", measure="readout")
    assert reads["difference"] == pytest.approx(5) and reads["sentences"] == 8 and reads["largest"] == 25
    without = table[(table["variant"] == "w/o fgsa")]
    assert len(without) == 3 and without["difference"].isna().all()
    assert only(table, measure="pointing", source="centre")["value"] == 12


def test_the_dimensions_of_a_measure_are_a_family(folder) -> None:
    board = read_board(folder)
    table = localisation(board)
    tested = table[table["p"].notna()]
    assert set(tested["variant"]) == {"full"} and set(tested["source"]) == {"attention", "local"}
    assert tested.groupby("measure").size().to_dict() == {"energy": 2, "pointing": 2, "readout": 1}
    for _, family in tested.groupby("measure"):
        np.testing.assert_allclose(family["p_holm"], multipletests(family["p_t"], method="holm")[1])
        for row in family.itertuples():  # Bonferroni's interval, which excludes 0 only if Holm's p is below 0.05
            assert row.sim_half_width >= row.diff_half_width or len(family) == 1
            assert row.p_holm <= 0.05 or abs(row.difference) <= row.sim_half_width
    text = markdown(localisation_tables(board, table))
    part = only(tested, dimension="part", measure="energy")
    assert f"± {part['sim_half_width']:.1f} | {p_text(part['p_holm'])} |" in html.unescape(text.replace("\\", ""))


def test_the_paired_t_test_is_that_of_scipy(folder, values) -> None:
    part = only(localisation(read_board(folder)), dimension="part", source="attention", measure="energy")
    assert part["p_t"] == pytest.approx(stats.ttest_rel(values["part"], values["without"]).pvalue)


def test_rows_with_other_seeds_are_not_compared_and_the_note_says_so(ledger, folder) -> None:
    ledger.add("fgsgl", 2.0, "text=names", 0, localisation=measured({"part": 0.2, "saliency": 0.1}, {}))
    board = read_board(folder)
    table = localisation(board)
    row = only(table, variant="text=names", source="attention", measure="energy")
    assert row["value"] == pytest.approx(20) and np.isnan(row["difference"])
    assert row["note"].startswith("not compared: seed 1 is missing here")
    text = markdown(localisation_tables(board, table)).replace("\\", "")
    assert "FG-SGL text=names: not compared: seed 1 is missing here" in text


def test_the_note_says_what_is_missing_and_what_the_numbers_are_over(folder) -> None:
    board = read_board(folder)
    text = markdown(localisation_tables(board, localisation(board)))
    assert "136 of 240 test clips, as evenly over the classes" in text
    assert "the measurement in their records: FG-SGL text=shuffled; FG-SGL -fgsa; TSM." in text.replace("\\", "")
    assert "Recorded before" not in text
    table = pd.read_csv(io.StringIO(csv_text(localisation(board))))
    assert set(table["measure"]) == {"energy", "pointing", "readout"} and table["value"].between(0, 100).all()


def test_records_of_older_versions_stand_apart(ledger, folder) -> None:
    share = {"part": 0.3, "even": 0.03, "prior": 0.1}
    ledger.add("fgsgl", 2.1, "text=shuffled", 0, localisation=made.localisation(share, n_clips=240, clips_sha256=None))
    board = read_board(folder)
    table = localisation(board)
    row = only(table, variant="text=shuffled", measure="energy", source="attention")
    assert row["value"] == pytest.approx(30) and np.isnan(row["difference"]) and row["n_clips"] == 240
    assert "with attention alone, over all clips: FG-SGL text=shuffled." in markdown(localisation_tables(board, table))
    assert table[table["source"] == "even"]["n_clips"].to_list() == [136, 136, 240, 240]


def test_of_many_rows_the_first_are_shown_and_what_they_are_compared_with(ledger, folder, monkeypatch) -> None:
    ledger.add("fgsgl", 2.2, "text=names", localisation=measured({"part": 0.2, "saliency": 0.1}, {}))
    board = read_board(folder)
    table = localisation(board)
    whole = localisation_tables(board, table)
    assert len({row.variant for row, _ in whole.maps if row.method}) > 2 and "are shown" not in " ".join(whole.notes)
    monkeypatch.setattr("fgsgl.report.localisation.render.MOST_ROWS", 2)
    few = localisation_tables(board, table)
    assert (
        "2 of 3 rows are shown, first full methods and FG-SGL without FG-SA or CP-A; localisation.csv has them all."
        in few.notes
    )
    assert {row.variant for row, _ in (*few.maps, *few.readouts) if row.method} == {"full", "w/o fgsa"}
    blind = [[texts for row, texts in shown.maps if not row.method] for shown in (whole, few)]
    assert blind[0] == blind[1] != []


def test_a_board_without_masks_has_no_such_table(ledger) -> None:
    ledger.fill(seeds=1)
    board = read_board(ledger.folder)
    assert localisation_tables(board, localisation(board)) is None


def test_a_record_whose_two_measures_are_of_other_maps_is_refused_by_name(ledger) -> None:
    damaged = ledger.add("fgsgl", 2.0, localisation=measured({"saliency": 0.1}, {}, pointing={"saliency": 0.2}))
    with pytest.raises(UserError, match=f"{damaged.cell_id}.json cannot stand on a board: localisation .* same maps"):
        read_board(ledger.folder)


def test_names_cannot_leave_their_cell_or_run(ledger, folder, without_figures) -> None:
    ledger.add("fgsgl", 2.0, "| <b>x</b>", 0, localisation=measured({"saliency": 0.1}, {}))
    ledger.add("evil", 2.0, "full", 0, name="=cmd()", localisation=measured({"saliency": 0.1}, {}))
    report(folder)
    assert "<b>" not in (folder / "localisation.md").read_text()
    labels = pd.read_csv(folder / "localisation.csv")["label"].dropna()
    assert "'=cmd()" in set(labels) and not any(label.startswith("=") for label in labels)
