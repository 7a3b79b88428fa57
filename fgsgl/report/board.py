"""The leaderboard: one row per method x variant x data set x preset x protocol x kind, computed from records alone.

Shares (``top1`` and its like) are 0..1, as in the records; differences are in percentage points.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fgsgl.bench.record import Record
from fgsgl.errors import UserError
from fgsgl.report.load import Planned, load, load_planned
from fgsgl.stats.seeds import t_half_width

KEY = ("method", "variant", "dataset", "preset", "protocol", "kind")
REFERENCE = ("fgsgl", "full")
TEXTS = (*KEY, "label", "pretraining", "hardware", "diff_note", "status")
COUNTS = ("n_seeds", "n_clips", "skipped")
SHARES = (
    "top1", "top1_ci_low", "top1_ci_high", "top5", "mean_class", "macro_f1", "category_top1", "fine_top1", "group_top1",
    "f1_mean",
)  # fmt: skip
COSTS = ("gflops", "latency_ms", "clips_per_s", "peak_memory_mib")
NUMBERS = (*SHARES, "floor", "diff_top1", "diff_ci_low", "diff_ci_high", "params_m", "trainable_m", "train_s", *COSTS)
COLUMNS = (
    "label", *KEY, "n_seeds", "n_clips", *SHARES, "diff_top1", "diff_ci_low", "diff_ci_high", "diff_note", "floor",
    "params_m", "trainable_m", "train_s", *COSTS, "pretraining", "skipped", "hardware", "status",
)  # fmt: skip

Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """A leaderboard and what it was made from."""

    folder: Path
    table: pd.DataFrame
    """See :func:`leaderboard`."""
    note: tuple[str, ...]
    """Sentences that belong under the table."""
    cells: dict[Key, tuple[Record, ...]]
    """The records of each row, by seed; failed ones included."""
    scored: dict[Key, tuple[Record, ...]]
    """The records behind each row's numbers: none for a refused row."""
    planned: tuple[Planned, ...]
    """Cells of the plan without a record."""


def read_board(folder: Path) -> Board:
    """The board of ``<folder>/ledger`` and ``<folder>/plan.json``.

    Raises:
        UserError: from :func:`fgsgl.report.load.load`, or from :func:`leaderboard`.
    """
    from fgsgl.report.note import note

    records = load(folder)
    planned = load_planned(folder, records)
    table = leaderboard(records, planned)
    cells = rows(records)
    scored = {key: scored_cells(group) for key, group in cells.items()}
    return Board(folder=folder, table=table, note=note(table, scored), cells=cells, scored=scored, planned=planned)


def leaderboard(records: Sequence[Record], planned: Sequence[Planned] = ()) -> pd.DataFrame:
    """One row for every method, variant and protocol that has a record or a planned cell; columns are ``COLUMNS``.

    ``top1``, ``top5``, ``mean_class``, ``macro_f1``, ``category_top1``, ``fine_top1`` are means over seeds, and so are
    ``group_top1`` and ``f1_mean`` of data sets whose classes form groups;
    ``top1_ci_low`` and ``_high`` the 95 % Student t interval over seeds (from two seeds on); ``diff_top1`` the mean
    paired difference to FG-SGL under the same protocol with its paired t interval, in percentage points, empty with a
    ``diff_note`` where seeds or data differ. Where several protocols stand on one board, ``label`` ends in ``@`` and
    the start of the protocol's hash. A row whose scored clips are not exactly its split has no numbers and the status
    ``refused: ...``. Methods come first, the best on top; ceilings and floors stand at the foot.

    Raises:
        UserError: if a data set on the board has no scored floor.
    """
    groups = rows(records)
    waiting = Counter(planned_key(cell) for cell in planned)
    names = {record.method: str(record.config["display_name"]) for record in records if "display_name" in record.config}
    scored = {key: scored_cells(group) for key, group in groups.items()}
    table = []
    for key in groups | waiting:
        row = dict(zip(KEY, key, strict=True))
        row["label"] = label(names.get(row["method"], row["method"]), row["variant"])
        row["status"] = _status(groups.get(key, ()), waiting[key])
        row |= _numbers(groups.get(key, ()), scored.get(key, ()))
        if row["kind"] == "method" and (row["method"], row["variant"]) != REFERENCE:
            row |= _difference(scored.get(key, ()), scored.get((*REFERENCE, *key[2:]), ()))
        table.append(row)
    _require_floors(table)
    if len({row["protocol"] for row in table}) > 1:
        for row in table:
            row["label"] += f" @{printable(row['protocol'][:6])}"
    frame = pd.DataFrame(table).reindex(columns=COLUMNS)
    frame = frame.astype({name: "Int64" for name in COUNTS} | {name: "float64" for name in NUMBERS})
    frame = frame.fillna({name: "" for name in TEXTS})
    foot = frame["kind"].map({"method": 0, "ceiling": 1, "floor": 2})
    order = ["foot", "dataset", "preset", "protocol", "top1", "method", "variant"]
    frame = frame.assign(foot=foot).sort_values(order, ascending=[name != "top1" for name in order])
    return frame.drop(columns="foot").reset_index(drop=True)


def label(name: str, variant: str) -> str:
    """What a reader sees: ``FG-SGL``, ``FG-SGL -fgsa``, ``TSM``; control characters become spaces."""
    return printable(name if variant == "full" else f"{name} {variant}")


def printable(text: str) -> str:
    """The text on one line, without control characters that a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)


def rows(records: Sequence[Record]) -> dict[Key, tuple[Record, ...]]:
    """The records of each row of the board, by seed."""
    groups = defaultdict(list)
    for record in sorted(records, key=attrgetter("seed", "cell_id")):
        groups[_key(record)].append(record)
    return {key: tuple(group) for key, group in groups.items()}


def scored_cells(group: Sequence[Record]) -> tuple[Record, ...]:
    """The finished cells of a row if its numbers may be shown, else none."""
    return () if refusal(group) else tuple(record for record in group if record.status == "done")


def refusal(group: Sequence[Record]) -> str | None:
    """Why the finished cells of a row must not be averaged, or None."""
    done = [record for record in group if record.status == "done"]
    for record in done:
        where = f"(seed {record.seed}, cell {record.cell_id})"
        n_scored, n_split = record.metrics["n_clips"], record.data["n_clips"]["test"]
        if n_scored != n_split:
            return f"scored {n_scored} of the split's {n_split} clips {where}"
        if record.metrics.get("scored_sha256") != record.data["split_sha256"]:
            return f"the scored clips are not the split's {where}"
    for seed, count in Counter(record.seed for record in done).items():
        if count > 1:
            twins = ", ".join(record.cell_id for record in done if record.seed == seed)
            return f"seed {seed} was measured with {count} different settings (cells {twins}); keep one record"
    for what, values in (
        ("data", {record.data["fingerprint"] for record in done}),
        ("pretraining", {record.pretraining for record in done}),
    ):
        if len(values) > 1:
            return f"its seeds differ in their {what} ({', '.join(sorted(values))})"
    return None


def row_key(row: Any) -> Key:
    """The key of a row of the table, as ``itertuples`` gives it."""
    return tuple(getattr(row, name) for name in KEY)


def planned_key(cell: Planned) -> Key:
    """The key of the row that a planned cell belongs to."""
    return cell.method, cell.variant, cell.protocol.dataset, cell.protocol.preset, cell.protocol_hash, cell.kind


def _key(record: Record) -> Key:
    protocol = record.protocol
    return (
        record.method, record.variant, protocol["dataset"], protocol["preset"], record.protocol_hash, record.kind
    )  # fmt: skip


def _status(group: Sequence[Record], n_planned: int) -> str:
    reason = refusal(group)
    if reason:
        return f"refused: {printable(reason)}"
    failures = sorted(record.failure["class"] for record in group if record.failure and record.status == "failed")
    n_done = len(group) - len(failures)
    parts = [f"{n_done} done"] if n_done else []
    if failures:
        parts.append(f"{len(failures)} failed: {printable(', '.join(dict.fromkeys(failures)))}")
    if n_planned:
        parts.append(f"{n_planned} planned")
    return ", ".join(parts)


def _numbers(group: Sequence[Record], scored: Sequence[Record]) -> dict[str, Any]:
    """Every column of a row that is computed from its own records."""
    row: dict[str, Any] = {
        "n_seeds": len(scored),
        "pretraining": _joined(record.pretraining for record in group),
        "hardware": _joined(_hardware(record.hardware) for record in group),
        "skipped": max((len(record.data.get("skipped", ())) for record in group), default=0),
    }
    if not scored:
        return row
    first = scored[0]
    row |= {name: _mean(r.metrics[name] for r in scored) for name in ("top1", "top5", "mean_class", "macro_f1")}
    half = t_half_width([record.metrics["top1"] for record in scored])
    if half is not None:
        row |= {"top1_ci_low": row["top1"] - half, "top1_ci_high": row["top1"] + half}
    for name in ("category", "fine"):
        values = [r.metrics["by_score"][name]["top1"] for r in scored if name in r.metrics.get("by_score", {})]
        row[f"{name}_top1"] = _mean(values) if len(values) == len(scored) else None
    for name in ("group_top1", "f1_mean"):
        if all(name in record.metrics for record in scored):
            row[name] = _mean(record.metrics[name] for record in scored)
    row |= {"n_clips": first.metrics["n_clips"], "floor": first.data["majority"]}
    row["params_m"] = None if first.params is None else first.params / 1e6
    row["trainable_m"] = None if first.trainable_params is None else first.trainable_params / 1e6
    for name in COSTS:
        values = [getattr(record, name, None) or record.cost.get(name) for record in scored]
        row[name] = None if None in values else _mean(values)
    row["train_s"] = _mean(record.times_s.get("train", 0.0) for record in scored)
    return row


def _difference(scored: Sequence[Record], reference: Sequence[Record]) -> dict[str, Any]:
    """The paired difference to the reference, or a note on why there is none."""
    if not scored or not reference:
        return {}
    theirs = {record.seed: record for record in reference}
    mine = by_seed(scored, theirs)
    if mine.keys() != theirs.keys():
        lacking = [f"seed {seed} is missing here" for seed in sorted(theirs.keys() - mine.keys())]
        lacking += [f"the reference lacks seed {seed}" for seed in sorted(mine.keys() - theirs.keys())]
        return {"diff_note": f"not compared: {', '.join(lacking)}"}
    if scored[0].data["fingerprint"] != reference[0].data["fingerprint"]:
        return {"diff_note": "not compared: other data than the reference's"}
    points = [100 * (mine[seed].metrics["top1"] - theirs[seed].metrics["top1"]) for seed in sorted(mine)]
    half = t_half_width(points)
    row: dict[str, Any] = {"diff_top1": _mean(points)}
    if half is not None:
        row |= {"diff_ci_low": row["diff_top1"] - half, "diff_ci_high": row["diff_top1"] + half}
    # Two runs never give the same scores to the bit unless the switch between them is not connected.
    if all(mine[seed].predictions_sha256 == theirs[seed].predictions_sha256 is not None for seed in mine):
        row["diff_note"] = "every score equals the reference's: the change between them did nothing"
    return row


def by_seed(scored: Sequence[Record], seeds: Iterable[int]) -> dict[int, Record]:
    """The cells of a row by their seed; where nothing was trained, nothing is random: one run stands for all seeds."""
    if scored[0].config.get("recipe", {}) is None:
        return dict.fromkeys(seeds, scored[0])
    return {record.seed: record for record in scored}


def _require_floors(table: Sequence[dict[str, Any]]) -> None:
    floors = {(row["dataset"], row["preset"]) for row in table if row["kind"] == "floor" and row["n_seeds"]}
    bare = sorted({(row["dataset"], row["preset"]) for row in table} - floors)
    if bare:
        raise UserError(
            f"the board of {' '.join(bare[0])} has no floor: no finished record of kind 'floor' that scored the whole "
            "test split; run the majority-class floor first (`fgsgl run --methods majority`), it takes seconds"
        )


def _hardware(hardware: dict[str, Any]) -> str:
    """One line of what a cell ran on; empty where the record of a failed cell does not know."""
    device = hardware.get("gpu") or hardware.get("cpu")
    if not device:
        return ""
    cores = f", {hardware['cores']} cores" if "cores" in hardware and not hardware.get("gpu") else ""
    precision = f", {hardware['autocast']}" if hardware.get("autocast", "none") != "none" else ""
    devices = f", {hardware['devices']} devices" if hardware.get("devices", 1) > 1 else ""
    return f"{device}{cores}{precision}{devices}{', compiled' if hardware.get('compiled') else ''}"


def _joined(values: Iterable[str]) -> str:
    return printable("; ".join(filter(None, dict.fromkeys(values))))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
