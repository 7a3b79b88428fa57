"""Facts about a tower's weights that are not in their numbers: the activation, and how pixels are normalised.

They are read from the file itself or from the config that came with it, never from a file's name. Nothing here imports
torch, but to see the names in a file of PyTorch's.
"""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from fgsgl.models.towers.backbones import GELU, QUICK_GELU, has_both_activations
from fgsgl.util.checkpoint_file import is_torchscript, read_checkpoint
from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular

Channels = tuple[float, float, float]
_Kind = TypeVar("_Kind")

KEY = "fgsgl_tower"
"""Key of :class:`Facts` in the metadata of a safetensors file."""
CONFIGS = {
    "open_clip_config.json": ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
    "config.json": ("model.safetensors", "pytorch_model.bin"),
}
"""A config, and the weights beside it that it tells of, as open_clip and Hugging Face name them."""
PIXELS = "preprocessor_config.json"
"""The config that tells how Hugging Face's models want their pixels."""
OPENAI = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Entries that only OpenAI's own files have beside the weights; all of these were trained with QuickGELU."""
_MOST_BYTES = 8 * 2**20
_LARGEST_HEADER_BYTES = 64 * 2**20


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts about a tower's weights that are needed to use them; None: not known."""

    quick_gelu: bool | None = None
    """The weights were trained with QuickGELU (OpenAI's and some others), else with GELU."""
    mean: Channels | None = None
    std: Channels | None = None
    """Of the pixels, per channel, in 0..1."""


class _OpenCLIPModel(Struct, frozen=True):
    quick_gelu: bool = False


class _OpenCLIPPixels(Struct, frozen=True):
    mean: Channels | None = None
    std: Channels | None = None


class _OpenCLIPConfig(Struct, frozen=True):
    model_cfg: _OpenCLIPModel
    preprocess_cfg: _OpenCLIPPixels = _OpenCLIPPixels()


class _HuggingFaceTower(Struct, frozen=True):
    hidden_act: str = "quick_gelu"  # transformers' own default


class _HuggingFaceConfig(Struct, frozen=True):
    model_type: str
    text_config: _HuggingFaceTower = _HuggingFaceTower()
    vision_config: _HuggingFaceTower = _HuggingFaceTower()


class _HuggingFacePixels(Struct, frozen=True):
    image_mean: Channels | None = None
    image_std: Channels | None = None


def facts_of(backbone: str, path: Path) -> Facts:
    """The facts about a file's weights; the activation is the one in the backbone's name where the file has none.

    Args:
        backbone: an open_clip model's name; ``...-quickgelu`` and ``...-gelu`` tell the activation.
        path: an existing file of weights.

    Raises:
        UserError: if neither tells it and open_clip has the backbone with both activations, if they contradict each
            other, or for a config that cannot be read.
    """
    facts, source = _read(path)
    told = True if backbone.endswith(QUICK_GELU) else False if backbone.endswith(GELU) else None
    plain = backbone.removesuffix(QUICK_GELU).removesuffix(GELU)
    if facts.quick_gelu is None:
        if told is None and has_both_activations(backbone):
            raise UserError(
                f"nothing in {path} or beside it tells whether it was trained with QuickGELU; say --backbone "
                f"{plain}{QUICK_GELU} if it was (OpenAI's, DFN's and MetaCLIP's were), else --backbone {plain}{GELU}"
            )
        return msgspec.structs.replace(facts, quick_gelu=bool(told))
    if told is not None and told != facts.quick_gelu:
        raise UserError(
            f"the backbone {backbone} was named, but {source} says that {path} was trained with "
            f"{activation(facts)}; name the backbone {plain}{QUICK_GELU if facts.quick_gelu else GELU}"
        )
    return facts


def activation(facts: Facts) -> str:
    """Name of the activation."""
    return "QuickGELU" if facts.quick_gelu else "GELU"


def _read(path: Path) -> tuple[Facts, str]:
    """The facts that stand in a file or beside it, and where."""
    if path.suffix == ".safetensors":
        names, own = _safetensors(path)
        if own is not None:
            return own, "its metadata"
    elif is_torchscript(path):
        code = _torchscript_code(path)
        quick = "QuickGELU" in code or "1.702" in code
        return Facts(quick_gelu=True if quick else False if "gelu" in code else None), "its TorchScript code"
    else:
        names = _names(path)
    facts, source = _beside(path)
    if names >= OPENAI and facts.quick_gelu is None:
        return msgspec.structs.replace(facts, quick_gelu=True), "its form, which is OpenAI's own,"
    return facts, source


def _beside(path: Path) -> tuple[Facts, str]:
    """The facts in the config that belongs to a file by its name."""
    folder = path.absolute().parent
    for name, weights in CONFIGS.items():
        config = folder / name
        if path.name not in weights or not config.is_file():
            continue
        if name.startswith("open_clip"):
            found = _json(config, _OpenCLIPConfig)
            pixels = found.preprocess_cfg
            return Facts(quick_gelu=found.model_cfg.quick_gelu, mean=pixels.mean, std=pixels.std), str(config)
        model = _json(config, _HuggingFaceConfig)
        if model.model_type != "clip":
            raise UserError(f"{config} is of a {model.model_type[:40]!r}, expected a model of the type 'clip'")
        both = {model.text_config.hidden_act, model.vision_config.hidden_act}
        if not both <= {"quick_gelu", "gelu"} or len(both) > 1:
            raise UserError(
                f"{config} has the activations {sorted(both)}; expected 'quick_gelu' or 'gelu' in both towers"
            )
        pixels_path = folder / PIXELS
        seen = _json(pixels_path, _HuggingFacePixels) if pixels_path.is_file() else _HuggingFacePixels()
        return Facts(quick_gelu=both == {"quick_gelu"}, mean=seen.image_mean, std=seen.image_std), str(config)
    return Facts(), ""


def _json(path: Path, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(read_regular(path, _MOST_BYTES), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None


def _safetensors(path: Path) -> tuple[frozenset[str], Facts | None]:
    """Names of the tensors, and the facts that this package writes beside them. The reader refuses a damaged file."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length <= _LARGEST_HEADER_BYTES else {}
        held = header.get("__metadata__", {}).get(KEY)
        return frozenset(header), None if held is None else msgspec.json.decode(held, type=Facts)
    except (OSError, ValueError, RecursionError, struct.error, AttributeError, TypeError, msgspec.MsgspecError):
        return frozenset(), None


def _torchscript_code(path: Path) -> str:
    """The source text in a TorchScript archive, which is read and not run."""
    with zipfile.ZipFile(path) as archive:
        code = [entry for entry in archive.infolist() if "/code/" in entry.filename and entry.filename.endswith(".py")]
        if sum(entry.file_size for entry in code) > _LARGEST_HEADER_BYTES:
            raise UserError(
                f"the program in {path} is larger than {_LARGEST_HEADER_BYTES / 2**20:g} MiB; use the weights alone"
            )
        return "\n".join(archive.read(entry).decode(errors="replace") for entry in code)


def _names(path: Path) -> frozenset[str]:
    content: object = read_checkpoint(path, lazily=True)
    held = content.get("state_dict", content) if isinstance(content, dict) else {}
    return frozenset(str(name) for name in held) if isinstance(held, dict) else frozenset()
