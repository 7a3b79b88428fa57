"""`fgsgl methods`: every method with what it is, needs and costs. The counts come from a file that `--measure` writes.

Imports no torch, unless it measures.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fgsgl.methods.costs import COLUMNS, PATH, read
from fgsgl.methods.method import Method
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.registry import broken, scan
from fgsgl.records.protocol import SIZES, Protocol, default_protocol
from fgsgl.util.files import write_whole
from fgsgl.util.terminal import Counter

_COUNTED: dict[str, dict[str, Any]] = {"quick": {}, "standard": {"image_size": 224, "backbone": "ViT-B-16"}}
"""The settings that sizes are counted at: one clip for all, also for networks that are published for another."""


def counted_protocol(size: str) -> Protocol:
    """The protocol that a size is counted under: SynMG's quick one; for ``standard`` 224 pixels and CLIP's ViT-B-16."""
    return default_protocol("synmg", size=size, **_COUNTED[size])


def count(method: Method, size: str) -> dict[str, str]:
    """A row of the file: parameters in millions, and GFLOPs of one clip."""
    from fgsgl.testing.method_contract import BuiltMethod
    from fgsgl.training.cost import measure

    protocol = counted_protocol(size)
    subject = BuiltMethod(method, protocol)
    parameters = list(subject.model.parameters())
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return {
        "method": method.name,
        "size": size,
        "num_frames": str(protocol.num_frames),
        "image_size": str(protocol.image_size),
        "params_m": f"{sum(parameter.numel() for parameter in parameters) / 1e6:.2f}",
        "trainable_m": f"{trained / 1e6:.2f}",
        "gflops": f"{measure(subject.model, subject.batch, repeats=0).gflops:.2f}",
    }


def write(console: Console) -> None:
    """Counts every method that can run, in both sizes, and writes the file."""
    jobs = [(method, size) for method in _runnable() for size in SIZES]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    with Counter(console, "counting") as counter:
        for done, (method, size) in enumerate(jobs, start=1):
            writer.writerow(count(method, size))
            counter.update(done, len(jobs))
    write_whole(PATH, text.getvalue())


def methods_table() -> Table:
    """Every method; numbers of both sizes, ``quick / standard``."""
    counts = read()
    table = Table("method", "reads", "params M", "trained M", "GFLOPs", "recipe", "pretraining", "published")
    for method in scan().values():
        rows = [counts[method.name, size] for size in SIZES if (method.name, size) in counts]
        numbers = [" / ".join(row[name] for row in rows) for name in ("params_m", "trainable_m", "gflops")]
        weights = method.pretraining(default_protocol("synmg"), method.settings).partition("@")[0]
        weights = f"cannot run here: {method.unavailable}" if method.unavailable else weights
        recipe = method.recipe.family if method.recipe else method.kind.replace("method", "not trained")
        table.add_row(method.name, method.modality, *numbers, recipe, weights, method.paper)
    for file in broken():
        table.add_row(file.name, "", "", "", "", "", Text(f"broken: {file.fault}"), "")
    table.caption = (
        "params, trained and GFLOPs of one clip: quick (8 frames, 112 px) / standard (8 frames, 224 px, ViT-B-16; "
        "skeletons 48 frames), counted by `fgsgl methods --measure`"
    )
    return table


def recipes_table() -> Table:
    """The recipe of every family."""
    table = Table("family", "optimizer", "rate", "weight decay", "warm-up", "largest gradient", "source")
    for recipe in RECIPES.values():
        numbers = (recipe.lr, recipe.weight_decay, recipe.warmup, recipe.clip_grad)
        table.add_row(recipe.family, recipe.optimizer, *(f"{number:g}" for number in numbers), recipe.source)
    table.caption = "The rate rises over the warm-up's share of the training, and falls to zero as half a cosine."
    return table


def _runnable() -> list[Method]:
    return [method for method in scan().values() if method.model is not None]
