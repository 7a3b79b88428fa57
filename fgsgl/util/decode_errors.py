"""One-line messages for files from elsewhere that msgspec refuses."""

from __future__ import annotations

import re
from typing import Any, Literal


def located(error: Exception) -> tuple[str, list[str]]:
    """msgspec's message, and the steps to where it applies: ``Expected `str`, got `int```, ``["curve", "0", "loss"]``.

    Args:
        error: ``Expected `str`, got `int` - at `$.curve[0].loss```, or without a place. A step of ``*`` is one
            of several that it does not tell apart.
    """
    placed = re.fullmatch(r"(.*?) - at (?:`key` in )?`\$\.?(.*)`", str(error), re.DOTALL)
    says, where = placed.groups() if placed else (str(error), "")
    return says, re.findall(r"[^.\[\]]+", where.replace("[...]", "[*]"))


def refused_key(says: str, how: Literal["missing required", "contains unknown"]) -> str | None:
    """The key that is missing, or that nobody knows, where that is what msgspec says."""
    found = re.fullmatch(rf"Object {how} field `(.+)`", says)
    return found[1] if found else None


def fault(error: Exception, whole: Any) -> str:
    """One line: where, what came there and what was expected.

    Args:
        error: As :func:`located` takes it.
        whole: What was decoded.
    """
    says, places = located(error)
    if key := refused_key(says, "missing required"):
        return f"{'.'.join([*places, key])} is missing"
    for place in places:
        if place == "*":
            break
        whole = whole[int(place) if isinstance(whole, list) else place]
    return f"{'.'.join(places)} is {whole!r:.60}; {says[0].lower()}{says[1:]}" if places else says
