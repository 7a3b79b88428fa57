"""The clip store: one file for each clip's frames, named by what they were made from, and checked when it is read.

A file is the SHA-256 of its name and its values, then the values. It appears whole, under its name, so that commands
that fill one store at once, and kills at any moment, leave nothing that is believed and wrong.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fgsgl.util.files import new_file, open_to_read

_DIGEST_BYTES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipStore:
    """Arrays of one shape and type in a folder, each under a key of hexadecimal digits."""

    folder: Path
    shape: tuple[int, ...]

    @property
    def file_bytes(self) -> int:
        """Size of a file."""
        return _DIGEST_BYTES + math.prod(self.shape)

    def path(self, key: str) -> Path:
        """The file of a key."""
        return self.folder / key[:2] / key

    def missing(self, keys: Iterable[str]) -> set[str]:
        """The keys that have no file of the right size."""
        return {key for key in keys if not self._has(key)}

    def read(self, key: str, *, checked: bool = True) -> np.ndarray | None:
        """The array, uint8 and writable; None where there is none, or it is damaged.

        Args:
            key: of the array.
            checked: compare the values with their digest.
        """
        content = np.empty(self.file_bytes + 1, np.uint8)
        try:
            with open_to_read(self.path(key)) as file:
                n_bytes = file.readinto(content.data)
        except OSError:
            return None
        digest, values = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:-1]
        if n_bytes != self.file_bytes or (checked and _digest(key, values.data) != digest.tobytes()):
            return None
        return values.reshape(self.shape)

    def write(self, key: str, values: np.ndarray) -> None:
        """Keeps an array, uint8.

        Nothing is flushed to the disk, which would take longer than all else: what a power cut damages is found when it
        is read.

        Raises:
            OSError: with the path, where it cannot be written; nothing of it is left then.
        """
        path, content = self.path(key), values.tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{key}.{os.getpid()}.tmp")
        try:
            with new_file(temporary) as file:
                file.write(_digest(key, content))
                file.write(content)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, str(path)) from None

    def _has(self, key: str) -> bool:
        try:
            found = self.path(key).lstat()
        except OSError:
            return False
        return found.st_size == self.file_bytes


def _digest(key: str, values: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key.encode())
    digest.update(values)
    return digest.digest()
