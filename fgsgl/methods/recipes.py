"""The training recipe of each family of networks. All methods of a family are tuned, or none.

Epochs and batch size belong to the protocol and are the same for all.
"""

from __future__ import annotations

from fgsgl.methods.method import RECIPE, Recipe
from fgsgl.methods.search_space import Param, Space

WIDTH = 10.0
"""A search covers a tenth to ten times of a family's learning rate and weight decay, for every family."""

_CHOSEN = "ours; rate of {} by SynMG quick's validation split"

RECIPES = {
    recipe.family: recipe
    for recipe in (
        Recipe(family="peft", lr=1e-3, weight_decay=0.01, source=_CHOSEN.format("0.0005, 0.001, 0.002")),
        Recipe(family="probe", lr=3e-2, weight_decay=0.01, source=_CHOSEN.format("0.01, 0.03, 0.1")),
        Recipe(family="pretrained cnn", lr=3e-3, weight_decay=0.05, source=_CHOSEN.format("0.001, 0.003, 0.01")),
        Recipe(
            family="pretrained vit", lr=1e-4, weight_decay=0.05, source="full fine-tuning; ours, a tenth of peft's rate"
        ),
        Recipe(family="scratch cnn", lr=1e-3, weight_decay=0.05, source="ours, AdamW's default rate"),
        Recipe(
            family="scratch vit", lr=5e-4, weight_decay=0.05,
            source="DeiT, arXiv 2012.12877: AdamW, 0.0005 at a batch of 512; not scaled down",
        ),
        Recipe(
            family="skeleton", lr=0.1, weight_decay=5e-4, optimizer="SGD", clip_grad=10.0,
            source="PYSKL, arXiv 2205.09443: SGD with Nesterov's momentum, 0.1 at a batch of 128; kept at a batch of "
            "16 by SynMG quick's validation split (of 0.0125 and 0.1)",
        ),
    )
}  # fmt: skip
"""By family: ``peft`` (a pretrained tower with few trained weights), ``probe`` (a linear layer on frozen features),
``pretrained cnn``, ``pretrained vit`` (all weights), ``scratch cnn``, ``scratch vit``, ``skeleton``."""


def optim(recipe: Recipe) -> Space:
    """The search space of a recipe: learning rate and weight decay."""
    meanings = {"lr": "highest learning rate", "weight_decay": "weight decay"}
    return tuple(
        Param(
            name=f"{RECIPE}{name}",
            low=getattr(recipe, name) / WIDTH,
            high=getattr(recipe, name) * WIDTH,
            log=True,
            help=meaning,
        )
        for name, meaning in meanings.items()
    )
