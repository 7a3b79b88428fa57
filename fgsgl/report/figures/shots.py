"""Accuracy against the number of labelled clips a class. P numbers of shots, V rows."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from fgsgl.report.board.rows import label
from fgsgl.report.drawing.axes import DASHES, NARROW_IN, Canvas, canvas, label_ends
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import seeds_text, slug
from fgsgl.style import COLOURS, GREY

MOST_LINES = 6
ALL = 0
"""Shots of a protocol that takes all clips; it stands at the right."""
Points = dict[int, Any]
"""The board's row of each number of shots."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure for all protocols that differ in their shots alone, where there are several."""
    families = {family: found for family, found in _families(inputs).items() if len(_shots(found)) > 1}
    for family, found in families.items():
        shots = _shots(found)
        lines = [name for name, points in found.items() if len(points) > 1 and name[2] == "method"]
        lines.sort(
            key=lambda name: (name[:2] != ("fgsgl", "full"), name[1] != "full", -max(map(_top1, found[name].values())))
        )
        if not lines:
            continue
        names = {name: _name(inputs, found[name]) for name in lines}
        yield Sheet(
            figure=_figure([(names[name], found[name]) for name in lines[:MOST_LINES]], shots),
            table=_table([(names[name], found[name]) for name in lines]),
            caption=_caption([found[name] for name in lines], len(lines)),
            suffix=f"-{slug(family[:6])}" if len(families) > 1 else "",
        )


FIGURE = Figure(name="shots", title="Accuracy against labelled clips a class", draw=draw)


def _families(inputs: Inputs) -> Mapping[str, Mapping[tuple[str, str, str], Points]]:
    """The scored rows by the hash of their protocol but for the shots, and by method, variant and kind."""
    found: dict[str, dict[tuple[str, str, str], Points]] = defaultdict(lambda: defaultdict(dict))
    for row in inputs.board.table.itertuples():
        if row.n_seeds:
            protocol = inputs.scored(row)[0].protocol
            family = dataclasses.replace(protocol, shots=ALL).hash()
            found[family][row.method, row.variant, row.kind][protocol.shots] = row
    return found


def _shots(found: Mapping[Any, Points]) -> list[int]:
    """Every number of shots that a row has, all clips last."""
    return sorted({shots for points in found.values() for shots in points}, key=lambda shots: (shots == ALL, shots))


def _top1(row: Any) -> float:
    return float(row.top1)


def _name(inputs: Inputs, points: Points) -> str:
    """The row's name, without the protocol that its label on the board ends in."""
    row = next(iter(points.values()))
    return label(inputs.scored(row)[0].config.display_name, row.variant)


def _figure(lines: Sequence[tuple[str, Points]], shots: Sequence[int]) -> Canvas:
    fig = canvas(NARROW_IN, 2.8)
    axes = fig.subplots()
    place = {one: index for index, one in enumerate(shots)}
    ends = []
    for index, (name, points) in enumerate(lines):
        colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
        ordered = [(place[one], points[one]) for one in shots if one in points]
        x_P = [x for x, _ in ordered]
        mean_P, low_P, high_P = (
            [100 * getattr(row, field) for _, row in ordered] for field in ("top1", "top1_ci_low", "top1_ci_high")
        )
        axes.plot(x_P, mean_P, color=colour, ls=dash, marker="o", ms=3)
        axes.fill_between(x_P, low_P, high_P, color=colour, alpha=0.15, lw=0)
        ends.append((x_P[-1], mean_P[-1], name, colour))
    _scale(axes, shots, 100 * next(iter(lines[0][1].values())).floor)
    label_ends(axes, ends)
    return fig


def _scale(axes: Axes, shots: Sequence[int], floor: float) -> None:
    axes.axhline(floor, color=GREY, lw=1, ls=(0, (4, 2)), zorder=0)
    axes.set_xticks(range(len(shots)), ["all" if one == ALL else str(one) for one in shots])
    axes.set_xlabel("training clips of each class")
    axes.set_ylabel("top-1 (%)")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y")


def _table(lines: Sequence[tuple[str, Points]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row": name, "shots": "all" if shots == ALL else str(shots), "n_seeds": row.n_seeds,
            "top1_pct": 100 * row.top1, "low_pct": 100 * row.top1_ci_low, "high_pct": 100 * row.top1_ci_high,
            "interval_over": row.interval_over,
        }
        for name, points in lines
        for shots, row in sorted(points.items(), key=lambda item: (item[0] == ALL, item[0]))
    )  # fmt: skip


def _caption(lines: Sequence[Points], count: int) -> str:
    rows = [row for points in lines for row in points.values()]
    over = {row.interval_over for row in rows}
    band = "Student t over seeds, each of which draws its own clips" if "seeds" in over else "over test subjects"
    caption = (
        f"Top-1 over the whole test split ({seeds_text([int(row.n_seeds) for row in rows])}); the band is the 95 % "
        f"interval, {band}. Every number of clips has the same epochs. Dashed: the share of the largest test class."
    )
    more = f" {MOST_LINES} of {count} rows are shown, full methods first." if count > MOST_LINES else ""
    return caption + more
