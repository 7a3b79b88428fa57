"""Main effects and pairwise interactions of a factorial design."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.board.comparisons import PRIMARY
from fgsgl.report.drawing.axes import name_rows, points_with_intervals, row_panels
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs, factorial_designs
from fgsgl.report.drawing.labels import factor_text, plus_minus, seeds_text

HEADINGS = {"main": "main effects", "interaction": "interactions"}


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a factorial design, effects in the order of their size."""
    for suffix, ablation, effects in factorial_designs(inputs):
        parts = [(title, effects[effects["kind"] == kind]) for kind, title in HEADINGS.items()]
        parts = [(title, part.sort_values("effect", ascending=False)) for title, part in parts if len(part)]
        fig, panels = row_panels([len(part) for _, part in parts])
        for axes, (title, part) in zip(panels, parts, strict=True):
            axes.set_title(title)
            _panel(axes, part)
        panels[-1].set_xlabel("effect of having it on top-1 (percentage points)")
        table = pd.concat(part for _, part in parts)
        yield Sheet(figure=fig, table=table, caption=_caption(ablation), suffix=suffix)


FIGURE = Figure(name="factorial-effects", title="Main effects and interactions", draw=draw)


def _caption(ablation: Ablation) -> str:
    aliases = f" Half the arms are planned, so these look the same: {'; '.join(ablation.aliases)}."
    return (
        f"Factorial design over {factor_text(', '.join(ablation.factors))} ({seeds_text([len(ablation.seeds)])}). Main "
        "effect: top-1 with the factor minus without it, mean over the arms. Interaction: the effect of one with the "
        "other minus its effect without it. Lines: simultaneous t intervals over seeds, coloured where they exclude "
        f"0. Hollow: exploratory.{aliases if ablation.aliases else ''}"
    )


def _panel(axes: Axes, effects: pd.DataFrame) -> None:
    points = pd.DataFrame({"mean": effects["effect"], "low": effects["sim_low"], "high": effects["sim_high"]})
    points_with_intervals(axes, points, hollow=list(effects["contrast"] != PRIMARY))
    halves = (effects["sim_high"] - effects["sim_low"]) / 2
    values = [plus_minus(effect, half, sign="+") for effect, half in zip(effects["effect"], halves, strict=True)]
    name_rows(axes, [factor_text(name) for name in effects["factor"]], values)
