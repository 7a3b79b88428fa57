"""The leaderboard: one row per method x variant x data set x preset x protocol x kind, computed from records alone.

Shares (``top1`` and its like) are 0..1, as in the records; differences are in percentage points.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fgsgl.records.ledger import load
from fgsgl.records.plan_file import Design, PlanFile, PlannedCell, Primary, Tuning
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import METRICS, MORE_METRICS, Done, Record
from fgsgl.records.row_key import RowKey
from fgsgl.report.board import tuned
from fgsgl.report.board.comparisons import crossed_top1, differences, ties
from fgsgl.report.board.floors import require_floors
from fgsgl.report.board.identical_rows import IdenticalRows, identical_rows
from fgsgl.report.board.notes import cost_notes, notes
from fgsgl.report.board.origin_notes import unchecked_notes
from fgsgl.report.board.other_data import on_newest_data
from fgsgl.report.board.predicted_classes import PredictionCache
from fgsgl.report.board.published import published
from fgsgl.report.board.regimes import MEASURES, in_order, regime_notes, suffixes, unseen_columns
from fgsgl.report.board.rows import (
    KEY,
    PARTS,
    REFERENCE,
    by_seed,
    done_of,
    label,
    part_of,
    refusal,
    row_key,
    rows,
)
from fgsgl.report.board.score_columns import COSTS, score_columns, status_columns
from fgsgl.training.record_check import check_records
from fgsgl.util.escaping import printable

__all__ = [
    "COLUMNS", "REFERENCE", "TEXTS", "Board", "by_seed", "label", "leaderboard", "part_of",
    "read_board", "row_key",
]  # fmt: skip
COUNTS = ("n_seeds", "n_subjects", "n_clips", "n_pairs", "family", "n_failed", "n_planned", "skipped", *tuned.COUNTS)
INTERVALS = ("top1_ci_low", "top1_ci_high", "top1_both_low", "top1_both_high")
SHARES = (METRICS[0], *INTERVALS, *METRICS[1:], "category_top1", "fine_top1", *MORE_METRICS)
POINTS = ("diff_top1", "diff_ci_low", "diff_ci_high", "sim_low", "sim_high", "diff_both_low", "diff_both_high")
WINS = ("wins", "wins_low", "wins_high")
EFFECTS = (*POINTS, "p_t", "p_holm", "p", "smallest_p", "mcnemar_p", "d_z", *WINS)
NUMBERS = (*SHARES, *EFFECTS, "floor", "params_m", "trainable_m", "train_s", *COSTS, *tuned.HOURS)
COLUMNS = (
    "label", *KEY, "n_seeds", "n_subjects", "n_clips", *SHARES, "interval_over", "tied", *EFFECTS, "contrast",
    "diff_over", "n_pairs", "family", "diff_note", "floor", "params_m", "trainable_m", "train_s", *COSTS, "pretraining",
    "skipped", "audit", "hardware", "status", "n_failed", "failures", "n_planned", "same_answers",
    *tuned.COUNTS, *tuned.HOURS, *tuned.TEXTS,
)  # fmt: skip
TEXTS = tuple(name for name in COLUMNS if name not in COUNTS + NUMBERS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """A leaderboard and what it was made from."""

    folder: Path
    table: pd.DataFrame
    """See :func:`leaderboard`."""
    notes: tuple[str, ...]
    """Sentences under the table."""
    cost_notes: tuple[str, ...]
    """Sentences under its columns on cost."""
    cells: dict[RowKey, tuple[Record, ...]]
    """The records of each row, by seed; failed ones included."""
    scored: dict[RowKey, tuple[Done, ...]]
    """The records behind each row's numbers: none for a refused row."""
    planned: tuple[PlannedCell, ...]
    """Cells of the plan without a record."""
    designs: tuple[Design, ...]
    """Designs of the plan."""
    primary: tuple[Primary, ...]
    """Contrasts that the plan declared, regimes with classes held out included."""
    identical: tuple[IdenticalRows, ...]
    """Rows with identical predictions."""
    published: pd.DataFrame
    """Published numbers on the board's data sets, where it trains on all of their training clips
    (:mod:`fgsgl.report.board.published`); shown apart."""
    predictions: PredictionCache
    """Predicted classes of every cell, read on demand."""

    @property
    def protocols(self) -> dict[str, Protocol]:
        """The protocol of every row, finished or planned, by its hash."""
        return _protocols(self.cells, self.planned)

    @property
    def records(self) -> dict[str, Record]:
        """Every record of the board by cell id, failed ones included."""
        return {record.cell_id: record for group in self.cells.values() for record in group}


def read_board(folder: Path) -> Board:
    """The board of ``<folder>/ledger`` and ``<folder>/plan.json``.

    Raises:
        UserError: from :func:`fgsgl.records.ledger.load`, :func:`fgsgl.training.record_check.check_records` or
            :func:`leaderboard`.
    """
    records = load(folder)
    checked = check_records(folder / "ledger", records)
    plan = PlanFile.read(folder, records)
    known = {record.cell_id for record in records}
    planned = tuple(cell for cell in plan.cells if cell.cell_id not in known)
    current, about_others = on_newest_data(records, plan.cells)
    cells = rows(current, plan.cells)
    refused = {key: reason for key, group in cells.items() if (reason := refusal(group, checked.without_predictions))}
    scored = {key: () if key in refused else done_of(group) for key, group in cells.items()}
    predictions = PredictionCache(ledger=folder / "ledger")
    identical = identical_rows(scored, predictions)
    table = leaderboard(cells, scored, planned, identical, predictions, plan.tunings, plan.primary, refused=refused)
    protocols = _protocols(cells, planned)
    about_tuned = (*tuned.notes(table, cells, plan.tunings), *tuned.superseded(current, cells), *about_others)
    return Board(
        folder=folder, table=table,
        notes=(
            *notes(table, cells, scored, identical),
            *map(printable, (*regime_notes(protocols.values(), scored.values()), *about_tuned)),
            *unchecked_notes(scored, checked.unknown_ids, {row_key(row): row.label for row in table.itertuples()}),
        ),
        cost_notes=cost_notes(table, scored), cells=cells, scored=scored, planned=planned, designs=tuple(plan.designs),
        primary=tuple(plan.primary), identical=identical, published=published(protocols.values()),
        predictions=predictions,
    )  # fmt: skip


def leaderboard(
    cells: Mapping[RowKey, Sequence[Record]],
    scored: Mapping[RowKey, Sequence[Done]],
    planned: Sequence[PlannedCell],
    identical: Sequence[IdenticalRows],
    predictions: PredictionCache,
    tunings: Sequence[Tuning] = (),
    primary: Sequence[Primary] = (),
    *,
    refused: Mapping[RowKey, str],
) -> pd.DataFrame:
    """One row for every method, variant and protocol that has a record or a planned cell; columns are ``COLUMNS``, and
    those of :mod:`fgsgl.report.board.regimes` where classes were held out.

    ``top1`` and the other shares are means over seeds (``group_top1`` and ``f1_mean`` of data sets whose classes form
    groups, ``fine_pairs`` of those that declare pairs of classes). ``top1_ci_low`` and ``_high`` are its 95 %
    interval: ``interval_over`` is ``seeds`` (Student t) or, of a single run, ``subjects`` (bootstrap over clips, whole
    subjects resampled).

    ``diff_top1`` is the mean paired difference to FG-SGL under the same protocol, of a tuned row to its own method's
    default, in percentage points, over ``n_pairs`` pairs of ``diff_over``
    (:mod:`fgsgl.report.board.comparisons`); empty with a ``diff_note`` where seeds or data differ. ``contrast`` is
    ``primary`` where the plan declared it, else ``exploratory``; so are all where classes were held out, whose primary
    contrasts are judged in the score on these (:mod:`fgsgl.report.regimes`). ``p_t`` is of the paired t test over
    seeds, ``p_holm`` adjusted over the ``family``, ``p`` of the exact sign-flip test. ``diff_ci_*`` is the 95 %
    interval of the row alone, ``sim_*`` the simultaneous one, on which claims rest, ``diff_both_*`` and ``top1_both_*``
    that over seeds and test subjects. Rows that share a letter in ``tied`` cannot be told apart. The last columns
    describe a tuned row's search (:mod:`fgsgl.report.board.tuned`).

    Where several protocols stand on one board, ``label`` ends in ``@`` and what tells the protocol's regime from the
    others', or the start of its hash. A row of ``refused`` (its scored clips are not exactly its split, or lack their
    predictions) has no numbers and the status ``refused: ...``. Methods come first, the best on top, then tuned rows;
    ceilings and floors stand at the foot.

    Raises:
        UserError: if a data set on the board has no scored floor, or the predictions of a cell are damaged.
    """
    waiting = Counter(cell.row for cell in planned)
    protocols = _protocols(cells, planned)
    labels = _labels(cells, waiting, protocols)
    held_out = {name for name, protocol in protocols.items() if protocol.unseen}
    declared = [one for one in primary if one.protocol_hash not in held_out]
    compared, letters = differences(labels, scored, predictions, declared), ties(scored)
    named = _identical_labels(identical, labels)
    searched = tuned.columns(labels, cells, tunings)
    table = []
    for key in labels:
        group = cells.get(key, ())
        row = dict(zip(KEY, key, strict=True)) | {"label": labels[key], "tied": letters.get(key, "")}
        row |= status_columns(group, waiting[key], refused.get(key))
        row |= score_columns(group, scored.get(key, ()), predictions)
        row |= unseen_columns(scored.get(key, ()))
        row |= compared.get(key, {}) | searched.get(key, {})
        if key[:2] == REFERENCE:
            row |= crossed_top1(scored.get(key, ()), predictions)
        table.append(row | {"same_answers": named.get(key, "")})
    require_floors(table)
    extra, why = (MEASURES, ("cannot",)) if held_out else ((), ())
    numbers, texts = (*NUMBERS, *extra), (*TEXTS, *why)
    frame = pd.DataFrame(table).reindex(columns=(*COLUMNS, *extra, *why))
    frame = frame.astype(
        dict.fromkeys(COUNTS, "Int64") | dict.fromkeys(numbers, "float64") | dict.fromkeys(texts, "str")
    )
    # Texts as objects: to go through the rows takes pandas ten times as long where they are its own strings.
    frame = frame.fillna(dict.fromkeys(texts, "")).astype(dict.fromkeys(texts, object))
    part = [PARTS.index(part_of(row)) for row in frame.itertuples()]
    place = {name: place for place, name in enumerate(in_order(protocols))}
    order = ["part", "dataset", "preset", "place", "top1", "method", "variant"]
    frame = frame.assign(part=part, place=frame["protocol"].map(place))
    frame = frame.sort_values(order, ascending=[name != "top1" for name in order])
    return frame.drop(columns=["part", "place"]).reset_index(drop=True)


def _protocols(cells: Mapping[RowKey, Sequence[Record]], planned: Iterable[PlannedCell]) -> dict[str, Protocol]:
    """Every protocol of a board by its hash."""
    found = {record.protocol_hash: record.protocol for group in cells.values() for record in group}
    return found | {cell.protocol_hash: cell.protocol for cell in planned}


def _labels(
    cells: Mapping[RowKey, Sequence[Record]], waiting: Mapping[RowKey, int], protocols: Mapping[str, Protocol]
) -> dict[RowKey, str]:
    """Labels of every row, finished or planned."""
    names = {record.method: record.config.display_name for group in cells.values() for record in group}
    keys = dict.fromkeys((*cells, *waiting))
    ends = suffixes({key.protocol: protocols.get(key.protocol) for key in keys})
    return {key: label(names.get(key.method, key.method), key.variant) + ends[key.protocol] for key in keys}


def _identical_labels(identical: Sequence[IdenticalRows], labels: Mapping[RowKey, str]) -> dict[RowKey, str]:
    """The labels of the rows that each row is identical to: the first six, and how many more there are."""
    texts: dict[RowKey, dict[str, None]] = defaultdict(dict)  # in every seed it may be others
    for group in identical:
        first = group.rows[:6]  # not all: the rows of a large group would each name every other one
        for key in group.rows:
            n_left_out = len(group.rows) - len({*first, key})
            names = ", ".join(labels[other] for other in first if other != key)
            texts[key][names + (f" and {n_left_out} more" if n_left_out else "")] = None
    return {key: "; ".join(found) for key, found in texts.items()}
