"""A recognizer as one file: weights as safetensors, and everything else as JSON in the file's header.

It needs neither the data set nor the folder that it was trained in, and nothing in it is executed: the method's own
code builds the recognizer from typed settings, and refuses a tensor of another name or shape.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

import fgsgl.util.cured_stack

import msgspec
import torch
from msgspec import Struct
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

import fgsgl
from fgsgl.methods.cell import Variant
from fgsgl.methods.registry import get
from fgsgl.models.towers.backbones import QUICK_GELU
from fgsgl.models.towers.tower import tower_weights
from fgsgl.models.towers.weights import SHIPPED
from fgsgl.models.towers.weights_facts import Facts
from fgsgl.prediction.trained import Trained
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Count
from fgsgl.util.errors import UserError
from fgsgl.util.files import write_whole

FORMAT = 1
KEY = "fgsgl_model"
"""Key of the JSON in the header."""
SHA256 = "sha256"
"""Key of the digest over everything else in the file; older files have none."""
STATE, TOWER = "recognizer.", "tower."
"""Prefixes of the tensors' names: what was trained, and the pretrained tower."""
LARGEST_HEADER_BYTES = 64 * 2**20
BLOCK_BYTES = 2**22
_NO_HEADER = (
    OSError, ValueError, TypeError, RecursionError, struct.error, AttributeError, msgspec.MsgspecError
)  # fmt: skip
"""Exceptions of the readers on files that are none of ours."""


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON of a model file."""

    format: int
    fgsgl: str
    """Version that wrote it."""
    variant: Variant
    protocol: Protocol
    seed: int
    classes: tuple[str, ...]
    train_clips: tuple[Count, ...] = ()
    """Training clips of each class; empty in older files."""
    by_text: bool = False
    """Whether it was trained on other classes, and knows these by their text alone."""
    text: str | None
    """FG-Text as YAML."""
    origin: str
    backbone: str = ""
    """In older files, the open_clip model of the tower that lies in the file, with its activation."""
    facts: Facts | None = None
    """Facts that are needed to use the tower in the file; None where the tower ships with the package."""


def write_model(trained: Trained, path: Path) -> None:
    """Writes a model file, whole or not at all.

    Raises:
        UserError: for another suffix than ``.safetensors``, or pretrained weights that cannot be found any more.
    """
    if path.suffix != ".safetensors":
        raise UserError(f"{path} is to be a model file, whose name ends in .safetensors")
    protocol = trained.protocol
    facts, tower = trained.facts, dict(trained.tower)
    reads_tower = trained.method.pretraining(protocol, trained.method.resolve(trained.variant.changes)) != "none"
    if not tower and reads_tower and protocol.pretrained not in SHIPPED.get(protocol.backbone, ()):
        facts, tower = tower_weights(protocol.backbone, protocol.pretrained, protocol.image_size)
    header = Header(
        format=FORMAT, fgsgl=fgsgl.__version__, variant=trained.variant, protocol=protocol, seed=trained.seed,
        classes=trained.classes, train_clips=trained.train_clips,
        by_text=trained.by_text, text=trained.text, origin=trained.origin,
        facts=facts if tower else None,
    )  # fmt: skip
    tensors = {f"{STATE}{name}": value for name, value in trained.state.items()}
    tensors |= {f"{TOWER}{name}": value for name, value in tower.items()}
    own = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}  # none shares memory
    content = save(own, metadata={KEY: msgspec.json.encode(header).decode()})
    (length,) = struct.unpack("<Q", content[:8])
    head, body = json.loads(content[8 : 8 + length]), memoryview(content)[8 + length :]
    head["__metadata__"][SHA256] = _digest(head, io.BytesIO(body))
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of eight bytes
    write_whole(path, b"".join((struct.pack("<Q", len(text)), text, body)))


def read_model(path: Path) -> Trained:
    """Reads a model file.

    Raises:
        UserError: if it is missing, no model file, of another format, or of a method that is not installed.
    """
    if not path.is_file():
        raise UserError(f"no model file at {path}; `fgsgl export FOLDER --out {path}` writes one")
    header = _verified_header(path)
    get(header.variant.method)  # an unknown method is refused by its name
    state: dict[str, Tensor] = {}
    tower: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (no mapping)
                kind, rest = (state, name[len(STATE) :]) if name.startswith(STATE) else (tower, name[len(TOWER) :])
                kind[rest] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise UserError(f"the model file {path} is damaged: {error}; export it again") from None
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise UserError(f"the model file {path} holds NaN or infinity in {name!r}; export it again")
    if tower and header.facts is None:
        header = msgspec.structs.replace(header, facts=Facts(quick_gelu=header.backbone.endswith(QUICK_GELU)))
    return Trained(
        variant=header.variant, protocol=header.protocol, seed=header.seed, classes=header.classes,
        train_clips=header.train_clips, by_text=header.by_text, text=header.text,
        origin=str(path), state=state, tower=tower, facts=header.facts or Facts(),
    )  # fmt: skip


def _verified_header(path: Path) -> Header:
    """The JSON of a model file, whose length is looked at before it is read, and whose digest is that of the file."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LARGEST_HEADER_BYTES:
                raise UserError(f"{path} is no model file: its header would be {length} bytes long")
            head = json.loads(file.read(length))
            metadata = head.get("__metadata__", {})
            header = msgspec.json.decode(metadata[KEY], type=Header)
            whole = SHA256 not in metadata or metadata[SHA256] == _digest(head, file)
    except KeyError:
        raise UserError(
            f"{path} holds weights, but not what a recognizer needs beside them; expected a file of `fgsgl export`"
        ) from None
    except (
        OSError,
        ValueError,
        TypeError,
        RecursionError,
        struct.error,
        AttributeError,
        msgspec.MsgspecError,
    ) as error:
        raise UserError(f"{path} is no model file: {' '.join(str(error).split())[:200]}") from None
    if not whole:
        raise UserError(
            f"the model file {path} is damaged: its sha256 is another than when it was written; export it again"
        )
    return header


def _digest(head: dict[str, Any], body: BinaryIO) -> str:
    """SHA-256 over the header but for the digest itself, and over the tensors.

    Args:
        head: the whole header.
        body: what follows it, from where it begins.
    """
    digest = hashlib.sha256()
    metadata = {name: text for name, text in head["__metadata__"].items() if name != SHA256}
    digest.update(json.dumps({**head, "__metadata__": metadata}, sort_keys=True).encode())
    while block := body.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
