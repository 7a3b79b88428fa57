"""The search spaces of a method: declared with the method, of its recipe, all of them together, or from a file."""

from __future__ import annotations

import random
from pathlib import Path

from fgsgl.methods.method import Classes, Method
from fgsgl.methods.recipes import optim
from fgsgl.methods.search_space import ALL, Choice, Param, Space, changes_of, read_space, suggest, union
from fgsgl.methods.variant_file import refuse_misfit
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError, nearest

TRIED = 200
"""Random draws from a file's space that must all be valid settings of the method."""


def spaces_of(method: Method) -> dict[str, Space]:
    """The spaces of a method by name; empty for a method that is not trained."""
    if method.recipe is None:
        return {}
    declared = {**method.spaces, "optim": optim(method.recipe)}
    return {**declared, ALL: union(declared)}


def space_of(method: Method, name: str, protocol: Protocol) -> Space:
    """A method's space by its name, or from a YAML file.

    Raises:
        UserError: for a method that is not trained, an unknown space, or a file that does not fit the method.
    """
    spaces = spaces_of(method)
    if not spaces:
        raise UserError(f"{method.name} is not trained, so there is nothing to search; leave it out")
    if name in spaces:
        return spaces[name]
    if Path(name).suffix not in (".yaml", ".yml"):
        raise UserError(f"{method.name} has no space {name!r}; {nearest(name, list(spaces))} (or a file: space.yaml)")
    space = read_space(Path(name))
    try:
        _refuse_misfits(method, space, protocol)
    except UserError as error:
        raise UserError(f"the space {name} does not fit {method.name}: {error}") from None
    return space


def draw(space: Space, random_: random.Random) -> dict[str, Choice]:
    """A random value for each parameter."""

    def ask(param: Param) -> Choice:
        if param.choices:
            return random_.choice(list(param.choices))
        low, high = param.range
        if param.integer:
            return random_.randint(int(low), int(high))
        share = random_.random()
        return low * (high / low) ** share if param.log else low + (high - low) * share

    return suggest(space, ask)


def _refuse_misfits(method: Method, space: Space, protocol: Protocol) -> None:
    """Refuses a space with an unknown setting, or with settings that exclude each other.

    Raises:
        UserError: naming the setting.
    """
    random_ = random.Random(0)
    for param in space:
        for value in param.choices or param.range:
            refuse_misfit(method, param.changes(value))
    for _ in range(TRIED):
        changes = changes_of(space, draw(space, random_))
        method.recipe_with(changes)
        if method.model:
            method.model(protocol, Classes(count=2, text="smg"), method.resolve(changes))
