"""Similarity of the classes' texts in each dimension: FG-SA can distinguish only classes whose texts differ.

C classes, D dimensions.
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from fgsgl.models.towers.tower import build_tower
from fgsgl.style import STYLE
from fgsgl.text.embed import fine_text_CDE
from fgsgl.text.fgtext import DIMENSIONS, FGText
from fgsgl.util.files import write_whole

INCH_A_CLASS = 0.16
MOST_NAMED = 80
"""Classes up to which each has its name; the maps of more are no larger."""


def draw(text: FGText, backbone: str, pretrained: str | None, path: Path) -> None:
    """Writes a PNG of one C x C map of cosine similarity a dimension.

    Raises:
        UserError: for a tower that cannot be built, or a sentence beyond its context.
    """
    tower = build_tower(backbone, pretrained)
    vector_CDE = fine_text_CDE(text, tower.encode_text)
    similarity_DCC = (vector_CDE.transpose(0, 1) @ vector_CDE.permute(1, 2, 0)).numpy()
    lowest = float(similarity_DCC.min())
    count = len(text.classes)
    side = 1.2 + INCH_A_CLASS * min(count, MOST_NAMED)
    names = [f"{entry.id} {entry.name}" for entry in text.classes]
    with matplotlib.rc_context(fname=STYLE):
        sheet = Figure(figsize=(2 * side + 3.5, 2 * side), layout="constrained")
        axes_22 = sheet.subplots(2, 2, sharex=True, sharey=True)
        for axes, name, similarity_CC in zip(axes_22.flat, DIMENSIONS, similarity_DCC, strict=True):
            # No seaborn: it measures every label with a canvas of its own.
            image = axes.imshow(similarity_CC, vmin=lowest, vmax=1, cmap="cividis", interpolation="nearest")
            if count <= MOST_NAMED:
                axes.set_xticks(range(count), [str(entry.id) for entry in text.classes], rotation=90)
                axes.set_yticks(range(count), names)
            axes.spines[:].set_visible(False)
            axes.tick_params(labelsize=6, length=0)
            axes.set_title(name)
        sheet.colorbar(image, ax=axes_22, label="cosine similarity", shrink=0.5)
        sheet.suptitle(
            f"FG-Text {text.name}: similarity of the classes' sentences to {tower.identity}", x=0.02, ha="left"
        )
        buffer = io.BytesIO()
        sheet.savefig(buffer, format="png", bbox_inches="tight")
    write_whole(path, buffer.getvalue())
