"""The page about the study: ``results/synmg-2/README.md``, whose every number comes from the boards' records.

Its sentences are a template, ``study_page.md.jinja`` beside this file, and so is what the project's README says of it
in five lines, ``study_answers.md.jinja``; what they may say of a difference is decided here, by the boards' own
verdicts.
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from fgsgl.ablations.study import OUT, Part, parts
from fgsgl.report.board.board import Board, read_board
from fgsgl.report.board.rows import row_key
from fgsgl.report.formatting import number, p_equals
from fgsgl.report.localisation.evaluate import localisation
from fgsgl.report.regimes.evaluate import regimes
from fgsgl.stats.seeds import LEVEL
from fgsgl.util.escaping import markdown_text
from fgsgl.util.files import write_whole

PAGE, ANSWERS = "study_page.md.jinja", "study_answers.md.jinja"
"""Templates beside this file."""
MARK = "<!-- Written by `python ablations/study.py --page` from the records below; it is written anew. -->"
BEGIN, END = "<!-- study: begin -->", "<!-- study: end -->"
"""Around the answers in the project's README."""
CONTROLS = {
    "FG-SGL w/o fgsa": "without FG-SA",
    "FG-SGL text=shuffled": "with other classes' sentences",
    "FG-SGL text=random": "with random vectors",
    "FG-SGL text=names": "with class names alone",
}
"""What the README calls the rows that FG-SGL is held against."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of a board, against FG-SGL's with the same seeds. Percent and percentage points."""

    label: str
    n: int
    """Seeds."""
    mean: float
    difference: float
    """This row minus FG-SGL; nan for FG-SGL itself, and where the two are not compared."""
    half_width: float
    """Half the simultaneous 95 % interval of the difference."""
    p: float
    """Adjusted over its family."""

    @property
    def text(self) -> str:
        """``53.5 % (−1.1 ± 2.0, p = 0.2)``."""
        if math.isnan(self.difference):
            return f"{number(self.mean)} %"
        half = "" if math.isnan(self.half_width) else f" ± {number(self.half_width)}"
        beside = "" if math.isnan(self.p) else f", {p_equals(self.p)}"
        return f"{number(self.mean)} % ({number(self.difference, sign='+')}{half}{beside})"

    @property
    def against(self) -> str:
        """``−1.1 ± 2.0 (not shown)``: the difference, and whether the board's test allows to say that there is one."""
        shown = "" if self.p <= LEVEL else " (not shown)"
        return f"{number(self.difference, sign='+')} ± {number(self.half_width)}{shown}"

    @property
    def verdict(self) -> str:
        """The sentence that the board's test allows about FG-SGL against this row."""
        if math.isnan(self.p):
            return "not compared yet"
        if self.p > LEVEL:
            excluded = abs(self.difference) + self.half_width  # beyond the farther end of the simultaneous interval
            return f"cannot be told from none; more than {number(excluded)} points are excluded"
        return f"FG-SGL is {number(abs(self.difference))} points {'better' if self.difference < 0 else 'worse'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Boards:
    """The boards of a study, as far as they are there."""

    root: Path

    def folders(self) -> list[str]:
        """Folders of the boards below the root; the root's own is ``.``."""
        return [name for name in dict.fromkeys(map(_folder, parts())) if (self.root / name / "ledger").is_dir()]

    def has(self, folder: str) -> bool:
        """Whether a board is there."""
        return folder in self.folders()

    def rows(self, folder: str = ".") -> list[Row]:
        """The methods of a board by top-1, the best first, then ceilings and floors."""
        table = self.board(folder).table
        return [_row_of_board(row) for row in table[table["n_seeds"] > 0].itertuples()]

    def cells(self, folder: str) -> tuple[int, int]:
        """Finished cells of a board, and cells that its plan holds beside them."""
        board = self.board(folder)
        return sum(map(len, board.scored.values())), len(board.planned)

    def commands(self, folder: str) -> list[str]:
        """The study's commands that write into a board's folder."""
        return [_command(part) for part in parts() if _folder(part) == folder]

    def row(self, label: str, folder: str = ".") -> Row | None:
        """One row of a board."""
        return next((row for row in self.rows(folder) if row.label == label), None)

    def shown(self, folder: str) -> list[Row]:
        """The rows of a board's table on the page: over all folds in the unseen score where classes were held out."""
        return self.rows(folder) if self._regimes(folder).empty else self.regime(folder)

    def regime(self, folder: str, measure: str = "unseen", score: str = "combined") -> list[Row]:
        """The rows of a board with classes held out in one measure of one score, the best first."""
        table = self._regimes(folder)
        chosen = table[(table["measure"] == measure) & (table["score"] == score) & table["mean"].notna()]
        found = [_row_of_regime(row) for row in chosen.itertuples()]
        return sorted(found, key=lambda row: -row.mean)

    def score(self, measure: str) -> str:
        """FG-SGL's score with classes held out, over all folds."""
        return next(number(row.mean) for row in self.regime("unseen", measure) if row.label == "FG-SGL")

    def beside(self, rows: list[Row]) -> str:
        """FG-SGL's controls among rows, each with its difference and whether it is one."""
        found = {row.label: row for row in rows}
        return ", ".join(f"{what} {found[label].against}" for label, what in CONTROLS.items() if label in found)

    def measured(self, measure: str, source: str, label: str = "") -> list[tuple[str, float]]:
        """(dimension, percent) of what a row of the main board looks at, or of the sentences that are read out of it;
        see :func:`fgsgl.report.localisation.evaluate.localisation`. Without a label: a map that sees no clip."""
        table = self._localisation()
        chosen = table[(table["measure"] == measure) & (table["source"] == source) & (table["label"] == label)]
        return [(row.dimension, row.value) for row in chosen.itertuples()]

    def validated(self, folder: str) -> list[tuple[str, int, float]]:
        """(label, seeds, mean validation top-1 in percent after the last epoch) of a board's trained rows, the best
        first: what settings are chosen by, since no test clip has a part in it."""
        board, found = self.board(folder), []
        for row in board.table.itertuples():
            last = [record.curve[-1]["val_top1"] for record in board.scored.get(row_key(row), ()) if record.curve]
            if last:
                found.append((row.label, len(last), 100 * sum(last) / len(last)))
        return sorted(found, key=lambda one: -one[2])

    @cache  # noqa: B019 (a page's boards are gone with it)
    def board(self, folder: str) -> Board:
        """One board."""
        return read_board(self.root / folder)

    @cache  # noqa: B019
    def _regimes(self, folder: str) -> pd.DataFrame:
        return regimes(self.board(folder))

    @cache  # noqa: B019
    def _localisation(self) -> pd.DataFrame:
        return localisation(self.board("."))


def write(root: Path = Path(OUT), readme: Path = Path("README.md")) -> None:
    """Writes the page, and its answers into the project's README.

    Raises:
        UserError: for a board that cannot be read.
    """
    write_whole(root / "README.md", render(root))
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    write_whole(readme, f"{before}{render(root, ANSWERS).rstrip()}{rest.split(END)[1]}")


def render(root: Path, template_name: str = PAGE) -> str:
    """The page as text, or the answers for the README, with the marks around them."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "escaped": markdown_text}
    template = environment.from_string((Path(__file__).parent / template_name).read_text(encoding="utf-8"))
    boards = Boards(root=root)
    missing = [_command(part) for part in parts() if not boards.has(_folder(part))]
    marks = {"mark": MARK, "begin": BEGIN, "end": END}
    return template.render(boards=boards, missing=missing, **marks).rstrip() + "\n"


def _command(part: Part) -> str:
    return shlex.join(part.command([]))


def _folder(part: Part) -> str:
    """A part's board, from the study's folder."""
    return str(Path(part.arguments[part.arguments.index("--out") + 1]).relative_to(OUT))


def _row_of_board(row: Any) -> Row:
    return Row(
        label=row.label, n=row.n_seeds, mean=100 * row.top1, difference=row.diff_top1,
        half_width=row.sim_high - row.diff_top1, p=row.p_holm,
    )  # fmt: skip


def _row_of_regime(row: Any) -> Row:
    return Row(
        label=row.label, n=row.n, mean=row.mean, difference=row.difference, half_width=row.sim_half_width,
        p=row.p_holm,
    )  # fmt: skip
