"""Seeds and rows from different code, versions and machines: averaged and compared, but never without a word."""

import numpy as np
import pytest
from figure_boards import draw
from msgspec import structs

from fgsgl.records.record import Cost, Environment, Hardware
from fgsgl.report.ablations.evaluate import ablations
from fgsgl.report.ablations.render import notes
from fgsgl.report.board.board import read_board
from fgsgl.report.contrast import contrasts, markdown
from fgsgl.report.drawing.inputs import Inputs

OLD, NEW = Environment(torch="2.15.0", git_commit="a" * 40), Environment(torch="2.15.0", git_commit="b" * 40)


def row(board, label):
    (found,) = (row for row in board.table.itertuples() if row.label == label)
    return found


def sentences(board, part: str) -> list[str]:
    return [sentence for sentence in (*board.notes, *board.cost_notes) if part in sentence]


def test_seeds_from_different_code_are_marked_and_named(ledger) -> None:
    ledger.fill(seeds=3)
    for seed, environment in enumerate((OLD, OLD, structs.replace(NEW, git_dirty=True))):
        ledger.add("tsm", 1.6, seed=seed, environment=environment)
    board = read_board(ledger.folder)
    assert row(board, "TSM").status == "3 done, code of 2 states" and row(board, "FG-SGL").status == "3 done"
    (said,) = sentences(board, "average seeds from different code")
    assert said.startswith("1 row(s)") and "TSM (aaaaaaa: seeds 0, 1; bbbbbbb with changes: seed 2)" in said
    (said,) = sentences(board, "although the code differs")
    assert "differs: TSM. " in said
    assert sentences(board, "1 cell(s) ran with changes that no commit holds.")


def test_rows_from_different_code_and_versions_are_named(ledger) -> None:
    ledger.fill(seeds=2)
    for seed in range(2):
        ledger.add("tsm", 1.6, seed=seed, environment=structs.replace(NEW, torch="2.16.0"))
    board = read_board(ledger.folder)
    assert row(board, "TSM").status == "2 done" and not sentences(board, "average seeds from different code")
    assert sentences(board, "although the code differs: TSM.")
    (said,) = sentences(board, "Versions differ between cells: torch 2.15.0, 2.16.0.")
    assert "compared with their reference across them: TSM." in said and "average over" not in said


def test_one_state_of_code_on_one_machine_needs_no_word(ledger) -> None:
    ledger.fill(seeds=2)
    board = read_board(ledger.folder)
    for part in (
        "different code",
        "code differs",
        "Versions differ",
        "several machines",
        "changes that no",
        "of one machine",
        "the machine differs",
    ):
        assert not sentences(board, part)
    assert row(board, "TSM").latency_ms == 20.5 and row(board, "TSM").peak_memory_mib == 900


GPU = Hardware(device="cuda", gpu="NVIDIA H200", cpu="A CPU", cores=16, threads=1, autocast="bf16")
COSTS = ("train_s", "latency_ms", "clips_per_s", "peak_memory_mib")


def test_costs_are_not_averaged_over_machines(ledger) -> None:
    ledger.fill(seeds=3)
    ledger.add("tsm", 1.6, seed=2, hardware=GPU)
    board = read_board(ledger.folder)
    assert all(np.isnan(getattr(row(board, "TSM"), name)) for name in COSTS)
    assert row(board, "TSM").gflops == 1.5 and np.isfinite(row(board, "TSM").top1)
    (said,) = sentences(board, "average seeds from several machines")
    assert "TSM (A CPU, 2 cores, bf16: seeds 0, 1; NVIDIA H200 with A CPU, 16 cores, bf16: seed 2)" in said
    assert sentences(board, "although the machine differs: TSM.")
    assert sentences(board, "compare only between rows of one machine")
    assert all(np.isfinite(getattr(row(board, "FG-SGL"), name)) for name in COSTS)


@pytest.mark.parametrize(
    "changed",
    [{"threads": 8}, {"devices": 2}, {"autocast": "none"}, {"compiled": True}, {"cpu": "Another CPU"}, {"cores": 64}],
)
def test_whatever_a_time_depends_on_makes_another_machine(ledger, changed) -> None:
    ledger.fill(seeds=2)
    record = ledger.add("tsm", 1.6, seed=1)
    ledger.add("tsm", 1.6, seed=1, hardware=structs.replace(record.hardware, **changed))
    shown = row(read_board(ledger.folder), "TSM")
    assert np.isnan(shown.train_s) and len(set(shown.hardware.split("; "))) == 2


@pytest.mark.parametrize("alone", [None, False])
def test_times_that_were_not_measured_alone_are_not_shown(ledger, alone) -> None:
    ledger.fill(seeds=2)
    cost = Cost(gflops=1.5, latency_ms=20.0, clips_per_s=60.0, measured_alone=alone)
    ledger.add("tsm", 1.6, seed=1, cost=cost)
    board = read_board(ledger.folder)
    shown = row(board, "TSM")
    assert np.isnan(shown.latency_ms) and np.isnan(shown.clips_per_s) and shown.peak_memory_mib == 900
    assert sentences(board, "of 1 cell(s) that is not known, or not so.")
    assert np.isnan(shown.train_s)
    assert np.isfinite(row(board, "FG-SGL").latency_ms) and np.isfinite(row(board, "FG-SGL").train_s)


def test_seeds_of_other_versions_are_named(ledger) -> None:
    ledger.fill(seeds=2)
    ledger.add("tsm", 1.6, seed=1, environment=Environment(torch="2.16.0", git_commit="c" * 40))
    (said,) = sentences(read_board(ledger.folder), "Versions differ")
    assert "average over them: TSM." in said and "across them: TSM." in said


ORIGINS = {
    "code": {"environment": NEW},
    "versions": {"environment": Environment(torch="2.16.0", git_commit="c" * 40)},
    "machine": {"hardware": GPU},
}


@pytest.mark.parametrize("what", ORIGINS)
def test_ablations_and_contrasts_say_what_differs_between_their_cells(ledger, what: str) -> None:
    ledger.fill_everything()
    alike = contrasts([ledger.folder])
    assert not alike["origins"].any() and not any(design.origins for design in ablations(read_board(ledger.folder)))
    for seed in range(3):
        ledger.add("fgsgl", 2.0, "-fgsa", seed, **ORIGINS[what])
    table = contrasts([ledger.folder])
    assert set(table.loc[table["origins"] == what, "label"]) == {"FG-SGL -fgsa"} and (table["origins"] != "").sum() == 3
    assert "differ" in (said := markdown(table).splitlines()[-1]) and said.endswith("these rows: FG-SGL -fgsa.")
    (design,) = ablations(read_board(ledger.folder))
    assert [
        sentence for sentence in notes(design) if "FG-SGL -fgsa" in sentence and what.rstrip("s") in sentence.lower()
    ]


def test_accuracy_against_latency_is_of_one_machine(ledger) -> None:
    ledger.fill(seeds=1)
    for method in ("tsn", "i3d"):
        ledger.add(method, 1.5)
    ledger.add("tsm", 1.6, hardware=GPU, cost=Cost(gflops=1.5, latency_ms=0.5, measured_alone=True))
    (sheet,) = draw(Inputs(read_board(ledger.folder)), "pareto")
    table = sheet.table.set_index("row")
    assert np.isnan(table.loc["TSM", "latency_ms"]) and not table.loc["TSM", "front_latency_ms"]
    assert table.loc["FG-SGL", "latency_ms"] == 20 and table.loc["TSM", "gflops"] == 1.5
    assert "Latency is of the rows that ran on A CPU, 2 cores, bf16; 1 ran elsewhere" in sheet.caption
