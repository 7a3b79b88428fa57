"""Pickles of skeletons are read as numbers, and exploits of every kind do nothing but end in one line."""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fgsgl.util.errors import UserError
from fgsgl.util.plain_pickle import _STAND_INS, read_plain_pickle

ANNOTATION = {
    "frame_dir": "S001", "label": 3, "img_shape": (1080, 1920), "total_frames": 4,
    "keypoint": np.arange(4 * 17 * 2, dtype=np.float16).reshape(1, 4, 17, 2),
    "keypoint_score": np.linspace(0, 1, 68, dtype=">f4").reshape(1, 4, 17), "flags": [True, None, -7, 2.5, "ö", b"x"],
}  # fmt: skip


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_plain_containers_are_read_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    content = {"split": {"train": ["S001"]}, "annotations": [ANNOTATION, dict(ANNOTATION, label=np.int64(5))],
               "column": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "empty": np.zeros((0, 3))}  # fmt: skip
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    read = read_plain_pickle(path)
    assert read["split"] == content["split"] and read["annotations"][1]["label"] == 5
    first = read["annotations"][0]
    assert {name: first[name] for name in ("frame_dir", "img_shape", "flags")} == {
        name: ANNOTATION[name] for name in ("frame_dir", "img_shape", "flags")
    }
    for name in ("keypoint", "keypoint_score"):
        np.testing.assert_array_equal(first[name], ANNOTATION[name])
    np.testing.assert_array_equal(read["column"], content["column"])
    assert read["empty"].shape == (0, 3)


class Runs:
    """Makes a pickle call a function when it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def exploits(mark: Path) -> dict[str, bytes]:
    """Pickles that would make a file, by each way that is known."""
    order = f"touch {mark}"
    code = f"open({str(mark)!r}, 'w')"
    text = order.encode()
    return {
        "system": pickle.dumps(Runs(os.system, order)),
        "system, protocol 0": pickle.dumps(Runs(os.system, order), 0),
        "exec": pickle.dumps(Runs(exec, code)),
        "eval": pickle.dumps(Runs(eval, code)),
        "popen": pickle.dumps(Runs(subprocess.Popen, ["touch", str(mark)])),
        "in a list of annotations": pickle.dumps({"annotations": [ANNOTATION, Runs(os.system, order)]}),
        "in an object array": pickle.dumps(np.array([Runs(os.system, order)], dtype=object)),
        "by GLOBAL": b"cposix\nsystem\n(V" + text + b"\ntR.",
        "by INST": b"(V" + text + b"\niposix\nsystem\n.",
        "by OBJ": b"(cposix\nsystem\nV" + text + b"\no.",
        "by STACK_GLOBAL": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c" + bytes([len(text)]) + text + b"\x85R.",
        "by NEWOBJ": b"\x80\x02csubprocess\nPopen\n(V" + text + b"\nI0\nNNNNN\x88\x88t\x81.",
        "by builtins and getattr": b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(Vos\ntRVsystem\ntR(V"
        + text
        + b"\ntR.",
        "by a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x12core.multiarray.sys\x93.",
        "numpy's own runner": b"cnumpy.testing._private.utils\nrunstring\n(V" + code.encode() + b"\n}tR.",
        "pickle within": b"cnumpy.core.multiarray\n_reconstruct\ncpickle\nloads\n.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent id": b"Pfile\n.",
        "out-of-band buffer": b"\x80\x05\x97.",
    }


@pytest.mark.parametrize("name", exploits(Path("mark")))
def test_exploits_do_nothing(tmp_path: Path, name: str) -> None:
    mark, path = tmp_path / "mark", tmp_path / "a.pkl"
    path.write_bytes(exploits(mark)[name])
    with pytest.raises(UserError, match=r"a\.pkl is (not read|no pickle)") as error:
        read_plain_pickle(path)
    assert not mark.exists() and "\n" not in str(error.value)


def test_the_exploits_work_on_a_reader_that_trusts(tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    for name in ("system", "exec", "in an object array", "by GLOBAL", "by INST", "by OBJ", "by STACK_GLOBAL",
                 "by builtins and getattr"):  # fmt: skip
        mark = tmp_path / name
        pickle.load(io.BytesIO(exploits(Path(str(mark).replace(" ", "_")))[name]))
        assert Path(str(mark).replace(" ", "_")).exists(), name


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(collections.OrderedDict(a=1)),
        pickle.dumps({1, 2}),
        pickle.dumps(np.array(["a"])),
        pickle.dumps(np.zeros(2, [("a", "f4")])),
        pickle.dumps(np.array([None])),
        b"cnumpy\ndtype\n(VO8\nI0\nI1\ntR.",
        b"cnumpy\ndtype\n.",
        b"cnumpy\ndtype\n}(Vx\nI1\nsb.",  # would change the stand-in
        b"cnumpy\ndtype\nN}V__call__\nI1\ns\x86b.",
        b"}(I1\ntI1\ns.",  # a tuple as a key
        b"",
        b"no pickle",
        b"\x80\x04",
        pickle.dumps(ANNOTATION)[:-40],
        b"(" * 100_000 + b"l" * 100_000 + b".",
        b"]" + b"\x85" * 100_000 + b".",
        b"\x80\x05\x96" + struct.pack("<Q", 2**38) + b"x.",
        b"Nr" + struct.pack("<I", 2**32 - 1) + b"0.",
        b"I" + b"9" * 10_000 + b"\n.",
    ],
)
def test_what_is_no_plain_pickle_ends_in_one_line(tmp_path: Path, content: bytes) -> None:
    before = dict(_STAND_INS)
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.pkl") as error:
        read_plain_pickle(tmp_path / "a.pkl")
    assert "\n" not in str(error.value) and before == _STAND_INS


def test_a_small_file_that_names_itself_many_times_stays_small(tmp_path: Path) -> None:
    """Thirty lists, each of which holds the one before twice."""
    content = b"]q\x00" + b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(30)) + b"."
    (tmp_path / "a.pkl").write_bytes(content)
    assert sys.getsizeof(read_plain_pickle(tmp_path / "a.pkl")) < 1000
