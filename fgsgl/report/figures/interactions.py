"""Interaction plot: the effect of each factor with and without each other. A arms, S seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.ablations.evaluate import Ablation
from fgsgl.report.drawing.axes import NARROW_IN, canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs, factorial_designs
from fgsgl.report.drawing.labels import factor_text, seeds_text
from fgsgl.stats.seeds import t_half_width
from fgsgl.style import COLOURS

LINES = ((True, "with", "-", "o", COLOURS[0]), (False, "without", (0, (4, 1.5)), "s", COLOURS[1]))


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a factorial design, a panel a pair of factors."""
    for suffix, ablation, _ in factorial_designs(inputs):
        pairs = list(itertools.combinations(ablation.factors, 2))
        table = pd.concat(_means(ablation, *pair) for pair in pairs)
        n_lines = math.ceil(len(pairs) / 2)
        fig = canvas(NARROW_IN, 0.3 + 1.7 * n_lines)
        panels = fig.subplots(n_lines, 2, sharey=True, squeeze=False).ravel()
        for axes, pair in zip(panels, pairs, strict=False):
            _panel(axes, *pair, table[(table["factor"] == pair[0]) & (table["other"] == pair[1])])
        for axes in panels[len(pairs) :]:
            axes.set_axis_off()
        fig.supylabel("top-1 (%)", fontsize=8)
        caption = (
            "Mean top-1 of the arms with and without each of two factors, the others averaged over "
            f"({seeds_text([len(ablation.seeds)])}); whiskers are 95 % t intervals over seeds. Parallel lines: the two "
            "do not interact. Seeds are shared by all arms, so differences are surer than the whiskers suggest."
        )
        yield Sheet(figure=fig, table=table, caption=caption, suffix=suffix)


FIGURE = Figure(name="interactions", title="Interaction plot", draw=draw)


def _means(ablation: Ablation, factor: str, other: str) -> pd.DataFrame:
    """Top-1 for each of the four combinations of two factors."""
    table = []
    off_factor_A, off_other_A = (np.array([name in off for off in ablation.arms["off"]]) for name in (factor, other))
    for has_other, has_factor in itertools.product((True, False), (False, True)):
        chosen_A = (off_factor_A != has_factor) & (off_other_A != has_other)
        value_S = np.asarray(ablation.value_AS)[chosen_A].mean(axis=0)
        half = t_half_width(value_S)
        table.append(
            {"factor": factor, "other": other, "has_factor": has_factor, "has_other": has_other,
             "top1_pct": value_S.mean(), "half_width": np.nan if half is None else half, "n": len(value_S)}
        )  # fmt: skip
    return pd.DataFrame(table)


def _panel(axes: Axes, factor: str, other: str, table: pd.DataFrame) -> None:
    for shift, (has_other, word, dash, marker, colour) in zip((-0.02, 0.02), LINES, strict=True):
        line = table[table["has_other"] == has_other]
        axes.errorbar(
            line["has_factor"] + shift, line["top1_pct"], yerr=line["half_width"], color=colour, ls=dash,
            marker=marker, ms=4, elinewidth=0.8, label=f"{word} {factor_text(other)}",
        )  # fmt: skip
    axes.set_xticks([0, 1], [f"{word} {factor_text(factor)}" for word in ("without", "with")])
    axes.set_xlim(-0.35, 1.35)
    axes.margins(y=0.25)
    axes.grid(axis="y")
    axes.legend(frameon=False, fontsize="x-small", loc="best", handlelength=2.5)
