"""What counts as a label and as a class's name in a data set of one's own: nothing becomes a class by mistake."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from fgsgl.data.clip_faults import split_faults
from fgsgl.data.clip_table import COLUMNS, ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.datasets import csv as own_data
from fgsgl.data.faults import FaultyData
from fgsgl.data.labels import read_class_names
from fgsgl.data.prepare import expect_text_of
from fgsgl.records.protocol import default_protocol
from fgsgl.text.draft import blank as new
from fgsgl.text.fgtext import DIMENSIONS
from fgsgl.util.errors import UserError

NAMES = ("left", "right")
Edit = Callable[[int, dict[str, str]], object]


def rows(edit: Edit = lambda number, row: None) -> list[dict[str, str]]:
    """Two clips of each of six people, three in training, one in validation, two in the test split; no file exists."""
    made = []
    for person, split in enumerate(("train", "train", "train", "val", "test", "test")):
        for label in NAMES:
            row = dict(zip(COLUMNS, (f"{person}{label}", f"v/{person}{label}.mp4", "0", "0", label, f"p{person}", split,
                                     "25"), strict=True))  # fmt: skip
            edit(len(made), row)
            made.append(row)
    return made


def load(folder: Path, edit: Edit = lambda number, row: None, classes: str | bytes | None = None) -> ClipTable:
    """The table after ``edit(number, row)`` changed its rows, with a class file where one is given."""
    folder.mkdir(exist_ok=True)
    with (folder / "my.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows(edit))
    if classes is not None:
        content = classes.encode() if isinstance(classes, str) else classes
        (folder / "my.classes.txt").write_bytes(content)
    return own_data.load(folder / "my.csv", "all", 0)


def numbered(number: int, row: dict[str, str]) -> None:
    row["label"] = str(NAMES.index(row["label"]))


def relabel(label: str, only: Callable[[int, dict[str, str]], bool], base: Edit = lambda number, row: None) -> Edit:
    def edit(number: int, row: dict[str, str]) -> None:
        base(number, row)
        if only(number, row):
            row["label"] = label

    return edit


def in_test(number: int, row: dict[str, str]) -> bool:
    return row["split"] == "test"


@pytest.mark.parametrize("classes", [None, "left\nright\n"])
@pytest.mark.parametrize("hidden", ["", "-1", "  "])
def test_hidden_test_labels_are_no_class_and_are_never_scored(tmp_path: Path, hidden: str, classes: str | None) -> None:
    table = load(tmp_path, relabel(hidden, in_test), classes)
    assert table.classes == NAMES
    assert [clip.label for clip in table.split("test")] == [None] * 4
    assert [clip.label for clip in table.split("train")] == [0, 1] * 3
    [fault] = split_faults(table)
    assert "the test split" in fault.what and "hides the labels of its 4 clips" in fault.what


def test_a_table_with_hidden_test_labels_is_tested_on_people_of_the_training_split(tmp_path: Path) -> None:
    load(tmp_path, relabel("", in_test), None)
    path = tmp_path / "my.csv"
    protocol = default_protocol("csv", root=path)
    assert protocol.preset == "drawn-test"
    table = own_data.load(path, protocol.preset, 0)
    assert split_faults(table) == [] and all(clip.label is not None for clip in table.clips)
    assert not {clip.subject for clip in table.split("train")} & {clip.subject for clip in table.split("test")}
    assert any("4 test clips are hidden" in line for line in table.caveats)
    load(tmp_path)
    assert default_protocol("csv", root=path).preset == "all"


def test_one_label_for_the_whole_test_split_is_a_filler(tmp_path: Path) -> None:
    table = load(tmp_path, relabel("0", in_test, numbered), "left\nright\n")
    assert {clip.label for clip in table.split("test")} == {None}
    assert "all 4 test clips have one label, 0" in table.caveats[0]
    assert split_faults(load(tmp_path, numbered)) == []


@pytest.mark.parametrize(
    ("label", "where", "words"),
    [
        ("", 0, "of the train split has no label; only the whole test split may hide its labels"),
        ("-1", 6, "of the val split has no label"),
        ("", 8, "of the test split has no label"),
        ("right;left", 0, "holds several labels (right, left); a clip has one class here"),
        ("right | left", 9, "holds several labels (right, left)"),
        ("right,left", 0, "holds several labels"),
        ("right/left", 0, "holds several labels"),
        ("['left']", 0, "holds several labels (left)"),
        ("1", 0, "is a number among names"),
        ("nan", 8, "stands for a missing value"),
        ("?", 0, "stands for a missing value"),
        ("Left", 0, "differ only in case, blanks or invisible characters"),
        ("left\u200b", 0, "differ only in case, blanks or invisible characters"),
        ("le\x00ft", 0, "control character U+0000"),
        ("left\u202e", 0, "control character U+202E"),
        ("x" * 201, 0, "201 characters"),
    ],
)
def test_text_that_is_no_label_is_refused_with_its_line(tmp_path: Path, label: str, where: int, words: str) -> None:
    with pytest.raises(FaultyData) as error:
        load(tmp_path, relabel(label, lambda number, row: number == where))
    fault = next(fault for fault in error.value.faults if words in fault.what)
    assert fault.file == str(tmp_path / "my.csv")
    assert fault.line == where + 2 or "differ only" in words  # either of the two spellings is the odd one
    assert error.value.sound is not None and error.value.sound.classes in (NAMES, ("Left", "right"))


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("0;1", "holds several labels (0, 1)"),
        ("1,0", "holds several labels (1, 0)"),
        ("[0]", "holds several labels (0)"),
        ("left", "labels are numbers in some rows and names in others"),
        ("+1", "neither a number nor the name of a class"),
        ("1_0", "neither a number"),
        ("1.0", "neither a number"),
        ("\u0661", "neither a number"),
        ("\u00b2", "neither a number"),
        ("1e0", "neither a number"),
        ("-2", "neither a number"),
        ("2", "has label 2, expected 0..1"),
        ("9999999999", "neither a number"),
    ],
)
def test_a_number_that_is_no_label_is_refused(tmp_path: Path, label: str, words: str) -> None:
    with pytest.raises(FaultyData) as error:
        load(tmp_path, relabel(label, lambda number, row: number == 3, numbered), "left\nright\n")
    assert [(fault.line, words in fault.what) for fault in error.value.faults] == [(5, True)]


def test_names_may_hold_anything_that_people_write(tmp_path: Path) -> None:
    names = ['touch, "neck"', "arm/hand", "摸脖子", "rub 🖐🏽 nose", "<b>&amp; $x_1$ %", "=SUM(A1)", "None", "(left) up"]

    def name(number: int, row: dict[str, str]) -> None:
        row["label"] = names[number % len(names)]

    assert load(tmp_path, name).classes == tuple(sorted(names))
    assert load(tmp_path, name, "\n".join(names)).classes == tuple(names)


CLASS_FILES = ["a\nb\n", "a\nb", "\ufeffa\r\nb\r\n\r\n", "a\rb\r", " a \n\tb\n\n\n", "0\n1\n", "a\n1"]


@pytest.mark.parametrize("content", CLASS_FILES)
def test_a_class_file_names_a_class_a_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "classes.txt").write_bytes(content.encode())
    assert len(read_class_names(tmp_path / "classes.txt")) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\n\nb\n", "line 2: the line is blank, but names label 1"),
        (b"\na\nb\n", "line 1: the line is blank"),
        (b"a\nb\na\n", "line 3: the name 'a' stands in line 1 too"),
        (b"a\nb\n A\n", "line 3: the name 'A' stands in line 1 too ('a')"),
        (b"1\n0\n", "line 1: the name '1' is a number, but this line names label 0"),
        (b"a\nb\x00c\n", "line 2: the name 'b\\x00c' holds the control character U+0000"),
        (b"a\nb\x0bc\n", "line 2: the name 'b\\x0bc' holds the control character U+000B"),
        (b"a\nb\xe2\x80\xa8c\n", "holds the control character U+2028"),
        (b"a\nb\x1b[31m\n", "U+001B"),
        (b"a\nnan\n", "line 2: label 'nan' stands for a missing value"),
        (b"a\n" + b"x" * 1000, "line 2: the name 'xxx"),
        (b"", "names 0 class(es)"),
        (b"a\n", "names 1 class(es), expected 2"),
        (b"\n\n", "names 0 class(es)"),
        (b"a\n" * 10_001, "names 10001 class(es)"),
        ("a\nb".encode("utf-16"), "is UTF-16, not UTF-8"),
        ("a\nb".encode("utf-16-le"), "U+0000"),
        ("a\nrüb\n".encode("latin-1"), "line 2: byte 0xfc is not UTF-8"),
    ],
)
def test_a_faulty_class_file_is_refused_with_the_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "classes.txt").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_class_names(tmp_path / "classes.txt")
    assert words in str(error.value) and str(tmp_path / "classes.txt") in str(error.value)


def test_a_class_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my.classes.txt").symlink_to(tmp_path / "my.classes.txt")
    with pytest.raises(UserError, match="symbolic links"):
        load(tmp_path)
    (tmp_path / "my.classes.txt").unlink()
    (tmp_path / "my.classes.txt").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize("names", [("left", "right"), ("right", "left"), ("left", "Right"), ("left", "right", "up")])
def test_fgtext_must_name_the_classes_of_the_table_in_its_order(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Else every clip would be compared with the sentences of another class."""
    table = load(tmp_path)
    text = new("my", names)
    for dimension in DIMENSIONS:
        text = text.replace(f"  {dimension}: []", f"  {dimension}: [one, two, three]")
    (tmp_path / "my.yaml").write_text(text)
    data = DataSpec(dataset="csv", preset="all", root=tmp_path / "my.csv")
    if names == NAMES:
        expect_text_of(table, data)
    else:
        with pytest.raises(UserError, match="FG-Text 'my'"):
            expect_text_of(table, data)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("", "the labels in .* are numbers or blank"),
        ("-1", "are numbers"),
        ("left", r"fewer than two classes \('left'\)"),
    ],
)
def test_a_table_without_two_classes_is_refused(tmp_path: Path, label: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load(tmp_path, relabel(label, lambda number, row: True))


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text(",".join(COLUMNS) + "\n")
    with pytest.raises(UserError, match="has a header and no row"):
        own_data.load(tmp_path / "my.csv", "all", 0)
