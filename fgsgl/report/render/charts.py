"""Figures of the page: which are drawn from its data, and how the others are embedded."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from fgsgl.report.drawing.figure import FigureFiles

MOST_BYTES = 50_000
"""Size of a PNG that the page shows in full resolution."""
MOST_EMBEDDED = 350_000
"""Characters of all pictures in the page, which is to stay below 1 MB; the others are links to their files."""
CLASS = "drawn"
"""CSS class that the page's script gives to a drawing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A figure that the page's script draws from the page's data."""

    name: str
    title: str
    choice: str
    """What its list chooses."""
    caption: str
    figure: str
    """Name of the figure for papers on the same."""
    files: tuple[str, ...] = ()
    """Names of that figure's files, one a protocol; none where it was not drawn."""


CHARTS = (
    Chart(
        name="accuracy", title="Top-1 of every row", choice="Protocol", figure="accuracy",
        caption="Dot: mean top-1; line: its 95 % interval. Dashed: floors; upright: FG-SGL. Hollow: ceilings, tuned.",
    ),
    Chart(
        name="differences", title="Differences to the reference", choice="Protocol", figure="forest",
        caption="Mean paired difference to FG-SGL, of tuned rows to their method's default, with its simultaneous "
        "interval (of single runs the bootstrap over subjects); in colour where that excludes 0.",
    ),
    Chart(
        name="cost", title="Accuracy against cost", choice="Cost", figure="pareto",
        caption="Large and named: full methods, FG-SGL in another colour; small: variants. One protocol at a time, and "
        "what depends on the machine of one machine.",
    ),
    Chart(
        name="curves", title="Learning curves", choice="Quantity", figure="learning-curves",
        caption="Means over seeds, of one protocol at a time. In colour FG-SGL and full methods, grey the others. "
        "Losses of different methods are not comparable.",
    ),
    Chart(
        name="confusion", title="Answers by true class", choice="Row", figure="confusion",
        caption="Share of each true class's test clips that gets an answer, all seeds together; below 1 % it is blank.",
    ),
    Chart(
        name="class-difference", title="Recall by class, against the reference", choice="Row",
        figure="per-class-difference", caption="Means over seeds, not adjusted for the number of classes.",
    ),
    Chart(
        name="subjects", title="Top-1 by test subject", choice="Protocol", figure="subjects",
        caption="Mean over seeds; the hardest subject of the first row stands first.",
    ),
)  # fmt: skip


def charts_of(figures: Sequence[FigureFiles]) -> list[Chart]:
    """The charts of a page, each with the files of its figure; none where no figure was drawn."""
    names = [figure.name for figure in figures]
    found = []
    for chart in CHARTS if figures else ():
        own = tuple(name for name in names if re.fullmatch(rf"{chart.figure}(-[0-9a-f]{{6}})?", name))
        found.append(replace(chart, files=own))
    return found


def pictures(figures: Sequence[FigureFiles]) -> dict[str, str]:
    """The pictures that the page embeds, as base64 by the figure's name: at most ``MOST_EMBEDDED`` characters.

    The first sheet of each figure goes before the second of any, so that no kind of figure is missing.
    """
    sheets: Counter[str] = Counter()
    ranked = []
    for figure in figures:
        kind = re.sub(r"-(\d+|[0-9a-f]{6})$", "", figure.name)
        ranked.append((sheets[kind], figure))
        sheets[kind] += 1
    found: dict[str, str] = {}
    left = MOST_EMBEDDED
    for _, figure in sorted(ranked, key=lambda pair: pair[0]):
        picture = base64.b64encode(webp(figure.png)).decode()
        left -= len(picture)
        if left < 0:
            break
        found[figure.name] = picture
    return found


def chart_style(library: str) -> str:
    """The style that the drawing library adds to each drawing, which the page's policy allows by its digest."""
    (template,) = re.findall(r"`(:where\(\.\$\{\w+\}\) \{\s+--plot-background.*?)`", library, re.DOTALL)
    return re.sub(r"\$\{\w+\}", CLASS, template)


def webp(png: bytes) -> bytes:
    """A picture for the page in a third of the bytes: with every pixel, but half the resolution where it is large."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if len(png) > MOST_BYTES:
        picture = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", lossless=len(png) <= MOST_BYTES, quality=70, method=1)
    return buffer.getvalue()
