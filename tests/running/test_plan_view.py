"""A plan as it is shown: by row, in hours and minutes."""

from __future__ import annotations

import io

import made
import pytest
from rich.console import Console

from fgsgl.records.protocol import default_protocol
from fgsgl.running.experiment import folds_of
from fgsgl.running.plan_view import duration, show_plan
from fgsgl.running.planning import Planned


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3569, "59 min"), (3600, "1 h 00 min"), (12_000, "3 h 20 min")],
)
def test_lengths_of_time_are_said_in_hours_and_minutes(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_rows_are_grouped_and_their_times_added() -> None:
    planned = [
        Planned(cell=made.a_cell(method, seed=seed), done=seed == 0, failure=None, expected_s=expected_s)
        for method, expected_s in (("tsm", 1800.0), ("tsn", None))
        for seed in (0, 1, 2)
    ]
    planned.append(Planned(cell=made.a_cell("tsm", seed=3), done=False, failure="oom", expected_s=1800.0))
    console = Console(file=io.StringIO(), width=120)
    show_plan(planned, 2, console)
    lines = console.file.getvalue().splitlines()
    told = {line.split()[0]: " ".join(line.split()) for line in lines if line.split()}
    assert told["TSM"] == "TSM 0-3 1 done, 2 to do, 1 failed (oom) 30 min 1 h 00 min"
    assert told["TSN"] == "TSN 0-2 1 done, 2 to do no record"
    assert lines[-1] == (
        "4 cells to run, about 30 min with 2 at a time, as on record, not counting the 2 without a record"
    )


def test_each_seed_is_named_once_where_several_folds_have_it() -> None:
    protocols = folds_of(default_protocol("synmg", unseen=4), 2)
    cells = [made.a_cell(seed=seed, protocol=protocol) for protocol in protocols for seed in (0, 1, 2)]
    console = Console(file=io.StringIO(), width=120)
    show_plan([Planned(cell=cell, done=False, failure=None, expected_s=60.0) for cell in cells], 1, console)
    assert " 0-2 " in console.file.getvalue() and "6 to do" in console.file.getvalue()
