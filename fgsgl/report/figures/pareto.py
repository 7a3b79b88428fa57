"""Accuracy against cost: top-1 over parameters, GFLOPs and latency, with the Pareto front.

A tuned row also cost its search, so none is here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from fgsgl.report.board.board import REFERENCE, part_of
from fgsgl.report.drawing.axes import BETTER, NARROW_IN, Canvas, canvas, marker_style, spread
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import short
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.style import GREY, INK, PALE

COSTS = (("params_m", "parameters (M)"), ("gflops", "GFLOPs a clip"), ("latency_ms", "latency of a clip (ms)"))
FEWEST_POINTS, MOST_POINTS = 2, 40
"""Full methods whose cost is known."""
LABEL_IN = 0.135


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, a panel a cost; full methods are named beside the panels at the height of their top-1."""
    rows = [r for r in inputs.board.table.itertuples() if part_of(r) == "method" and r.n_seeds]
    for suffix, every in by_protocol(rows):
        group, of_machine = _latency_of_one_machine(every)
        full, remark = shown_rows([row for row in group if row.variant == "full"], MOST_POINTS)
        costs = [(name, title) for name, title in COSTS if np.isfinite(_costs(full, name)).sum() >= FEWEST_POINTS]
        if not costs:
            continue
        fig = _figure(costs, group, sorted(full, key=lambda row: row.top1))
        columns = {"label": "row", "variant": "variant", "top1": "top1_pct"} | {name: name for name, _ in costs}
        table = pd.DataFrame(group)[list(columns)].rename(columns=columns)
        table["top1_pct"] *= 100
        for name, _ in costs:
            table[f"front_{name}"] = front(_costs(group, name), table["top1_pct"].to_numpy())
        about_time = of_machine if "latency_ms" in columns else ""
        caption = _caption(len(group) - len(full)) + about_time + remark
        yield Sheet(figure=fig, table=table, caption=caption, suffix=suffix)


def _latency_of_one_machine(rows: Sequence[Any]) -> tuple[list[Any], str]:
    """The rows with the latency of those alone that ran on one machine, as times of several do not compare, and a
    sentence for the caption. It is the machine of most full methods, of several such that of the best."""
    timed = [row.hardware for row in rows if row.variant == "full" and np.isfinite(row.latency_ms)]
    machine = Counter(timed).most_common(1)[0][0] if timed else None
    elsewhere = [row.hardware != machine and bool(np.isfinite(row.latency_ms)) for row in rows]
    if machine is None or not any(elsewhere):
        return list(rows), ""
    kept = [row._replace(latency_ms=np.nan) if other else row for row, other in zip(rows, elsewhere, strict=True)]
    return kept, f" Latency is of the rows that ran on {machine}; {sum(elsewhere)} ran elsewhere and have none here."


FIGURE = Figure(name="pareto", title="Accuracy against cost", draw=draw)


def front(cost_M: np.ndarray, value_M: np.ndarray) -> np.ndarray:
    """Which of M points are on the front: no other costs as little and is worth more, or costs less and is worth as
    much. A point without a cost (NaN) is not on it."""
    no_dearer_MM = cost_M[None] <= cost_M[:, None]
    no_worse_MM = value_M[None] >= value_M[:, None]
    better_MM = (cost_M[None] < cost_M[:, None]) | (value_M[None] > value_M[:, None])
    return np.isfinite(cost_M) & ~(no_dearer_MM & no_worse_MM & better_MM).any(axis=1)


def _figure(costs: Sequence[tuple[str, str]], group: Sequence[Any], full: Sequence[Any]) -> Canvas:
    height_in = max(2.6, 0.9 + LABEL_IN * len(full))
    fig = canvas(NARROW_IN + 1.5 * (len(costs) - 1), height_in)
    panels = fig.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    named_M = np.isin([row.Index for row in group], [row.Index for row in full])
    for axes, (name, title) in zip(panels, costs, strict=True):
        cost_M = _costs(group, name)
        top1_M = np.array([100 * row.top1 for row in group])
        on_M = front(cost_M, top1_M)
        order = np.argsort(cost_M[on_M])
        front_x, front_y = cost_M[on_M][order], top1_M[on_M][order]
        _log_axis(axes, cost_M)
        right = axes.get_xlim()[1]
        axes.step([*front_x, right], [*front_y, front_y[-1]], where="post", color=GREY, lw=1, zorder=1)
        axes.plot(cost_M[~named_M], top1_M[~named_M], ".", color=PALE, ms=4, zorder=2)
        for index, row in enumerate(full):
            axes.plot(getattr(row, name), 100 * row.top1, ls="", ms=5, **marker_style(index))
        axes.set_xlabel(title)
        axes.grid()
    panels[0].set_ylabel("top-1 (%)")
    _names(panels[-1], full, height_in - 0.6)
    return fig


def _costs(rows: Sequence[Any], name: str) -> np.ndarray:
    """NaN where a cost is not known, or nothing, which has no place on a log scale."""
    cost_M = np.array([getattr(row, name) for row in rows], dtype=float)
    return np.where(cost_M > 0, cost_M, np.nan)


def _log_axis(axes: Axes, cost_M: np.ndarray) -> None:
    axes.set_xscale("log")
    known_M = cost_M[cost_M > 0]
    axes.set_xlim(known_M.min() / 1.4, known_M.max() * 1.4)
    wide = known_M.max() > 20 * known_M.min()
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _names(axes: Axes, full: Sequence[Any], height_in: float) -> None:
    """Each method's marker and name at the right, at the height of its points, moved apart where they would touch."""
    low, high = axes.get_ylim()
    places = spread([100 * row.top1 for row in full], LABEL_IN / height_in * (high - low), low, high)
    across = axes.get_yaxis_transform()
    for index, (row, place) in enumerate(zip(full, places, strict=True)):
        style: dict[str, Any] = {"transform": across, "clip_on": False}
        axes.plot([1.0, 1.07], [100 * row.top1, place], color=PALE, lw=0.6, **style)
        axes.plot(1.1, place, ls="", ms=5, **marker_style(index), **style)
        colour = BETTER if (row.method, row.variant) == REFERENCE else INK
        axes.text(
            1.14, place, short(row.label, 28), transform=across, va="center", fontsize="small", color=colour
        )  # fmt: skip


def _caption(n_others: int) -> str:
    others = " Small dots: the other rows, most of them variants." if n_others else ""
    return (
        "Mean top-1 against what a method costs, log scale. The stepped line is the front: no row that costs as little "
        f"is more accurate. Each name is led to the height of its points.{others}"
    )
