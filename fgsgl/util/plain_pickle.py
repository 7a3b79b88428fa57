"""Pickles from elsewhere, read without executing code: NumPy arrays of numbers and plain containers alone.

A pickle is a program. Here only those of its instructions run that build plain values. A name of a function or class is
answered by a stand-in of ours, which can do nothing but build an array or a number; any other name ends the reading.
Python's own reader in C is not used: a few bytes make it claim all memory.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fgsgl.util.errors import UserError
from fgsgl.util.files import read_regular

MOST_BYTES = 4 * 2**30
NUMBERS = "biuf"
"""Kinds of numbers that arrays may hold: no objects, which could be anything, and no texts or records."""
INSTRUCTIONS = (
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT",
    "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
    "LIST", "EMPTY_LIST", "APPEND", "APPENDS", "TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "DICT",
    "EMPTY_DICT", "SETITEM", "SETITEMS", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET",
    "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
)  # fmt: skip
"""The instructions that run. Those that make objects by other ways, or ask for things beside the file, are left out."""


def read_plain_pickle(path: Path) -> Any:
    """The content of a pickle: None, numbers, texts, bytes, lists, tuples, dictionaries, and arrays of numbers.

    Raises:
        UserError: for a file that names anything else, is no pickle, or cannot be read.
    """
    content = read_regular(path, MOST_BYTES)
    try:
        return _finished(_Reader(content).load(), {})
    except UserError as error:
        raise UserError(f"{path} is not read: {error}") from None
    except (RecursionError, MemoryError):
        raise UserError(f"{path} is not read: it is nested too deeply, or larger than this machine's memory") from None
    except Exception as error:  # a wrong pickle fails in any way that its instructions allow
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no pickle that can be read: {type(error).__name__}: {what}") from None


class _StandIn:
    """A function of ours in place of the one that a pickle names. Nothing in a pickle can change it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise UserError("it would change a function")


class _Numbers:
    """A type of numbers while it is built: its name, then its byte order."""

    __slots__ = ("dtype",)

    def __init__(self, name: object, *_: object) -> None:
        dtype = np.dtype(name) if isinstance(name, str) and len(name) <= 8 else None
        if dtype is None or dtype.kind not in NUMBERS:
            raise UserError(f"it has values of the type {name!r:.40}; expected numbers")
        self.dtype = dtype

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(state[2:5]):
            raise UserError("it has a type of numbers in a form that is not known")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array while it is built; :func:`_finished` puts the real one in its place."""

    __slots__ = ("array",)

    def __init__(self, *_: object) -> None:
        self.array = np.empty(0)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise UserError("it has an array in a form that is not known")
        _, shape, numbers, is_fortran, content = state
        self.array = _array(content, numbers, shape, "F" if is_fortran else "C")


def _array(content: object, numbers: object, shape: object, order: object) -> np.ndarray:
    if isinstance(content, str):  # bytes of Python 2
        content = content.encode("latin1")
    if not isinstance(numbers, _Numbers) or not isinstance(content, bytes | bytearray):
        raise UserError("it has an array of objects, which could be anything; expected numbers")
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise UserError("it has an array in a form that is not known")
    values = np.frombuffer(content, numbers.dtype)
    return values.reshape(sizes, order="F" if order == "F" else "C")


def _from_buffer(content: object, numbers: object, shape: object, order: object) -> np.ndarray:
    return _array(content, numbers, shape, order)


def _scalar(numbers: object, content: object) -> int | float:
    return _array(content, numbers, (1,), "C")[0].item()


def _encode(text: object, encoding: object) -> bytes:
    """Stands for ``codecs.encode``, by which the older protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise UserError("it has a text in another encoding than bytes are written in")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Stands for ``bytes``, which the older protocols call without arguments for empty ones."""
    return b""


_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric")
_STAND_INS: dict[tuple[str, str], _StandIn] = {
    ("numpy", "dtype"): _StandIn(_Numbers),
    ("numpy", "ndarray"): _StandIn(_Array),
    ("_codecs", "encode"): _StandIn(_encode),
    ("__builtin__", "bytes"): _StandIn(_no_bytes),
    ("builtins", "bytes"): _StandIn(_no_bytes),
    **{(module, "_reconstruct"): _StandIn(_Array) for module in _MODULES},
    **{(module, "_frombuffer"): _StandIn(_from_buffer) for module in _MODULES},
    **{(module, "scalar"): _StandIn(_scalar) for module in _MODULES},
}
"""Every name that a pickle may have, and what answers for it."""


_PythonsReader: Any = pickle._Unpickler  # typed as less than it is


class _Reader(_PythonsReader):
    """Runs the instructions of a pickle that build plain values; looks names up in a table and imports nothing."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        self.n_bytes = len(content)

    def find_class(self, module: str, name: str) -> _StandIn:
        found = _STAND_INS.get((module, name))
        if found is None:
            raise UserError(
                f"it names {module}.{name}. A pickle can run code, so nothing but NumPy arrays of numbers and plain "
                "containers is read; save the file as such"
            )
        return found

    def load_bytearray8(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        if size > self.n_bytes:
            raise UserError("it has fewer bytes than it says")
        self.append(bytearray(self.read(size)))

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set(items)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        self._set(self.pop_mark())

    def _set(self, items: list[Any]) -> None:
        held = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(held) is not dict or type(key) not in (str, int, bytes, bool, float):
                raise UserError("it has a dictionary whose keys are not texts or numbers")
            held[key] = value

    dispatch = {
        ord(code): _PythonsReader.dispatch[ord(code)] for code in (getattr(pickle, name) for name in INSTRUCTIONS)
    } | {
        ord(pickle.BYTEARRAY8): load_bytearray8,
        ord(pickle.DICT): load_dict,
        ord(pickle.SETITEM): load_setitem,
        ord(pickle.SETITEMS): load_setitems,
    }


def _finished(value: Any, seen: dict[int, Any]) -> Any:
    """The value with arrays in place of what they were built from; each object is visited once."""
    if isinstance(value, _Array):
        return value.array
    if isinstance(value, _StandIn | _Numbers):
        raise UserError("it holds a function or a type in place of a value")
    if not isinstance(value, dict | list | tuple):
        return value
    if id(value) in seen:
        return seen[id(value)]
    seen[id(value)] = value  # a container within itself stays as it is
    if isinstance(value, dict):
        for key in value:
            value[key] = _finished(value[key], seen)
    elif isinstance(value, list):
        value[:] = [_finished(one, seen) for one in value]
    else:
        seen[id(value)] = tuple(_finished(one, seen) for one in value)
    return seen[id(value)]
