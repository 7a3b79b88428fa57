"""Trials: files of weights that are damaged, of another shape, or no weights at all."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from trial import Trial


class Harm:
    """Makes a file where it is unpickled."""

    def __reduce__(self) -> tuple:
        return (open, ("harmed", "w"))


def weight_trials() -> Iterator[Trial]:
    """Weights for the small tower under ``fgsgl text similarity``, which reads them."""
    changes: dict[str, Callable[[dict[str, np.ndarray]], object]] = {
        "one tensor of NaN": lambda held: held[next(iter(held))].fill(np.nan),
        "one tensor infinite": lambda held: held[next(iter(held))].fill(np.inf),
        "one tensor of another shape": lambda held: held.update({max(held): np.zeros((3, 3), np.float32)}),
        "one tensor less": lambda held: held.pop(max(held)),
        "no tensors": lambda held: held.clear(),
        "foreign tensors": lambda held: (held.clear(), held.update(other=np.zeros(3, np.float32))),
    }
    contents = {
        "empty": b"",
        "text": b"hello",
        "header too long": struct.pack("<Q", 2**62) + b"{}",
        "header is no JSON": struct.pack("<Q", 4) + b"abcd",
        "a pickle": pickle.dumps(Harm()),
        "depth": _header(b"[" * 9000),
        "offsets outside": _header(json.dumps({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}).encode()),
    }
    for label, change in changes.items():
        yield _trial(label, lambda path, change=change: _changed(path, change))
    for label, content in contents.items():
        yield _trial(label, lambda path, content=content: path.write_bytes(content))
        if label in ("a pickle", "text", "empty"):
            yield _trial(f"{label} in .pt", lambda path, content=content: path.write_bytes(content), "w.pt")
    for name in ("", "nope", "hf-hub:none/model", "local-dir:.", "folder"):
        yield Trial(
            name=f"--pretrained {name!r}",
            prepare=lambda folder: (folder / "folder").mkdir(),
            argv=("fgsgl", "text", "similarity", "my.yaml", "--out", "s.png", "--pretrained", name),
        )
        yield Trial(
            name=f"--backbone {name!r}",
            prepare=lambda folder: (folder / "folder").mkdir(),
            argv=("fgsgl", "text", "similarity", "my.yaml", "--out", "s.png", "--backbone", name),
        )


def _header(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header


def _trial(label: str, make: Callable[[Path], object], name: str = "w.safetensors") -> Trial:
    return Trial(
        name=f"weights: {label}",
        argv=("fgsgl", "text", "similarity", "my.yaml", "--out", "s.png", "--pretrained", name),
        prepare=lambda folder: make(folder / name) and None,
        limit_s=120,
    )


def _changed(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    held = load_file(str(SHIPPED / "weights.safetensors"))
    change(held)
    save_file(held, str(path))


SHIPPED = Path(str(resources.files("fgsgl.models.towers"))) / "synmg_tiny"
