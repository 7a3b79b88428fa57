"""Rows of a board: which records make one, whether they may be averaged, and what a row is called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any

from fgsgl.methods.method import RECIPE, config_identity
from fgsgl.methods.registry import get, has
from fgsgl.records.plan_file import PlannedCell
from fgsgl.records.protocol import SEALED
from fgsgl.records.record import Done, Record
from fgsgl.records.row_key import FULL, TUNED, RowKey
from fgsgl.util.escaping import printable

KEY = RowKey._fields
REFERENCE = ("fgsgl", FULL)
MODULES = (("fgsgl", "w/o fgsa"), ("fgsgl", "w/o cpa"))
"""FG-SGL without each of its two modules: the ablations that a reader looks for first."""
PARTS = ("method", "tuned", "ceiling", "floor")
"""Parts of a board from top to bottom. Tuned rows are methods too, but only they had a search."""


def rows(records: Sequence[Record], plan: Sequence[PlannedCell] = ()) -> dict[RowKey, tuple[Record, ...]]:
    """The records of each row of the board, by seed.

    A record belongs to the row that it names. Where a search chose the default settings, one cell is that of two rows,
    which the plan tells; it also tells which records of a tuned row a later search has superseded: these are in no row.
    """
    by_id = {record.cell_id: record for record in records}
    chosen = {}
    for cell in plan:
        names = {cell.variant} | ({by_id[cell.cell_id].variant} if cell.cell_id in by_id else set())
        if TUNED in names:
            chosen[cell.row, cell.seed] = cell.cell_id
    groups: dict[RowKey, dict[str, Record]] = defaultdict(dict)
    for record in records:
        key = record.row
        if not key.is_tuned or chosen.get((key, record.seed), record.cell_id) == record.cell_id:
            groups[key][record.cell_id] = record
    for (key, _), cell_id in chosen.items():
        if cell_id in by_id:
            groups[key][cell_id] = by_id[cell_id]
    return {key: tuple(sorted(group.values(), key=attrgetter("seed", "cell_id"))) for key, group in groups.items()}


def done_of(group: Sequence[Record]) -> tuple[Done, ...]:
    """The finished cells of a row."""
    return tuple(record for record in group if isinstance(record, Done))


def refusal(group: Sequence[Record], unproven: Collection[str] = ()) -> str | None:
    """The reason why the finished cells of a row must not be averaged, or None.

    Args:
        group: the records of the row.
        unproven: finished cells without predictions, which nothing bears out.
    """
    done = done_of(group)
    for record in done:
        where = f"(seed {record.seed}, cell {record.cell_id})"
        if record.cell_id in unproven:
            return f"no predictions lie beside its record, which its numbers could be checked with {where}"
        if record.protocol.evaluation == SEALED:
            return f"scored on the validation split, as a trial of a search {where}"
        n_scored, n_split = record.metrics.n_clips, record.data.n_clips.test
        if n_scored != n_split:
            return f"scored {n_scored} of the split's {n_split} clips {where}"
        if record.metrics.scored_sha256 != record.data.split_sha256:
            return f"the scored clips are not the split's {where}"
    for seed, count in Counter(record.seed for record in done).items():
        if count > 1:
            twins = ", ".join(record.cell_id for record in done if record.seed == seed)
            return f"seed {seed} was measured with {count} different settings (cells {twins}); keep one record"
    tuned = any(record.variant == TUNED for record in done)  # its seeds may start from what their search chose
    for what, values in (
        ("data", {record.data.fingerprint for record in done}),
        ("test videos", {known for record in done if (known := record.data.split_content_sha256)}),
        ("skeletons", {known for record in done if (known := record.skeletons)}),
        ("pretraining", set() if tuned else {record.pretraining for record in done}),
    ):
        if len(values) > 1:
            return f"its seeds differ in their {what} ({', '.join(sorted(values))})"
    if not tuned and (names := _differing_settings(done)):
        return f"its seeds were measured with different settings ({listed(names)}); keep those of one"
    return None


def _differing_settings(done: Sequence[Done]) -> list[str]:
    """What of their method's settings, recipe, text and epochs the cells of a row do not all have alike."""
    held = [_settings(record) for record in done]
    texts = {record.text for record in done} - {None}  # older records do not say
    values = {
        name: {repr(one.get(name)) for one in held} for name in dict.fromkeys(name for one in held for name in one)
    }
    values["text"] = {str(text) for text in texts}
    return [f"{name}: {', '.join(sorted(found))}"[:100] for name, found in values.items() if len(found) > 1]


def _settings(record: Record) -> dict[str, Any]:
    """What a cell was trained with, by name, without what a later version added with the value that all had before."""
    config = record.config
    parts = {"settings": config.settings, "recipe": config.recipe}
    if has(record.method):
        parts = config_identity(config, get(record.method).later)
    recipe = {f"{RECIPE}{name}": value for name, value in (parts["recipe"] or {}).items() if name != "source"}
    return {**(parts["settings"] or {}), **recipe, "epochs": record.epochs}


def reference_of(key: RowKey) -> RowKey:
    """The key of the row that a row is compared with: FG-SGL under the same protocol.

    A tuned row is compared with its own method's default settings, since no other row had its search.
    """
    if key.is_tuned:
        return key._replace(variant=FULL)
    method, variant = REFERENCE
    return key._replace(method=method, variant=variant, kind="method")


def is_compared(key: RowKey) -> bool:
    """Floors and ceilings are no candidates, and the reference is not compared with itself."""
    return key.kind == "method" and key[:2] != REFERENCE


def part_of(row: Any) -> str:
    """The one of :data:`PARTS` in which a row of the table stands."""
    return "tuned" if row_key(row).is_tuned else row.kind


def untrained(record: Record) -> bool:
    """Whether a cell's method trains nothing: then nothing is random, and one run stands for all seeds."""
    return record.config.recipe is None


def by_seed(scored: Sequence[Done], seeds: Iterable[int]) -> dict[int, Done]:
    """The cells of a row by their seed; the one cell of an untrained method for each of ``seeds``."""
    if untrained(scored[0]):
        return dict.fromkeys(seeds, scored[0])
    return {record.seed: record for record in scored}


def row_key(row: Any) -> RowKey:
    """The key of a row of the table, as ``itertuples`` gives it."""
    return RowKey(*(getattr(row, name) for name in KEY))


def shown_rows(rows: Iterable[Any], most: int) -> tuple[list[Any], str]:
    """The first ``most`` rows of the table to show, in its order, and a remark where some are left out.

    Full methods and FG-SGL without a module come first, then other variants, each the best first.
    """
    rows = list(rows)
    chosen = sorted(rows, key=lambda row: (row.variant != FULL and row_key(row)[:2] not in MODULES, row.Index))
    remark = f"{most} of {len(rows)} rows are shown, first full methods and FG-SGL without FG-SA or CP-A"
    return sorted(chosen[:most], key=lambda row: row.Index), remark if len(rows) > most else ""


def label(name: str, variant: str) -> str:
    """A row's label: ``FG-SGL``, ``FG-SGL -fgsa``, ``TSM``; control characters become spaces."""
    return printable(name if variant == "full" else f"{name} {variant}")


def listed(labels: Sequence[str], most: int = 4) -> str:
    """The first labels, and how many more there are."""
    return ", ".join(labels[:most]) + (f" and {len(labels) - most} more" if len(labels) > most else "")


def suffix_of_protocol(rows: Iterable[Any]) -> dict[str, str]:
    """End of a figure's file name by protocol of the rows: the hash's beginning; empty where there is only one."""
    protocols = sorted({row.protocol for row in rows})
    return {protocol: f"-{protocol[:6]}" if len(protocols) > 1 else "" for protocol in protocols}
