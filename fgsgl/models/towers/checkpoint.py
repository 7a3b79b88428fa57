"""Small checkpoints: what training changes, and the identity of everything else.

A model under ``keep_small`` leaves what is frozen of its tower out of ``state_dict()`` and adds a buffer ``identity``:
a line of text, as bytes, about tower, classes and text. Loading refuses a checkpoint with another identity, other
names or other shapes.
All this works by hooks of ``nn.Module``, because MMEngine walks through modules by itself and calls no
``state_dict`` or ``load_state_dict`` of a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor

from fgsgl.util.errors import UserError

_TOWER = ".tower."  # where the frozen weights lie


def keep_small(model: BaseModel, identity: str) -> None:
    """Keeps the frozen tower out of the model's checkpoints, and other models' checkpoints out of the model.

    Args:
        model: its frozen parameters all lie in ``model.tower``; what is trained there by now, is kept.
        identity: of what is left out.
    """
    # By name, because the moving average of the weights is a copy in which nothing is trained.
    model.trained_in_tower = {name for name, value in model.tower.named_parameters() if value.requires_grad}
    model.register_buffer("identity", torch.tensor(list(identity.encode()), dtype=torch.uint8))
    model.register_state_dict_post_hook(_leave_out_frozen)
    model.register_load_state_dict_pre_hook(_refuse_other_model)
    model.register_load_state_dict_post_hook(_expect_no_frozen)


def load_of_other_classes(model: BaseModel, state: Mapping[str, Tensor]) -> None:
    """Gives a model the weights of the same model that was trained on other classes; it keeps its own classes' text.

    Args:
        model: any; of one under :func:`keep_small`, the tower is compared.
        state: ``state_dict()`` of the other.

    Raises:
        UserError: if the other had another tower, or weights of its classes.
        RuntimeError: as ``load_state_dict``, of a model that is not under :func:`keep_small`.
    """
    own = {name: value for name, value in model.state_dict().items() if name == "identity"}
    theirs, ours = (_text(identities.get("identity")).partition("; ")[0] for identities in (state, own))
    if theirs != ours:
        raise UserError(f"checkpoint of another model: it was trained on [{theirs}], this model is [{ours}]")
    model.load_state_dict({**state, **own})


def _is_frozen(model: BaseModel, key: str) -> bool:
    _, inside, name = f".{key}".partition(_TOWER)
    return bool(inside) and name not in model.trained_in_tower


def _leave_out_frozen(model: BaseModel, state_dict: dict[str, Any], prefix: str, local_metadata: dict) -> None:
    for key in [key for key in state_dict if key.startswith(prefix) and _is_frozen(model, key)]:
        del state_dict[key]


def _expect_no_frozen(model: BaseModel, incompatible: Any) -> None:
    incompatible.missing_keys[:] = [key for key in incompatible.missing_keys if not _is_frozen(model, key)]


def _refuse_other_model(model: BaseModel, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Raises UserError before anything is loaded."""
    given = {key[len(prefix) :]: value for key, value in state_dict.items() if key.startswith(prefix)}
    own = model.state_dict()
    theirs, ours = _text(given.get("identity")), _text(own["identity"])
    if theirs != ours:
        raise UserError(f"checkpoint of another model: it was trained on [{theirs}], this model is [{ours}]")
    for key in sorted(own.keys() ^ given.keys()):
        where = "this model lacks" if key in given else "the checkpoint lacks"
        raise UserError(
            f"checkpoint of another model: {where} {key!r}; build the model with the settings it was trained with"
        )
    for key, value in own.items():
        if value.shape != given[key].shape:
            raise UserError(
                f"checkpoint of another model: {key!r} has shape {tuple(given[key].shape)} in the checkpoint and "
                f"{tuple(value.shape)} in this model; build the model with the settings it was trained with"
            )


def _text(identity: Tensor | None) -> str:
    if identity is None or identity.dtype != torch.uint8:
        return "no FG-SGL"
    return bytes(identity.cpu().tolist()).decode(errors="replace")
