"""Half-precision weights for the package, taken from a pretraining's newest checkpoint.

The tensors are picked by name, so that weights can be exported while the pretraining goes on.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from fgsgl.errors import UserError
from fgsgl.models import synmg_tiny
from fgsgl.models.pretrain.run import CHECKPOINT, CURVE
from fgsgl.models.pretrain.train import read_state

PARTS = {"weights.safetensors": ("tower.clip.",), "slim.safetensors": ("slim.backbone.",)}
HEADS = {"temporal.": "tower.temporal.", "fgsa.": "tower.fgsa."}
"""Also exported, as ``heads.safetensors``: FG-SGL's temporal encoder and FG-SA as pretrained, for zero-shot scores."""
NUMBERS = "pretraining.json"


def export(out: Path, to: Path | None = None) -> Path:
    """Writes the averaged weights in half precision, and ``pretraining.json`` with where they come from.

    Args:
        out: folder of a pretraining, running or not.
        to: folder for the files; the package's own if None.

    Raises:
        UserError: if the folder holds no checkpoint, or a weight is too large for half precision.
    """
    to = to or synmg_tiny.weights_path().parent
    to.mkdir(parents=True, exist_ok=True)
    state = read_state(out / CHECKPOINT)
    averages = state["averages"]
    files = {name: _picked(averages, {"": prefix}) for name, (prefix,) in PARTS.items()}
    files["heads.safetensors"] = _picked(averages, HEADS)
    for name, weights in files.items():
        _save(weights, to / name)
    numbers = {
        "recipe": state["recipe"],
        "steps": state["step"],
        "clips_seen": state["step"] * state["recipe"]["batch"],
        "sha256": {name: synmg_tiny.sha256(to / name) for name in files},
        "measured": _last_row(out / CURVE, state["step"]),
    }
    (to / NUMBERS).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return to


def _picked(averages: dict[str, torch.Tensor], prefixes: dict[str, str]) -> dict[str, torch.Tensor]:
    picked = {
        new + name.removeprefix(old): value
        for name, value in averages.items()
        for new, old in prefixes.items()
        if name.startswith(old)
    }
    for name, value in picked.items():
        if value.is_floating_point():
            if not torch.isfinite(half := value.half()).all():
                raise UserError(f"the weight {name} does not fit half precision (or is not finite)")
            picked[name] = half.contiguous()
    return picked


def _save(weights: dict[str, torch.Tensor], path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    save_file(weights, temporary)
    temporary.replace(path)


def _last_row(path: Path, step: int) -> dict[str, float]:
    """The newest evaluation that is not of a later step than the weights; empty before the first."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
    return {name: float(value) for name, value in rows[-1].items()} if rows else {}
