"""What each factor of a factorial design does by itself, and what two do together beyond that."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.drawing import BETTER, GREY, INK, WORSE, name_rows, plus_minus, row_panels, seeds_text
from fgsgl.report.figures import Inputs, Sheet, factorial_designs
from fgsgl.stats.seeds import smallest_p

NAME = "factorial-effects"
TITLE = "Main effects and interactions"
PANELS = (("main", "main effects"), ("interaction", "interactions"))


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a factorial design, effects in the order of their size."""
    for suffix, ablation in factorial_designs(inputs):
        effects = ablation.effects
        parts = [(title, effects[effects["kind"] == kind]) for kind, title in PANELS]
        parts = [(title, part.sort_values("effect", ascending=False)) for title, part in parts if len(part)]
        can_reach = smallest_p(len(ablation.seeds)) <= 0.05
        fig, panels = row_panels([len(part) for _, part in parts])
        for axes, (title, part) in zip(panels, parts, strict=True):
            axes.set_title(title)
            _panel(axes, part, filled=can_reach)
        panels[-1].set_xlabel("effect of having it on top-1 (percentage points)")
        hollow = "" if can_reach else " Hollow: with so few seeds no exact sign-flip test can reach p < 0.05."
        caption = (
            f"Factorial design over {', '.join(ablation.factors)} ({seeds_text([len(ablation.seeds)])}). Main effect: "
            "top-1 with the factor minus without it, mean over all arms. Interaction: half of how much one factor's "
            "effect gains from the other's presence. Lines: 95 % t intervals over seeds, not adjusted for the number of "
            f"effects; coloured where they exclude 0.{hollow}"
        )
        yield Sheet(figure=fig, table=pd.concat(part for _, part in parts), caption=caption, suffix=suffix)


def _panel(axes: Axes, effects: pd.DataFrame, filled: bool) -> None:
    axes.axvline(0, color=GREY, lw=1)
    for y, row in enumerate(effects.itertuples()):
        colour = BETTER if row.low > 0 else WORSE if row.high < 0 else INK
        axes.plot([row.low, row.high], [y, y], color=colour, lw=1.2)
        axes.plot(row.effect, y, "o", ms=4.5, color=colour, mfc=colour if filled else "white")
    axes.margins(x=0.08)
    halves = (effects["high"] - effects["low"]) / 2
    values = [plus_minus(effect, half, sign="+") for effect, half in zip(effects["effect"], halves, strict=True)]
    name_rows(axes, list(effects["factor"]), values)
