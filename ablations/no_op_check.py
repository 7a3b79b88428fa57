"""The no-op check: a factor that leaves the computation unchanged is refused before anything is trained.

FG-SGL and its variants are built with the same seed, given the same fixed batch, and compared in losses, gradients and
scores at several points of the training. The check runs in its own process, so that the command line needs no torch.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fgsgl.methods.cell import Variant
from fgsgl.methods.method import Classes, Recipe, Settings
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol
from fgsgl.records.row_key import FULL
from fgsgl.util.errors import UserError

PROGRESS = (0.0, 0.5, 1.0)
"""Points of the training, as shares of it; a factor of the schedule shows in the weights of the levels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRequest:
    """The variants to check, as the process of the check reads them from its standard input."""

    variants: tuple[Variant, ...]
    """Variants of one method."""
    protocol: Protocol
    text: str
    """The data set's FG-Text: the name of a shipped one, or a file."""


def refuse_no_op(request: CheckRequest) -> None:
    """Refuses variants that compute the same as the full method or as another of them, or that cannot be built.

    Raises:
        UserError: naming the variant.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "fgsgl.ablations.no_op_check"],
        input=msgspec.json.encode(request).decode(),
        capture_output=True,
        text=True,
    )
    if ended.returncode == 2:
        raise UserError(ended.stderr.strip().splitlines()[-1].removeprefix("error: "))
    if ended.returncode != 0:
        names = ", ".join(variant.name for variant in request.variants)
        raise RuntimeError(f"the check of {names} failed:\n{ended.stderr}")


def refuse_no_op_here(request: CheckRequest) -> None:
    """The check itself, in this process; see :func:`refuse_no_op`."""
    seen: list[tuple[str, tuple[Recipe | None, Mapping[str, float]]]] = []
    for variant in (Variant(method=request.variants[0].method), *request.variants):
        recipe = get(variant.method).recipe_with(variant.changes)  # no first step shows it
        found = recipe, computed_values(variant, request.protocol, request.text)
        for other, before in seen:
            if found == before:
                what = "changes nothing" if other == FULL else f"computes the same as {other}"
                raise UserError(
                    f"{variant.name} {what}: the losses, gradients and scores of one fixed batch are equal; the factor "
                    "is not connected under these settings, leave it out (of a design by --factors)"
                )
        seen.append((variant.name, found))


def computed_values(variant: Variant, protocol: Protocol, text: str) -> dict[str, float]:
    """Losses, gradient norms and scores of one fixed batch, at several points of the training.

    Each part of a recognizer draws its first values from its own random stream, so that the parts which two variants
    have in common start alike.
    """
    model = build(variant.method, variant.changes, protocol, text)
    return {f"{name} at {at}": value for at in PROGRESS for name, value in _values_at(model, protocol, at).items()}


def build(method_name: str, changes: Settings, protocol: Protocol, text: str) -> Any:
    """The recognizer on the CPU, the same whenever it is built."""
    import torch
    from mmaction.registry import MODELS
    from mmengine.registry import init_default_scope

    import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
    from fgsgl.text.fgtext import load

    init_default_scope("mmaction")
    method = get(method_name)
    if method.model is None:
        raise UserError(f"{method_name} has no recognizer to check")
    classes = Classes(count=len(load(text).classes), text=text)
    config = method.model(protocol, classes, method.resolve(changes))
    config["data_preprocessor"]["type"] = "ClipPreprocessor"
    torch.manual_seed(0)
    return MODELS.build({**config, "autocast": "none"})


def _values_at(model: Any, protocol: Protocol, progress: float) -> dict[str, float]:
    """Losses, gradient norms and scores on the fixed batch, as plain numbers."""
    import torch
    from mmaction.structures import ActionDataSample

    generator = torch.Generator().manual_seed(0)
    num_classes = model.config.num_classes
    shape = (num_classes, protocol.num_frames, 3, protocol.image_size, protocol.image_size)
    clip_BTCHW = torch.rand(shape, generator=generator)
    samples = []
    for label in range(num_classes):
        samples.append(ActionDataSample())
        samples[-1].set_gt_label(label)
    model.progress = progress
    model.zero_grad()
    torch.manual_seed(0)
    losses = model(clip_BTCHW, samples, mode="loss")
    sum(value for name, value in losses.items() if "loss" in name).backward()
    values = {name: value.item() for name, value in losses.items()}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and parameter.grad.any():
            values[f"gradient of {name}"] = float(parameter.grad.norm())
    model.eval()
    with torch.no_grad():
        scored = model(clip_BTCHW[:2], [ActionDataSample(), ActionDataSample()], mode="predict")
    model.train()
    scores = torch.cat([sample.pred_score for sample in scored])
    return values | {f"score {index}": float(value) for index, value in enumerate(scores)}


def _main() -> int:
    refuse_no_op_here(msgspec.json.decode(sys.stdin.buffer.read(), type=CheckRequest))
    return 0


if __name__ == "__main__":
    from fgsgl.util.errors import run_command

    sys.exit(run_command(_main))
