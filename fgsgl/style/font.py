"""The figures' font: DejaVu Sans of Latin and Greek alone, since a PDF takes three times as long to cut its letters out
of all six thousand. Other letters come from the whole font beside it.

``python -m fgsgl.style.font`` writes ``font.ttf`` anew from matplotlib's DejaVu Sans, whose licence, kept in the file,
allows that under another name.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from fontTools import subset
from matplotlib import font_manager

FILE = Path(__file__).with_suffix(".ttf")
NAME = "FGSGL Sans"
LETTERS = (range(0x20, 0x180), range(0x370, 0x400), range(0x2010, 0x2040), range(0x2190, 0x2194), range(0x2200, 0x2270))
"""Latin, Greek, punctuation, arrows and the signs of formulas."""


def register() -> None:
    """Lets matplotlib find the font by its name."""
    font_manager.fontManager.addfont(FILE)


def build(file: Path) -> None:
    """Cuts the font out of matplotlib's."""
    options = subset.Options(name_IDs=["*"], layout_features=[])
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB", "MATH", "kern"]
    with subset.load_font(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", options) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=[letter for letters in LETTERS for letter in letters])
        cutter.subset(font)
        for record in font["name"].names:
            if record.nameID in (1, 3, 4, 16):
                record.string = NAME
            elif record.nameID == 6:
                record.string = NAME.replace(" ", "")
        font.save(file)


if __name__ == "__main__":
    build(FILE)
