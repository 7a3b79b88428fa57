"""FG-SA's attention over the frames of an example clip, a row a dimension with its sentence, and last the gradient
saliency of the category-only model.

N clips, T frames, H x W pixels, G x G = P patches of a frame, D dimensions. Written by
:mod:`fgsgl.training.localisation`; cells of earlier versions kept no saliency.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from fgsgl.records.record import Done
from fgsgl.report.board.rows import MODULES, label, row_key
from fgsgl.report.drawing.axes import BETTER, Canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.inputs import Inputs
from fgsgl.report.drawing.labels import class_names, short
from fgsgl.style.tint import BRIGHT, tint_weight, tinted
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import printable

FRAME_IN, LABEL_IN, TOP_IN, BOTTOM_IN = 0.66, 1.75, 0.42, 0.36
STRENGTH = 0.75
"""Share of the tint where a map is brightest."""
STEP = 8
"""Between shades; the noise of a video below it would double the size of the files."""
ATTENTION = {
    "names": "N", "dimensions": "D", "sentences_ND": "ND", "frames_NTHWC": "NTHWC", "mask_NTHW": "NTHW",
    "attention_NDTP": "NDTP",
}  # fmt: skip
SALIENCY = {"names": "N", "saliency_NTP": "NTP"}
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """A map over the frames of a clip, and what stands at its left."""

    name: str
    text: str
    map_TP: np.ndarray
    """In multiples of an even map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Saliency:
    """Saliency beside attention, and whose it is."""

    of: str
    """A row's label."""
    is_own: bool
    """Of the recognizer itself, for want of the category-only model's."""
    saliency_NTP: np.ndarray


def draw(inputs: Inputs) -> Iterator[Sheet]:
    """One figure for each kept example of each row that has some."""
    rows = list(inputs.board.table.itertuples())
    kept = [(row, record, _path(inputs, record, "attention")) for row in rows for record in inputs.scored(row)]
    number = 0
    for row, record, path in kept:
        if record.localisation is None or not path.is_file():
            continue
        found = _read(path, ATTENTION)
        beside = _saliency(inputs, row, record, found)
        for index, name in enumerate(found["names"]):
            number += 1
            strips = _strips(found, beside, index)
            yield Sheet(
                figure=_figure(found, index, strips),
                table=_table(strips),
                caption=_caption(str(name), f"{row.label}, seed {record.seed}", beside),
                suffix=f"-{number}",
            )


FIGURE = Figure(name="attention", title="Attention of each dimension over a clip", draw=draw)


def _path(inputs: Inputs, record: Done, kind: str) -> Path:
    return inputs.board.folder / "ledger" / f"{record.cell_id}.{kind}.npz"


def _saliency(inputs: Inputs, row: Any, record: Done, examples: Arrays) -> Saliency | None:
    """Of the category-only model with the same protocol and seed on the same clips, else of the recognizer itself; None
    where neither has kept any."""
    method, variant = MODULES[0]
    without = inputs.board.scored.get(row_key(row)._replace(method=method, variant=variant), ())
    for other in (*(one for one in without if one.seed == record.seed), record):
        path = _path(inputs, other, "saliency")
        if not (other.localisation and record.localisation and path.is_file()):
            continue
        if other.localisation.clips_sha256 != record.localisation.clips_sha256:
            continue
        found = _read(path, SALIENCY)
        names, shape = found["names"].tolist(), (len(examples["names"]), *examples["attention_NDTP"].shape[2:])
        if names != examples["names"].tolist() or found["saliency_NTP"].shape != shape:
            raise UserError(f"{path} is not of the clips of {_path(inputs, record, 'attention')}; run both cells again")
        of = label(other.config.display_name, other.variant)
        return Saliency(of=of, is_own=other is record, saliency_NTP=found["saliency_NTP"])
    return None


def _strips(examples: Arrays, beside: Saliency | None, index: int) -> list[Strip]:
    maps = zip(examples["dimensions"], examples["sentences_ND"][index], examples["attention_NDTP"][index], strict=True)
    found = [Strip(name=str(name), text=str(text), map_TP=_relative_TP(map_TP)) for name, text, map_TP in maps]
    if beside is not None:
        text = f"of {beside.of}{' itself' if beside.is_own else ', same seed'}"
        found.append(Strip(name="gradient saliency", text=text, map_TP=_relative_TP(beside.saliency_NTP[index])))
    return found


def _caption(name: str, of: str, beside: Saliency | None) -> str:
    last = " No saliency is beside it: this cell ran with a version that kept none."
    if beside is not None:
        why = "as none is kept of FG-SGL w/o fgsa with this seed" if beside.is_own else "trained with the same seed"
        last = " Last: gradient saliency, how much the pixels change the score of the class that "
        last += f"{beside.of} predicts, {why}."
    return printable(
        f"A test clip of “{name}” ({of}). Top: its frames, the truly moving part outlined, and the place of each in "
        "the clip. Below, a row a dimension: its sentence, and where its attention lies over all frames; full orange "
        f"is {BRIGHT:g} times an even map or more.{last} Inside: the share of a map that lies on the moving part, at "
        "the resolution of patches, and what an even map would have there."
    )


def _read(path: Path, shapes: Mapping[str, str]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            examples = {name: file[name] for name in shapes}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise UserError(f"the maps {path} cannot be read: {error}; run its cell again") from None
    sizes = {"C": 3}
    for name, axes in shapes.items():
        shape = examples[name].shape
        if len(axes) != len(shape) or any(sizes.setdefault(*pair) != pair[1] for pair in zip(axes, shape, strict=True)):
            raise UserError(f"the maps {path} have {name} of shape {shape}, which does not fit; run its cell again")
    if round(sizes["P"] ** 0.5) ** 2 != sizes["P"]:
        raise UserError(f"the maps {path} have {sizes['P']} patches, which are no square; run its cell again")
    for name, axes in shapes.items():
        if axes.endswith("TP") and not (examples[name].sum(axis=(-2, -1)) > 0).all():  # false of NaN as well
            raise UserError(f"the maps {path} have {name} without a positive sum; run its cell again")
    return examples


def _figure(examples: Arrays, index: int, strips: Sequence[Strip]) -> Canvas:
    frames_THW = examples["frames_NTHWC"][index].mean(axis=-1)
    frames, height, width = frames_THW.shape
    n_rows = 1 + len(strips)
    width_in, strip_in = LABEL_IN + FRAME_IN * frames, FRAME_IN * height / width
    height_in = TOP_IN + strip_in * n_rows + BOTTOM_IN
    fig = Canvas(figsize=(width_in, height_in))
    edges = {"left": LABEL_IN / width_in, "right": 1, "hspace": 0}
    edges |= {"top": 1 - TOP_IN / height_in, "bottom": BOTTOM_IN / height_in}
    panels = fig.subplots(n_rows, 1, gridspec_kw=edges)
    mask_THW = examples["mask_NTHW"][index]
    pictures = [_grey(frames_THW), *(_tinted(frames_THW, strip.map_TP) for strip in strips)]
    labels = ["FRAMES\nthe moving part is outlined", *(_label(strip, mask_THW) for strip in strips)]
    for axes, picture_THWC, text in zip(panels, pictures, labels, strict=True):
        # One picture a row: as many axes as frames would take ten times as long to draw.
        axes.imshow(np.concatenate(picture_THWC, axis=1), aspect="auto", interpolation="nearest")
        axes.vlines(width * np.arange(1, frames) - 0.5, -0.5, height - 0.5, color="white", lw=1)
        axes.axhline(height - 0.5, color="white", lw=3)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=6)
    name = class_names([printable(str(examples["names"][index]))], [0], 80)[0]
    fig.text(0.01, 1 - 0.4 * TOP_IN / height_in, name, fontsize=8, va="center")
    for frame in range(frames):  # a frame stands for the middle of its segment
        place = f"{100 * (frame + 0.5) / frames:.0f} %"
        panels[0].text(width * (frame + 0.5), -0.04 * height, place, fontsize=6, ha="center", va="bottom")
    _scale(fig, height_in)
    mask_HW = np.concatenate(mask_THW, axis=1)
    if mask_HW.any():
        panels[0].contour(mask_HW, levels=[0.5], colors=BETTER, linewidths=0.9)
    return fig


def _label(strip: Strip, mask_THW: np.ndarray) -> str:
    share, even = inside(strip.map_TP, mask_THW)
    lines = [printable(strip.name).upper(), *textwrap.wrap(short(strip.text, 120), 32)]
    return "\n".join([*lines, f"inside: {100 * share:.0f} % (even: {100 * even:.0f} %)"])


def inside(map_TP: np.ndarray, mask_THW: np.ndarray) -> tuple[float, float]:
    """The share of a map on patches that the moving part reaches into, and that of an even map."""
    frames, patches = map_TP.shape
    side, (height, width) = round(patches**0.5), mask_THW.shape[1:]
    rows_H, columns_W = np.arange(height) * side // height, np.arange(width) * side // width
    reached_TGG = np.zeros((frames, side, side), dtype=bool)
    for frame, row, column in np.argwhere(mask_THW):
        reached_TGG[frame, rows_H[row], columns_W[column]] = True
    reached_TP = reached_TGG.reshape(frames, patches)
    return float(map_TP[reached_TP].sum() / map_TP.sum()), float(reached_TP.mean())


def _scale(fig: Canvas, height_in: float) -> None:
    """The colours of maps under the strips, over the paled grey of a frame."""
    bar = fig.add_axes((0.55, 0.55 * BOTTOM_IN / height_in, 0.4, 0.13 / height_in))
    weight_W1 = np.linspace(0, 1, 64)[:, None]
    bar.imshow(tinted(190, weight_W1, STRENGTH)[None], aspect="auto", extent=(0, BRIGHT, 0, 1))
    bar.set(yticks=[], xticks=range(int(BRIGHT) + 1))
    bar.tick_params(labelsize=6, length=2)
    bar.spines[:].set_visible(False)
    fig.text(0.54, 0.55 * BOTTOM_IN / height_in, "times an even map", fontsize=6, ha="right", va="bottom")


def _relative_TP(map_TP: np.ndarray) -> np.ndarray:
    """A map in multiples of an even one."""
    wide_TP = map_TP.astype(float)
    return np.asarray(wide_TP * wide_TP.size / wide_TP.sum())


def _grey(frames_THW: np.ndarray) -> np.ndarray:
    return np.repeat(frames_THW[..., None] // STEP * STEP, 3, axis=-1).astype(np.uint8)


def _tinted(frames_THW: np.ndarray, relative_TP: np.ndarray) -> np.ndarray:
    """The frames paled, so that the tint shows in grey as well, and tinted by a map: (T, H, W, 3) uint8."""
    paled_THW1 = 127 + frames_THW[..., None] // (2 * STEP) * STEP
    return tinted(paled_THW1, tint_weight(relative_TP, *frames_THW.shape[1:]), STRENGTH)


def _table(strips: Sequence[Strip]) -> pd.DataFrame:
    """One row a map, frame and line of patches; the other columns are multiples of an even map."""
    frames, patches = strips[0].map_TP.shape
    side = round(patches**0.5)
    levels = [[strip.name for strip in strips], range(frames), range(side)]
    place = pd.MultiIndex.from_product(levels, names=["map", "frame", "line"])
    values = np.concatenate([strip.map_TP.reshape(-1, side) for strip in strips])
    return pd.DataFrame(values, index=place).rename(columns=str).reset_index()
