"""FG-SA's attention over the frames of an example clip, a row a dimension with its sentence.

N clips, T frames, H x W pixels, G x G = P patches of a frame, D dimensions. Written by
:mod:`fgsgl.training.localisation`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from fgsgl.records.record import Done
from fgsgl.report.drawing.axes import BETTER, Canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import class_names, short
from fgsgl.style.tint import BRIGHT, tint_weight, tinted
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import printable

FRAME_IN, LABEL_IN, TOP_IN, BOTTOM_IN = 0.66, 1.75, 0.42, 0.36
STRENGTH = 0.75
"""Share of the tint where attention is brightest."""
STEP = 8
"""Between shades; the noise of a video below it would double the size of the files."""
SHAPES = {
    "names": "N", "dimensions": "D", "sentences_ND": "ND", "frames_NTHWC": "NTHWC", "mask_NTHW": "NTHW",
    "attention_NDTP": "NDTP",
}  # fmt: skip


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure for each kept example of each row that has some."""
    paths = {path.name.split(".")[0]: path for path in (inputs.board.folder / "ledger").glob("*.attention.npz")}
    records = [r for group in inputs.board.scored.values() for r in group if r.localisation is not None]
    examples = [(record, _read(paths[record.cell_id])) for record in records if record.cell_id in paths]
    clips = [(record, found, index) for record, found in examples for index in range(len(found["names"]))]
    for number, (record, found, index) in enumerate(clips, start=1):
        yield Sheet(
            figure=_figure(found, index),
            table=_table(found, index),
            caption=_caption(str(found["names"][index]), record),
            suffix=f"-{number}",
        )


FIGURE = Figure(name="attention", title="Attention of each dimension over a clip", draw=draw)


def _caption(name: str, record: Done) -> str:
    return printable(
        f"A test clip of “{name}” (variant {record.variant}, seed {record.seed}). Top: its frames, the truly moving "
        "part outlined, and the place of each in the clip. Below, a row a dimension: its sentence, and where its "
        f"attention lies over all frames; full orange is {BRIGHT:g} times even attention or more. Inside: the share of "
        "the dimension's attention that lies on the moving part, at the resolution of patches, and what even attention "
        "would have there."
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            examples = {name: file[name] for name in SHAPES}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise UserError(f"the attention {path} cannot be read: {error}; run its cell again") from None
    sizes = {"C": 3}
    for name, axes in SHAPES.items():
        shape = examples[name].shape
        if len(axes) != len(shape) or any(sizes.setdefault(*pair) != pair[1] for pair in zip(axes, shape, strict=True)):
            raise UserError(f"the attention {path} has {name} of shape {shape}, which does not fit; run its cell again")
    if round(sizes["P"] ** 0.5) ** 2 != sizes["P"]:
        raise UserError(f"the attention {path} has {sizes['P']} patches, which are no square; run its cell again")
    return examples


def _figure(examples: dict[str, np.ndarray], index: int) -> Canvas:
    frames_THW = examples["frames_NTHWC"][index].mean(axis=-1)
    frames, height, width = frames_THW.shape
    n_rows = 1 + len(examples["dimensions"])
    width_in, strip_in = LABEL_IN + FRAME_IN * frames, FRAME_IN * height / width
    height_in = TOP_IN + strip_in * n_rows + BOTTOM_IN
    fig = Canvas(figsize=(width_in, height_in))
    edges = {"left": LABEL_IN / width_in, "right": 1, "hspace": 0}
    edges |= {"top": 1 - TOP_IN / height_in, "bottom": BOTTOM_IN / height_in}
    panels = fig.subplots(n_rows, 1, gridspec_kw=edges)
    strips = [_grey(frames_THW)]
    strips += [_tinted(frames_THW, weight_TP) for weight_TP in _relative_DTP(examples, index)]
    name = printable(str(examples["names"][index]))
    labels = [("frames", "the moving part is outlined", "")]
    shares, even = inside(examples, index)
    insides = [f"inside: {100 * share:.0f} % (even: {100 * even:.0f} %)" for share in shares]
    labels += list(zip(examples["dimensions"], examples["sentences_ND"][index], insides, strict=True))
    for axes, strip_THWC, (title, sentence, share) in zip(panels, strips, labels, strict=True):
        # One picture a row: as many axes as frames would take ten times as long to draw.
        axes.imshow(np.concatenate(strip_THWC, axis=1), aspect="auto", interpolation="nearest")
        axes.vlines(width * np.arange(1, frames) - 0.5, -0.5, height - 0.5, color="white", lw=1)
        axes.axhline(height - 0.5, color="white", lw=3)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        lines = [printable(str(title)).upper(), *textwrap.wrap(short(str(sentence), 120), 32)]
        label = "\n".join([*lines, share] if share else lines)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=6)
    fig.text(0.01, 1 - 0.4 * TOP_IN / height_in, class_names([name], [0], 80)[0], fontsize=8, va="center")
    for frame in range(frames):  # a frame stands for the middle of its segment
        place = f"{100 * (frame + 0.5) / frames:.0f} %"
        panels[0].text(width * (frame + 0.5), -0.04 * height, place, fontsize=6, ha="center", va="bottom")
    _scale(fig, height_in)
    mask_HW = np.concatenate(examples["mask_NTHW"][index], axis=1)
    if mask_HW.any():
        panels[0].contour(mask_HW, levels=[0.5], colors=BETTER, linewidths=0.9)
    return fig


def inside(examples: dict[str, np.ndarray], index: int) -> tuple[np.ndarray, float]:
    """The share of each dimension's attention on patches that the moving part reaches into (D,), and that of even
    attention."""
    attention_DTP = examples["attention_NDTP"][index].astype(float)
    _, frames, patches = attention_DTP.shape
    side, mask_THW = round(patches**0.5), examples["mask_NTHW"][index]
    height, width = mask_THW.shape[1:]
    rows_H, columns_W = np.arange(height) * side // height, np.arange(width) * side // width
    reached_TGG = np.zeros((frames, side, side), dtype=bool)
    for frame, row, column in np.argwhere(mask_THW):
        reached_TGG[frame, rows_H[row], columns_W[column]] = True
    reached_TP = reached_TGG.reshape(frames, patches)
    return (attention_DTP * reached_TP).sum(axis=(1, 2)) / attention_DTP.sum(axis=(1, 2)), float(reached_TP.mean())


def _scale(fig: Canvas, height_in: float) -> None:
    """The colours of attention under the strips, over the paled grey of a frame."""
    bar = fig.add_axes((0.55, 0.55 * BOTTOM_IN / height_in, 0.4, 0.13 / height_in))
    weight_W1 = np.linspace(0, 1, 64)[:, None]
    bar.imshow(tinted(190, weight_W1, STRENGTH)[None], aspect="auto", extent=(0, BRIGHT, 0, 1))
    bar.set(yticks=[], xticks=range(int(BRIGHT) + 1))
    bar.tick_params(labelsize=6, length=2)
    bar.spines[:].set_visible(False)
    fig.text(0.54, 0.55 * BOTTOM_IN / height_in, "times even attention", fontsize=6, ha="right", va="bottom")


def _relative_DTP(examples: dict[str, np.ndarray], index: int) -> np.ndarray:
    """Attention in multiples of an even one."""
    attention_DTP = examples["attention_NDTP"][index].astype(float)
    return attention_DTP * attention_DTP[0].size


def _grey(frames_THW: np.ndarray) -> np.ndarray:
    return np.repeat(frames_THW[..., None] // STEP * STEP, 3, axis=-1).astype(np.uint8)


def _tinted(frames_THW: np.ndarray, relative_TP: np.ndarray) -> np.ndarray:
    """The frames paled, so that the tint shows in grey as well, and tinted by attention: (T, H, W, 3) uint8."""
    paled_THW1 = 127 + frames_THW[..., None] // (2 * STEP) * STEP
    return tinted(paled_THW1, tint_weight(relative_TP, *frames_THW.shape[1:]), STRENGTH)


def _table(examples: dict[str, np.ndarray], index: int) -> pd.DataFrame:
    """One row a dimension, frame and line of patches; the columns are multiples of even attention."""
    relative_DTP = _relative_DTP(examples, index)
    side = round(relative_DTP.shape[2] ** 0.5)
    levels = [[str(name) for name in examples["dimensions"]], range(relative_DTP.shape[1]), range(side)]
    place = pd.MultiIndex.from_product(levels, names=["dimension", "frame", "line"])
    return pd.DataFrame(relative_DTP.reshape(-1, side), index=place).rename(columns=str).reset_index()
