"""Loss and validation accuracy over the epochs. E epochs, S seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fgsgl.records.record import Done
from fgsgl.report.drawing.axes import DASHES, NARROW_IN, canvas, label_ends
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import seeds_text
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.style import COLOURS

MOST_LINES = 6
PANELS = (
    ("val_top1", 100, "validation top-1 (%)"),
    ("loss", 1, "training loss"),
    ("loss_category", 1, "category loss (CP-A)"),
    ("loss_fine", 1, "fine loss (FG-SA), sum of its dimensions"),
)
FINE = "loss_fine_"
"""Beginning of the names of the losses of the dimensions."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol: the mean over seeds, and the range of the seeds as a band."""
    trained = [row for row in inputs.board.table.itertuples() if any(r.curve for r in inputs.scored(row))]
    for suffix, group in by_protocol(trained):
        rows, remark = shown_rows(group, MOST_LINES)
        tables = [_table(row.label, inputs.scored(row)) for row in rows]
        kinds = [kind for kind in PANELS if any((table["quantity"] == kind[0]).any() for table in tables)]
        fig = canvas(NARROW_IN, 2.1 * len(kinds))
        for axes, (name, _, title) in zip(fig.subplots(len(kinds), 1, squeeze=False)[:, 0], kinds, strict=True):
            _panel(axes, [table[table["quantity"] == name] for table in tables])
            axes.set_title(title)
            axes.set_xlabel("epoch")
        counts = [len(inputs.scored(row)) for row in rows]
        caption = (
            f"Mean over seeds ({seeds_text(counts)}); the band spans the lowest and the highest seed. Losses of "
            f"different methods are not comparable.{remark}"
        )
        yield Sheet(figure=fig, table=pd.concat(tables), caption=caption, suffix=suffix)


FIGURE = Figure(name="learning-curves", title="Learning curves", draw=draw)


def seed_curves(records: Sequence[Done], name: str) -> tuple[list[int], np.ndarray]:
    """The epochs at which every seed has a quantity, and its ``values_SE`` there.

    Args:
        records: one a seed.
        name: a key of the records' curves; ``loss_fine`` is the sum over the dimensions.
    """
    by_epoch = [
        {int(row["epoch"]): value for row in r.curve if "epoch" in row and (value := _value(row, name)) is not None}
        for r in records
    ]
    epochs = sorted(set.intersection(*(set(curve) for curve in by_epoch)))
    return epochs, np.array([[curve[epoch] for epoch in epochs] for curve in by_epoch])


def _table(label: str, records: Sequence[Done]) -> pd.DataFrame:
    """One row a quantity and epoch that every seed has."""
    parts = []
    for name, scale, _ in PANELS:
        epochs, values_SE = seed_curves(records, name)
        values_SE = scale * values_SE
        parts.append(
            pd.DataFrame(
                {"row": label, "quantity": name, "epoch": epochs, "mean": values_SE.mean(axis=0),
                 "low": values_SE.min(axis=0), "high": values_SE.max(axis=0), "n": len(records)}
            )
        )  # fmt: skip
    return pd.concat(parts)


def _value(row: Mapping[str, float], name: str) -> float | None:
    if name == "loss_fine":
        parts = [value for key, value in row.items() if key.startswith(FINE)]
        return sum(parts) if parts else None
    return row.get(name)


def _panel(axes: Axes, tables: Sequence[pd.DataFrame]) -> None:
    ends = []
    for index, table in enumerate(tables):
        if table.empty:
            continue
        colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
        marker = "o" if len(table) == 1 else None
        axes.plot(table["epoch"], table["mean"], color=colour, ls=dash, marker=marker, ms=3)
        axes.fill_between(table["epoch"], table["low"], table["high"], color=colour, alpha=0.15, lw=0)
        last = table.iloc[-1]
        ends.append((last["epoch"], last["mean"], last["row"], colour))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.grid(axis="y")
    axes.set_ylim(bottom=0)
    label_ends(axes, ends)
