"""Main effects and pairwise interactions of a factorial design."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.ablations.evaluate import TESTED, Ablation
from fgsgl.report.drawing.axes import name_rows, points_with_intervals, row_panels
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs, factorial_designs
from fgsgl.report.drawing.labels import plus_minus, seeds_text
from fgsgl.stats.seeds import LEVEL, smallest_p

HEADINGS = {"main": "main effects", "interaction": "interactions"}


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a factorial design, effects in the order of their size."""
    for suffix, ablation, effects in factorial_designs(inputs):
        parts = [(title, effects[effects["kind"] == kind]) for kind, title in HEADINGS.items()]
        parts = [(title, part.sort_values("effect", ascending=False)) for title, part in parts if len(part)]
        filled = _family(effects) * smallest_p(len(ablation.seeds)) <= LEVEL
        fig, panels = row_panels([len(part) for _, part in parts])
        for axes, (title, part) in zip(panels, parts, strict=True):
            axes.set_title(title)
            _panel(axes, part, filled)
        panels[-1].set_xlabel("effect of having it on top-1 (percentage points)")
        table = pd.concat(part for _, part in parts)
        yield Sheet(figure=fig, table=table, caption=_caption(ablation, effects, filled), suffix=suffix)


FIGURE = Figure(name="factorial-effects", title="Main effects and interactions", draw=draw)


def _family(effects: pd.DataFrame) -> int:
    """Number of effects in the family of Holm's adjustment."""
    return int(effects["kind"].isin(TESTED).sum())


def _caption(ablation: Ablation, effects: pd.DataFrame, filled: bool) -> str:
    n, tests = len(ablation.seeds), _family(effects)
    hollow = f" Hollow: with n = {n}, Holm's p over the {tests} effects cannot get below {LEVEL:g}."
    aliases = f" Half the arms are planned, so these look the same: {'; '.join(ablation.aliases)}."
    return (
        f"Factorial design over {', '.join(ablation.factors)} ({seeds_text([n])}). Main effect: top-1 with the factor "
        "minus without it, mean over the arms. Interaction: the effect of the one with the other minus its effect "
        "without the other. Lines: 95 % t intervals over seeds, coloured where they exclude 0; not adjusted for the "
        f"number of effects.{'' if filled else hollow}{aliases if ablation.aliases else ''}"
    )


def _panel(axes: Axes, effects: pd.DataFrame, filled: bool) -> None:
    points_with_intervals(axes, effects.rename(columns={"effect": "mean"}), hollow=[not filled] * len(effects))
    halves = (effects["high"] - effects["low"]) / 2
    values = [plus_minus(effect, half, sign="+") for effect, half in zip(effects["effect"], halves, strict=True)]
    name_rows(axes, list(effects["factor"]), values)
