"""The clip table refuses whatever would train or score the wrong thing, and says which clip it is."""

import csv
import dataclasses
import os
from pathlib import Path

import pytest

from fgsgl.data.clip_table import Clip, ClipTable, read_clips, write_clips
from fgsgl.data.faults import FaultyData
from fgsgl.util.errors import UserError

GOOD = Clip(
    clip_id="a", video="videos/a.mp4", start_frame=0, end_frame=50, label=0, subject="s1", split="train", fps=25.0
)


def table(*clips: Clip) -> ClipTable:
    return ClipTable(dataset="toy", root=Path("toy"), classes=("x", "y"), clips=clips)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": 2}, ["label 2", "0..1", "'b'"]),
        ({"label": -1}, ["label -1"]),
        ({"start_frame": 50}, ["[50, 50)", "start < end"]),
        ({"split": "dev"}, ["'dev'", "train, val, test"]),
        ({"video": "../../secret.mp4"}, ["outside the data set's root"]),
        ({"video": "/etc/passwd"}, ["outside the data set's root"]),
        ({"split": "test"}, ["'s1'", "train and test"]),
        ({"clip_id": "a"}, ["'a'", "twice"]),
    ],
)
def test_bad_rows_are_refused(change: dict, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        table(GOOD, dataclasses.replace(GOOD, **{"clip_id": "b", **change}))
    for word in words:
        assert word in str(error.value)


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(UserError, match=r"test split of toy .* is empty"):
        table(GOOD).split("test")


def test_csv_round_trip_keeps_every_value(tmp_path: Path) -> None:
    clips = (GOOD, dataclasses.replace(GOOD, clip_id='b, "quoted"', video="with space/b.mp4", fps=29.97))
    write_clips(tmp_path / "clips.csv", clips)
    assert read_clips(tmp_path / "clips.csv") == clips


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"clip_id,video\na,b\n", "lacks the column"),
        (b"\xff\xfe\x00binary", "is UTF-16, not UTF-8"),
        (
            b"clip_id,video,start_frame,end_frame,label,subject,split,fps\na,a.mp4,0,ten,0,s1,train,25\n",
            "line 2: end_frame is .ten., expected a frame",
        ),
    ],
)
def test_a_damaged_csv_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "clips.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        read_clips(path)
    assert str(path) in str(error.value)


def test_fingerprint_changes_with_any_value() -> None:
    prints = {table(GOOD).fingerprint()}
    for name, value in {"label": 1, "end_frame": 49, "fps": 24.0, "split": "val", "subject": "s2"}.items():
        prints.add(table(dataclasses.replace(GOOD, **{name: value})).fingerprint())
    assert len(prints) == 6


HEADER = "clip_id,video,start_frame,end_frame,label,subject,split,fps"
ROW = dict(zip(HEADER.split(","), ("a", "v/a.mp4", "0", "9", "0", "p0", "train", "25"), strict=True))


def written(path: Path, *, header: str = HEADER, **cells: str) -> Path:
    """A table of one row, some of whose cells are replaced; written as they are, without quotation marks."""
    path.write_text(f"{header}\n{','.join({**ROW, **cells}.values())}\n", encoding="utf-8")
    return path


NO_FRAMES = ("", " ", "-1", "+1", "1.0", "1e3", "1_0", "0x1", "٣", "２", "nan", "inf", "1 0", "9" * 11, "1'000", "true")
NO_RATES = (
    "",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "-25",
    "+25",
    "1e3",
    "2_5",
    "٢٥",
    "25fps",
    "25/1",
    "9" * 30,
    ".",
    "0x19",
)


@pytest.mark.parametrize("column", ["start_frame", "end_frame"])
@pytest.mark.parametrize("cell", NO_FRAMES)
def test_a_frame_is_plain_digits(tmp_path: Path, column: str, cell: str) -> None:
    with pytest.raises(FaultyData, match=f"my.csv, line 2: {column} is ") as error:
        read_clips(written(tmp_path / "my.csv", **{column: cell}))
    assert repr(cell.strip()) in str(error.value)


@pytest.mark.parametrize("cell", NO_RATES)
def test_frames_a_second_are_a_plain_number(tmp_path: Path, cell: str) -> None:
    with pytest.raises(FaultyData, match=r"my\.csv, line 2: fps is .*, or 0 where it is not known"):
        read_clips(written(tmp_path / "my.csv", fps=cell))


@pytest.mark.parametrize("cell", ["25", "29.97", "0", "0.5", "23.976023976023978", "120."])
def test_frames_a_second_keep_their_value(tmp_path: Path, cell: str) -> None:
    assert read_clips(written(tmp_path / "my.csv", fps=cell))[0].fps == float(cell)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fps": float("nan")}, "nan frames a second"),
        ({"fps": float("inf")}, "inf frames a second"),
        ({"fps": -25.0}, "-25.0 frames a second"),
        ({"fps": 1e9}, "1000000000.0 frames a second"),
        ({"end_frame": 10**10}, "expected 0 <= start < end"),
        ({"clip_id": ""}, "clip '' has no clip_id"),
        ({"subject": ""}, "has no subject; where people are not known, name the recording"),
        ({"video": " "}, "has no video"),
        ({"clip_id": "a\0b"}, "control character U+0000"),
        ({"subject": "p\n1"}, "control character U+000A"),
        ({"video": "v/\u202e4pm.exe"}, "control character U+202E"),
        ({"video": "v/\udcff.mp4"}, "control character U+DCFF"),
        ({"subject": " p1"}, "begins or ends with a blank"),
        ({"clip_id": "x" * 1025}, "has a clip_id of 1025 bytes"),
        ({"video": "v/" + "x" * 256}, "a file's name has at most 255 bytes"),
        ({"video": ".."}, "outside the data set's root"),
        ({"video": "a/../../b.mp4"}, "outside the data set's root"),
        ({"split": "test", "subject": "S1"}, "the subject 'S1', who is in the splits train and test"),
        ({"split": "test", "subject": "s1\u200b"}, "splits train and test"),
        ({"label": None, "subject": "s2"}, "of the train split has no label"),
    ],
)
def test_a_value_that_is_none_is_refused(change: dict, words: str) -> None:
    with pytest.raises(FaultyData) as error:
        table(GOOD, dataclasses.replace(GOOD, **{"clip_id": "b", **change}))
    assert words in str(error.value)
    assert error.value.sound is not None and error.value.sound.clips == (GOOD,)


def test_a_name_may_begin_with_dots() -> None:
    assert table(dataclasses.replace(GOOD, video="..v/...mp4")).clips


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{HEADER}\na,v,0,9,0,p0,train,25,x\n", "line 2: 9 cell(s), the header has 8"),
        (f"{HEADER}\na,v,0,9,0,p0,train,25,\n", "line 2: 9 cell(s)"),
        (f"{HEADER}\na,v,0,9,0,p0,train\n", "line 2: 7 cell(s)"),
        (f"{HEADER}\n\n,,,,,,,\na,v,0,9\n", "line 4: 4 cell(s)"),
        (f"{HEADER},label\na,v,0,9,0,p0,train,25,1\n", "line 1: the column label stands there 2 times (label, label)"),
        (f"{HEADER}, Label \na,v,0,9,0,p0,train,25,1\n", "the column label stands there 2 times (label, Label)"),
        (f"{HEADER},\na,v,0,9,0,p0,train,25,\n", "line 1: column 9 has no name"),
        (HEADER.replace("label", "lable"), "lable, subject, split, fps, and lacks the column(s) label"),
        (f'{HEADER}\n"a,v,0,9,0,p0,train,25\nb,v,0,9,0,p0,train,25\n', "this is not CSV"),
        (f'{HEADER}\na,"v"x,0,9,0,p0,train,25\n', "line 2: this is not CSV"),
        (f"{HEADER}\n{'x' * 200_000},v,0,9,0,p0,train,25\n", "line 2: this is not CSV: field larger"),
    ],
)
def test_a_table_whose_form_is_wrong_is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "my.csv").write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_clips(tmp_path / "my.csv")
    assert words in str(error.value) and "my.csv" in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "utf-16-le"])
def test_a_table_in_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "my.csv").write_bytes(f"{HEADER}\nä,v,0,9,0,p0,train,25\n".encode(encoding))
    with pytest.raises(UserError, match=r"my\.csv.*(not UTF-8|lacks the column)"):
        read_clips(tmp_path / "my.csv")


ODD_TEXTS = (
    "=1+1",
    "-x",
    "+x",
    "@x",
    "'=x",
    "''-",
    "'x",
    "a,b",
    'a "b"',
    "摸 🖐",
    "ü",
    "<b>",
    "$HOME",
    "a;b",
    "[/x]",
    "-1 x",
)


def test_what_is_written_is_no_formula_and_is_read_back(tmp_path: Path) -> None:
    clips = tuple(
        Clip(clip_id=text, video=f"{text}/a.mp4", start_frame=0, end_frame=0, label=index % 3 or None, subject=text,
             split="test", fps=29.97)
        for index, text in enumerate(ODD_TEXTS)
    )  # fmt: skip
    write_clips(tmp_path / "ids.csv", clips)
    assert read_clips(tmp_path / "ids.csv") == clips
    names = ("zero", "=SUM(A1)", "@home")
    write_clips(tmp_path / "names.csv", clips, names)
    assert read_clips(tmp_path / "names.csv", names) == clips
    for cells in csv.reader((tmp_path / "names.csv").read_text().splitlines()):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_a_device_a_pipe_and_a_folder_are_no_tables(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for path in (tmp_path / "pipe.csv", tmp_path / "folder.csv", tmp_path / "loop.csv", Path("/dev/zero")):
        with pytest.raises(UserError, match=r"cannot be read|no regular file"):
            read_clips(path)
    for path in (tmp_path / "gone.csv", tmp_path / ("x" * 300), tmp_path / "folder.csv" / "gone.csv"):
        with pytest.raises(UserError, match="no table at"):
            read_clips(path)
