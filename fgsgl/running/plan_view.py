"""A plan on the terminal: its rows, how far they are, and how long the rest may take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from fgsgl.methods.cell import Cell
from fgsgl.running.planning import Planned
from fgsgl.running.progress import row_label


def show_plan(planned: Sequence[Planned], jobs: int, console: Console) -> None:
    """Prints a line for each row, and how long its cells and all together may take.

    Args:
        planned: the cells, in the order in which they would run.
        jobs: cells that run at a time.
        console: gets it.
    """
    rows: dict[str, list[Planned]] = {}
    for item in planned:
        rows.setdefault(row_label(item.cell), []).append(item)
    numbers = [Column(name, justify="right", no_wrap=True) for name in ("one cell", "all to do")]
    budgeted = any(item.cell.protocol.budget == "compute" for item in planned)
    epochs = [Column("epochs", justify="right", no_wrap=True)] if budgeted else []
    view = Table("row", "seeds", *epochs, "state", *numbers, box=SIMPLE_HEAD, show_edge=False)
    for label, items in rows.items():
        todo = [item for item in items if item.todo]
        known = [item.expected_s for item in todo if item.expected_s is not None]
        one = duration(sum(known) / len(known)) if known else "no record" if todo else ""
        every = duration(sum(known)) if known and len(known) == len(todo) else ""
        seeds = _seeds([item.cell.seed for item in items])
        trained = [_epochs(items[0].cell)] if budgeted else []
        view.add_row(Text(label), seeds, *trained, _states(items), one, every)
    console.print(view)
    console.print(_whole(planned, jobs), markup=False, highlight=False)


def duration(seconds: float) -> str:
    """A length of time as people say it: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _epochs(cell: Cell) -> str:
    """The epochs of a row's cells; nothing where nothing is trained."""
    return str(cell.epochs) if cell.method.recipe else ""


def _states(items: Sequence[Planned]) -> str:
    counts = Counter("done" if item.done else f"failed ({item.failure})" if item.failure else "to do" for item in items)
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _seeds(seeds: Sequence[int]) -> str:
    """``0``, ``0-7``, or ``0, 2`` where some between are absent; of several folds each seed once."""
    found = sorted(set(seeds))
    first, last = found[0], found[-1]
    whole = found == list(range(first, last + 1))
    return str(first) if first == last else f"{first}-{last}" if whole else ", ".join(map(str, found))


def _whole(planned: Sequence[Planned], jobs: int) -> str:
    todo = [item for item in planned if item.todo]
    if not todo:
        return "nothing to run"
    known = [item.expected_s for item in todo if item.expected_s is not None]
    about = f"about {duration(sum(known) / jobs)} with {jobs} at a time, as on record" if known else "time unknown"
    missing = f", not counting the {len(todo) - len(known)} without a record" if 0 < len(known) < len(todo) else ""
    return f"{len(todo)} cells to run, {about}{missing}"
