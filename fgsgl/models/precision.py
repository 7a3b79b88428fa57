"""Precision that a device computes natively. Imports no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

Precision = Literal["bf16", "none"]


@cache
def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 natively; elsewhere it is emulated and slower than fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def native(device: str) -> Precision:
    """``bf16`` on a GPU, and on a processor that has it; else ``none``.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:1``.
    """
    return "bf16" if not device.startswith("cpu") or cpu_has_bf16() else "none"
