"""Share of FG-SA's attention on the part that truly moves, by dimension. S seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from fgsgl.records.record import Done, Localisation
from fgsgl.report.drawing.axes import BETTER, Canvas, name_rows, row_panels
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import seeds_text
from fgsgl.report.drawing.row_groups import by_protocol, shown_rows
from fgsgl.style import GREY, INK
from fgsgl.text.fgtext import DIMENSIONS

MEASURES = (("energy", "attention inside (%)"), ("pointing", "pointing game: hits (%)"))
BLIND = {"even": "even attention", "centre": "centre of picture", "prior": "mean training mask"}
"""Maps that see no clip, the same for every recognizer."""
ORDER = {name: place for place, name in enumerate([*DIMENSIONS, "saliency", *BLIND])}
MOST_SHOWN = 3
"""Rows, each with a line for every map; the table beside the leaderboard has them all."""


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure a protocol, a panel a measure; what sees no clip stands at the foot and as dashed lines."""
    rows = [row for row in inputs.board.table.itertuples() if any(r.localisation for r in inputs.scored(row))]
    for suffix, group in by_protocol(rows):
        clips = _clips(inputs, group)
        shown, remark = shown_rows([row for row in group if _measured(inputs, row, clips)], MOST_SHOWN)
        table = pd.concat(_table(row.label, _measured(inputs, row, clips)) for row in shown)
        table = table.sort_values("map", kind="stable", key=lambda maps: maps.map(ORDER))
        counts = [len(_measured(inputs, row, clips)) for row in shown]
        caption = (
            f"Over {clips[0]} test clips, at the resolution of patches ({seeds_text(counts)}; a circle a seed, a bar "
            "the mean): how much of each map lies on the part that truly moves, and how often its highest patch does. "
            f"Maps: FG-SA's attention by dimension, gradient saliency, and, dashed, maps that see no clip.{remark}"
        )
        yield Sheet(figure=_figure(table, several=len(shown) > 1), table=table, caption=caption, suffix=suffix)


FIGURE = Figure(name="localisation", title="Attention inside the true motion", draw=draw)


def _clips(inputs: Inputs, rows: Sequence[Any]) -> tuple[int, str]:
    """Number and digest of the clips that most records were measured on; other clips are not comparable."""
    found = Counter(_identity(r.localisation) for row in rows for r in inputs.scored(row) if r.localisation)
    return found.most_common(1)[0][0]


def _identity(found: Localisation) -> tuple[int, str]:
    return found.n_clips, found.clips_sha256 or ""


def _measured(inputs: Inputs, row: Any, clips: tuple[int, str]) -> list[Done]:
    scored = inputs.scored(row)
    return [record for record in scored if record.localisation and _identity(record.localisation) == clips]


def _table(label: str, records: Sequence[Done]) -> pd.DataFrame:
    return pd.DataFrame(
        {"row": "" if name in BLIND else label, "map": name, "measure": measure, "seed": record.seed,
         "percent": 100 * value}
        for measure, _ in MEASURES
        for record in records
        for name, value in getattr(record.localisation, measure).items()
    )  # fmt: skip


def _figure(table: pd.DataFrame, several: bool) -> Canvas:
    parts = [table[table["measure"] == measure] for measure, _ in MEASURES]
    lines = [list(part.groupby(["map", "row"], sort=False)) for part in parts]
    fig, panels = row_panels([len(part) for part in lines])
    for axes, (_, title), groups in zip(panels, MEASURES, lines, strict=True):
        labels, means = [], []
        for y, ((name, row), group) in enumerate(groups):
            known = name in BLIND
            mean = group["percent"].mean()
            if known:
                axes.axvline(mean, color=GREY, lw=1, ls=(0, (4, 2)), zorder=0)
            axes.plot(group["percent"], [y] * len(group), "o", ms=4, mfc="none", mec=GREY if known else BETTER)
            axes.plot([mean, mean], [y - 0.3, y + 0.3], color=GREY if known else INK, lw=1.8)
            labels.append(BLIND[name] if known else f"{name}: {row.removeprefix('FG-SGL ')}" if several else name)
            means.append(f"{mean:.1f}")
        axes.set_title(title)
        axes.set_xlim(0, None)
        name_rows(axes, labels, means)
    return fig
