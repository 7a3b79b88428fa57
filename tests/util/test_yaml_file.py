"""YAML from elsewhere: plain values, bounded, and one line about everything else."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from fgsgl.util import yaml_file
from fgsgl.util.errors import UserError
from fgsgl.util.yaml_file import parse_yaml, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
MERGE_BOMB = "a0: &a0 {k: v}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 1\nb: -2.5\nc: [true, no, ~, '1', \"x\"]", {"a": 1, "b": -2.5, "c": [True, False, None, "1", "x"]}),
        ("lr: 1e-3", {"lr": 0.001}),  # text in YAML 1.1
        ("a: 0x_\nb: 0x1F\nc: 010\nd: 1_0\ne: 1:30", {"a": "0x_", "b": "0x1F", "c": "010", "d": "1_0", "e": "1:30"}),
        ("a: 2020-99-99\nb: 2020-01-01", {"a": "2020-99-99", "b": "2020-01-01"}),
        ("a: ٣", {"a": "٣"}),
        ("a: =cmd()\nb: <script>", {"a": "=cmd()", "b": "<script>"}),
        ("a: &x [1, 2]\nb: *x", {"a": [1, 2], "b": [1, 2]}),
        ("'<<': 1", {"<<": 1}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
    ],
)
def test_plain_values(text: str, value: Any) -> None:
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: !!int abc", "line 2: the tag !!int"),
        ("a: !!float abc", "the tag !!float"),
        ("a: !!bool maybe", "the tag !!bool"),
        ("a: !!python/object/apply:os.system [id]", "the tag !!python/object/apply"),
        ("a: !mine 1", "the tag !mine"),
        ("a: .nan", "line 1: .nan is no number"),
        ("a: -.inf", "-.inf is no number"),
        ("a: 1e999", "too large"),
        (f"a: {'9' * 5000}", "too many digits"),
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands twice"),
        ("? [a, b]\n: 1", "a list or mapping stands as a key"),
        ("a: &x {k: 1}\nb: {<<: *x}", "line 2: the merge key <<"),
        ("a: *x", "no complete anchor"),
        ("a: &x [*x]", "no complete anchor"),
        ("a: [1", "not YAML: did not find"),
        ("--- 1\n--- 2", "a second document"),
        ("[" * 10_000, "more than 32 deep"),
        ("a\x00b", "not YAML"),
        (BOMB, "more than 500000 values"),
        (MERGE_BOMB, "the merge key <<"),
    ],
)
def test_what_is_not_plain_is_refused_in_one_line(text: str, says: str) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match=re.escape(says)) as raised:
        parse_yaml(text)
    assert "\n" not in str(raised.value) and time.monotonic() - started < 5


@pytest.mark.parametrize("text", ["1e-3", "a\nb", "", "null", "no", "1.5", "2020-01-01", "0x1", "<<", "*x", "'", "é中"])
def test_what_the_suite_writes_is_read_back(text: str) -> None:
    for value in (text, {"key": text}, [text], {"deep": [{text: 1.5e-7}]}):
        written = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
        if "1e-3" not in written:  # PyYAML takes that for text
            assert parse_yaml(written) == value


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfname: \xc3\xa9\n")
    assert read_yaml(tmp_path / "a.yaml") == {"name": "é"}


def test_what_is_no_readable_file_is_refused_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"name: \xe9\n")
    with pytest.raises(UserError, match=r"a\.yaml cannot be read: byte 6 is not UTF-8"):
        read_yaml(path)
    path.write_text("a: [")
    with pytest.raises(UserError, match=r"a\.yaml cannot be read: line \d: not YAML"):
        read_yaml(path)
    monkeypatch.setattr(yaml_file, "MOST_BYTES", 3)
    with pytest.raises(UserError, match=r"a\.yaml is larger than"):
        read_yaml(path)
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for name, says in (
        ("pipe.yaml", "is no regular file"),
        ("loop.yaml", "Too many levels"),
        ("gone.yaml", "No such file"),
        (".", "cannot be read|no regular file"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null byte"),
    ):
        with pytest.raises(UserError, match=says):
            read_yaml(tmp_path / name)
    with pytest.raises(UserError, match="no regular file"):
        read_yaml(Path("/dev/zero"))
