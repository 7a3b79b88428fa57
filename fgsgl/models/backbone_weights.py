"""A checkpoint of MMAction2's (its model zoo, or one of ours) as the start of a recognizer's backbone."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fgsgl.errors import UserError
from fgsgl.models.weights import checked


def load_backbone(backbone: nn.Module, pretrained: str) -> None:
    """Copies a checkpoint's weights into a backbone; all of them, or none.

    Args:
        backbone: any of MMAction2's.
        pretrained: a file of the whole recognizer (``backbone.*``, the rest is left out) or of the backbone alone,
            ``.safetensors`` or one of PyTorch's, which is read without running code from it.

    Raises:
        UserError: for a file that is missing or unreadable, or whose names or shapes are another network's.
    """
    path = checked(Path(pretrained))
    weights = _read(path)
    if any(name.startswith("backbone.") for name in weights):
        weights = {
            name.removeprefix("backbone."): value for name, value in weights.items() if name.startswith("backbone.")
        }
    own = backbone.state_dict()
    for name, value in own.items():
        if name not in weights and not name.endswith("num_batches_tracked"):
            raise UserError(f"{path} is not of this backbone: it lacks {name!r}")
        if name in weights and weights[name].shape != value.shape:
            raise UserError(
                f"{path} is not of this backbone: {name!r} has shape {tuple(weights[name].shape)} there and "
                f"{tuple(value.shape)} here; some depend on the number of frames and the image size"
            )
    if extra := sorted(weights.keys() - own.keys()):
        raise UserError(f"{path} is not of this backbone: it has {extra[0]!r}, which this one lacks")
    backbone.load_state_dict(weights, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
        raise UserError(
            f"the weights {path} cannot be read as tensors alone: {str(error).splitlines()[0]}; "
            "expected a .safetensors file or a state dict saved by PyTorch"
        ) from None
    return content.get("state_dict", content)
