"""Sentences on where a board's cells come from: states of the code, versions and machines that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from msgspec.structs import asdict

from fgsgl.records.record import Done, Environment
from fgsgl.records.row_key import RowKey
from fgsgl.report.board.rows import by_seed, is_compared, listed, reference_of
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
    name: str | None
    """Of the GPU, else of the processor."""
    threads: int | None
    devices: int
    autocast: str
    compiled: bool

    def __str__(self) -> str:
        parts = (
            self.name or self.device or "an unknown machine",
            f"{self.threads} thread(s)" if self.threads else "",
            f"{self.devices} devices" if self.devices > 1 else "",
            self.autocast if self.autocast != "none" else "",
            "compiled" if self.compiled else "",
        )
        return ", ".join(filter(None, parts))


def code_of(record: Done) -> CodeState:
    """The code that a cell ran with."""
    return CodeState(record.environment.git_commit, record.environment.git_dirty)


def machine_of(record: Done) -> Machine:
    """The machine that a cell ran on."""
    used = record.hardware
    return Machine(used.device, used.gpu or used.cpu, used.threads, used.devices, used.autocast, used.compiled)


def origin_notes(scored: Mapping[RowKey, Sequence[Done]], labels: Mapping[RowKey, str]) -> Iterator[str]:
    """The sentences under the board.

    Args:
        scored: the records behind each row's numbers.
        labels: of the rows.
    """
    if mixed := _rows_of_several(scored, code_of):
        rows = listed([f"{labels[key]} ({_told(states)})" for key, states in mixed.items()])
        yield (
            f"{len(mixed)} row(s) average seeds from different code (their status says so): {rows}. What changed "
            "between the commits may be part of their numbers."
        )
    across = [labels[key] for key in scored if _compared_across_code(key, scored)]
    if across:
        yield (
            f"Compared with their reference although the code differs: {listed(across)}. `fgsgl diff` shows the "
            "commits of two cells."
        )
    cells = {record.cell_id: record for group in scored.values() for record in group}.values()
    n_dirty = sum(record.environment.git_dirty is True for record in cells)
    if n_dirty:
        yield f"{n_dirty} cell(s) ran with changes that no commit holds."
    if differing := _versions(record.environment for record in cells):
        yield f"Versions differ between cells: {'; '.join(differing)}."
    if several := _rows_of_several(scored, machine_of):
        rows = listed([f"{labels[key]} ({_told(machines)})" for key, machines in several.items()])
        yield (
            f"{len(several)} row(s) average seeds from several machines: {rows}. Machines round differently, which is "
            "part of their spread; their times and memory are not averaged."
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


def _compared_across_code(key: RowKey, scored: Mapping[RowKey, Sequence[Done]]) -> bool:
    reference = scored.get(reference_of(key), ())
    if not is_compared(key) or not scored[key] or not reference:
        return False
    theirs = by_seed(reference, (record.seed for record in reference))
    mine = by_seed(scored[key], theirs)
    return any(code_of(mine[seed]) != code_of(theirs[seed]) for seed in mine.keys() & theirs.keys())


def _versions(environments: Iterator[Environment]) -> list[str]:
    """``torch 2.9.0, 2.9.1`` for each package of which the cells had several versions."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for environment in environments:
        for name, version in asdict(environment).items():
            if version is not None and not name.startswith("git_"):
                found[name][version] = None
    return [f"{name} {', '.join(sorted(versions))}" for name, versions in found.items() if len(versions) > 1]
