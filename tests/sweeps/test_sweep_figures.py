"""The figures of a search keep the contract, and show the numbers they say they show."""

from __future__ import annotations

import itertools
import struct
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from fgsgl.methods.registry import get
from fgsgl.methods.search_space import defaults, suggest
from fgsgl.records.protocol import SEALED, default_protocol
from fgsgl.report.drawing.draw import draw_all
from fgsgl.report.drawing.scan import scan
from fgsgl.report.report import write_figures
from fgsgl.style import STYLE
from fgsgl.sweeps import figures
from fgsgl.sweeps.figures import history, importance, parallel, slices, tuning_curve
from fgsgl.sweeps.figures._values import best_so_far, finished
from fgsgl.sweeps.results import MethodResult, results_by_method
from fgsgl.sweeps.samplers import pruner_spec
from fgsgl.sweeps.spaces import spaces_of
from fgsgl.sweeps.study import FAILURE, StudySpec, open_study
from fgsgl.sweeps.suggest import suggest_by
from fgsgl.testing.figure_contract import examine

PROTOCOL = default_protocol("synmg", evaluation=SEALED)


def searched(
    method: str = "fgsgl", space: str = "components", studies: int = 1, trials: int = 24, objectives=("top1",)
) -> MethodResult:
    """Studies of a cheap function, in which CP-A is worth three points; some trials are pruned, some fail."""
    storage, specs, made = optuna.storages.InMemoryStorage(), [], []
    for nested in range(studies):
        spec = StudySpec(
            method=get(method), space_name=space, space=spaces_of(get(method))[space], protocol=PROTOCOL,
            fingerprint="f", text="smg", objectives=objectives, sampler="random", seeds=1, nested=nested,
            pruner=pruner_spec(None, objectives, PROTOCOL.epochs, 1),
        )  # fmt: skip
        study = open_study(storage, f"{method}-{nested}", spec)
        study.sampler = optuna.samplers.RandomSampler(seed=nested)
        for number in range(trials):
            trial, random = study.ask(), np.random.default_rng([nested, number])
            values = suggest(spec.space, lambda param, trial=trial: suggest_by(trial, param))
            top1 = 0.66 + 0.03 * bool(values.get("cpa")) + random.normal(scale=0.004)
            if number % 7 == 5 and len(objectives) == 1:
                trial.report(0.8 * top1, 0)
                study.tell(trial, state=TrialState.PRUNED)
            elif number % 11 == 9:
                trial.set_user_attr(FAILURE, "nan")
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, [top1, 20 + random.uniform(0, 9)][: len(objectives)])
        specs.append(spec)
        made.append(study)
    (tuning,) = results_by_method(specs, made)
    return tuning


@pytest.fixture(scope="module")
def components() -> MethodResult:
    return searched()


def sheet(module, tuning: MethodResult):
    with matplotlib.rc_context(fname=STYLE):
        (found,) = module.FIGURE.draw((tuning,))
    return found


@pytest.mark.parametrize(
    "search",
    [
        {"studies": 3, "trials": 12},
        {"method": "tsm", "space": "optim", "trials": 10},
        {"space": "all", "trials": 16, "objectives": ("macro_f1", "train_s")},
        {"studies": 10, "trials": 3},
        {"trials": 1},
    ],
)
def test_every_figure_keeps_the_contract(search: dict) -> None:
    tuning = searched(**search)
    found = scan(figures)
    assert not found.faults
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = {figure.name: examine(figure, (tuning,)) for figure in found.figures}
    names = {"history", "importance", "parallel", "slices", "tuning-curve"}
    few = {1: {"importance", "parallel"}, 3: {"importance"}}.get(search["trials"], set())
    assert {name for name, sheets in drawn.items() if sheets} == names - few
    assert all(one.suffix == f"-{tuning.method}" for sheets in drawn.values() for one in sheets)


def test_a_search_without_a_finished_trial_has_no_figure() -> None:
    drawing = draw_all(scan(figures), (searched(trials=0),))
    assert drawing.figures == drawing.faults == ()


def test_figures_are_written_as_image_document_and_table(components: MethodResult, tmp_path: Path) -> None:
    drawing = draw_all(scan(figures), (components,))
    assert not drawing.faults and {figure.name for figure in drawing.figures} == {
        f"{name}-fgsgl" for name in ("history", "importance", "parallel", "slices", "tuning-curve")
    }
    write_figures(tmp_path, drawing.figures)
    for figure in drawing.figures:
        path = tmp_path / "figures" / figure.name
        width, height = struct.unpack(">II", path.with_suffix(".png").read_bytes()[16:24])
        assert 600 <= width <= 1800 and 300 <= height <= 4000, figure.name
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF") and len(pd.read_csv(path.with_suffix(".csv")))


def test_the_history_shows_every_trial_its_end_and_the_best_so_far(components: MethodResult) -> None:
    found = sheet(history, components)
    (answer,) = components.studies
    assert list(found.table["end"]).count("pruned") == 3 and list(found.table["end"]).count("failed") == 2
    assert found.table["last_top1"].notna().sum() == 3
    done = found.table[found.table["end"] == "finished"]
    expected = {trial.number: 100 * trial.value for trial in finished(answer)}
    assert dict(zip(done["trial"], done["value"], strict=True)) == pytest.approx(expected)
    assert found.table["best_so_far"].iloc[-1] == pytest.approx(max(expected.values()))
    assert found.table["best_so_far"].is_monotonic_increasing
    unchanged = defaults(components.spec.space, components.spec.method.flat)
    assert answer.trials[0].params == unchanged and "Dashed: the trial of the default" in found.caption
    *_, dashed = found.figure.axes[0].lines
    assert dashed.get_ydata()[0] == pytest.approx(100 * answer.trials[0].value)


@pytest.mark.parametrize("search", [{}, {"trials": 12}, {"objectives": ("top1", "train_s")}])
def test_the_importance_finds_the_parameter_that_decides(search: dict) -> None:
    shares = sheet(importance, searched(**search)).table.set_index("parameter")["mean"]
    assert shares.index[0] == "cpa" and shares["cpa"] > 0.5
    assert shares.sum() == pytest.approx(1) and "loss_fine" in shares.index


def test_the_curve_of_one_study_is_the_mean_over_all_draws_of_its_trials() -> None:
    tuning = searched(trials=8)
    (answer,) = tuning.studies
    table = tuning_curve.resampled(tuning, answer).set_index("trials")
    done = {trial.number for trial in finished(answer)}
    values = [100 * trial.value if trial.number in done else -np.inf for trial in answer.trials]
    assert np.isinf(values).sum() == 1
    for n in (1, 3, 8):
        best = [max(draw) for draw in itertools.combinations(values, n) if np.isfinite(max(draw))]
        assert table.loc[n, "mean"] == pytest.approx(np.mean(best))
        for name, share in (("low", 0.1), ("high", 0.9)):
            assert table.loc[n, name] == pytest.approx(np.quantile(best, share, method="inverted_cdf"))
    assert np.array_equal(table["as_run"], best_so_far(tuning, answer))


def test_what_is_to_be_small_falls_along_the_curve() -> None:
    tuning = searched(trials=6, objectives=("train_s", "top1"))
    table = tuning_curve.resampled(tuning, tuning.studies[0])
    assert table["mean"].is_monotonic_decreasing and (table["low"] <= table["mean"]).all()
    assert sheet(tuning_curve, tuning).figure.axes[0].get_ylabel() == "best train_s"


def test_the_band_of_several_studies_spans_them() -> None:
    tuning = searched(studies=3, trials=9)
    table = sheet(tuning_curve, tuning).table
    curves = np.stack([best_so_far(tuning, answer) for answer in tuning.studies])
    assert np.allclose(table[["mean", "low", "high"]], np.transpose([curves.mean(0), curves.min(0), curves.max(0)]))


def test_slices_and_parallel_axes_show_only_what_a_trial_read(components: MethodResult) -> None:
    table = slices.values_table(components)
    (answer,) = components.studies
    done = {trial.number: trial for trial in answer.trials if trial.state == TrialState.COMPLETE}
    assert len(table) == sum(len(trial.params) for trial in done.values())
    assert set(table.loc[table["best"], "trial"]) == {answer.best.number}
    lines = sheet(parallel, components).table.set_index("trial")
    assert set(lines.index) == set(done)
    for number, trial in done.items():
        assert pd.isna(lines.loc[number, "loss_fine"]) == ("loss_fine" not in trial.params)
