"""Figures of where FG-SA looks: example clips with their attention, and how much of it lies on the moving part.

Shapes: N clips, T frames, H x W pixels, G x G = P patches, D dimensions, S seeds.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from fgsgl.bench.record import Record
from fgsgl.errors import UserError
from fgsgl.report.board import Board, printable
from fgsgl.report.figures import BETTER, GREY, INK, PALE, Named, figure, scored

REFERENCES = ("even", "centre", "prior")
BRIGHT = 3.0
"""Multiples of even attention that are drawn fully opaque."""


@figure
def attention(board: Board) -> Named:
    """For each kept example: its frames with the moving part outlined, and each dimension's attention over them."""
    for record in (record for records in board.scored.values() for record in records):
        path = board.folder / "ledger" / f"{record.cell_id}.attention.npz"
        if record.localisation and path.is_file():
            examples = _examples(path)
            for number, name in enumerate(examples["names"]):
                yield f"attention-{number + 1}", _example(examples, number, str(name))


def _examples(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"the attention {path} cannot be read: {error}") from None


def _example(examples: dict[str, np.ndarray], number: int, name: str) -> Figure:
    frames_THWC, mask_THW = examples["frames_NTHWC"][number], examples["mask_NTHW"][number]
    attention_DTP = examples["attention_NDTP"][number].astype(float)
    dimensions, sentences_D = examples["dimensions"], examples["sentences_ND"][number]
    frames, side = len(frames_THWC), round(attention_DTP.shape[2] ** 0.5)
    rows = [("moving part", "outlined: where the truth says that the gesture is made")]
    rows += [(str(dimension), str(sentence)) for dimension, sentence in zip(dimensions, sentences_D, strict=True)]
    fig = Figure(figsize=(1.0 * frames + 2.6, 1.12 * len(rows)), layout="constrained")
    axes = fig.subplots(len(rows), frames, squeeze=False)
    fig.suptitle(printable(name), x=0.01, ha="left")
    for row, (title, sentence) in enumerate(rows):
        label = "\n".join([printable(title), *textwrap.wrap(printable(sentence), 30)])
        axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=7)
        for frame in range(frames):
            cell = axes[row, frame]
            cell.imshow(frames_THWC[frame].mean(-1), cmap="gray", vmin=0, vmax=255)
            cell.set(xticks=[], yticks=[])
            if row == 0:
                cell.contour(mask_THW[frame], levels=[0.5], colors=BETTER, linewidths=1)
                continue
            shown_GG = (attention_DTP[row - 1, frame] * frames * side * side / BRIGHT).clip(0, 1).reshape(side, side)
            height, width = mask_THW.shape[1:]
            box = (-0.5, width - 0.5, height - 0.5, -0.5)
            cell.imshow(np.ones_like(shown_GG), alpha=0.75 * shown_GG, cmap="autumn", vmin=0, vmax=1, extent=box)
    return fig


@figure
def localisation(board: Board) -> Named:
    """Energy inside and pointing game of each dimension and of gradient saliency, a dot a seed; blind maps."""
    rows = [(row, [r for r in scored(board, row) if r.localisation]) for row in board.table.itertuples()]
    rows = [(row, records) for row, records in rows if records]
    if not rows:
        return
    lines = [
        (name, row.label, records)
        for name in dict.fromkeys(name for _, records in rows for r in records for name in r.localisation["energy"])
        for row, records in rows
        if _values(records, "energy", name) and name not in REFERENCES
    ]
    fig = Figure(figsize=(9, 1.4 + 0.22 * len(lines)), layout="constrained")
    for axes, (measure, title) in zip(
        fig.subplots(1, 2, sharey=True),
        (("energy", "attention on the moving part (%)"), ("pointing", "pointing game: hits (%)")),
        strict=True,
    ):
        for y, (name, _, records) in enumerate(lines):
            values = [100 * value for value in _values(records, measure, name)]
            axes.plot(values, [y] * len(values), "o", ms=5, mfc="none", mec=BETTER)
            axes.plot([np.mean(values)] * 2, [y - 0.3, y + 0.3], color=INK, lw=2)
            if y and name != lines[y - 1][0]:
                axes.axhline(y - 0.5, color=PALE, lw=0.8)
        for reference, dash in zip(REFERENCES, ((0, (4, 2)), (0, (6, 1)), (0, (1, 1))), strict=True):
            values = [value for _, records in rows for value in _values(records, measure, reference)]
            if not values:
                continue
            value = 100 * float(np.mean(values))
            axes.axvline(value, color=GREY, lw=1, ls=dash, zorder=0)
            axes.text(value, -0.7, reference, ha="center", va="bottom", color=GREY, fontsize=8)
        axes.set_yticks(range(len(lines)), [f"{name}: {printable(label)[:40]}" for name, label, _ in lines])
        axes.set_ylim(len(lines) - 0.4, -0.6)
        axes.set_xlim(0, None)
        axes.grid(axis="x")
        axes.set_xlabel(f"{title}; circles: seeds", loc="left")
    yield "localisation", fig


def _values(records: list[Record], measure: str, name: str) -> list[float]:
    return [r.localisation[measure][name] for r in records if name in r.localisation[measure]]
