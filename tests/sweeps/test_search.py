"""A search without training: which cells it asks for, what its studies are told, and what is refused.

Records are made up here, as cells would write them; everything else is the real thing.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import made
import optuna
import pytest
from msgspec.structs import replace
from optuna import Study
from optuna.storages import BaseStorage

import fgsgl.records.optuna_storage
import fgsgl.sweeps.liveness
from fgsgl.methods.cell import Cell
from fgsgl.methods.registry import get
from fgsgl.methods.search_space import Param
from fgsgl.records.optuna_storage import NoPruning, make_pruner, open_storage
from fgsgl.records.protocol import SEALED, default_protocol
from fgsgl.records.record import Record
from fgsgl.sweeps.liveness import Presence
from fgsgl.sweeps.objectives import values_of
from fgsgl.sweeps.samplers import pruner_spec
from fgsgl.sweeps.search import WRAP_UP_S, Search, Searches, Timebox
from fgsgl.sweeps.spaces import spaces_of
from fgsgl.sweeps.study import StudySpec, open_study, winner
from fgsgl.util.errors import UserError

PROTOCOL = default_protocol("synmg", "smoke", epochs=2, evaluation=SEALED)
FORMS = ["{}/studies.journal", "sqlite:///{}/studies.db"]


def study_spec(**changes) -> StudySpec:
    method, objectives = get("fgsgl"), changes.get("objectives", ("top1",))
    given = {
        "method": method, "space_name": "optim", "space": spaces_of(method)["optim"], "protocol": PROTOCOL,
        "fingerprint": "data", "text": "smg", "objectives": objectives, "sampler": "tpe", "seeds": 1,
        "pruner": pruner_spec(None, objectives, PROTOCOL.epochs, changes.get("seeds", 1)),
    }  # fmt: skip
    return StudySpec(**{**given, **changes})


def record_of(cell: Cell, top1: float = 0.5, status: str = "done", failure: str = "nan") -> Record:
    epochs = range(1, 2 if status == "pruned" else 1 + cell.protocol.epochs)
    given = {"curve": [{"epoch": epoch, "val_top1": top1, "train_s": 3.0} for epoch in epochs], "times_s": {}}
    if status == "failed":
        return made.failed(cell, failure, "it diverged", **given)
    return made.pruned(cell, **given) if status == "pruned" else made.done(cell, top1, **given)


@pytest.fixture(params=FORMS, ids=["journal", "database"])
def where(request, tmp_path: Path) -> str:
    return request.param.format(tmp_path)


@pytest.fixture
def storage(where: str) -> BaseStorage:
    return open_storage(where)


@pytest.fixture
def presence(tmp_path: Path, storage: BaseStorage) -> Iterator[Presence]:
    with Presence(tmp_path / "commands", storage) as here:
        yield here


def begun(asked: StudySpec, storage: BaseStorage, presence: Presence, trials: int, name: str = "s") -> Search:
    search = Search(asked, open_study(storage, name, asked), "nowhere", trials, presence, Timebox())
    search._count()
    return search


def states(study: Study) -> Counter:
    return Counter(trial.state.name for trial in study.get_trials(deepcopy=False))


def work_off(search: Search | Searches, top1=lambda cell: 0.5) -> list[Cell]:
    """Every cell that the search asks for, one after the other."""
    cells = []
    while (task := search.take()) is not None:
        cells.append(task.cell)
        search.finished(task, record_of(task.cell, top1(task.cell)))
    return cells


def test_trials_are_sealed_cells_with_the_defaults_first_and_seeds_of_their_own(storage, presence) -> None:
    search = begun(study_spec(), storage, presence, 6)
    cells = work_off(search, lambda cell: cell.variant.changes["recipe.lr"])
    assert [cell.variant.name for cell in cells] == [f"trial {number}" for number in range(6)]
    assert get("fgsgl").identity(cells[0].variant.changes) == get("fgsgl").identity({})
    assert {(cell.seed, cell.protocol.evaluation) for cell in cells} == {(1000, SEALED)}
    assert len({cell.cell_id for cell in cells}) == 6 and not search.open
    trials = search.study.get_trials()
    assert [trial.user_attrs["cell_ids"] for trial in trials] == [[cell.cell_id] for cell in cells]
    assert all(trial.intermediate_values == {1: trial.value, 2: trial.value} for trial in trials)
    best = winner(search.study, search.spec)
    assert best.value == max(cell.variant.changes["recipe.lr"] for cell in cells)


def test_a_search_is_the_same_whether_it_is_interrupted_or_not(tmp_path: Path) -> None:
    """Each trial has a sampler's seed of its own; a command that goes on must not draw the first values again."""
    found = []
    for name, parts in (("whole", (7,)), ("parts", (3, 5, 7))):
        storage = open_storage(str(tmp_path / f"{name}.journal"))
        for trials in parts:
            with Presence(tmp_path / "commands", storage) as presence:
                search = begun(study_spec(), storage, presence, trials)
                work_off(search, lambda cell: 0.1 / cell.variant.changes["recipe.lr"])
        found.append([trial.params for trial in search.study.get_trials()])
    assert found[0] == found[1] and len(found[0]) == 7
    assert len({params["recipe.lr"] for params in found[0]}) == 7


def test_nested_studies_draw_other_values_and_train_with_other_seeds(storage, presence) -> None:
    searches = [
        begun(study_spec(nested=nested, seeds=2), storage, presence, 3, f"s-{nested}") for nested in range(2)
    ]  # fmt: skip
    cells = work_off(Searches(searches))
    assert {(cell.variant.name.endswith("of study 1"), cell.seed) for cell in cells} == {
        (False, 1000), (False, 1001), (True, 1002), (True, 1003)
    }  # fmt: skip
    params = [[trial.params["recipe.lr"] for trial in search.study.get_trials()] for search in searches]
    assert params[0][0] == params[1][0] and set(params[0][1:]).isdisjoint(params[1][1:])
    for count in range(len(cells)):
        of_1 = [name.endswith("of study 1") for name in {cell.variant.name for cell in cells[:count]}]
        assert abs(of_1.count(True) - of_1.count(False)) <= 1, "as many trials for each at any time"


def test_several_seeds_of_a_trial_follow_one_another_and_their_mean_counts(storage, presence) -> None:
    search = begun(study_spec(seeds=3), storage, presence, 1)
    steps = []
    while (task := search.take()) is not None:
        assert search.take() is None, "the next seed waits for this one"
        steps.append(task.trial.steps_before)
        search.finished(task, record_of(task.cell, {1000: 0.2, 1001: 0.4, 1002: 0.9}[task.cell.seed]))
    (trial,) = search.study.get_trials()
    assert steps == [0, 2, 4] and trial.value == pytest.approx(0.5) and len(trial.user_attrs["cell_ids"]) == 3
    assert sorted(trial.intermediate_values) == [1, 2, 3, 4, 5, 6]


def test_no_settings_are_tried_twice_and_a_space_without_others_ends_the_search(storage, presence) -> None:
    few = (Param(name="fgsa", choices=(True, False)), Param(name="cpa", choices=(True, False)))
    search = begun(study_spec(space=few, space_name="file"), storage, presence, 10)
    cells = work_off(search)
    assert len(cells) == len({cell.cell_id for cell in cells}) == 4
    assert states(search.study) == {"COMPLETE": 4} and search.exhausted and search.begun == 4

    # By itself TPE stays with the best of the few settings without FG-SA, which it has found early.
    wide = study_spec(space=spaces_of(get("fgsgl"))["components"], space_name="components")
    search = begun(wide, storage, presence, 20, "wide")
    cells = work_off(search, lambda cell: 0.5 + 0.3 * (cell.variant.changes.get("fgsa") is False))
    assert len({cell.cell_id for cell in cells}) == 20 and states(search.study) == {"COMPLETE": 20}
    assert not search.exhausted


def test_the_trials_of_a_killed_command_are_run_again_as_the_same_cells(tmp_path, storage, monkeypatch) -> None:
    monkeypatch.setattr(fgsgl.sweeps.liveness, "UNCLAIMED_S", 0.0)
    with Presence(tmp_path / "commands", storage) as killed:
        search = begun(study_spec(), storage, killed, 4)
        lost = [search.take().cell.cell_id for _ in range(2)]
    with Presence(tmp_path / "commands", storage) as alive:
        search = begun(study_spec(), storage, alive, 4)
        again = [cell.cell_id for cell in work_off(search)]
    assert again[:2] == lost and len(set(again)) == 4
    assert states(search.study) == {"FAIL": 2, "COMPLETE": 4}
    assert [trial.user_attrs.get("again") for trial in search.study.get_trials() if trial.state.name != "FAIL"][:2] == [
        0, 1
    ]  # fmt: skip
    assert list((tmp_path / "commands").iterdir()) == []


@pytest.mark.slow
def test_a_data_base_tells_when_the_command_of_another_machine_is_gone(tmp_path, monkeypatch) -> None:
    for module in (fgsgl.records.optuna_storage, fgsgl.sweeps.liveness):
        monkeypatch.setattr(module, "HEARTBEAT_S", 1)
    monkeypatch.setattr(fgsgl.records.optuna_storage, "GRACE_S", 2)
    monkeypatch.setattr(fgsgl.sweeps.liveness, "UNCLAIMED_S", 0.0)
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    with Presence(tmp_path / "here", storage) as here:
        with Presence(tmp_path / "there", storage) as there:
            lost = begun(study_spec(), storage, there, 1).take()
            (trial_id,) = there.trial_ids
            storage.set_trial_user_attr(trial_id, fgsgl.sweeps.liveness.COMMAND, ["another machine", "its file"])
            search = begun(study_spec(), storage, here, 1)
            time.sleep(4)
            assert search.take() is None and search.open, "it is alive: its heart beats"
        deadline_s = time.monotonic() + 30
        while (task := search.take()) is None and time.monotonic() < deadline_s:
            time.sleep(0.2)
    assert task.cell.cell_id == lost.cell.cell_id
    assert states(search.study) == {"FAIL": 1, "RUNNING": 1}


def test_two_commands_share_the_trials_of_a_study(tmp_path, where, monkeypatch) -> None:
    monkeypatch.setattr(fgsgl.sweeps.liveness, "UNCLAIMED_S", 0.0)
    storages = [open_storage(where) for _ in range(2)]
    with Presence(tmp_path / "a", storages[0]) as one, Presence(tmp_path / "b", storages[1]) as other:
        searches = [begun(study_spec(), storages[0], one, 5), begun(study_spec(), storages[1], other, 5)]
        running, cells = [], []
        for _ in range(4):  # each takes two at a time, without a look at the other in between
            for search in searches:
                if (task := search.take()) is not None:
                    running.append((search, task))
                    cells.append(task.cell.cell_id)
        for search, task in running:
            search.finished(task, record_of(task.cell))
        assert all(search._count() or not search.open for search in searches)
    assert len(set(cells)) == len(cells) == 5
    assert states(searches[0].study)["COMPLETE"] == 5


def test_a_pruned_and_a_failed_trial_count_and_say_so(storage, presence) -> None:
    search = begun(study_spec(), storage, presence, 4)
    for status in ("failed", "pruned", "done", "done"):
        task = search.take()
        search.finished(task, record_of(task.cell, status=status))
    assert search.take() is None and not search.open
    assert [trial.state.name for trial in search.study.get_trials()] == ["FAIL", "PRUNED", "COMPLETE", "COMPLETE"]
    failed = search.study.get_trials()[0]
    assert (failed.user_attrs["failure"], failed.user_attrs["message"]) == ("nan", "it diverged")


def test_a_search_of_failures_alone_ends_in_a_line(storage, presence) -> None:
    search = begun(study_spec(), storage, presence, 9)
    for _ in range(3):
        task = search.take()
        search.finished(task, record_of(task.cell, status="failed"))
    assert search.given_up.startswith("the first 3 trials of 's' all failed, the last by nan: it diverged; mend")
    assert search.take() is None and not search.open
    with pytest.raises(UserError, match="no trial of the study 's' has finished"):
        winner(search.study, search.spec)


def test_what_the_data_or_the_disk_are_at_fault_for_is_no_result(storage, presence) -> None:
    """The command ends, for a full disk by what executes the cells; the next one tries the same settings again."""
    search = begun(study_spec(), storage, presence, 2)
    first = search.take()
    with pytest.raises(UserError, match="s, trial 0: it diverged"):
        search.finished(first, record_of(first.cell, status="failed", failure="bad_data"))
    second = search.take()
    search.finished(second, record_of(second.cell, status="failed", failure="unwritable"))
    assert first.cell.cell_id == second.cell.cell_id == work_off(search)[0].cell_id
    assert states(search.study) == {"FAIL": 2, "COMPLETE": 2}


def test_several_objectives_leave_the_trials_that_no_other_beats(storage, presence) -> None:
    asked = study_spec(objectives=("macro_f1", "train_s"))
    assert asked.identity()["pruner"] == "NopPruner()"
    search = begun(asked, storage, presence, 4)
    top1 = iter((0.2, 0.8, 0.6, 0.4))
    while (task := search.take()) is not None:
        assert task.trial.pruner is None, "no hook reports what Optuna does not take"
        search.finished(task, record_of(task.cell, next(top1)))
    assert [one.name for one in search.study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert winner(search.study, asked).values == [0.8, 6.0]


def test_an_objective_is_the_mean_over_the_cells_and_a_record_without_it_is_named() -> None:
    cells = [study_spec(seeds=2).cell("trial 0", {}, index) for index in range(2)]
    records = [record_of(cell, top1) for cell, top1 in zip(cells, (0.2, 0.6), strict=True)]
    assert values_of(("top1", "train_s"), records) == pytest.approx([0.4, 6.0])
    with pytest.raises(UserError, match=f"the record {cells[0].cell_id} has no gflops, which --objective asks for"):
        values_of(("gflops",), records)
    with pytest.raises(UserError, match="has no latency_ms, which --objective asks for; another cell ran beside it"):
        values_of(("latency_ms",), records)


def test_another_sampler_and_pruner_are_named_and_used(storage, presence) -> None:
    asked = study_spec(sampler="random", pruner=pruner_spec("hyperband", ("top1",), 5, 2))
    search = begun(asked, storage, presence, 4)
    work_off(search, lambda cell: cell.variant.changes["recipe.lr"])
    assert states(search.study) == {"COMPLETE": 4} and len({trial.value for trial in search.study.get_trials()}) == 4
    assert search.study.user_attrs["sampler"] == "RandomSampler(seed=of study 0 and the trial's number)"
    assert search.study.user_attrs["pruner"].startswith("HyperbandPruner(min_resource=1, max_resource=10, ")


def test_no_trial_is_started_that_would_not_end_in_time(storage, presence) -> None:
    """The first is, since nobody knows how long it takes: 100 s, of the 90 that are left then."""
    asked = study_spec()
    timebox = Timebox(ends_s=time.monotonic() + WRAP_UP_S + 90)
    search = Search(asked, open_study(storage, "s", asked), "nowhere", 5, presence, timebox)
    task = search.take()
    record = replace(record_of(task.cell), times_s={"total": 100.0, "train": 90.0})
    search.finished(task, record)
    assert search.take() is None and not search.open and search.left() == 4
    assert states(search.study) == {"COMPLETE": 1}


def test_a_timebox_counts_a_pruned_cell_as_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    timebox = Timebox(ends_s=1000 + WRAP_UP_S + 119)
    assert timebox.rounds() == math.inf, "nobody knows yet"
    cell = study_spec().cell("trial 0", {}, 0)
    timebox.see(replace(record_of(cell, status="pruned"), times_s={"total": 35.0, "train": 25.0}))
    assert timebox.longest_s == 60 and timebox.rounds() == 1, "one epoch of two"
    timebox.see(replace(record_of(cell), times_s={"total": 59.0, "train": 49.0}))
    timebox.see(replace(record_of(cell, status="failed"), times_s={}))
    assert timebox.longest_s == 60 and Timebox(longest_s=60.0).rounds() == math.inf
    assert Timebox(ends_s=1000.0).rounds() == 0 and Timebox().rounds() == math.inf


def test_halving_ends_the_worse_half_after_one_two_and_four_epochs() -> None:
    study = optuna.create_study(direction="maximize", pruner=make_pruner(pruner_spec("halving", ("top1",), 5, 1)))
    ended = []
    for top1 in (0.5, 0.4, 0.6, 0.5, 0.55, 0.7):
        trial = study.ask()
        for epoch in range(1, 6):
            trial.report(top1, epoch)
            if trial.should_prune():
                break
        study.tell(trial, top1)
        ended.append(epoch)
    assert ended == [5, 1, 5, 2, 4, 5]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"space_name": "all", "space": spaces_of(get("fgsgl"))["all"]}, "space optim, not all; space_hash"),
        ({"protocol": default_protocol("synmg", "smoke", epochs=3, evaluation=SEALED)}, "protocol_hash .*, not "),
        ({"fingerprint": "others"}, "data data, not others"),
        ({"method": get("tsm"), "space": spaces_of(get("tsm"))["optim"]}, "method fgsgl, not tsm"),
        ({"objectives": ("macro_f1",)}, r"objective \['top1'\], not \['macro_f1'\]"),
        ({"sampler": "random"}, "sampler TPESampler.*, not RandomSampler"),
        ({"pruner": NoPruning()}, "pruner MedianPruner.*, not NopPruner"),
        ({"seeds": 2}, "seeds_per_trial 1, not 2"),
    ],
)
def test_a_study_of_another_specification_is_refused_and_stays_as_it_is(tmp_path: Path, changes, error) -> None:
    path = tmp_path / "studies.journal"
    open_study(open_storage(str(path)), "s", study_spec())
    before = path.read_bytes()
    with pytest.raises(UserError, match=f"the study 's' was made with .*{error}.*give another --study"):
        open_study(open_storage(str(path)), "s", study_spec(**changes))
    assert path.read_bytes() == before


def test_a_study_that_another_command_is_about_to_make_is_shared_and_a_strangers_is_not(storage) -> None:
    optuna.create_study(study_name="s", storage=storage, direction="maximize").set_user_attr("method", "fgsgl")
    study = open_study(storage, "s", study_spec())
    assert {**study.user_attrs} == study_spec().identity() and states(study) == {"WAITING": 1}
    optuna.create_study(study_name="strange", storage=storage, direction="maximize").enqueue_trial({"x": 1})
    with pytest.raises(UserError, match="the study 'strange' was made with method None, not fgsgl"):
        open_study(storage, "strange", study_spec())
    optuna.create_study(study_name="empty", storage=storage, direction="minimize")
    with pytest.raises(UserError, match=r"'empty' was made with directions \['minimize'\], not \['maximize'\]"):
        open_study(storage, "empty", study_spec())


@pytest.mark.parametrize("objectives", [("train_s",), ("top1", "train_s")])
def test_a_pruner_of_what_no_epoch_foretells_is_refused(objectives) -> None:
    with pytest.raises(UserError, match="--pruner median goes by the top-1 of each epoch"):
        pruner_spec("median", objectives, 5, 1)
    assert pruner_spec(None, objectives, 5, 1) == pruner_spec("none", ("top1",), 5, 1) == NoPruning()


@pytest.mark.parametrize("line", ["{\n", "no journal\n", '{"op_code": 0}', "[]\n"])
def test_a_broken_line_of_a_journal_is_named_and_nothing_is_written(tmp_path: Path, line: str) -> None:
    path = tmp_path / "studies.journal"
    open_study(open_storage(str(path)), "s", study_spec())
    path.write_text(path.read_text() + line)
    before, lines = path.read_bytes(), len(path.read_text().splitlines())
    with pytest.raises(UserError, match=f"studies.journal cannot be read: line {lines} is broken"):
        open_storage(str(path))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
