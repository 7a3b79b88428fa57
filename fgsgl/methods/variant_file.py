"""A variant as a config file: a search writes ``best/<method>.yaml``, and ``fgsgl run --config`` reads it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fgsgl.methods.cell import Variant
from fgsgl.methods.method import SHARED_DOMAINS, Classes, Method, Setting, Settings
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol
from fgsgl.records.row_key import FULL, TUNED
from fgsgl.util.domain import require
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.files import write_whole
from fgsgl.util.yaml_file import read_yaml

LONGEST_NAME = 200
KEYS = ("method", "name", "changes", "from")
"""Keys of a config file; ``from`` tells the origin of the settings and is not read."""


def write_best(path: Path, method: str, changes: Settings, provenance: Mapping[str, Any]) -> None:
    """Writes settings as a config file that :func:`read_config` reads.

    Args:
        path: ends in ``.yaml``.
        method: the method's name.
        changes: the settings that differ from its defaults.
        provenance: their ``study``, ``trial``, ``value`` and ``protocol_hash``.
    """
    content = {"method": method, "name": TUNED, "changes": dict(changes), "from": dict(provenance)}
    head = f"# Settings that a search found; run them by `fgsgl run --config {path.name}`.\n"
    write_whole(path, head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def read_config(path: Path) -> Variant:
    """The variant of a config file: its ``method``, ``changes`` and ``name`` (``tuned`` if it has none).

    Raises:
        UserError: for a file that cannot be read, an unknown key, method or setting, or a value of another type than
            the setting's default.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("method"), str):
        raise UserError(f"the config {path} names no method; expected a mapping with {', '.join(KEYS)}")
    for key in content:
        if key not in KEYS:
            raise UserError(f"the config {path} has the key {key!r}; {nearest(str(key), KEYS)}")
    name, changes = content.get("name", TUNED), content.get("changes")
    changes = {} if changes is None else changes
    named = isinstance(name, str) and name.strip() and name.isprintable() and len(name) <= LONGEST_NAME
    if not named or name == FULL or not isinstance(changes, dict):
        raise UserError(
            f"the config {path} has the name {name!r:.60} and the changes {changes!r:.60}; expected a row's printable "
            f"name other than {FULL!r}, which is that of the defaults, and settings with their values"
        )
    try:
        method = get(content["method"])
        refuse_misfit(method, {str(key): value for key, value in changes.items()})
        method.recipe_with(changes)
    except UserError as error:
        raise UserError(f"the config {path}: {error}") from None
    return Variant(method=content["method"], name=name, changes=changes)


def read_configs(paths: Iterable[Path]) -> tuple[Variant, ...]:
    """The variants of several config files.

    Raises:
        UserError: as :func:`read_config`, or if two files stand for the same row of a board.
    """
    found: dict[tuple[str, str], Path] = {}
    variants = []
    for path in dict.fromkeys(paths):
        variant = read_config(path)
        row = variant.method, variant.name
        if row in found:
            raise UserError(
                f"the configs {found[row]} and {path} are both {' '.join(row)!r}, which is one row of a board; give "
                "one of them another `name`"
            )
        found[row] = path
        variants.append(variant)
    return tuple(variants)


def require_valid(variant: Variant, protocol: Protocol) -> None:
    """Refuses a row whose settings, or whose protocol, its recognizer cannot have; nothing is built.

    Raises:
        UserError: naming the row.
    """
    method = get(variant.method)
    if not method.runs_on(protocol):
        able, trained_on = ", ".join(method.datasets), protocol.trained_on
        where = f"{protocol.dataset}, trained on {trained_on.dataset}" if trained_on else protocol.dataset
        raise UserError(f"{method.name} cannot run on {where}; it runs on {able}: leave it out")
    try:
        refuse_misfit(method, variant.changes)
        method.recipe_with(variant.changes)
        if method.model and not method.unavailable:
            method.model(protocol, Classes(count=2, text="smg"), method.resolve(variant.changes))
    except UserError as error:
        raise UserError(f"{variant.method} {variant.name}: {error}") from None


def refuse_misfit(method: Method, changes: Settings) -> None:
    """Refuses unknown settings, and values of another type than the setting's default or outside its domain.

    Raises:
        UserError: naming the setting.
    """
    method.resolve(changes)
    for name, value in changes.items():
        default = method.flat[name]
        if not _fits(value, default):
            raise UserError(f"{name} would be {value!r:.80}, expected a value such as {_example(default)}")
        if name in SHARED_DOMAINS:
            require(name, value, int if isinstance(default, int) else float, SHARED_DOMAINS[name])


def _fits(value: Any, default: Setting) -> bool:
    """Whether a value has the type of a setting's default; all numbers are finite."""
    if isinstance(default, list):
        like = default[0] if default else None
        plain = isinstance(value, list) and all(type(item) in (bool, int, float, str) for item in value)
        return plain and (like is None or all(_fits(item, like) for item in value))
    if default is None:
        return value is None or isinstance(value, str)
    if isinstance(default, float):
        return type(value) in (int, float) and math.isfinite(value)
    if isinstance(default, str):
        return type(value) in (str, int)  # the number of a block, beside its names
    return type(value) is type(default)


def _example(default: Setting) -> str:
    return "the name of a file, or null" if default is None else repr(default)
