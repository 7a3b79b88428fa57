"""Shapley value of each factor over all combinations, beside its one-out effect."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fgsgl.report.drawing.axes import Canvas, name_rows, row_panels
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs, factorial_designs
from fgsgl.report.drawing.labels import factor_text, plus_minus, seeds_text
from fgsgl.style import COLOURS, GREY, INK

BARS = (
    ("shapley", "Shapley value", COLOURS[0], ""),
    ("one_out", "one-out: all factors minus all but this one", COLOURS[4], "////"),
)


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a full factorial design, the most valuable factor on top."""
    for suffix, ablation, table in factorial_designs(inputs):
        effects = table.set_index("factor")
        shapley = effects[effects["kind"] == "shapley"].sort_values("effect", ascending=False)
        if shapley.empty:
            continue
        parts = {kind: effects[effects["kind"] == kind].reindex(shapley.index) for kind, *_ in BARS}
        caption = (
            f"Factorial design over {factor_text(', '.join(ablation.factors))} ({seeds_text([len(ablation.seeds)])}). "
            "Shapley: what a factor adds to top-1, mean over all orders of adding the factors; the values sum to the "
            "whole gain. One-out misses what another factor makes up for. Lines: simultaneous t intervals over "
            "seeds."
        )
        table = pd.concat(parts.values()).reset_index()
        yield Sheet(figure=_figure(parts), table=table, caption=caption, suffix=suffix)


FIGURE = Figure(name="shapley", title="Shapley values beside one-out", draw=draw)


def _figure(parts: dict[str, pd.DataFrame]) -> Canvas:
    factors = list(next(iter(parts.values())).index)
    fig, (axes,) = row_panels([len(factors)], row_in=0.42)
    y_K = np.arange(len(factors))
    for (kind, label, colour, hatch), shift in zip(BARS, (-0.19, 0.19), strict=True):
        part = parts[kind]
        axes.barh(
            y_K + shift,
            part["effect"],
            height=0.34,
            color=colour,
            alpha=0.8,
            hatch=hatch,
            ec="white",
            lw=0,
            label=label,
        )
        axes.hlines(y_K + shift, part["sim_low"], part["sim_high"], color=INK, lw=1)
    axes.axvline(0, color=GREY, lw=1)
    shapley = parts["shapley"]
    halves = (shapley["sim_high"] - shapley["sim_low"]) / 2
    name_rows(
        axes,
        [factor_text(name) for name in factors],
        [plus_minus(e, h, sign="+") for e, h in zip(shapley["effect"], halves, strict=True)],
    )
    axes.set_xlabel("points of top-1; in numbers: the Shapley value")
    fig.legend(loc="outside upper left", frameon=False, fontsize="small", ncols=1)
    return fig
