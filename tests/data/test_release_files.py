"""Files of released data sets as strangers may have them: settings and skeletons are read as meant, or refused."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from fgsgl.data.datasets._release import JointTable, read_joints, read_list, read_rows
from fgsgl.data.datasets._tree import files_below, open_copy, read_settings
from fgsgl.util.errors import UserError

FORM = JointTable(first_column=0, joints=2, values=3, wanted=(0, 1))


def joints(path: Path, start: int = 1, end: int = 3) -> np.ndarray:
    return read_joints(path, start, end, FORM)


def lines(**changed: str) -> str:
    """Four frames of two joints; line N is changed by the keyword ``lineN``."""
    rows = [",".join(str(10 * frame + value) for value in range(6)) for frame in (7, 1, 2, 3)]
    for name, row in changed.items():
        rows[int(name.removeprefix("line")) - 1] = row
    return "\n".join(rows) + "\n"


def test_joints_are_those_of_the_frames(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(lines(line2="nan,NaN,nan,-1.5,1e2,+3"))
    joints_TJ3 = joints(tmp_path / "a.csv")
    assert joints_TJ3.dtype == np.float32
    np.testing.assert_array_equal(joints_TJ3[0], [[np.nan] * 3, [-1.5, 100, 3]])
    np.testing.assert_array_equal(joints_TJ3[1], [[20, 21, 22], [23, 24, 25]])


PICKLE = io.BytesIO()
np.save(PICKLE, np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lines(line2=""), "line 2: the line is blank"),
        (lines(line3="  "), "line 3: the line is blank"),
        (lines(line2="# 1,2,3,4,5,6"), "not a table of numbers"),
        (lines(line2="inf,1,2,3,4,5"), "line 2: inf is no place of a joint"),
        (lines(line3="1,2,3,4,5,-1e39"), "line 3: -1e+39 is no place of a joint"),
        (lines(line2="1,2,3"), "line 2: 3 columns, expected 6 (2 joints of 3 values)"),
        (lines(line3="1,2,3,4,5,6,7"), "line 3: 7 columns, expected 6"),
        (lines(line2="1,2,,4,5,6"), "not a table of numbers"),
        (lines(line2="1;2;3;4;5;6"), "line 2: 1 columns, expected 6"),
        (lines(line2="1,2,3,4,x,6"), "not a table of numbers"),
        (lines(line2="1,2,3,4,__import__('os'),6"), "not a table of numbers"),
        ("9,2,3,4,5,6\n", "ends after frame 1, expected 3"),
        ("9,2,3,4,5,6\n9,2,3,4,5,6\n", "ends after frame 2, expected 3"),
        ("", "ends after frame 1"),
    ],
)
def test_a_skeleton_that_is_none_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UserError) as error:
        joints(tmp_path / "a.csv")
    assert words in str(error.value) and str(tmp_path / "a.csv") in str(error.value)


@pytest.mark.parametrize("content", [PICKLE.getvalue(), b"\x80\x04K\x01.", b"\0" * 999, b"\xff\xfe1\0,\0"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"not a table of numbers|columns, expected 6"):
        joints(tmp_path / "a.csv", start=0, end=3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("video: x", "did you mean videos"),
        ("videos: 3", "expected a folder, in quotation marks"),
        ("videos: nowhere", "there is no folder at"),
        ("labels: fgsgl.yaml", "there is no folder at"),
        ('skeletons: "a\\0b"', "there is no folder at"),
        ("videos: !!int abc", "the tag !!int"),
        ("videos: 2020-99-99\nvideos: x", "stands twice"),
        ("[" * 100, "deep"),
        ("- a", "holds no settings"),
        ("a: *x", "no complete anchor"),
    ],
)
def test_settings_that_are_none_are_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "fgsgl.yaml").write_text(content)
    with pytest.raises(UserError) as error:
        read_settings(tmp_path)
    assert words in str(error.value) and "fgsgl.yaml" in str(error.value)


def test_files_are_found_once_at_any_depth_and_links_in_a_circle_end(tmp_path: Path) -> None:
    for name in ("a/b/0001.mp4", "a/.hidden/0002.mp4", "a/._0001.mp4", ".cache/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "b" / "circle").symlink_to(tmp_path)
    (tmp_path / "z").symlink_to(tmp_path / "a")
    assert files_below(tmp_path) == ("a/b/0001.mp4",)
    (tmp_path / "a" / "b" / "0001_color.AVI").touch()
    assert open_copy(tmp_path).found("videos", r"([0-9]+)_color\.avi") == {1: ["a/b/0001_color.AVI"]}


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    scan = os.scandir

    def denied(path):  # a test that runs as root may read everything
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(UserError, match=r"a/b cannot be read: Permission denied"):
        files_below(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfea\0", b"a\xe9 1", b"a \xc3"])
def test_lists_and_tables_in_other_encodings_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    for read in (read_list, read_rows):
        with pytest.raises(UserError, match=r"list\.txt.*not UTF-8"):
            list(read(tmp_path / "list.txt"))
