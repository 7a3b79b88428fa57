"""Sentences on where a board's cells come from: states of the code, versions and machines that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import asdict

from fgsgl.records.record import Done, Record
from fgsgl.records.row_key import RowKey
from fgsgl.report.board.rows import by_seed, listed, reference_of
from fgsgl.util.escaping import printable

_State = TypeVar("_State", bound=Hashable)


class CodeState(NamedTuple):
    """The code of a cell, as far as its record tells."""

    git_commit: str | None
    git_dirty: bool | None

    def __str__(self) -> str:
        commit = self.git_commit[:7] if self.git_commit else "an unknown commit"
        return f"{commit} with changes" if self.git_dirty else commit


class Machine(NamedTuple):
    """The machine of a cell and how it was used: what its times depend on besides the cell."""

    device: str | None
    gpu: str | None
    cpu: str | None
    """A GPU's too, which waits for it."""
    cores: int | None
    threads: int | None
    devices: int
    autocast: str
    compiled: bool

    def __str__(self) -> str:
        parts = (
            " with ".join(filter(None, (self.gpu, self.cpu))) or self.device or "an unknown machine",
            f"{self.cores} cores" if self.cores else "",
            f"{self.threads} threads" if (self.threads or 1) > 1 else "",
            self.autocast if self.autocast != "none" else "",
            f"{self.devices} devices" if self.devices > 1 else "",
            "compiled" if self.compiled else "",
        )
        return ", ".join(filter(None, parts))

    @property
    def known(self) -> bool:
        """Whether the record names it; that of a failed cell may not."""
        return bool(self.gpu or self.cpu)

    @property
    def apart_from_the_method(self) -> Machine:
        """The machine as two methods of one command have it: only some have a tower that could be compiled."""
        return self._replace(compiled=False)


def code_of(record: Done) -> CodeState:
    """The code that a cell ran with."""
    return CodeState(record.environment.git_commit, record.environment.git_dirty)


def machine_of(record: Record) -> Machine:
    """The machine that a cell ran on."""
    used = record.hardware
    return Machine(
        used.device, used.gpu, used.cpu, used.cores, used.threads, used.devices, used.autocast, used.compiled
    )


def differing_origins(records: Sequence[Done]) -> tuple[str, ...]:
    """What is not alike of the cells behind a number: ``code``, ``versions``, ``machine``."""
    return tuple(name for name, differs in _DIFFERS.items() if differs(records))


def several_versions(records: Iterable[Done]) -> list[str]:
    """``torch 2.9.0, 2.9.1`` for each package of which the cells had several versions, where their records tell."""
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for name, version in asdict(record.environment).items():
            if version is not None and not name.startswith("git_"):
                found[name].add(version)
    return [f"{name} {', '.join(sorted(versions))}" for name, versions in found.items() if len(versions) > 1]


_DIFFERS: dict[str, Callable[[Sequence[Done]], bool]] = {
    "code": lambda records: len(set(map(code_of, records))) > 1,
    "versions": lambda records: bool(several_versions(records)),
    "machine": lambda records: len({machine_of(record).apart_from_the_method for record in records}) > 1,
}
"""Whether cells differ in what they come from, by its name."""


def origin_notes(
    scored: Mapping[RowKey, Sequence[Done]],
    labels: Mapping[RowKey, str],
    reference_of: Callable[[RowKey], RowKey] = reference_of,
) -> Iterator[str]:
    """The sentences under a table of rows.

    Args:
        scored: the records behind each row's numbers.
        labels: of the rows.
        reference_of: the row that a row is compared with.
    """

    def across(what: str) -> list[str]:
        return [labels[key] for key in scored if _differs(key, reference_of(key), scored, what)]

    if mixed := _rows_of_several(scored, code_of):
        rows = listed([f"{labels[key]} ({_told(states)})" for key, states in mixed.items()])
        yield (
            f"{len(mixed)} row(s) average seeds from different code: {rows}. What changed "
            "between the commits may be part of their numbers."
        )
    if of_other_code := across("code"):
        yield (
            f"Compared with their reference although the code differs: {listed(of_other_code)}. `fgsgl diff` shows the "
            "commits of two cells."
        )
    cells = {record.cell_id: record for group in scored.values() for record in group}.values()
    n_dirty = sum(record.environment.git_dirty is True for record in cells)
    if n_dirty:
        yield f"{n_dirty} cell(s) ran with changes that no commit holds."
    if differing := several_versions(cells):
        rows_of = {
            "Rows that average over them": [labels[key] for key, group in scored.items() if several_versions(group)],
            "Rows compared with their reference across them": across("versions"),
        }
        where = [f" {what}: {listed(rows)}." for what, rows in rows_of.items() if rows]
        yield f"Versions differ between cells: {'; '.join(differing)}.{''.join(where)}"
    if several := _rows_of_several(scored, machine_of):
        rows = listed([f"{labels[key]} ({_told(machines)})" for key, machines in several.items()])
        yield (
            f"{len(several)} row(s) average seeds from several machines: {rows}. Machines round differently, which is "
            "part of their spread; their times and memory are not averaged."
        )
    if elsewhere := across("machine"):
        yield (
            f"Compared with their reference although the machine differs: {listed(elsewhere)}. Machines round "
            "differently, which is part of these differences."
        )


def unchecked_notes(
    scored: Mapping[RowKey, Sequence[Done]], unknown_ids: Collection[str], labels: Mapping[RowKey, str]
) -> Iterator[str]:
    """The sentence under the board on cells whose id could not be held against what their records hold.

    Args:
        scored, labels: as for :func:`origin_notes`.
        unknown_ids: of :class:`fgsgl.training.record_check.Checked`.
    """
    rows = [labels[key] for key, group in scored.items() if any(record.cell_id in unknown_ids for record in group)]
    if rows:
        yield printable(
            f"Not checked: whether the records of {listed(rows)} are of the settings that they name. This version "
            "lacks the method, or the records do not say which text they read."
        )


def _rows_of_several(
    scored: Mapping[RowKey, Sequence[Done]], state_of: Callable[[Done], _State]
) -> dict[RowKey, dict[_State, list[int]]]:
    """The rows whose seeds ran in more than one state, such as on two machines, and the seeds of each."""
    found = {key: _by_state({r.seed: state_of(r) for r in group}) for key, group in scored.items()}
    return {key: states for key, states in found.items() if len(states) > 1}


def _by_state(states: Mapping[int, _State]) -> dict[_State, list[int]]:
    """The seeds of each state."""
    seeds: dict[_State, list[int]] = defaultdict(list)
    for seed, state in states.items():
        seeds[state].append(seed)
    return seeds


def _told(seeds: Mapping[_State, Sequence[int]]) -> str:
    return "; ".join(f"{state}: seed{'s' * (len(of) > 1)} {', '.join(map(str, of))}" for state, of in seeds.items())


def _differs(key: RowKey, other: RowKey, scored: Mapping[RowKey, Sequence[Done]], what: str) -> bool:
    """Whether a row and its reference have a seed in common whose two cells differ."""
    row, reference = scored[key], scored.get(other, ())
    if key == other or key.kind != "method" or not row or not reference:
        return False
    theirs = by_seed(reference, (record.seed for record in reference))
    mine = by_seed(row, theirs)
    return any(_DIFFERS[what]([mine[seed], theirs[seed]]) for seed in mine.keys() & theirs.keys())
