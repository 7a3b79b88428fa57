"""The figures of a report. To add one, write a function here that takes a Board and yields (name, figure), and mark it
with ``@figure``.

Everything is drawn without pyplot, so nothing is global. Colours are Okabe and Ito's and never alone carry a meaning:
lines also differ in dash, differences in direction, and every line and row is labelled where it stands.
C classes, E epochs, S seeds, V variants, N clips.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fgsgl.bench.record import Record, read_predictions
from fgsgl.errors import UserError
from fgsgl.report.board import REFERENCE, Board, printable, row_key
from fgsgl.stats.metrics import confusion

STYLE = Path(__file__).with_name("style.mplstyle")
INK, GREY, PALE, BETTER, WORSE = "#222222", "#777777", "#bbbbbb", "#0072b2", "#d55e00"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (9, 3)))

Named = Iterator[tuple[str, Figure]]
FIGURES: list[Callable[[Board], Named]] = []


def figure(draw: Callable[[Board], Named]) -> Callable[[Board], Named]:
    """Marks a function whose figures belong to every report."""
    FIGURES.append(draw)
    return draw


def draw_all(board: Board) -> dict[str, bytes]:
    """Every figure that the board has the data for, as PNG, by name (a valid file name without its suffix).

    Raises:
        UserError: if a predictions file is damaged or is not the one its record names.
    """
    images = {}
    with matplotlib.rc_context(fname=STYLE):
        for draw in FIGURES:
            for name, drawn in draw(board):
                buffer = io.BytesIO()
                drawn.savefig(buffer, format="png")
                images[name if name not in images else f"{name}-{len(images)}"] = buffer.getvalue()
    return images


@figure
def accuracy(board: Board) -> Named:
    """Top-1 of every row: a dot a seed, the mean as a bar, its interval as a line; the floor across all rows."""
    rows, remark = _few([row for row in board.table.itertuples() if row.n_seeds and row.kind != "floor"], most=40)
    if not rows:
        return
    fig = Figure(figsize=(7, 1.0 + 0.36 * len(rows)), layout="constrained")
    axes = fig.subplots()
    for y, row in enumerate(rows):
        values = [100 * record.metrics["top1"] for record in scored(board, row)]
        colour = GREY if row.kind == "ceiling" else INK
        axes.plot(values, [y] * len(values), "o", ms=6, mfc="none", mec=BETTER, mew=1, alpha=0.8)
        axes.plot([100 * row.top1] * 2, [y - 0.26, y + 0.26], color=colour, lw=2.2)
        text = f"{100 * row.top1:.1f}"
        if len(values) > 1:
            axes.plot([100 * row.top1_ci_low, 100 * row.top1_ci_high], [y, y], color=colour, lw=1.2)
            text += f" ± {50 * (row.top1_ci_high - row.top1_ci_low):.1f}"
        axes.text(1.02, y, text, transform=axes.get_yaxis_transform(), va="center", color=colour)
    n_methods = sum(row.kind == "method" for row in rows)
    if 0 < n_methods < len(rows):
        axes.axhline(n_methods - 0.5, color=PALE, lw=0.8)
    axes.set_yticks(range(len(rows)), [_short(row.label, 40) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.6)
    axes.set_xlim(0, None)
    for floor in sorted({row.floor for row in rows}):
        axes.axvline(100 * floor, color=GREY, lw=1, ls=(0, (4, 2)), zorder=0)
        axes.text(100 * floor, -0.62, f"floor {100 * floor:.1f}", ha="center", va="bottom", color=GREY, fontsize=8)
    axes.grid(axis="x")
    axes.set_xlabel(f"top-1 (%): seeds (circles), mean (bar), 95 % t interval over seeds (line){remark}", loc="left")
    yield "accuracy", fig


@figure
def learning_curves(board: Board) -> Named:
    """Loss and validation accuracy over epochs: the mean over seeds, and the range of the seeds as a band."""
    trained = [row for row in board.table.itertuples() if any(record.curve for record in scored(board, row))]
    rows, remark = _few(trained, most=12)
    if not rows:
        return
    fig = Figure(figsize=(9, 3.4), layout="constrained")
    panels = (("loss", 1, "training loss (not comparable between methods)"), ("val_top1", 100, "validation top-1 (%)"))
    for axes, (name, scale, title) in zip(fig.subplots(1, 2), panels, strict=True):
        ends = []
        for index, row in enumerate(rows):
            epochs, values_SE = _curves(scored(board, row), name)
            if not len(epochs):
                continue
            values_SE = values_SE * scale
            colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
            axes.plot(epochs, values_SE.mean(axis=0), color=colour, ls=dash, marker="o" if len(epochs) == 1 else None)
            if len(values_SE) > 1:
                axes.fill_between(epochs, values_SE.min(axis=0), values_SE.max(axis=0), color=colour, alpha=0.15, lw=0)
            ends.append((epochs[-1], values_SE[:, -1].mean(), _short(row.label, 26), colour))
        axes.set_title(title)
        axes.set_xlabel(f"epoch{remark}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.grid(axis="y")
        axes.set_ylim(bottom=0)
        _label_ends(axes, ends)
    yield "learning-curves", fig


@figure
def confusions(board: Board) -> Named:
    """One matrix for every method in its full form: the share of each true class's clips by answer, seeds averaged.

    A row whose predictions do not all lie beside their records is left out.
    """
    for row in board.table.itertuples():
        records = scored(board, row)
        files = [board.folder / "ledger" / f"{record.cell_id}.npz" for record in records]
        if row.kind == "method" and row.variant == "full" and files and all(path.exists() for path in files):
            counts_SCC = np.stack([_confusion(board, record) for record in records])
            heading = f"{_short(row.label, 40)}: share of each true class's clips by answer (%)"
            if len(records) > 1:
                heading += f", mean of {len(records)} seeds"
            yield f"confusion-{_slug(row.label)}", _matrix(counts_SCC.sum(axis=0), records[0].data["classes"], heading)


@figure
def per_class_difference(board: Board) -> Named:
    """Recall of every compared row minus the reference's, class by class: the mean of paired seeds, each seed a dot."""
    rows = [row for row in board.table.itertuples() if np.isfinite(row.diff_top1)]
    for protocol in sorted({row.protocol for row in rows}):
        group, remark = _few([row for row in rows if row.protocol == protocol], most=8)
        reference = board.scored[(*REFERENCE, *row_key(group[0])[2:])]
        recall_SC = _recalls(reference)
        present = np.flatnonzero(np.isfinite(recall_SC).all(axis=0))
        differences_VSC = np.stack([_recalls(scored(board, row)) - recall_SC for row in group])[:, :, present] * 100
        data = reference[0].data
        sizes = [reference[0].metrics["per_class"][index]["n"] for index in present]
        names = [f"{_class_name(data['classes'], c)}  (n = {n})" for c, n in zip(present, sizes, strict=True)]
        suffix = "" if len({row.protocol for row in rows}) == 1 else f"-{_slug(protocol[:6])}"
        drawn = _difference_bars(differences_VSC, [_short(row.label, 24) for row in group], names, remark)
        yield f"per-class-difference{suffix}", drawn


def _difference_bars(differences_VSC: np.ndarray, labels: Sequence[str], names: Sequence[str], remark: str) -> Figure:
    """V variants side by side on one axis, each around a zero line of its own and all to one scale (points)."""
    n_variants, n_seeds, n_classes = differences_VSC.shape
    reach = max(5.0, float(np.abs(differences_VSC).max()))
    tick = 10 ** np.floor(np.log10(reach))
    tick *= max(step for step in (1, 2, 5) if step * tick <= reach)
    fig = Figure(figsize=(3.6 + 1.9 * n_variants, 1.0 + 0.25 * n_classes), layout="constrained")
    axes = fig.subplots()
    y_C = np.arange(n_classes)
    centres = 2.5 * reach * np.arange(n_variants)
    for centre, differences_SC, label in zip(centres, differences_VSC, labels, strict=True):
        mean_C = differences_SC.mean(axis=0)
        axes.barh(y_C, mean_C, left=centre, height=0.66, color=np.where(mean_C < 0, WORSE, BETTER), alpha=0.75, lw=0)
        if n_seeds > 1:
            x_SC, y_SC = centre + differences_SC, np.broadcast_to(y_C, differences_SC.shape)
            axes.plot(x_SC.ravel(), y_SC.ravel(), "o", ms=2.6, mfc=INK, mec="white", mew=0.4)
        axes.axvline(centre, color=GREY, lw=0.8)
        axes.text(centre, -0.9, label, ha="center", va="bottom", fontweight="bold")
    axes.set_yticks(y_C, names, fontsize=8)
    axes.set_ylim(n_classes - 0.4, -0.8)
    axes.set_xlim(-1.2 * reach, centres[-1] + 1.2 * reach)
    ticks = [centre + offset for centre in centres for offset in (-tick, 0, tick)]
    axes.set_xticks(ticks, [f"−{tick:g}", "0", f"+{tick:g}"] * n_variants)
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    dots = ", each seed a dot" if n_seeds > 1 else ""
    axes.set_xlabel(f"recall minus FG-SGL's (percentage points){dots}{remark}")
    return fig


def _matrix(counts_CC: np.ndarray, classes: Sequence[str], heading: str) -> Figure:
    n_C = counts_CC.sum(axis=1, keepdims=True)
    percent_CC = np.divide(100.0 * counts_CC, n_C, out=np.full(counts_CC.shape, np.nan), where=n_C > 0)
    fig = Figure(figsize=(3.4 + 0.34 * len(classes), 1.0 + 0.31 * len(classes)), layout="constrained")
    axes = fig.subplots()
    axes.imshow(percent_CC, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    axes.set_facecolor("#eeeeee")
    # Two digits in a cell; what rounds to nothing stays blank, so that the pattern shows.
    for true, said in np.argwhere(np.nan_to_num(percent_CC) >= 1):
        value = percent_CC[true, said]
        colour = "white" if value > 55 else INK
        text = axes.text(said, true, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
        text.set_in_layout(False)
    names = [_class_name(classes, index) + ("" if n_C[index] else "  (no clip)") for index in range(len(classes))]
    axes.set_yticks(range(len(classes)), names, fontsize=8)
    axes.set_xticks(range(len(classes)), range(len(classes)), fontsize=8)
    axes.tick_params(length=0)
    axes.set_xlabel("answer (class number)")
    axes.spines[:].set_visible(False)
    fig.suptitle(heading, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return fig


def _label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Writes each line's name at its right end; where two would overlap, they move apart, and stay inside the axes."""
    low, high = axes.get_ylim()
    step, right = 0.062 * (high - low), axes.get_xlim()[1] + 0.02 * np.ptp(axes.get_xlim())
    ends = sorted(ends, key=lambda end: end[1])
    places: list[float] = []
    for _, y, _, _ in ends:
        places.append(max(y, places[-1] + step) if places else y)
    for index in reversed(range(len(places))):
        places[index] = min(places[index], high - step * (len(places) - 1 - index))
    for (x, y, text, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            text, (x, y), (right, place), color=colour, fontsize=8, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": PALE, "lw": 0.6, "shrinkA": 0, "shrinkB": 1, "relpos": (0, 0.5)},
        )  # fmt: skip


def _curves(records: Sequence[Record], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs (E,) that every seed has, and the values (S, E) there."""
    by_epoch = [{int(row["epoch"]): row[name] for row in r.curve if "epoch" in row and name in row} for r in records]
    epochs = sorted(set.intersection(*(set(curve) for curve in by_epoch)))
    return np.array(epochs), np.array([[curve[epoch] for epoch in epochs] for curve in by_epoch])


def _confusion(board: Board, record: Record) -> np.ndarray:
    """(C, C) counts from the predictions beside a record."""
    ledger = board.folder / "ledger"
    content = (ledger / f"{record.cell_id}.npz").read_bytes()
    if hashlib.sha256(content).hexdigest() != record.predictions_sha256:
        raise UserError(f"the predictions of cell {record.cell_id} in {ledger} are not those that its record names")
    predictions = read_predictions(ledger, record.cell_id)
    scores_NC = predictions.scores.get("combined", np.empty(0))
    n_classes = len(record.data["classes"])
    if scores_NC.ndim != 2 or scores_NC.shape != (record.metrics["n_clips"], n_classes):
        raise UserError(
            f"the predictions of cell {record.cell_id} in {ledger} have combined scores of shape "
            f"{scores_NC.shape}, expected ({record.metrics['n_clips']}, {n_classes}); run the cell again"
        )
    return confusion(predictions.labels, scores_NC.argmax(axis=1), n_classes)


def _recalls(records: Sequence[Record]) -> np.ndarray:
    """(S, C), NaN for a class without a clip."""
    return np.array([[row["recall"] for row in record.metrics["per_class"]] for record in records], dtype=float)


def _few(rows: Sequence[Any], most: int) -> tuple[list[Any], str]:
    """At most so many rows as one figure can show, full methods before variants and the better first, and a remark if
    some are left out; their numbers stand in the tables."""
    chosen = sorted(rows, key=lambda row: (row.variant != "full", row.Index))[:most]
    remark = f"; {most} of {len(rows)} rows" if len(rows) > most else ""
    return sorted(chosen, key=lambda row: row.Index), remark


def scored(board: Board, row: Any) -> tuple[Record, ...]:
    return board.scored.get(row_key(row), ())


def _class_name(classes: Sequence[str], index: int) -> str:
    return f"{_short(classes[index], 40)}  {index}"


def _short(text: str, length: int) -> str:
    text = printable(text)
    return text if len(text) <= length else text[: length - 1] + "…"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "row"
