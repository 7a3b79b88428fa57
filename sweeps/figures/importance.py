"""Importance of each parameter for the value."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from fgsgl.report.drawing.axes import name_rows, row_panels
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.style import COLOURS
from fgsgl.sweeps.figures._values import finished
from fgsgl.sweeps.objectives import OBJECTIVES
from fgsgl.sweeps.results import MethodResult, StudyResult

FEWEST = 4
"""Finished trials of a study below which its importances are not computed: as many as are never pruned."""
BETTER = 0.5
"""Share of the trials that count as good. Optuna's own 0.1 is one or two trials of a small study: over 24 trials whose
value one parameter alone decides, it named another first (tests/sweeps/test_sweep_figures.py)."""


def draw(results: Sequence[MethodResult]) -> Iterator[Sheet]:
    """One figure a method, the most important parameter on top: the mean over its studies, and each a circle."""
    for result in results:
        studies = [study for study in result.finished if _computable(study)]
        if not studies:
            continue
        share_SP = pd.DataFrame([_importances(study) for study in studies]).fillna(0.0)
        share_SP = share_SP[share_SP.mean().sort_values(ascending=False, kind="stable").index]
        fig, (axes,) = row_panels([len(share_SP.columns)])
        rows = np.arange(len(share_SP.columns))
        axes.barh(rows, share_SP.mean(), height=0.6, color=COLOURS[0], alpha=0.8)
        if len(studies) > 1:
            for _, share_P in share_SP.iterrows():
                axes.plot(share_P, rows, "o", ms=3, mfc="white", mec="black", mew=0.8)
        name_rows(axes, list(share_SP.columns), [f"{share:.2f}" for share in share_SP.mean()])
        axes.set_xlim(0, 1.05 * share_SP.max().max())
        axes.set_xlabel("share of the importance")
        table = share_SP.T.set_axis([study.name for study in studies], axis=1)
        table = table.assign(mean=table.mean(axis=1)).rename_axis("parameter").reset_index()
        yield Sheet(figure=fig, table=table, caption=_caption(result, studies), suffix=f"-{result.method}")


FIGURE = Figure(name="importance", title="Importance of the parameters", draw=draw)


def _computable(study: StudyResult) -> bool:
    """Enough trials, of which some differ: without that nothing is more important than anything."""
    trials = finished(study)
    return len(trials) >= FEWEST and len({trial.values[0] for trial in trials}) > 1


def _importances(study: StudyResult) -> dict[str, float]:
    sign = -1 if OBJECTIVES[study.spec.objectives[0]].direction == "maximize" else 1
    evaluator = PedAnovaImportanceEvaluator(target_quantile=BETTER, region_quantile=1.0, evaluate_on_local=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it minimises
        return get_param_importances(study.study, evaluator=evaluator, target=lambda trial: sign * trial.values[0])


def _caption(result: MethodResult, studies: Sequence[StudyResult]) -> str:
    counts = sorted(len(finished(study)) for study in studies)
    n = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
    several = f", and each of {len(studies)} studies a circle" if len(studies) > 1 else ""
    return (
        f"Importance for {result.spec.objectives[0]} by PED-ANOVA (Watanabe et al. 2023), also of what is only "
        f"read under a condition, over {n} finished trials{several}: what tells the better half of the trials from the "
        "other. It has no sign, and with so few trials is rough."
    )
