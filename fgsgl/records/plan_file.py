"""``plan.json`` of a board's folder: the cells to be run, the designs they belong to, and searches."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

import msgspec
from filelock import FileLock
from msgspec import Meta, Struct

from fgsgl.records.protocol import Protocol
from fgsgl.records.reading import protocol_misfit
from fgsgl.records.record import Count, Kind, Positive, Record
from fgsgl.records.row_key import RowKey
from fgsgl.util.decode_errors import fault
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular, write_whole

FILE = "plan.json"
MOST_BYTES = 2**28
"""Largest plan that is read."""
MOST_PRIMARY = 6
"""Contrasts of a protocol that can be primary; the test over more finds little."""
_Entry = TypeVar("_Entry", bound=Struct)


class PlannedCell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A cell of the plan, with a record or without."""

    cell_id: str
    method: str
    variant: str
    kind: Kind
    seed: Count
    protocol: Protocol
    protocol_hash: str
    budget_epochs: Positive | None = None
    """As in a record (:class:`fgsgl.records.record.Record`)."""

    def __post_init__(self) -> None:
        if self.budget_epochs is not None and self.protocol.budget == "epochs":
            raise ValueError(f"budget_epochs is {self.budget_epochs}, but the protocol's budget is its epochs")

    @property
    def epochs(self) -> int:
        """The epochs of the cell's training."""
        return self.budget_epochs or self.protocol.epochs

    @property
    def row(self) -> RowKey:
        """The row of the board that the cell belongs to."""
        return RowKey(
            self.method, self.variant, self.protocol.dataset, self.protocol.preset, self.protocol_hash, self.kind
        )


class Arm(Struct, frozen=True, forbid_unknown_fields=True):
    """A combination of factors, and the variant of FG-SGL whose row stands for it."""

    off: list[str]
    variant: str
    """The variant's name, but ``""`` for FG-SGL itself."""


class Design(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arms over some factors: one family of comparisons."""

    design: str
    protocol_hash: str
    seeds: Annotated[int, Meta(ge=1)]
    factors: Annotated[list[str], Meta(min_length=1)]
    arms: Annotated[list[Arm], Meta(min_length=1)]
    """The first is what the others are compared with."""
    aliases: list[str] = []
    """Effects that the fraction cannot distinguish."""

    def __post_init__(self) -> None:
        offs = [tuple(arm.off) for arm in self.arms]
        if len(set(offs)) < len(offs):
            raise ValueError("two arms have the same factors off")
        for name in {name for off in offs for name in off} - set(self.factors):
            raise ValueError(f"an arm is without {name!r}, which is none of the factors")


class Primary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contrasts of a protocol that were declared before their cells ran: each a row against FG-SGL."""

    protocol_hash: str
    rows: Annotated[list[tuple[str, str]], Meta(min_length=1, max_length=MOST_PRIMARY)]
    """Method and variant of each row."""


class Tuning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search: how the settings of a row were found, and what that cost."""

    method: str
    variant: str
    protocol_hash: str
    """Hash of the row's protocol, under which the test split is opened; the trials ran under another."""
    space: str
    objective: Annotated[list[str], Meta(min_length=1)]
    """Measured on the validation split; the first chose the winner."""
    studies: Annotated[list[str], Meta(min_length=1)]
    """Independent searches."""
    trials: Count
    """All trials of all studies, the pruned and the failed among them."""
    pruned: Count
    failed: Count
    cell_hours: Annotated[float, Meta(ge=0)]
    """Over the cells of all trials, each billed once."""
    gpu_hours: Annotated[float, Meta(ge=0)]
    sampler: str
    pruner: str


class _Parts(Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of the file, each entry still as plain values, so that an error can name the part."""

    cells: list[dict[str, Any]]
    designs: list[dict[str, Any]] = []
    tunings: list[dict[str, Any]] = []
    primary: list[dict[str, Any]] = []


class PlanFile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The content of ``plan.json``."""

    cells: list[PlannedCell] = []
    designs: list[Design] = []
    tunings: list[Tuning] = []
    primary: list[Primary] = []
    """One of each protocol at most; none in plans of older versions, whose contrasts are all exploratory."""

    @classmethod
    def read(cls, folder: Path, records: Sequence[Record] = ()) -> Self:
        """Reads ``<folder>/plan.json``; empty if there is no such file.

        A cell that does not give its ``kind``, ``protocol`` or ``protocol_hash`` takes ``method`` and those of the
        first record.

        Raises:
            UserError: if the file is not such a plan.
        """
        path = folder / FILE
        if not os.path.lexists(path):
            return cls()
        common: dict[str, Any] = {"kind": "method"}
        if records:
            common |= {"protocol": records[0].protocol.as_dict(), "protocol_hash": records[0].protocol_hash}
        try:
            whole = msgspec.json.decode(read_regular(path, MOST_BYTES), type=_Parts)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise UserError(
                f'the plan {path} cannot be read: {error}; expected {{"cells": [...]}}: bring back the file, or move '
                "it away, and the command that wrote it writes it anew"
            ) from None
        except UserError as error:
            raise UserError(f"the plan {error}") from None
        return cls(
            cells=[_cell(path, {**common, **row}) for row in whole.cells],
            designs=[_entry(path, "designs", row, Design) for row in whole.designs],
            tunings=[_entry(path, "tunings", row, Tuning) for row in whole.tunings],
            primary=[_entry(path, "primary", row, Primary) for row in whole.primary],
        )

    def with_more(
        self,
        cells: Iterable[PlannedCell],
        designs: Iterable[Design] = (),
        tunings: Iterable[Tuning] = (),
        primary: Iterable[Primary] = (),
    ) -> PlanFile:
        """The plan with more in it.

        A cell takes the place of one with the same row and seed (planned with other settings), a design that of one
        over the same factors under the same protocol, a tuning that of the same row. Primary contrasts stay as they
        were first declared.
        """
        places = {_place(cell): cell for cell in (*self.cells, *cells)}
        families = {_family(design): design for design in (*self.designs, *designs)}
        searches = {(one.method, one.variant, one.protocol_hash): one for one in (*self.tunings, *tunings)}
        declared = {one.protocol_hash: one for one in (*primary, *self.primary)}
        return PlanFile(
            cells=list(places.values()), designs=list(families.values()), tunings=list(searches.values()),
            primary=list(declared.values()),
        )  # fmt: skip

    def write(self, folder: Path) -> None:
        """Writes ``<folder>/plan.json`` whole, an entry a line."""
        parts = {"cells": [], **msgspec.to_builtins(self)}
        texts = (f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for name, rows in parts.items())
        write_whole(folder / FILE, "{" + ",\n".join(texts) + "}\n")


def add_to_plan(
    folder: Path,
    cells: Iterable[PlannedCell],
    designs: Iterable[Design] = (),
    tunings: Iterable[Tuning] = (),
    primary: Iterable[Primary] = (),
) -> None:
    """Adds to the folder's plan, so that the board also shows the cells that have no record; see
    :meth:`PlanFile.with_more`.

    Raises:
        UserError: if the folder has a file that is no plan.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{FILE}.lock"):  # else what another command adds in the meantime would be lost
        known = PlanFile.read(folder)
        plan = known.with_more(cells, designs, tunings, primary)
        if plan != known or not (folder / FILE).exists():
            plan.write(folder)


def _cell(path: Path, row: dict[str, Any]) -> PlannedCell:
    cell = _entry(path, "cells", row, PlannedCell)
    if reason := protocol_misfit(row["protocol"], cell.protocol, cell.protocol_hash):
        raise UserError(f"the plan {path} has an entry in cells that cannot be read: {reason}")
    return cell


def _entry(path: Path, part: str, row: dict[str, Any], kind: type[_Entry]) -> _Entry:
    try:
        return msgspec.convert(row, kind)
    except (msgspec.ValidationError, UserError) as error:
        said = fault(error, row) if isinstance(error, ValueError) else error
        raise UserError(f"the plan {path} has an entry in {part} that cannot be read: {said}") from None


def _place(cell: PlannedCell) -> tuple[str, str, str, int]:
    return cell.method, cell.variant, cell.protocol_hash, cell.seed


def _family(design: Design) -> tuple[str, tuple[str, ...], bool, str]:
    return design.design, tuple(design.factors), bool(design.aliases), design.protocol_hash


def title_of(name: str, factors: Sequence[str], aliases: Sequence[str]) -> str:
    """``factorial over fgsa, cpa``; a design with aliases is half of one."""
    return f"{'half of the ' if aliases else ''}{name} over {', '.join(factors)}"
