"""How much of FG-SA's attention lies on the part that truly moves, by dimension. S seeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from fgsgl.report.drawing import BETTER, GREY, INK, by_protocol, few, name_rows, row_panels, seeds_text
from fgsgl.report.figures import Inputs, Sheet

NAME = "localisation"
TITLE = "Attention inside the true motion"
MEASURES = (("energy", "attention inside (%)"), ("pointing", "pointing game: hits (%)"))
WORDS = {"even": "even attention", "prior": "mean mask of training clips"}
MOST_LINES = 40


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, a panel a measure; what needs no recognizer stands at the foot and as dashed lines."""
    rows = [row for row in inputs.board.table.itertuples() if any(r.localisation for r in inputs.scored(row))]
    for suffix, group in by_protocol(rows):
        shown, remark = few(group, max(1, MOST_LINES // len(_names(inputs, group[0]))))
        table = pd.concat(_table(inputs, row) for row in shown)
        # A reference is the same for every row.
        table = table[~table["map"].isin(WORDS) | (table["row"] == shown[0].label)]
        counts = table.groupby(["row", "map", "measure"]).size()
        caption = (
            f"Over the test clips, at the resolution of patches ({seeds_text(counts)}; a circle a seed, a bar the mean): "
            "the share of each dimension's attention that lies on the truly moving part, and how often its single most "
            f"attended patch does. Dashed: {' and '.join(WORDS.values())}.{remark}"
        )
        yield Sheet(figure=_figure(table, several=len(shown) > 1), table=table, caption=caption, suffix=suffix)


def _names(inputs: Inputs, row: Any) -> list[str]:
    return list(next(r.localisation["energy"] for r in inputs.scored(row) if r.localisation))


def _table(inputs: Inputs, row: Any) -> pd.DataFrame:
    names = sorted(_names(inputs, row), key=lambda name: name in WORDS)
    return pd.DataFrame(
        {"row": row.label, "map": name, "measure": measure, "seed": record.seed,
         "percent": 100 * record.localisation[measure][name]}
        for measure, _ in MEASURES
        for name in names
        for record in inputs.scored(row)
        if record.localisation
    )  # fmt: skip


def _figure(table: pd.DataFrame, several: bool) -> Figure:
    parts = [table[table["measure"] == measure] for measure, _ in MEASURES]
    lines = [list(part.groupby(["map", "row"], sort=False)) for part in parts]
    fig, panels = row_panels([len(part) for part in lines])
    for axes, (_, title), groups in zip(panels, MEASURES, lines, strict=True):
        labels, means = [], []
        for y, ((name, row), group) in enumerate(groups):
            known = name in WORDS
            mean = group["percent"].mean()
            if known:
                axes.axvline(mean, color=GREY, lw=1, ls=(0, (4, 2)), zorder=0)
            axes.plot(group["percent"], [y] * len(group), "o", ms=4, mfc="none", mec=GREY if known else BETTER)
            axes.plot([mean, mean], [y - 0.3, y + 0.3], color=GREY if known else INK, lw=1.8)
            labels.append(WORDS[name] if known else f"{name}, {row}" if several else name)
            means.append(f"{mean:.1f}")
        axes.set_title(title)
        axes.set_xlim(0, None)
        name_rows(axes, labels, means)
    return fig
