"""The report of `fgsgl data check`: a page with faults, remarks and clips, and a figure of the classes."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fgsgl.data.check import CheckResult
from fgsgl.data.clip_table import SPLITS, ClipTable
from fgsgl.data.faults import Fault
from fgsgl.style import COLOURS, STYLE
from fgsgl.util.escaping import markdown_text, printable
from fgsgl.util.files import write_whole

MOST_CLASSES = 80
"""Classes that the figure shows; the table has them all."""


def write(table: ClipTable, found: CheckResult, folder: Path) -> Path:
    """Writes ``check.md`` and ``balance.png`` into a folder, and returns the path of ``check.md``."""
    counts = balance(table)
    people = {split: len({clip.subject for clip in table.clips if clip.split == split}) for split in SPLITS}
    lines = [f"# Check of {markdown_text(table.dataset)}", ""]
    lines += [f"{len(table.clips)} clips of {len(found.videos)} videos; fingerprint `{found.fingerprint}`.", ""]
    lines += ["## Faults", ""]
    if found.faults:
        lines += ["| file | line | fault |", "| --- | ---: | --- |"]
        lines += [f"| {' | '.join(map(markdown_text, fault_cells(fault, table.root)))} |" for fault in found.faults]
    else:
        lines += ["- none"]
    lines += ["", "## Remarks", "", *(f"- {markdown_text(line)}" for line in found.remarks or ("none",)), ""]
    lines += ["## Clips", "", f"| class | {' | '.join(SPLITS)} |", "| --- |" + " ---: |" * len(SPLITS)]
    lines += [f"| {markdown_text(name)} | {' | '.join(map(str, row))} |" for name, *row in counts.itertuples()]
    if hidden := sum(clip.label is None for clip in table.clips):
        lines += [f"| *hidden labels* | 0 | 0 | {hidden} |"]
    lines += [f"| **all** | {' | '.join(str(counts[split].sum()) for split in SPLITS)} |"]
    lines += [f"| **subjects** | {' | '.join(str(people[split]) for split in SPLITS)} |"]
    lines += ["", "![Clips of each class](balance.png)"]
    write_whole(folder / "balance.png", _draw(counts))
    write_whole(folder / "check.md", "\n".join(lines) + "\n")
    return folder / "check.md"


def fault_cells(fault: Fault, root: Path) -> tuple[str, str, str]:
    """The file below the root, line and text of a fault; a part that it does not have is ``-``."""
    file, top = fault.file, f"{root}{os.sep}"
    return file.removeprefix(top) or "-", str(fault.line or "-"), fault.what.replace(top, "")


def fault_table(faults: Sequence[Fault], root: Path) -> Iterator[str]:
    """Lines of a table of faults for a terminal: file, line, fault."""
    rows = [("file", "line", "fault"), *(fault_cells(fault, root) for fault in faults)]
    wide = min(60, max(len(file) for file, _, _ in rows))
    for file, line, what in rows:
        yield printable(f"{file:<{wide}}  {line:>6}  {what}")


def balance(table: ClipTable) -> pd.DataFrame:
    """Clips of each class (rows, C) and split (columns)."""
    counts = {split: Counter(clip.label for clip in table.clips if clip.split == split) for split in SPLITS}
    rows = [{split: counts[split][label] for split in SPLITS} for label in range(len(table.classes))]
    return pd.DataFrame(rows, index=pd.Index(table.classes, name="class"), columns=list(SPLITS))


def _draw(counts: pd.DataFrame) -> bytes:
    """Bars of each class and split, as PNG; of more than ``MOST_CLASSES`` classes, those with the fewest clips."""
    title = "Clips of each class"
    if len(counts) > MOST_CLASSES:
        title = f"Clips of the {MOST_CLASSES} smallest of {len(counts)} classes"
        counts = counts.loc[counts.sum(axis=1).sort_values(kind="stable").index[:MOST_CLASSES]]
    rows = counts.reset_index().melt("class", var_name="split", value_name="clips")
    with matplotlib.rc_context(fname=STYLE):
        sheet = Figure(figsize=(7, 1.2 + 0.22 * len(counts)), layout="constrained")
        axes = sheet.subplots()
        sns.barplot(rows, x="clips", y="class", hue="split", ax=axes, palette=list(COLOURS[: len(SPLITS)]))
        axes.set(ylabel="", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        sns.move_legend(axes, "upper left", bbox_to_anchor=(1, 1))  # the best place inside takes long to find
        buffer = io.BytesIO()
        sheet.savefig(buffer, format="png")
    return buffer.getvalue()
