"""The command that completes a board, ready to be pasted: it has the data, protocol and folder of the one that ran."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

from fgsgl.methods.cell import Cell
from fgsgl.methods.registry import has
from fgsgl.records.protocol import Protocol, default_protocol

PROBE = "linear_probe"
"""Baseline of the frozen tower's features alone, which a method on that tower has to beat."""


def probe_command(cells: list[Cell], seeds: int, out: Path, root: Path | None) -> str:
    """The command that adds the linear probe to a board; empty where it is planned, or no method starts from the tower.

    Args:
        cells: of the command that ran.
        seeds: how many it had.
        out: the board's folder.
        root: the data's folder or table, as it was given.
    """
    on_tower = any(cell.method.kind == "method" and _on_tower(cell) for cell in cells)
    if not on_tower or not has(PROBE) or any(cell.method.name == PROBE for cell in cells):
        return ""
    words = ["fgsgl", "run", "--methods", PROBE, "--seeds", str(seeds), *data_words(cells[0].protocol, root)]
    return shlex.join([*words, *protocol_words(cells[0].protocol), "--out", str(out)])


def data_words(protocol: Protocol, root: Path | None) -> list[str]:
    """The options that name the data: ``--dataset csv --table my.csv``."""
    words = ["--dataset", protocol.dataset, "--preset", protocol.preset]
    if root is not None:
        words += ["--table" if protocol.dataset == "csv" and root.is_file() else "--root", str(root)]
    return words


def protocol_words(protocol: Protocol) -> list[str]:
    """The options whose values differ from the data set's own protocol: ``--epochs 1 --skip-bad``."""
    default, words = default_protocol(protocol.dataset, protocol.preset), []
    for field in dataclasses.fields(Protocol):
        value = getattr(protocol, field.name)
        if field.name in ("dataset", "preset") or value == getattr(default, field.name):
            continue
        option = "--" + field.name.replace("_", "-")
        words += [option] if value is True else [option, f"{value:g}" if isinstance(value, float) else str(value)]
    return words


def _on_tower(cell: Cell) -> bool:
    weights = cell.method.pretraining(cell.protocol, cell.method.resolve(cell.variant.changes))
    return weights.startswith((f"{cell.protocol.backbone}@", f"{cell.protocol.backbone}:"))
