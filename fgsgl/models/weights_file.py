"""Weights files: tensors from elsewhere, whose names, shapes and values are checked before they are used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Size, Tensor, nn

from fgsgl.models.torchscript import read_torchscript
from fgsgl.util.checkpoint_file import is_torchscript, read_checkpoint
from fgsgl.util.errors import UserError

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


def checked(path: Path) -> Path:
    """The path, if a file of weights lies there.

    Raises:
        UserError: if not.
    """
    if not path.is_file():
        raise UserError(f"no weights at {path}; give an existing file ({', '.join(SUFFIXES)}) or a tag")
    if path.suffix not in SUFFIXES:
        raise UserError(f"the weights {path} are of an unknown kind; expected {', '.join(SUFFIXES)}")
    return path


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file: of a state dict, of the ``state_dict`` in a checkpoint, or of a TorchScript archive (which
    is read and not run), without DDP's ``module.``.

    Raises:
        UserError: for a file that is missing or damaged, holds no tensors or anything else, or numbers that are not
            finite.
    """
    content: object = _read(checked(path))
    if isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise UserError(f"the weights {path} hold no tensors; expected a state dict")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(
                f"the weights {path} hold a {type(value).__name__} under {shown(name)}, expected tensors alone; use "
                "the model's state dict"
            )
        if value.is_floating_point() and not value.float().isfinite().all():
            raise UserError(f"the weights {path} hold numbers that are not finite in {shown(name)}; use a sound file")
    wrapped = all(name.startswith("module.") for name in content)
    return {name.removeprefix("module.") if wrapped else name: value for name, value in content.items()}


def load_whole(module: nn.Module, path: Path, *, optional: Collection[str] = (), prefix: str = "") -> None:
    """Copies a file's weights into a module: all of them, or none.

    Args:
        module: gets them.
        path: of the file.
        optional: parts of names that the file may lack.
        prefix: of the module's names in a file that holds a larger network; what is not the module's is left out then.

    Raises:
        UserError: as :func:`read_weights`, or for names or shapes of another network.
    """
    weights, own = read_weights(path), module.state_dict()
    if prefix and any(name.startswith(prefix) for name in weights):
        weights = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    for name, value in own.items():
        if name not in weights and not any(part in name for part in optional):
            raise UserError(f"{path} is not of this backbone: it lacks {name!r}")
        if name in weights and weights[name].shape != value.shape:
            raise UserError(
                f"{path} is not of this backbone: {name!r} has shape {tuple(weights[name].shape)} there and "
                f"{tuple(value.shape)} here; some depend on the number of frames and the image size"
            )
    if extra := sorted(weights.keys() - own.keys()):
        raise UserError(f"{path} is not of this backbone: it has {shown(extra[0])}, which this one lacks")
    module.load_state_dict(weights, strict=False)


def refuse_resized(path: Path, shapes: Mapping[str, Size], module: nn.Module, resized: str) -> None:
    """Refuses weights whose shapes are not the module's, which a loader might resize in silence.

    Args:
        path: of their file, for the message.
        shapes: of the tensors in the file.
        module: they were loaded into.
        resized: beginning of the names of tensors that the loader resizes on purpose, to another image size.

    Raises:
        UserError: naming the tensor.
    """
    for name, value in module.state_dict().items():
        given = shapes.get(name, value.shape)
        if given != value.shape and not name.startswith(resized) and given.numel() * value.numel() != 1:
            raise UserError(
                f"the weights {path} do not fit: {name!r} has shape {tuple(given)} there, expected {tuple(value.shape)}"
            )


def shown(name: object) -> str:
    """A name from a file, as an error message quotes it."""
    return f"{str(name)[:80]!r}"


def _read(path: Path) -> Mapping[str, object]:
    if path.suffix != ".safetensors":
        return read_torchscript(path) if is_torchscript(path) else read_checkpoint(path)
    try:
        return load_file(path)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"the weights {path} cannot be read as plain tensors ({said}); expected a .safetensors file"
        ) from None
