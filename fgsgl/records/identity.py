"""Identity by hash: equal for equal work, over everything that changes a result and nothing else.

A field that came after records had been made is marked ``LATER``: while it has its default it is left out, so that
those records still stand for their cells. A field marked ``LABEL`` only names something, and is always left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

LATER = {"later": True}
LABEL = {"label": True}

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""The canonical JSON of plain values."""


def digest(content: Any) -> str:
    """16 hex digits of SHA-256 over the canonical JSON of plain values."""
    return sha256_16(canonical(content))


def digest_of_parts(parts: Mapping[str, str]) -> str:
    """The :func:`digest` of a mapping whose values are canonical JSON already: what many share is encoded once."""
    return sha256_16("{" + ",".join(f"{canonical(name)}:{parts[name]}" for name in sorted(parts)) + "}")


def sha256_16(text: str) -> str:
    """The first 16 hex digits of SHA-256 over a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def identity(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass of plain values that tell it from others."""
    fields = dataclasses.fields(instance)
    values = {field.name: getattr(instance, field.name) for field in fields}  # asdict, which copies, takes ten times it
    for field in fields:
        unchanged = field.metadata.get("later") and values[field.name] == field.default
        if unchanged or field.metadata.get("label"):
            del values[field.name]
    return values


def without(values: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, without those that came later and still have their default."""
    return {name: value for name, value in values.items() if name not in later or value != later[name]}
