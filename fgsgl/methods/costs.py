"""Parameters and FLOPs of every method, read from ``baselines/costs.csv``."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path

PATH = Path(importlib.import_module("fgsgl.baselines").__path__[0]) / "costs.csv"
COLUMNS = ("method", "size", "num_frames", "image_size", "params_m", "trainable_m", "gflops")


def read() -> dict[tuple[str, str], dict[str, str]]:
    """The rows of the file by method and size; none where there is no file."""
    if not PATH.is_file():
        return {}
    with PATH.open(encoding="utf-8", newline="") as file:
        return {(row["method"], row["size"]): row for row in csv.DictReader(file)}
