"""Renders a sheet as PNG, PDF and CSV."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from PIL import Image

from fgsgl.report.csv_text import csv_text
from fgsgl.report.drawing.axes import Canvas
from fgsgl.report.drawing.figure import Figure, FigureFiles, Sheet


def render(figure: Figure[Any], sheet: Sheet) -> FigureFiles:
    """The contents of a sheet's three files."""
    width_in, height_in = sheet.figure.get_size_inches()
    png = png_of(sheet.figure)
    sheet.figure.set_layout_engine("none")  # what the first drawing found holds for the second
    return FigureFiles(
        name=f"{figure.name}{sheet.suffix}",
        title=figure.title,
        caption=sheet.caption,
        size_in=(float(width_in), float(height_in)),
        png=png,
        pdf=pdf_of(sheet.figure),
        csv=csv_text(sheet.table, digits=6),
    )


def png_of(canvas: Canvas) -> bytes:
    """A PNG of at most 256 colours, which takes a third of the bytes, on disk and in the page."""
    buffer, agg = io.BytesIO(), FigureCanvasAgg(canvas)
    agg.draw()  # Figure.savefig would draw once more before, to find a layout that drawing finds anyway
    drawn = Image.fromarray(np.asarray(agg.buffer_rgba())[:, :, :3])
    few = drawn.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", dpi=(canvas.dpi, canvas.dpi))
    return buffer.getvalue()


def pdf_of(canvas: Canvas) -> bytes:
    """A PDF without the time at which it was drawn."""
    buffer = io.BytesIO()
    FigureCanvasPdf(canvas).print_pdf(buffer, metadata={"CreationDate": None})
    return buffer.getvalue()
