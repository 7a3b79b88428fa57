"""The options of a command line that mean a protocol and its data, ready to be pasted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fgsgl.records.protocol import Protocol, default_protocol


def data_words(protocol: Protocol, root: Path | None, transfer_root: Path | None = None) -> list[str]:
    """The options that name the data: ``--dataset csv --table my.csv``. A default place is not named.

    Args:
        protocol: names data set and preset.
        root: the data's folder or table; None: its default place.
        transfer_root: that of the data that are trained on, where the protocol names others; None: their default place.
    """
    words, usual = ["--dataset", protocol.dataset, "--preset", protocol.preset], protocol.data_spec(None)
    if root is not None and root.absolute() != usual.root.absolute():
        words += ["--table" if protocol.dataset == "csv" and root.is_file() else "--root", _from_here(root)]
    if usual.trained_on and transfer_root and transfer_root.absolute() != usual.trained_on.root.absolute():
        words += ["--transfer-root", _from_here(transfer_root)]
    return words


def _from_here(path: Path) -> str:
    """A path as somebody in this folder would type it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


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
