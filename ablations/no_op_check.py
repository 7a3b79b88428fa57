"""The no-op check: a factor that leaves the model's computation unchanged is refused before anything is trained.

Reference and variants are built with the same seed, given the same fixed batch, and compared in their losses, gradients
and scores at several points of the training. Runs in a process of its own, so that the command line needs no torch.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fgsgl.methods.cell import Variant
from fgsgl.methods.method import Classes, Recipe
from fgsgl.methods.registry import get
from fgsgl.records.protocol import Protocol
from fgsgl.records.row_key import FULL
from fgsgl.util.errors import UserError

PROGRESS = (0.0, 0.5, 1.0)
"""Points of the training; a factor of the schedule shows in the weights of the levels."""


def refuse_no_op(variants: Sequence[Variant], protocol: Protocol, text: str) -> None:
    """Refuses variants of one method that compute what the full method or another of them does, and settings that
    cannot be built.

    Raises:
        UserError: naming the factor.
    """
    question = [[dataclasses.asdict(variant) for variant in variants], protocol.as_dict(), text]
    answer = subprocess.run(
        [sys.executable, "-m", "fgsgl.ablations.no_op_check"],
        input=json.dumps(question),
        capture_output=True,
        text=True,
    )
    if answer.returncode == 2:
        raise UserError(answer.stderr.strip().splitlines()[-1].removeprefix("error: "))
    if answer.returncode != 0:
        raise RuntimeError(f"the check of {', '.join(variant.name for variant in variants)} failed:\n{answer.stderr}")


def refuse_twins(variants: Sequence[Variant], protocol: Protocol, text: str) -> None:
    """The check itself, in this process; see :func:`refuse_no_op`."""
    seen: list[tuple[str, tuple[Recipe | None, dict[str, float]]]] = []
    for variant in (Variant(method=variants[0].method), *variants):
        recipe = get(variant.method).recipe_with(variant.changes)  # shows in no first step
        found = recipe, observe(variant.method, variant.changes, protocol, text)
        for other, before in seen:
            if found == before:
                what = "changes nothing" if other == FULL else f"computes the same as {other}"
                raise UserError(
                    f"{variant.name} {what}: the losses, gradients and scores of one fixed batch are equal; the factor "
                    "is not connected under these settings, leave it out (of a design by --factors)"
                )
        seen.append((variant.name, found))


def observe(method_name: str, changes: Mapping[str, Any], protocol: Protocol, text: str) -> dict[str, float]:
    """Losses, gradient norms and scores of one fixed batch, at several points of the training.

    A recognizer draws the first values of each of its parts from a stream of the part's own, so that parts which two
    variants have start alike.
    """
    model = build(method_name, changes, protocol, text)
    return {f"{name} at {at}": value for at in PROGRESS for name, value in _observe(model, protocol, at).items()}


def build(method_name: str, changes: Mapping[str, Any], protocol: Protocol, text: str) -> Any:
    """The recognizer, the same whenever it is built, on the CPU."""
    import torch
    from mmaction.registry import MODELS
    from mmengine.registry import init_default_scope

    import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
    from fgsgl.text.fgtext import load

    init_default_scope("mmaction")
    method = get(method_name)
    classes = Classes(count=len(load(text).classes), text=text)
    config = method.model(protocol, classes, method.resolve(changes))
    config["data_preprocessor"]["type"] = "ClipPreprocessor"
    torch.manual_seed(0)
    return MODELS.build({**config, "autocast": "none"})


def _observe(model: Any, protocol: Protocol, progress: float) -> dict[str, float]:
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
    seen = {name: value.item() for name, value in losses.items()}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and parameter.grad.any():
            seen[f"gradient of {name}"] = float(parameter.grad.norm())
    model.eval()
    with torch.no_grad():
        scored = model(clip_BTCHW[:2], [ActionDataSample(), ActionDataSample()], mode="predict")
    model.train()
    return seen | {
        f"score {index}": float(value) for index, value in enumerate(torch.cat([s.pred_score for s in scored]))
    }


def _main() -> int:
    variants, protocol, text = json.loads(sys.stdin.read())
    refuse_twins([Variant(**variant) for variant in variants], Protocol(**protocol), text)
    return 0


if __name__ == "__main__":
    from fgsgl.util.errors import run_command

    sys.exit(run_command(_main))
