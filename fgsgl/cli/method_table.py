"""`fgsgl methods`: every method with what it is, needs and costs. Imports no torch."""

from __future__ import annotations

import re
import sys

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

import fgsgl.methods.fgsgl
from fgsgl.cli.options import field_docstrings
from fgsgl.methods.costs import SHOWN, costs
from fgsgl.methods.method import RECIPE, TUNABLE, Method, Recipe, Setting
from fgsgl.methods.recipes import RECIPES
from fgsgl.methods.registry import FILES, broken, get, scan
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.records.protocol import default_protocol

_FIRST = (
    "peft", "pretrained vit", "probe", "zero-shot", "pretrained cnn", "scratch cnn", "scratch vit", "skeleton", "floor",
)  # fmt: skip
"""Families in the order of the list; others follow."""
_SETTINGS = {
    "kernel": "Frames that one convolution over time reads.",
    "lora_targets": "Weights of a block that are adapted: q, k, v, o, mlp.",
    "pretrained": "Weights to start from: a file, or none for random ones.",
    "dropout": "Share of the features that is dropped before the classifier in training.",
    "shift_div": "One channel in so many is shifted by a frame in each direction.",
    "lora_rank": "Rank of the updates.",
    "lora_alpha": "An update is scaled by alpha / rank.",
    "share": "Width of an adapter, as a share of the tower's.",
    "layers": "Number of temporal layers.",
    "prompt_layers": "Number of layers that read the video into the prompts.",
    "embedding_weight": "Weight of the distance to the label's embedding in the loss.",
    "sigma": "Width of a joint's heat map in pixels.",
}
"""Meaning of the settings that baselines have."""


def methods_table() -> RenderableType:
    """Every method, a family after the other; numbers of both sizes, ``quick / standard``."""
    counts = costs()
    table = Table(
        "family", "method", "name", "reads", "starts from", Column("params M", justify="right"),
        Column("GFLOPs", justify="right"), "arXiv", box=SIMPLE_HEAD, show_edge=False,
    )  # fmt: skip
    families: dict[str, list[Method]] = {name: [] for name in _FIRST}
    for method in scan().values():
        families.setdefault(_family(method), []).append(method)
    for family, methods in families.items():
        for method in methods:  # in the order of their names, FG-SGL first
            rows = [counts[method.name, one] for one in SHOWN.values() if (method.name, one) in counts]
            numbers = [
                " / ".join(_rounded(value, 1) for value in values)
                for values in ([row.params_m for row in rows], [row.gflops for row in rows])
            ]
            table.add_row(
                Text(family if method is methods[0] else "", style="bold"), Text(method.name, no_wrap=True),
                Text(method.display_name), _reads(method), _starts_from(method), *numbers, _number(method.paper),
            )  # fmt: skip
        table.add_section()
    below = (
        "\nquick / standard: millions of parameters, and GFLOPs of one clip (8 frames; 112 px, or 224 px and ViT-B-16; "
        "skeletons 48 frames)\n`fgsgl methods tsm` tells everything about one; `fgsgl methods --recipes` how families "
        "are trained"
    )
    faults = [Text(f"{file.name} is broken: {file.fault}", style="red") for file in broken()]
    return Group(table, Text(below, style="dim"), *faults)


def method_view(name: str) -> RenderableType:
    """Everything about one method: what it is, reads and costs, how it is trained, and each setting.

    Raises:
        UserError: for an unknown method, or one whose file is broken.
    """
    method = get(name)
    facts = Table.grid(padding=(0, 2))
    if method.unavailable:
        facts.add_row("cannot run", Text(method.unavailable, style="red"))
    facts.add_row("family", Text(_family(method)))
    facts.add_row("reads", _reads(method))
    facts.add_row("data sets", Text(", ".join(method.datasets) or "all"))
    facts.add_row("starts from", _starts_from(method))
    for size, setting in SHOWN.items():
        if row := costs().get((name, setting)):
            params, trained, gflops = (_rounded(value, 2) for value in (row.params_m, row.trainable_m, row.gflops))
            told = f"{params} M parameters, {trained} M trained, {gflops} GFLOPs a clip"
            facts.add_row(f"--size {size}", Text(f"{told} ({setting.num_frames} frames, {setting.image_size} px)"))
    if recipe := method.recipe:
        values = ", ".join(f"{key} {getattr(recipe, key):g}" for key in TUNABLE)
        facts.add_row("trained with", Text(f"{recipe.optimizer}: {values} ({recipe.source})"))
    facts.add_row("paper", _linked(method.paper))
    settings = Table("setting", "default", "meaning", box=SIMPLE_HEAD, show_edge=False)
    meant = meanings(method)
    for key, value in method.flat.items():
        settings.add_row(Text(key), Text(_setting(value)), Text(meant.get(key, "")))
    example = f"fgsgl run --methods {name}"
    parts: list[RenderableType] = [Text(f"{method.display_name} ({name})", style="bold"), Text(_about(name)), facts, ""]
    if method.flat:
        parts.append(settings)
        spaces = ", ".join([*method.spaces, "optim"] if method.recipe else method.spaces)
        parts += ["", Text(f"search spaces: {spaces or 'none'}")]
    return Group(*parts, Text(f"run it: {example}"))


def _rounded(value: float | None, digits: int) -> str:
    return "not counted" if value is None else f"{value:.{digits}f}"


def _family(method: Method) -> str:
    """The family of a method's recipe; of what is not trained, what it is instead."""
    if method.recipe:
        return method.recipe.family
    return "not here" if method.unavailable else method.kind.replace("method", "zero-shot")


def _reads(method: Method) -> Text:
    if method.kind != "method":
        return Text("labels" if method.kind == "floor" else "true joints")
    return Text({"rgb": "frames", "skeleton": "joints"}[method.modality] + ", text" * method.reads_text)


def _starts_from(method: Method) -> Text:
    if method.unavailable:
        return Text("cannot run", style="red")
    weights = method.pretraining(default_protocol("synmg"), method.settings).partition("@")[0]
    return Text("random" if weights == "none" and method.recipe else "" if weights == "none" else weights)


def _number(paper: str) -> Text:
    """The number of a publication on arXiv."""
    found = re.search(r"arXiv \d{4}\.\d{4,5}", paper)
    return _linked(found[0])[len("arXiv ") :] if found else Text()


def _linked(paper: str) -> Text:
    """A publication whose number on arXiv is a link, in terminals that have them."""
    text = Text(paper)
    for found in re.finditer(r"arXiv (\d{4}\.\d{4,5})", paper):
        text.stylize(f"link https://arxiv.org/abs/{found[1]}", *found.span())
    return text


def _about(name: str) -> str:
    """The docstring of a method's file, without markup."""
    module = fgsgl.methods.fgsgl if name == "fgsgl" else sys.modules[f"{FILES.package}.{name}"]
    told = _plain(module.__doc__ or "")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in told.strip().split("\n\n"))


def _plain(text: str) -> str:
    """A docstring without its markup."""
    return re.sub(r":\w+:`([^`]*)`|``([^`]*)``|`([^`]*)`", lambda found: found[1] or found[2] or found[3], text)


def meanings(method: Method) -> dict[str, str]:
    """Meaning of a method's settings, as far as it is written down."""
    shared = {f"{RECIPE}{name}": text for name, text in field_docstrings(Recipe).items()} | {
        param.name: param.help for space in method.spaces.values() for param in space if param.help
    }
    own = field_docstrings(FGSGLConfig) if method.name == "fgsgl" else _SETTINGS
    rates = {f"{RECIPE}lr": "Highest learning rate.", f"{RECIPE}weight_decay": "Weight decay."}
    return {name: _plain(text) for name, text in {**rates, **shared, **own}.items()}


def _setting(value: Setting) -> str:
    return "none" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def recipes_table() -> Table:
    """The recipe of every family."""
    table = Table("family", "optimizer", "rate", "weight decay", "warm-up", "largest gradient", "source")
    for recipe in RECIPES.values():
        numbers = (recipe.lr, recipe.weight_decay, recipe.warmup, recipe.clip_grad)
        table.add_row(recipe.family, recipe.optimizer, *(f"{number:g}" for number in numbers), recipe.source)
    table.caption = "The rate rises over the warm-up's share of the training, and falls to zero as half a cosine."
    return table
