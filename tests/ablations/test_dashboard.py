"""Designs as Optuna studies: every cell once, its state and top-1, and the ledger as the truth."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import made
import optuna
import pytest
from optuna.trial import TrialState

from fgsgl.ablations.dashboard import JOURNAL, DesignStudy, open_studies
from fgsgl.ablations.designs import AblationDesign, DesignArm
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.ledger import Ledger
from fgsgl.records.protocol import default_protocol
from fgsgl.records.record import Record
from fgsgl.running.planning import cells
from fgsgl.util.errors import UserError

FULL, BARE = Variant(method="fgsgl"), Variant(method="fgsgl", name="w/o fgsa", changes={"fgsa": False})
JOINT = Variant(method="fgsgl", name="w/o schedule", changes={"schedule": "joint"})
DESIGN = AblationDesign(
    name="factorial",
    factors=("fgsa", "schedule"),
    arms=(
        DesignArm(off=(), variant=FULL),
        DesignArm(off=("schedule",), variant=JOINT),
        DesignArm(off=("fgsa", "schedule"), variant=BARE),
        DesignArm(off=("fgsa",), variant=BARE),
    ),
)
PROTOCOL = default_protocol("synmg", "smoke")


@pytest.fixture
def plan() -> list[Cell]:
    """Three rows with 8 seeds, and the floors."""
    return cells(DESIGN.variants, PROTOCOL, 8, "data", "smg")


@pytest.fixture
def wanted(plan: list[Cell]) -> list[Cell]:
    return [cell for cell in plan if cell.variant.method == "fgsgl"]


def write(folder: Path, cell: Cell, top1: float | None) -> Record:
    """A record: done with a top-1, or failed."""
    record = made.failed(cell, "nan", "it diverged") if top1 is None else made.done(cell, top1)
    record.write(folder / "ledger")
    return record


def opened(out: Path, plan: list[Cell], url: str | None = None) -> DesignStudy:
    return open_studies([DESIGN], plan, Ledger(out / "ledger"), out, url)[0]


def states(study: DesignStudy) -> Counter:
    return Counter(trial.state.name for trial in study.study.get_trials(deepcopy=False))


def test_every_cell_is_enqueued_once_however_often_it_is_planned(tmp_path: Path, plan, wanted) -> None:
    for _ in range(3):
        study = opened(tmp_path, plan)
        assert states(study) == {"WAITING": 24}
    trials = study.study.get_trials()
    assert [trial.user_attrs["cell_id"] for trial in trials] == [cell.cell_id for cell in wanted], "whole pairs first"
    assert trials[2].system_attrs["fixed_params"] == {"fgsa": "changed", "schedule": "unchanged", "seed": 0}
    assert isinstance(study.study.sampler, optuna.samplers.RandomSampler)
    assert study.study.user_attrs["pruner"] == "NopPruner()"


@pytest.mark.parametrize("url", [None, "sqlite:///{}/studies.db"])
def test_a_cell_goes_from_waiting_over_running_to_its_top1(tmp_path: Path, plan, wanted, url) -> None:
    url = url and url.format(tmp_path)
    study = opened(tmp_path, plan, url)
    for cell in wanted[:3]:
        study.started(cell)
    study.started(next(cell for cell in plan if cell.variant.method == "majority"))  # no arm: passed over
    assert states(study) == {"RUNNING": 3, "WAITING": 21}
    study.finished(wanted[1], write(tmp_path, wanted[1], 0.5))
    study.finished(wanted[2], write(tmp_path, wanted[2], None))
    study.stopped()  # Ctrl-C, while the first still runs
    assert states(study) == {"WAITING": 22, "COMPLETE": 1, "FAIL": 1}
    _, done, failed, *_ = opened(tmp_path, plan, url).study.get_trials()
    assert done.value == 0.5 and done.params == {"fgsa": "unchanged", "schedule": "changed", "seed": 0}
    assert failed.user_attrs["failure"] == "nan" and failed.params["fgsa"] == "changed"
    assert JOURNAL.parent.name == "work" and (tmp_path / JOURNAL).exists() == (url is None)


def test_a_failed_cell_that_runs_again_gets_a_trial_more(tmp_path: Path, plan, wanted) -> None:
    write(tmp_path, wanted[0], None)
    study = opened(tmp_path, plan)
    assert states(study) == {"FAIL": 1, "WAITING": 23}
    study.started(wanted[0])
    study.finished(wanted[0], write(tmp_path, wanted[0], 0.6))
    assert states(study) == {"FAIL": 1, "WAITING": 23, "COMPLETE": 1}


def test_a_cell_that_another_command_has_finished_stays_finished(tmp_path: Path, plan, wanted) -> None:
    study, other = opened(tmp_path, plan), opened(tmp_path, plan)
    other.started(wanted[0])
    record = write(tmp_path, wanted[0], 0.6)
    other.finished(wanted[0], record)
    study.started(wanted[0])
    study.finished(wanted[0], record)
    assert states(study) == {"COMPLETE": 1, "WAITING": 23}


def test_a_deleted_study_is_made_anew_from_the_ledger(tmp_path: Path, plan, wanted) -> None:
    for seed, cell in enumerate(wanted[:5]):
        write(tmp_path, cell, 0.5 + seed / 100)
    before = opened(tmp_path, plan)
    assert states(before) == {"COMPLETE": 5, "WAITING": 19} and before.study.best_value == 0.54
    (tmp_path / JOURNAL).unlink()
    again = opened(tmp_path, plan)
    for one, other in zip(before.study.get_trials(), again.study.get_trials(), strict=True):
        assert (one.state, one.values, one.params, one.user_attrs) == (
            other.state, other.values, other.params, other.user_attrs
        )  # fmt: skip


def test_where_study_and_ledger_disagree_the_ledger_is_right(tmp_path: Path, plan, wanted) -> None:
    for cell in wanted[:2]:
        write(tmp_path, cell, 0.5)
    opened(tmp_path, plan)
    write(tmp_path, wanted[0], 0.7)
    (tmp_path / "ledger" / f"{wanted[1].cell_id}.json").unlink()
    study = opened(tmp_path, plan)
    assert states(study) == {"COMPLETE": 1, "WAITING": 23} and study.study.best_value == 0.7


def test_cells_of_an_interrupted_command_wait_again(tmp_path: Path, plan, wanted) -> None:
    opened(tmp_path, plan).started(wanted[0])  # and killed
    assert opened(tmp_path, plan).study.get_trials()[0].state == TrialState.WAITING


def test_a_storage_that_cannot_be_read_is_named(tmp_path: Path, plan) -> None:
    with pytest.raises(UserError, match="--storage cannot be opened"):
        opened(tmp_path, plan, "sqlte:///x.db")
    opened(tmp_path, plan)
    (tmp_path / JOURNAL).write_text("{\nno journal\n" + json.dumps({"op_code": 0}) + "\n")
    with pytest.raises(UserError, match=r"designs\.journal cannot be read: line \d+ is broken"):
        opened(tmp_path, plan)
