"""Checkpoint files: written whole, and read as plain tensors alone, whose checksums fit.

Nothing in a checkpoint is executed or followed: not its pickle, not the config text that MMEngine keeps in it, not a
path that it names. Imports torch only to read or write one.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fgsgl.util.errors import UserError
from fgsgl.util.files import write_whole

META = ("epoch", "iter", "seed", "dataset_meta", "experiment_name", "time", "mmengine_version")
"""Keys of MMEngine's ``meta`` that are read. The texts of configs, which MMEngine would execute, are none of them."""
RUNTIME = ("epoch", "iter", "max_epochs", "max_iters", "best_score", "best_ckpt", "keep_ckpt_ids", "last_ckpt")
"""Keys of MMEngine's ``runtime_info`` that are read."""
FOR_RESUMING = ("state_dict", "optimizer", "param_schedulers", "message_hub")
"""Parts of a checkpoint without which no training goes on from it."""
_UNREADABLE = (
    OSError, RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, MemoryError,
    RecursionError, pickle.UnpicklingError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""Exceptions of PyTorch's and Python's readers on files that are damaged or of another kind."""


def damage(path: Path) -> str:
    """Says what is damaged in a file that PyTorch wrote; empty: nothing. Reads it once, and imports no torch.

    PyTorch writes a CRC-32 of every tensor into the file, and does not look at it when it reads the file.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type for entry in entries) or sum(entry.file_size for entry in entries) > size:
                return "its directory is not one that PyTorch writes"
            bad = archive.testzip()
    except _UNREADABLE as error:
        return f"it is cut or no checkpoint ({_reason(error)})"
    return f"{bad[:100]!r} has another checksum than when it was written" if bad else ""


def read_checkpoint(path: Path, map_location: Any = "cpu", *, lazily: bool = False) -> dict[str, Any]:
    """The content of a checkpoint: tensors and plain values, of MMEngine's own parts only those that are used.

    Args:
        path: of a file by ``torch.save``.
        map_location: as for ``torch.load``.
        lazily: leave the tensors on the disk, and do not verify them.

    Raises:
        UserError: for a file that is missing, damaged, or holds anything but plain values and tensors.
    """
    import torch

    if not path.is_file():
        raise UserError(f"no checkpoint at {path}")
    archive = zipfile.is_zipfile(path)  # PyTorch before 1.6 wrote others, which have no checksums
    if archive and not lazily and (what := damage(path)):
        raise UserError(f"the checkpoint {path} is damaged: {what}; restore the file, or train anew without it")
    try:
        # Said explicitly: an environment variable could otherwise allow a file to run code.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the protocol of a pickle that is refused
            content = torch.load(path, map_location=map_location, weights_only=True, mmap=lazily and archive)
        return _used(content, path.absolute().parent)
    except _UNREADABLE as error:
        raise UserError(
            f"the checkpoint {path} cannot be read as tensors and plain values alone ({_reason(error)}); expected a "
            "file that torch.save wrote of a state dict"
        ) from None


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def unfit(path: Path, cell_id: str) -> str:
    """Says why the training of a cell cannot go on from a checkpoint; empty: it can."""
    if what := damage(path):
        return what
    try:
        content = read_checkpoint(path, lazily=True)
    except UserError as error:
        return str(error)
    missing = [part for part in FOR_RESUMING if part not in content]
    if missing:
        return f"it lacks {', '.join(missing)}"
    meta = content["meta"] if isinstance(content.get("meta"), Mapping) else {}
    epoch, iteration = meta.get("epoch"), meta.get("iter")
    if path.stem != f"epoch_{epoch}" or type(iteration) is not int or iteration < 0:
        return f"it says it is of epoch {str(epoch)[:20]!r}"
    if content.get("cell_id", cell_id) != cell_id:
        return f"it is of the cell {str(content['cell_id'])[:20]!r}"
    return ""


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a checkpoint whole: temporary name, flush, rename.

    Raises:
        OSError: where it cannot be written.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_whole(path, buffer.getbuffer())


def _used(content: Any, folder: Path) -> dict[str, Any]:
    """The content without what MMEngine would execute, or would remove files by."""
    if not isinstance(content, dict):
        raise TypeError(f"it holds a {type(content).__name__}")
    if isinstance(meta := content.get("meta"), Mapping):
        content["meta"] = {name: meta[name] for name in META if name in meta}
    if "message_hub" in content:
        hub = content["message_hub"]
        known = hub.get("runtime_info", {})
        info = {name: known[name] for name in RUNTIME if name in known}
        for name in ("best_ckpt", "last_ckpt"):  # MMEngine removes the best one when there is a better one
            if name in info:
                info[name] = str(folder / Path(str(info[name])).name)
        if "keep_ckpt_ids" in info:
            info["keep_ckpt_ids"] = [number for number in info["keep_ckpt_ids"] if type(number) is int]
        scalars, keys = dict(hub.get("log_scalars", {})), hub.get("resumed_keys", {})
        content["message_hub"] = {
            "log_scalars": scalars,
            "runtime_info": info,
            "resumed_keys": {name: keys[name] for name in keys if name in info or name in scalars},
        }
    return content


def _reason(error: BaseException) -> str:
    """The first line of an error, or its kind. A file's own text may be in it, so what is not printable is escaped."""
    if isinstance(error, pickle.UnpicklingError):  # PyTorch's text advises to run the code
        return "it is damaged, or would run code"
    line = next(iter(str(error).splitlines()), "")[:200] or type(error).__name__
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in line)
