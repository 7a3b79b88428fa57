"""The report of `fgsgl data check`: faults, remarks, and how the classes are spread over the splits.

C classes.
"""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import matplotlib
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fgsgl.data.check import Audit
from fgsgl.data.cliptable import SPLITS, ClipTable
from fgsgl.escape import markdown_text
from fgsgl.files import write_whole
from fgsgl.style import COLOURS, STYLE


def balance(table: ClipTable) -> pd.DataFrame:
    """Clips of each class (rows, C) and split (columns)."""
    counts = {split: Counter(clip.label for clip in table.clips if clip.split == split) for split in SPLITS}
    rows = [{split: counts[split][label] for split in SPLITS} for label in range(len(table.classes))]
    return pd.DataFrame(rows, index=pd.Index(table.classes, name="class"))


def write(table: ClipTable, audit: Audit, folder: Path) -> Path:
    """Writes ``check.md`` and ``balance.png`` and returns the path of the first."""
    counts = balance(table)
    people = {split: len({clip.subject for clip in table.clips if clip.split == split}) for split in SPLITS}
    lines = [f"# Check of {markdown_text(table.dataset)}", ""]
    lines += [f"{len(table.clips)} clips of {len(audit.videos)} videos; fingerprint `{audit.fingerprint}`.", ""]
    for heading, found in (("Faults", audit.faults), ("Remarks", audit.remarks)):
        lines += [f"## {heading}", "", *(f"- {markdown_text(line)}" for line in found or ("none",)), ""]
    lines += ["## Clips", "", f"| class | {' | '.join(SPLITS)} |", "| --- |" + " ---: |" * len(SPLITS)]
    lines += [f"| {markdown_text(name)} | {' | '.join(map(str, row))} |" for name, *row in counts.itertuples()]
    lines += [f"| **all** | {' | '.join(str(counts[split].sum()) for split in SPLITS)} |"]
    lines += [f"| **subjects** | {' | '.join(str(people[split]) for split in SPLITS)} |"]
    lines += ["", "![Clips of each class](balance.png)"]
    write_whole(folder / "balance.png", _draw(counts))
    write_whole(folder / "check.md", "\n".join(lines) + "\n")
    return folder / "check.md"


def _draw(counts: pd.DataFrame) -> bytes:
    rows = counts.reset_index().melt("class", var_name="split", value_name="clips")
    with matplotlib.rc_context(fname=STYLE):
        sheet = Figure(figsize=(7, 1.2 + 0.22 * len(counts)), layout="constrained")
        axes = sheet.subplots()
        sns.barplot(rows, x="clips", y="class", hue="split", ax=axes, palette=list(COLOURS[: len(SPLITS)]))
        axes.set(ylabel="", title="Clips of each class")
        buffer = io.BytesIO()
        sheet.savefig(buffer, format="png")
    return buffer.getvalue()
