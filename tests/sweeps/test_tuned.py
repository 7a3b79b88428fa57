"""What a search found: winners, bill, config files and the table, from real studies and real records."""

from __future__ import annotations

import dataclasses
import json
import shutil
from functools import cache
from pathlib import Path

import made
import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from msgspec.structs import replace
from optuna.trial import TrialState

from fgsgl.cli.main import main
from fgsgl.methods.cell import Variant
from fgsgl.methods.registry import get
from fgsgl.methods.variant_file import read_config, read_configs, write_best
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile, add_to_plan
from fgsgl.records.predictions import read_predictions
from fgsgl.records.protocol import SEALED, default_protocol
from fgsgl.records.reading import read_record
from fgsgl.records.record import Done, Hardware
from fgsgl.records.row_key import TUNED
from fgsgl.report.board.board import read_board
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.report import write_results
from fgsgl.sweeps.results import MethodResult, cost_of, plan_entry, results_by_method
from fgsgl.sweeps.samplers import pruner_spec
from fgsgl.sweeps.spaces import spaces_of
from fgsgl.sweeps.study import FAILURE, StudySpec, open_study
from fgsgl.sweeps.suggest import suggest_by
from fgsgl.util.errors import UserError

COMMITTED = Path(__file__).resolve().parents[1] / "frozen" / "synmg-1" / "ledger"
PROTOCOL = default_protocol("synmg")
MORE = 4
"""Clips that the tuned cell of seed 0 has right besides; seed 1 twice as many, seed 2 three times."""
GAIN = 100 * 2 * MORE / 408
"""Points that tuning gains, over three seeds."""


def asked(method: str = "tsm", objectives: tuple[str, ...] = ("top1",), nested: int = 0) -> StudySpec:
    """A study of a method's recipe."""
    protocol = dataclasses.replace(PROTOCOL, evaluation=SEALED)
    return StudySpec(
        method=get(method), space_name="optim", space=spaces_of(get(method))["optim"], protocol=protocol,
        fingerprint="f", text="smg", objectives=objectives, sampler="random",
        pruner=pruner_spec(None, objectives, protocol.epochs, 1), seeds=1, nested=nested,
    )  # fmt: skip


def run_trials(study: optuna.Study, spec: StudySpec, trials: int) -> None:
    """Trials by a cheap function whose best rate is 0.0007: each third pruned, each fourth failed."""
    study.sampler = optuna.samplers.RandomSampler(seed=spec.nested)
    for number in range(trials):
        trial = study.ask()
        changes = {param.name: suggest_by(trial, param) for param in spec.space}
        trial.set_user_attr("cell_ids", [f"{spec.method.name}-{spec.nested}-{number}"])
        values = [0.7 - 0.1 * abs(np.log10(changes["recipe.lr"] / 0.0007)), 10 + 1000 * changes["recipe.lr"]]
        if number % 3 == 2:
            study.tell(trial, state=TrialState.PRUNED)
        elif number % 4 == 3:
            trial.set_user_attr(FAILURE, "nan")
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, values[: len(spec.objectives)])


def searched(*specs: StudySpec, trials: int = 8) -> tuple[MethodResult, ...]:
    storage = optuna.storages.InMemoryStorage()
    studies = [open_study(storage, f"{one.method.name}-{one.nested}", one) for one in specs]
    for study, spec in zip(studies, specs, strict=True):
        run_trials(study, spec, trials)
    return results_by_method(specs, studies)


@cache
def record_of(method: str, seed: int) -> Done:
    """A committed record of a method's default settings."""
    (path,) = (
        COMMITTED / f"{cell['cell_id']}.json"
        for cell in json.loads((COMMITTED.parent / "plan.json").read_text())["cells"]
        if (cell["method"], cell["variant"], cell["seed"]) == (method, "full", seed)
    )
    return read_record(path)


def commit(folder: Path, record: Done) -> None:
    """Copies a committed cell to another board."""
    record.write(folder / "ledger")
    shutil.copy(COMMITTED / f"{record.cell_id}.npz", folder / "ledger")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[MethodResult, ...]]:
    """The results of a sweep of TSM with three studies: committed records, of which three stand for tuned cells, and
    those of the trials."""
    folder = tmp_path_factory.mktemp("sweep")
    found = searched(*(asked(nested=nested) for nested in range(3)))
    for seed in range(3):
        default = record_of("tsm", seed)
        recipe = {**default.config.recipe, "lr": found[0].changes(seed)["recipe.lr"]}
        commit(folder, default)
        tuned = replace(default, variant=TUNED, config=replace(default.config, recipe=recipe))
        predictions = read_predictions(COMMITTED, default.cell_id)
        scores_NC = predictions.scores["combined"]
        wrong_N = np.flatnonzero(scores_NC.argmax(1) != predictions.labels)[: MORE * (1 + seed)]
        scores_NC[wrong_N] = np.eye(scores_NC.shape[1])[predictions.labels[wrong_N]]
        made.write_cell(folder / "ledger", tuned, predictions)
    commit(folder, record_of("majority", 0))
    for cell_id in found[0].cell_ids[1:]:
        times = {"total": 1800.0}
        replace(default, cell_id=cell_id, times_s=times).write(folder / "trials" / "ledger")
    trials = Ledger(folder / "trials" / "ledger")
    add_to_plan(folder, [], tunings=[plan_entry(found[0], trials, default.protocol_hash)])
    write_results(folder, found, trials, default.protocol_hash)
    return folder, found


def test_the_winner_is_the_best_finished_trial_of_each_study(board) -> None:
    _, (tuning,) = board
    assert len(tuning.studies) == 3 and {len(answer.trials) for answer in tuning.studies} == {8}
    for answer in tuning.studies:
        values = {t.number: t.value for t in answer.trials if t.state == TrialState.COMPLETE}
        assert answer.best.number == max(values, key=values.get) and set(values) == {0, 1, 4, 6}
        assert (answer.ended("PRUNED"), answer.ended("FAIL")) == (2, 2)
    best = max(tuning.studies, key=lambda answer: answer.best.value)
    assert tuning.best is best and tuning.changes(4) == tuning.studies[1].changes != tuning.changes(0)


def test_of_several_objectives_the_first_chooses_among_what_nothing_beats() -> None:
    (tuning,) = searched(asked(objectives=("top1", "train_s")), trials=20)
    (answer,) = tuning.studies
    done = [trial for trial in answer.trials if trial.state == TrialState.COMPLETE]
    assert answer.best.values[0] == max(trial.values[0] for trial in done)
    assert [OBJECTIVES[name].direction for name in answer.spec.objectives] == ["maximize", "minimize"]


def test_a_search_without_a_finished_trial_has_no_winner(tmp_path: Path) -> None:
    spec = asked()
    study = open_study(optuna.storages.InMemoryStorage(), "s", spec)
    trial = study.ask()
    study.tell(trial, state=TrialState.FAIL)  # of a killed command: it does not count
    (tuning,) = results_by_method([spec], [study])
    assert tuning.best is None and tuning.finished == () and tuning.studies[0].trials == ()
    for record in (record_of("tsm", 0), record_of("tsm", 1), record_of("majority", 0)):
        commit(tmp_path, record)
    write_results(tmp_path, (tuning,), Ledger(tmp_path / "trials" / "ledger"), record_of("tsm", 0).protocol_hash)
    assert "TSM: no trial finished, so there is no tuned row." in (tmp_path / "tuning.md").read_text()
    assert not (tmp_path / "best").exists() and not (tmp_path / "figures").exists()


def test_each_cell_is_billed_once_and_what_left_no_time_is_counted(board) -> None:
    folder, (tuning,) = board
    records = Ledger(folder / "trials" / "ledger").records()
    found = cost_of(tuning, records)
    assert (found.cell_hours, found.gpu_hours, found.unknown) == (23 * 0.5, 0.0, 1)
    first, second, *_ = records
    unresolved = {second: replace(records[second], hardware=Hardware(device="auto", threads=1))}
    assert cost_of(tuning, records | unresolved).gpu_hours == 0.0
    on_gpus = Hardware(device="cuda", devices=2, gpu="H100")
    records |= unresolved | {first: replace(records[first], hardware=on_gpus)}
    assert cost_of(tuning, records).gpu_hours == 1.5
    twice = MethodResult(studies=tuning.studies * 2)
    assert cost_of(twice, records) == cost_of(tuning, records)


def test_the_plan_tells_the_board_of_the_search(board) -> None:
    folder, _ = board
    (entry,) = PlanFile.read(folder).tunings
    assert (entry.method, entry.trials, entry.pruned, entry.failed, entry.cell_hours) == ("tsm", 24, 6, 6, 11.5)
    assert entry.sampler == "RandomSampler(seed=of study 0 to 2 and the trial's number)"
    assert entry.studies == ["tsm-0", "tsm-1", "tsm-2"] and entry.pruner.startswith("MedianPruner(n_startup_trials=4")
    table = read_board(folder).table
    row = table[table["variant"] == TUNED].iloc[0]
    assert row["diff_top1"] == pytest.approx(GAIN) and row["settings"].count("recipe.lr=") == 3
    add_to_plan(folder, [])
    assert PlanFile.read(folder).tunings == [entry]


def test_the_table_has_a_row_a_method_and_says_what_the_chance_of_the_search_is(board) -> None:
    folder, (tuning,) = board
    text = (folder / "tuning.md").read_text()
    (line,) = pd.read_csv(folder / "tuning.csv").to_dict("records")
    values = [100 * answer.best.value for answer in tuning.studies]
    assert line["tuned"] - line["default"] == pytest.approx(line["diff_top1"]) == pytest.approx(GAIN)
    table = read_board(folder).table
    row = table[table["variant"] == TUNED].iloc[0]
    assert (line["sim_low"], line["sim_high"]) == pytest.approx((row["sim_low"], row["sim_high"]), nan_ok=True)
    assert line["value_sd"] == pytest.approx(np.std(values, ddof=1) / 100)
    assert f"| {max(values):.1f} % | 24 | 6 | 6 | 11.50 (0.00) |" in text and "| TSM | recipe.lr=" in text
    assert f"lie between {min(values):.1f} % and {max(values):.1f} %" in text
    assert "1 cell(s) of trials left no time" in text and "whether tuning helped cannot be told" in text
    for answer in tuning.studies:
        assert f"| {answer.study.study_name} | recipe.lr=" in text
        assert f"| {100 * answer.best.value:.1f} % | {answer.best.number} | 8 | 2 | 2 |" in text
    assert text.count("![") == text.count("](figures/") == len(list((folder / "figures").glob("*.png"))) == 5


def test_the_best_settings_are_a_config_file(board) -> None:
    folder, (tuning,) = board
    path = folder / "best" / "tsm.yaml"
    assert read_config(path) == Variant(method="tsm", name=TUNED, changes=tuning.best.changes)
    source = yaml.safe_load(path.read_text())["from"]
    assert source["study"] == tuning.best.study.study_name and source["value"] == {"top1": tuning.best.best.value}


def test_settings_survive_the_file_to_the_bit(tmp_path: Path) -> None:
    changes = {"recipe.lr": 1 / 3e5, "loss_fine": 0.1 + 0.2, "fgsa": False, "schedule": "joint", "dimensions": ["part"]}
    write_best(tmp_path / "a.yaml", "fgsgl", changes, {"study": "s"})
    assert read_config(tmp_path / "a.yaml").changes == changes


@pytest.mark.parametrize(
    "content, says",
    [
        ("method: [", "cannot be read"),
        ("- 1", "names no method; expected a mapping with method, name, changes, from"),
        ("method: tsmm", "unknown method 'tsmm'; did you mean tsm"),
        ("{method: tsm, change: {}}", "has the key 'change'; did you mean changes?"),
        ("{method: tsm, changes: {recipe.lrr: 1}}", "tsm has no setting 'recipe.lrr'; did you mean recipe.lr"),
        ("{method: tsm, changes: {recipe.lr: -1.0}}", "recipe.lr is -1.0, expected more than 0"),
        ("{method: fgsgl, changes: {lora_rank: high}}", "lora_rank would be 'high', expected a value such as 8"),
        ("{method: tsm, name: full}", "has the name 'full'"),
        ("{method: tsm, changes: [1]}", "and the changes [1]"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
    ],
)
def test_a_config_that_is_none_is_refused_in_one_line(tmp_path: Path, capsys, content: str, says: str) -> None:
    path = tmp_path / "best.yaml"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_config(path)
    assert says in str(caught.value) and str(path) in str(caught.value)
    assert main(["run", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_two_configs_of_one_row_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_best(tmp_path / f"{name}.yaml", "tsm", {}, {})
    with pytest.raises(UserError, match="are both 'tsm tuned', which is one row of a board"):
        read_configs([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    (tmp_path / "b.yaml").write_text("{method: tsm, name: slower}")
    assert [one.name for one in read_configs([tmp_path / "a.yaml", tmp_path / "b.yaml"])] == [TUNED, "slower"]


def test_a_tuning_takes_the_place_of_the_one_before_it(tmp_path: Path) -> None:
    (tuning,), ledger = searched(asked()), Ledger(tmp_path / "ledger")
    entries = [plan_entry(tuning, ledger, "p"), plan_entry(tuning, ledger, "q"), plan_entry(tuning, ledger, "p")]
    add_to_plan(tmp_path, [], tunings=entries[:2])
    add_to_plan(tmp_path, [], tunings=[replace(entries[2], trials=99)])
    kept = json.loads((tmp_path / "plan.json").read_text())["tunings"]
    assert [(one["protocol_hash"], one["trials"]) for one in kept] == [("p", 99), ("q", 8)]
