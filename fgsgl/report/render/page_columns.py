"""Columns of the page's tables: which are shown at first on a desktop and on a phone, and what each one means."""

from __future__ import annotations

from dataclasses import dataclass

PLOT = "Interval"
"""Heading of the column that draws top-1 with its interval."""
SHOWN = {
    "Method", PLOT, "Top-1 %", "Tied", "Difference", "p (Holm)", "Macro-F1 %", "Fine %", "Trials",
    "Status",
}  # fmt: skip
"""Columns of the leaderboard that are shown at first: they fit 1280 pixels."""
UNSEEN_SHOWN = SHOWN - {"Macro-F1 %", "Fine %", "Status"} | {"Unseen %", "Harmonic %"}
"""The same where classes were held out."""
REGIMES_SHOWN = {
    "Method", PLOT, "Unseen %", "Difference", "p (Holm)", "AUSUC %", "AUSUC difference", "AUSUC p",
}  # fmt: skip
"""The same of a regime with unseen classes."""
COSTS_SHOWN = {
    "Method", "Top-1 %", "Seeds", "Params M (trained)", "Train s", "GFLOPs", "Latency ms", "Clips/s", "Peak MiB",
    "Hardware",
}  # fmt: skip
"""The same of its costs."""
PHONE = {"Method", "Top-1 %", "Difference"}
"""Columns that a phone shows at first, where a table has one of these; else its first three."""
REGIMES_PHONE = {"Method", "Unseen %", "Difference"}
EXPLAINED = {
    PLOT: "Dot, line: mean and 95 % interval; triangle: off the scale. Dashed: floor, ceiling; upright: FG-SGL",
    "Top-1 %": "Share of test clips whose most probable class is right, and its 95 % interval",
    "Interval over": "What the 95 % interval of top-1 is over",
    "Tied": "Rows that share a letter cannot be told apart",
    "Difference": "Row minus FG-SGL in percentage points, with its simultaneous interval",
    "Contrast": "Primary: declared before the board ran; all others are exploratory",
    "p (Holm)": "Paired t test over seeds, adjusted for all contrasts of its family",
    "p (t)": "Paired t test over seeds, not adjusted",
    "p (sign flip)": "Exact sign-flip test over the pairs, not adjusted",
    "d_z": "Mean over standard deviation of the paired differences",
    "Wins %": "Pairs that the row wins, ties half",
    "Macro-F1 %": "F1 averaged over the classes: rare ones count as much as frequent ones",
    "Mean class %": "Recall averaged over the classes",
    "Category %": "Top-1 of FG-SGL's category score alone (CP-A)",
    "Fine %": "Top-1 of FG-SGL's fine score alone (FG-SA)",
    "Unseen %": "Mean recall of classes held out of training, the answer chosen among them",
    "Generalised %": "Mean recall of classes held out of training, all classes compete",
    "Seen %": "Mean recall of the other classes, all classes compete",
    "Harmonic %": "Harmonic mean of the generalised and the seen one",
    "AUSUC difference": "Row minus FG-SGL in AUSUC, in points, with its simultaneous interval",
    "AUSUC p": "Paired t test over seeds, adjusted for all contrasts of its family",
    "AUSUC %": "Area under the curve of generalised and seen score over all biases for seen classes; 100 is perfect",
    "Status": "Cells that are done, and how the others ended",
    "95 % alone": "95 % interval of this difference alone; claims rest on the simultaneous one",
    "Seeds and subjects": "95 % interval that covers the choice of seeds and of test subjects",
    "GFLOPs": "Operations of one clip; a multiplication and an addition are two",
    "Latency ms": "One clip, from frames in memory to probabilities, measured alone",
    "Clips/s": "A batch, from frames in memory to probabilities, measured alone",
    "Train s": "Mean training time of a cell on the machine that the row names",
}
"""The note that a heading shows when it is pointed at; the folded notes list them too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The heading of one column of the page."""

    text: str
    numeric: bool
    shown: bool = True
    """Whether the column is shown at first on a desktop."""
    phone: bool = True
    """Whether it is shown at first on a phone."""

    @property
    def note(self) -> str:
        """A sentence on the column; empty where its name says enough."""
        return EXPLAINED.get(self.text, "")


def heads(headings: list[tuple[str, bool]], shown: set[str] | None = None, phone: set[str] | None = None) -> list[Head]:
    """The headings of a table.

    Args:
        headings: text, and whether the column holds numbers.
        shown: columns that a desktop shows at first; None: all.
        phone: columns that a phone shows at first; None: those of :data:`PHONE`.
    """
    phone = {text for text, _ in headings} & (PHONE if phone is None else phone)
    if len(phone) < 2:
        phone = {text for text, _ in headings[:3]}
    return [
        Head(text=text, numeric=numeric, shown=shown is None or text in shown, phone=text in phone)
        for text, numeric in headings
    ]
