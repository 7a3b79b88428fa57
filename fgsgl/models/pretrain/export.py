"""Half-precision weights for the package, taken from a pretraining's newest checkpoint.

The tensors are picked by name, so that weights can be exported while the pretraining goes on.
"""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from safetensors.torch import save

from fgsgl.errors import UserError
from fgsgl.models import synmg_tiny
from fgsgl.models.pretrain.run import CHECKPOINT, CURVE
from fgsgl.models.pretrain.train import read_state

FILES = {
    "weights.safetensors": "tower.clip.",
    "slim.safetensors": "slim.backbone.",
    "temporal.safetensors": "tower.temporal.",
}
"""File -> prefix of its weights' names in the checkpoint."""
CARD = "MODEL_CARD.md"
_BEGIN, _END = "<!-- numbers: begin -->", "<!-- numbers: end -->"


def export(out: Path, to: Path | None = None) -> Path:
    """Writes the averaged weights in half precision, and the model card with their hashes and measurements.

    Args:
        out: folder of a pretraining, running or not.
        to: folder for the files; the package's own if None.

    Raises:
        UserError: if the folder holds no checkpoint, or a weight is too large for half precision.
    """
    package = synmg_tiny.weights_path().parent
    to = to or package
    to.mkdir(parents=True, exist_ok=True)
    state = read_state(out / CHECKPOINT)
    for name, prefix in FILES.items():
        _save(_picked(state["averages"], prefix), to / name)
    card = (package / CARD).read_text(encoding="utf-8")
    before, _, rest = card.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    numbers = _numbers(state, _last_row(out / CURVE, state["step"]), to)
    (to / CARD).write_text(f"{before}{_BEGIN}\n{numbers}{_END}{after}", encoding="utf-8")
    return to


def _numbers(state: dict, measured: dict[str, float], to: Path) -> str:
    """The card's tables, in Markdown."""
    recipe = state["recipe"]
    facts = {
        "steps": state["step"],
        "clips seen (with repeats)": state["step"] * recipe["batch"],
        **{f"recipe: {name}": value for name, value in recipe.items()},
        **{f"SHA-256 of {name}": f"`{synmg_tiny.sha256(to / name)}`" for name in FILES},
    }
    lines = ["| fact | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())]
    lines += ["", f"Measured on held-out compositions at step {measured.get('step', 0):.0f}:", ""]
    lines += ["| measure | tower | slim CNN |", "|---|---|---|"]
    slim = {name.removeprefix("slim_"): value for name, value in measured.items() if name.startswith("slim_")}
    for name, value in measured.items():
        if not name.startswith(("slim_", "loss_", "step", "clips", "pool", "minutes")):
            lines.append(
                f"| {name} | {value:.3f} | {slim[name]:.3f} |" if name in slim else f"| {name} | {value:.3f} | |"
            )
    return "\n".join(lines) + "\n"


def _picked(averages: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    picked = {name.removeprefix(prefix): value for name, value in averages.items() if name.startswith(prefix)}
    for name, value in picked.items():
        if value.is_floating_point():
            if not torch.isfinite(half := value.half()).all():
                raise UserError(f"the weight {name} does not fit half precision (or is not finite)")
            picked[name] = half.contiguous()
    return picked


def _save(weights: dict[str, torch.Tensor], path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(save(weights))
    temporary.replace(path)


def _last_row(path: Path, step: int) -> dict[str, float]:
    """The newest evaluation that is not of a later step than the weights; empty before the first."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["step"]) <= step]
    return {name: float(value) for name, value in rows[-1].items()} if rows else {}
