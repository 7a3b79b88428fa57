"""The board's table as people read it: the same columns in Markdown, HTML and the terminal; the CSV has them all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from textwrap import fill
from typing import TYPE_CHECKING, Any

import pandas as pd

from fgsgl.report.board.board import POINTS, SHARES, WINS, Board, part_of
from fgsgl.report.board.comparisons import claimed_interval
from fgsgl.report.board.published import published_notes
from fgsgl.report.board.regimes import MEASURES, title_part
from fgsgl.report.board.rows import shown_rows, suffix_of_protocol
from fgsgl.report.csv_text import csv_text
from fgsgl.report.formatting import EMPTY, Headings, markdown_table, number, p_text, percent, plain, with_interval
from fgsgl.report.units import with_units
from fgsgl.util.escaping import markdown_text, printable

if TYPE_CHECKING:
    from rich.table import Table
MOST_IN_TERMINAL = 100
NAME_WIDTH = 12
"""Characters that a column of texts has at least in the terminal, if its texts are that long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column; a row is a named tuple of the board's table."""

    heading: str
    text: Callable[[Any], str]
    value: Callable[[Any], float] | None = None
    """The value that a click on the heading sorts by; None: the text."""
    console: bool = True
    """Whether it is shown in the terminal too, where width is short."""
    cost: bool = False
    """Whether it stands in the second table of the Markdown: hardware and cost."""


def _top1(row: Any) -> str:
    return with_interval(100 * row.top1, 100 * row.top1_ci_low, 100 * row.top1_ci_high, row.interval_over)


def _interval_over(row: Any) -> str:
    if row.interval_over == "seeds":
        return f"{row.n_seeds} seeds"
    return f"clips, {row.n_subjects} subjects" if row.interval_over == "subjects" else EMPTY


def _difference(row: Any) -> str:
    return with_interval(row.diff_top1, *claimed_interval(row), row.diff_over, sign="+")


def _alone(row: Any) -> str:
    low, high = row.diff_ci_low, row.diff_ci_high
    return EMPTY if math.isnan(low) else f"[{number(low, sign='+')}, {number(high, sign='+')}] {row.diff_over}"


def _both(row: Any) -> str:
    low, high = row.diff_both_low, row.diff_both_high
    return EMPTY if math.isnan(low) else f"[{number(low, sign='+')}, {number(high, sign='+')}]"


def _wins(row: Any) -> str:
    return f"{number(100 * row.wins, 0)} [{number(100 * row.wins_low, 0)}, {number(100 * row.wins_high, 0)}]"


def _trials(row: Any) -> str:
    if pd.isna(row.trials):
        return EMPTY
    return f"{row.trials}{f' in {row.studies} studies' if row.studies > 1 else ''}"


def _search_h(row: Any) -> str:
    return EMPTY if math.isnan(row.cell_hours) else f"{row.cell_hours:.2f} ({row.gpu_hours:.2f})"


def _params(row: Any) -> str:
    return number(row.params_m, 2) + ("" if math.isnan(row.trainable_m) else f" ({row.trainable_m:.2f})")


def _status(row: Any) -> str:
    parts = [row.status]
    if row.skipped:
        parts.append(f"{row.skipped} clip(s) skipped")
    if row.same_answers:
        parts.append(f"same answers as {row.same_answers}")
    return ", ".join(parts)


def _share(heading: str, name: str, console: bool = True, cost: bool = False) -> Column:
    value = attrgetter(name)
    return Column(heading=heading, text=lambda r: percent(value(r)), value=value, console=console, cost=cost)


def _count(heading: str, name: str) -> Column:
    value = attrgetter(name)
    return Column(
        heading=heading,
        text=lambda r: EMPTY if pd.isna(value(r)) else str(value(r)),
        value=lambda r: math.nan if pd.isna(value(r)) else float(value(r)),
        console=False,
        cost=True,
    )


def _cost(heading: str, name: str, digits: int = 1, console: bool = False) -> Column:
    value = attrgetter(name)
    return Column(heading=heading, text=lambda r: number(value(r), digits), value=value, console=console, cost=True)


def _unseen(name: str) -> Column:
    """A score where classes were held out; only that on seen classes is every method's."""

    def text(row: Any) -> str:
        value = getattr(row, name)
        return row.cannot if row.cannot and math.isnan(value) else percent(value)

    return Column(heading=f"{name.capitalize()} %", text=text, value=attrgetter(name))


TOP1 = Column(heading="Top-1 %", text=_top1, value=lambda row: row.top1)
MAIN = (
    Column(heading="Method", text=lambda row: row.label),
    TOP1,
    Column(heading="Interval over", text=_interval_over, console=False),
    Column(heading="Tied", text=lambda row: plain(row.tied)),
    Column(heading="Difference", text=_difference, value=lambda row: row.diff_top1),
    Column(heading="Contrast", text=lambda row: plain(row.contrast if row.diff_over else ""), console=False),
    Column(heading="p (Holm)", text=lambda row: p_text(row.p_holm), value=lambda row: row.p_holm, console=False),
    Column(heading="d_z", text=lambda row: number(row.d_z, 2), value=lambda row: row.d_z, console=False),
    Column(heading="Wins %", text=lambda row: number(100 * row.wins, 0), value=lambda row: row.wins, console=False),
    _share("Macro-F1 %", "macro_f1"),
    _share("Mean class %", "mean_class", console=False),
    _share("Category %", "category_top1"),
    _share("Fine %", "fine_top1"),
    _share("Group %", "group_top1"),
    _share("F1 mean %", "f1_mean"),
    _share("Fine pairs %", "fine_pairs"),
    Column(heading="Trials", text=_trials, value=lambda row: math.nan if pd.isna(row.trials) else float(row.trials)),
    Column(heading="Search h (GPU)", text=_search_h, value=lambda row: row.cell_hours, console=False),
    _share("Top-5 %", "top5", console=False, cost=True),
    _count("Seeds", "n_seeds"),
    _count("Subjects", "n_subjects"),
    _count("Clips", "n_clips"),
    _share("Floor %", "floor", console=False, cost=True),
    Column(heading="Params M (trained)", text=_params, value=lambda row: row.params_m, cost=True),
    _cost("Train s", "train_s", 0, console=True),
    _cost("GFLOPs", "gflops", 2),
    _cost("Latency ms", "latency_ms"),
    _cost("Clips/s", "clips_per_s"),
    _cost("Peak MiB", "peak_memory_mib", 0),
    Column(heading="Pretraining", text=lambda row: plain(row.pretraining), console=False, cost=True),
    Column(heading="Hardware", text=lambda row: plain(row.hardware), console=False, cost=True),
    Column(heading="Protocol", text=lambda row: row.protocol, console=False, cost=True),
    Column(heading="Status", text=_status),
)
UNSEEN = tuple(_unseen(name) for name in MEASURES)
"""Columns of a board on which classes were held out."""
DIFFERENCES = (
    Column(heading="Method", text=lambda row: row.label),
    Column(heading="Pairs", text=lambda row: f"{row.n_pairs} {row.diff_over}", value=lambda row: row.n_pairs),
    Column(heading="Difference", text=_difference, value=lambda row: row.diff_top1),
    Column(heading="95 % alone", text=_alone, value=lambda row: row.diff_ci_low),
    Column(heading="Seeds and subjects", text=_both, value=lambda row: row.diff_both_low),
    Column(heading="Contrast", text=lambda row: plain(row.contrast)),
    Column(heading="p (t)", text=lambda row: p_text(row.p_t), value=lambda row: row.p_t),
    Column(heading="p (Holm)", text=lambda row: p_text(row.p_holm), value=lambda row: row.p_holm),
    Column(heading="p (sign flip)", text=lambda row: p_text(row.p), value=lambda row: row.p),
    Column(heading="McNemar p", text=lambda row: p_text(row.mcnemar_p), value=lambda row: row.mcnemar_p),
    Column(heading="d_z", text=lambda row: number(row.d_z, 2), value=lambda row: row.d_z),
    Column(heading="Wins %", text=_wins, value=lambda row: row.wins),
)
"""Columns of every row that is compared with the reference."""
PUBLISHED = (
    Column(heading="Method", text=lambda row: row.method),
    Column(heading="Modality", text=lambda row: plain(row.modality)),
    Column(heading="Backbone", text=lambda row: plain(row.backbone)),
    Column(heading="Top-1 %", text=lambda row: number(row.top1, 2), value=lambda row: row.top1),
    Column(heading="Top-5 %", text=lambda row: number(row.top5, 2), value=lambda row: row.top5),
    Column(heading="F1 mean %", text=lambda row: number(row.f1_mean, 2), value=lambda row: row.f1_mean),
    Column(heading="Year", text=lambda row: str(row.year), value=lambda row: row.year),
    Column(heading="What is unsure", text=lambda row: plain(row.caveat)),
    Column(heading="Source", text=lambda row: row.source),
)
"""Columns of :attr:`Board.published`."""


def columns_of(board: Board) -> list[Column]:
    """The columns in which any row of the board has something to show."""
    place = 1 + next(place for place, column in enumerate(MAIN) if column.heading == "Fine %")
    unseen = UNSEEN if "unseen" in board.table else ()
    return _filled((*MAIN[:place], *unseen, *MAIN[place:]), list(board.table.itertuples()))


def _filled(columns: Sequence[Column], rows: Sequence[Any]) -> list[Column]:
    return [column for column in columns if any(column.text(row) not in (EMPTY, "") for row in rows)]


def markdown(board: Board) -> str:
    """The board as GitHub shows it: accuracies, what belongs under them, costs, and what others published."""
    columns, rows = columns_of(board), list(board.table.itertuples())
    lines = [f"# Leaderboard: {markdown_text(title(board))}", ""]
    main = [column for column in columns if not column.cost]
    for part in (True, False):
        shown = [row for row in rows if (part_of(row) == "tuned") != part]
        if shown:
            lines += [] if part else ["", "## Tuned by a search", ""]
            lines += _markdown_table(_filled(main, shown), shown)
    lines += ["", *(f"- {markdown_text(sentence)}" for sentence in board.notes), ""]
    drawn = [row for row in rows if row.n_seeds and row.kind != "floor"]
    for suffix in suffix_of_protocol(drawn).values():
        lines += [f"![Top-1 of every row](figures/accuracy{suffix}.png)", ""]
    lines += ["## On what, and at what cost", ""]
    lines += _markdown_table([columns[0], *(column for column in columns if column.cost)], rows)
    lines += ["", *(f"- {markdown_text(sentence)}" for sentence in board.cost_notes), ""]
    if len(board.published):
        lines += ["## Published elsewhere", ""]
        lines += _markdown_table(PUBLISHED, list(board.published.itertuples()))
        lines += ["", *(f"- {markdown_text(sentence)}" for sentence in published_notes(board.published)), ""]
    lines.append("More in [leaderboard.html](leaderboard.html); every number in [leaderboard.csv](leaderboard.csv).")
    return "\n".join(lines) + "\n"


def _markdown_table(columns: Sequence[Column], rows: Sequence[Any]) -> Iterator[str]:
    texts = ([column.text(row) for column in columns] for row in rows)
    return markdown_table(headings_of(columns), texts)


def headings_of(columns: Sequence[Column]) -> Headings:
    """The headings of columns."""
    return [(column.heading, column.value is not None) for column in columns]


def csv(board: Board) -> str:
    """Every column of the board; the header says the unit: ``top1_pct``, ``diff_top1_points`` (docs/columns.md).

    ``fine_pairs`` stands only where a data set declares pairs, so that tables of earlier boards stay as they are.
    """
    table = board.table if board.table["fine_pairs"].notna().any() else board.table.drop(columns="fine_pairs")
    unseen = MEASURES if "unseen" in table else ()
    shares = [name for name in (*SHARES, "floor", *WINS, *unseen) if name in table]
    return csv_text(with_units(table, shares=shares, points=POINTS))


def console_table(board: Board, width: int | None = None) -> Table:
    """The board for the terminal, at most ``MOST_IN_TERMINAL`` rows of it.

    Where it would be wider than ``width``, the headings of numbers wrap, and the last columns are left out, which the
    caption names: a terminal that lacks width would take it from the names of the methods.
    """
    from rich.table import Table
    from rich.text import Text

    columns = [column for column in columns_of(board) if column.console]
    shown, remark = shown_rows(board.table.itertuples(), MOST_IN_TERMINAL)
    widest = {column.heading: max(len(column.text(row)) for row in shown) for column in columns}
    full = sum(max(len(name), size) + 3 for name, size in widest.items()) + 1
    narrow = width is not None and full > width
    kept = _that_fit(columns, widest, width) if narrow and width is not None else columns
    left_out = [column.heading for column in columns if column not in kept]
    remarks = [remark] * bool(remark) + [f"left out, to fit the terminal: {', '.join(left_out)}"] * bool(left_out)
    caption = f"{'; '.join(remarks)}; leaderboard.md has them all." if remarks else None
    table = Table(title=Text(title(board)), title_justify="left", caption=caption, caption_justify="left")
    for column in kept:
        size = widest[column.heading]
        if column.value:
            heading = fill(column.heading, size, break_long_words=False) if narrow else column.heading
            table.add_column(heading, justify="right", no_wrap=True)
        else:
            table.add_column(column.heading, min_width=min(size, NAME_WIDTH))
    previous = "method"
    for row in shown:
        part = part_of(row) if part_of(row) in ("method", "tuned") else "foot"
        if part != previous:
            table.add_section()
        previous = part
        # Text, not str: a name with [brackets] is no markup.
        table.add_row(*(Text(column.text(row)) for column in kept))
    return table


def _that_fit(columns: Sequence[Column], widest: Mapping[str, int], width: int) -> list[Column]:
    """The first columns that fit a terminal, and the last one, which says how the cells ended."""

    def narrowest(column: Column) -> int:
        size = widest[column.heading]
        return 3 + (max(size, *map(len, column.heading.split())) if column.value else min(size, NAME_WIDTH))

    *kept, last = columns
    while len(kept) > 2 and sum(map(narrowest, (*kept, last))) >= width:
        kept.pop()
    return [*kept, last]


def title(board: Board) -> str:
    """The data sets and presets on the board, the names of the user's own tables, and regimes."""
    pairs = board.table[["dataset", "preset"]].drop_duplicates().itertuples(index=False)
    own: dict[tuple[str, str], set[str]] = defaultdict(set)
    for key, records in board.scored.items():
        own[key.dataset, key.preset].update(record.data.name for record in records if record.data.name)
    titles = []
    for dataset, preset in pairs:
        names = ", ".join(sorted(own[dataset, preset]))
        titles.append(f"{names} ({dataset} {preset})" if names else f"{dataset} {preset}")
    return printable(", ".join(titles) + title_part(board.protocols.values()))
