"""TorchScript archives as plain tensors: their data are read, and their program is not run.

An archive holds ``data.pkl`` (modules, by the names of their classes, with their attributes) and ``data/<key>`` (the
bytes of the tensors). Of the pickle only tensors, numbers and modules are built; every other name in it is refused.
"""

from __future__ import annotations

import io
import itertools
import math
import pickle
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fgsgl.util.errors import UserError

DEEPEST, MOST_TENSORS = 40, 100_000
MASK = "attn_mask"
"""Name of the causal masks, which an archive holds beside the weights and a ``state_dict`` does not."""
_DTYPES = {
    "FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64, "LongStorage": torch.int64, "IntStorage": torch.int32, "ShortStorage": torch.int16,
    "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
_LISTS = ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist")


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The tensors of an archive by the names that its module's ``state_dict`` has.

    Raises:
        UserError: for an archive that is damaged, or holds anything but modules, tensors and plain values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (root,) = {name.partition("/")[0] for name in archive.namelist()}
            if any(entry.compress_type for entry in archive.infolist() if "/data" in entry.filename):
                raise ValueError("its tensors are compressed, which PyTorch never does")
            found = list(itertools.islice(_tensors(_Unpickler(archive, root).load()), MOST_TENSORS + 1))
        if len(found) > MOST_TENSORS:
            raise ValueError(f"it has more than {MOST_TENSORS} tensors")
        return dict(found)
    except (
        OSError, RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError,
        RecursionError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        said = " ".join(str(error).split())[:200]
        raise UserError(f"the TorchScript archive {path} cannot be read as plain tensors ({said})") from None


class _Module:
    """A module of the archive: its attributes, and nothing that could be called."""

    attributes: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        self.attributes = dict(state)


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}/data.pkl")))
        self.archive, self.root = archive, root
        self.held: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in for each name that an archive of tensors may use."""
        if module.startswith("__torch__"):
            return _Module
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _view,
            ("collections", "OrderedDict"): OrderedDict,
            **{("torch", storage): dtype for storage, dtype in _DTYPES.items()},
            **{("torch.jit._pickle", build): list for build in _LISTS},
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module[:60]!r}.{name[:60]!r}, expected tensors alone")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Tensor:
        """The bytes of a storage as a flat tensor."""
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isalnum():
            raise pickle.UnpicklingError("it names a storage of an unknown kind")
        if key not in self.held:
            content = bytearray(self.archive.read(f"{self.root}/data/{key}"))
            whole = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            if len(whole) != count:
                raise ValueError(f"the storage {key} holds {len(whole)} numbers, expected {count}")
            self.held[key] = whole
        return self.held[key]


def _view(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    if math.prod(size) > len(storage):
        raise ValueError(f"a tensor of shape {size} stands in {len(storage)} numbers")
    return storage.as_strided(size, stride, offset).clone()


def _tensors(module: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    if not isinstance(module, _Module) or depth > DEEPEST:
        raise ValueError("it holds no module" if depth <= DEEPEST else f"modules lie deeper than {DEEPEST}")
    for name, value in module.attributes.items():
        if isinstance(value, Tensor) and name != MASK:
            yield f"{prefix}{name}", value
        elif isinstance(value, _Module):
            yield from _tensors(value, f"{prefix}{name}.", depth + 1)
