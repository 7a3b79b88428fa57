"""One look for every figure: the style sheet, and its colours by name."""

from pathlib import Path

import matplotlib

STYLE = Path(__file__).with_name("style.mplstyle")
COLOURS: tuple[str, ...] = tuple(
    matplotlib.rc_params_from_file(STYLE, use_default_template=False)["axes.prop_cycle"].by_key()["color"]
)
INK, GREY, PALE = "#222222", "#777777", "#bbbbbb"
