"""Half-precision weights for the package, taken from a pretraining's newest checkpoint.

The tensors are picked by name, so that weights can be exported while the pretraining goes on.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from fgsgl.models.towers import synmg_tiny
from fgsgl.pretraining.run import CHECKPOINT, CURVE
from fgsgl.pretraining.train import read_state
from fgsgl.util.errors import UserError

FILES = {
    "weights.safetensors": "tower.clip.",
    "slim.safetensors": "slim.backbone.",
}
"""File -> prefix of its weights' names in the checkpoint."""
CARD = "MODEL_CARD.md"
LEARNING = ("r_at_1", "one_hand", "pose_error")
ROWS = 8
"""Most rows that the model card shows of the learning curve."""
NO_MEASURES = ("slim_", "loss_", "step", "pictures", "pool", "minutes")
"""Beginnings of the curve's columns that are no measures; ``pool`` counts the pictures rendered so far."""
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
    numbers = _numbers(state, _curve(out / CURVE, state["step"]), to)
    (to / CARD).write_text(f"{before}{_BEGIN}\n{numbers}{_END}{after}", encoding="utf-8")
    return to


def _numbers(state: dict, curve: list[dict[str, float]], to: Path) -> str:
    """The card's tables, in Markdown."""
    recipe = state["recipe"]
    teacher = {f"teacher.{name}": value for name, value in recipe["teacher"].items()}
    facts = {
        "steps": state["step"],
        "pictures seen (with repeats)": state["step"] * recipe["batch"],
        **{f"recipe: {name}": value for name, value in (recipe | teacher).items() if name != "teacher"},
        **{f"SHA-256 of {name}": f"`{synmg_tiny.sha256(to / name)}`" for name in FILES},
    }
    lines = _table(("fact", "value"), facts.items())
    if curve:
        lines += ["", f"Measured on held-out pictures at step {curve[-1]['step']:.0f}:", ""]
        lines += _table(("measure", "tower", "slim CNN"), _measures(curve[-1]))
        lines += ["", "The same measures on the way, tower / slim CNN:", ""]
        lines += _table(("step", "pictures seen", *LEARNING), _learning(curve))
    return "\n".join(lines) + "\n"


def _measures(row: dict[str, float]) -> list[tuple[str, str, str]]:
    """Each measure of the tower, beside the slim CNN's where it has the same."""
    names = [name for name in row if not name.startswith(NO_MEASURES)]
    return [(name, f"{row[name]:.3f}", f"{row[slim]:.3f}" if (slim := f"slim_{name}") in row else "") for name in names]


def _learning(curve: list[dict[str, float]]) -> list[tuple[str, ...]]:
    """At most ``ROWS`` of the evaluations, equally far apart, the last among them."""
    every = -(-len(curve) // ROWS)
    return [
        (
            *(f"{row[name]:.0f}" for name in ("step", "pictures_seen")),
            *(f"{row[name]:.3f} / {row[f'slim_{name}']:.3f}" for name in LEARNING),
        )
        for row in curve[::-1][::every][::-1]
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows)]


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


def _curve(path: Path, step: int) -> list[dict[str, float]]:
    """The evaluations so far that are of no later step than the weights."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return sorted((row for row in rows if row["step"] <= step), key=lambda row: row["step"])
