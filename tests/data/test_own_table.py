"""One's own table with as few columns as people write: what is missing is filled in, drawn or refused."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import copies
import numpy as np
import pytest

from fgsgl.cli.options import add_protocol_arguments, protocol_of, root_of
from fgsgl.data.cache.frame_times import frames_between
from fgsgl.data.clip_faults import split_faults
from fgsgl.data.clip_table import ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.datasets import csv
from fgsgl.data.faults import FaultyData
from fgsgl.util.command_line import CommandLine
from fgsgl.util.errors import UserError

PEOPLE = tuple(f"p{number}" for number in range(8))


def load(path: Path, seed: int = 0) -> ClipTable:
    return csv.load(path, "all", seed)


def write(path: Path, header: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def rows(*columns: str) -> list[str]:
    """Two clips of each of eight people."""
    made = []
    for number, person in enumerate(PEOPLE):
        for label in ("nod", "wave"):
            cells = {"video": f"v/{person}_{label}.mp4", "label": label, "subject": person,
                     "split": ("train", "train", "train", "train", "train", "val", "test", "test")[number]}  # fmt: skip
            made.append(",".join(cells[column] for column in columns))
    return made


def test_video_label_and_split_are_enough(tmp_path: Path) -> None:
    table = load(write(tmp_path / "my.csv", "label,split,video", *rows("label", "split", "video")))
    assert len(table.clips) == 16 and table.classes == ("nod", "wave") and not split_faults(table)
    first = table.clips[0]
    assert (first.clip_id, first.start_frame, first.end_frame, first.fps) == ("v/p0_nod.mp4", 0, 0, 0.0)
    assert first.subject == first.video and csv.NO_PEOPLE in table.caveats


def test_splits_are_drawn_by_subject_and_written_down(tmp_path: Path) -> None:
    path = write(tmp_path / "my.csv", "video,label,subject", *rows("video", "label", "subject"))
    table = load(path)
    people = [{clip.subject for clip in table.split(split)} for split in ("train", "val", "test")]
    assert all(people) and sum(map(len, people)) == len(set().union(*people)) == 8
    assert any("no splits: whole people are drawn" in line for line in table.caveats)
    written = tmp_path / "my.splits-seed0.csv"
    assert written.exists() and load(path) == table
    drawn = {frozenset(clip.subject for clip in load(path, seed).split("test")) for seed in range(4)}
    assert len(drawn) > 1
    moved = written.read_text().replace(",train,", ",swap,").replace(",val,", ",train,").replace(",swap,", ",val,")
    written.write_text(moved)
    assert {clip.subject for clip in load(path).split("val")} == people[0], "the written split is the one that counts"
    written.write_text(moved.replace("v/p0_nod.mp4,", "v/p0_no.mp4,", 1))
    with pytest.raises(UserError, match=r"my\.splits-seed0\.csv holds the splits .* not for clip 'v/p0_nod\.mp4'"):
        load(path)


def test_a_recording_in_two_splits_is_refused_where_people_are_not_known(tmp_path: Path) -> None:
    path = write(
        tmp_path / "my.csv", "video,label,split,start_frame,end_frame",
        "a.mp4,nod,train,0,9", "a.mp4,wave,test,10,19", "b.mp4,nod,val,0,9", "c.mp4,nod,test,0,9",
    )  # fmt: skip
    with pytest.raises(FaultyData, match=r"'a\.mp4:10-19' shows the subject 'a\.mp4', who is in the splits"):
        load(path)


@pytest.mark.parametrize(("delimiter", "before"), [(",", b""), (";", b""), ("\t", b""), (";", b"\xef\xbb\xbf")])
def test_commas_semicolons_and_tabs_part_cells(tmp_path: Path, delimiter: str, before: bytes) -> None:
    lines = ["video,label,split", *rows("video", "label", "split")]
    content = "\r\n".join(line.replace(",", delimiter) for line in lines)
    (tmp_path / "my.csv").write_bytes(before + content.encode())
    assert len(load(tmp_path / "my.csv").clips) == 16
    (tmp_path / "my.csv").write_bytes(before + content.encode() + f"\r\na{delimiter}b{delimiter}c{delimiter}d".encode())
    with pytest.raises(FaultyData, match=r"4 cell\(s\), the header has 3; a (comma|semicolon|tab) in a cell"):
        load(tmp_path / "my.csv")


@pytest.mark.parametrize(("encoding", "says"), [("utf-16", "is UTF-16"), ("utf-32", "is UTF-32"), ("cp1252", "line 2")])
def test_other_encodings_are_refused_by_name(tmp_path: Path, encoding: str, says: str) -> None:
    (tmp_path / "my.csv").write_bytes("video,label\na.mp4,grüßen\n".encode(encoding))
    with pytest.raises(UserError, match=f"{says}.*not UTF-8"):
        load(tmp_path / "my.csv")


def test_absolute_paths_and_a_folder_of_videos_elsewhere(tmp_path: Path) -> None:
    videos = tmp_path / "disk" / "videos"
    videos.mkdir(parents=True)
    lines = [f"{videos}/{row}" for row in rows("video", "label", "split")]
    path = write(tmp_path / "table" / "my.csv", "video,label,split", *lines)
    with pytest.raises(FaultyData, match=r"lies outside the data set's root \(`--videos FOLDER` moves it\)"):
        load(path)
    parser = CommandLine()
    add_protocol_arguments(parser)
    assert type(protocol_of(parser.parse_args([])).dataset) is str
    arguments = parser.parse_args(["--table", str(path), "--videos", str(videos)])
    protocol = protocol_of(arguments)
    assert (protocol.dataset, protocol.preset, root_of(arguments)) == ("csv", "all", path)
    assert (tmp_path / "table" / "my.fgsgl.yaml").read_text() == f'videos: "{videos}"\n'
    table = DataSpec(dataset="csv", preset="all", root=path).made()
    assert table.clips[0].video == "v/p0_nod.mp4" and table.path(table.clips[0]) == videos / "v/p0_nod.mp4"
    with pytest.raises(UserError, match="no folder at"):
        root_of(parser.parse_args(["--table", str(path), "--videos", str(tmp_path / "none")]))
    with pytest.raises(UserError, match="give the table with --table"):
        root_of(parser.parse_args(["--dataset", "smg", "--root", str(tmp_path), "--videos", str(videos)]))
    with pytest.raises(UserError, match="the data set is synmg"):
        root_of(parser.parse_args(["--dataset", "synmg", "--table", str(path)]))


def test_a_tables_companions_are_the_same_however_it_is_named(tmp_path: Path) -> None:
    folder, table = tmp_path, tmp_path / "clips.csv"
    assert csv.text(folder) == csv.text(table) == str(tmp_path / "text.yaml")
    assert csv.text(tmp_path / "my.csv") == str(tmp_path / "my.yaml")
    (tmp_path / "my.tsv").touch()
    assert csv.text(tmp_path / "my.tsv") == str(tmp_path / "my.yaml")
    (tmp_path / "clips.yaml").touch()
    assert csv.text(folder) == csv.text(table) == str(tmp_path / "clips.yaml")


def test_tables_with_other_spellings_read_the_same(tmp_path: Path) -> None:
    wanted = load(write(tmp_path / "my.csv", "video,label,subject,split", *rows("video", "label", "subject", "split")))
    lines = rows("video", "label", "subject", "split")
    write(tmp_path / "my.csv", "\n\nVideo,LABEL,Subject,split", *(f"./x/../{line}" for line in lines))
    assert load(tmp_path / "my.csv").clips == wanted.clips, "one recording has one name"
    write(tmp_path / "my.csv", "video,label,subject,split", *(line.replace("/", "\\") for line in lines))
    assert load(tmp_path / "my.csv").clips == wanted.clips, "as Windows writes it"
    (tmp_path / "v\\p0_nod.mp4").touch()
    assert load(tmp_path / "my.csv").clips[0].video == "v\\p0_nod.mp4", "a file may have such a name"
    (tmp_path / "my.csv").write_bytes("video,label\na.mp4,nod\n".encode("utf-16-le"))
    with pytest.raises(UserError, match=r"my\.csv holds U\+0000 between its characters: UTF-16"):
        load(tmp_path / "my.csv")
    with pytest.raises(UserError, match="has a header and no row"):
        load(write(tmp_path / "my.csv", "video,label"))
    write(tmp_path / "my.csv", "Path,Class", "a.mp4,nod")
    with pytest.raises(UserError, match=r"has the column\(s\) Path, Class, and lacks the column\(s\) video, label"):
        load(tmp_path / "my.csv")


def test_one_recording_under_two_spellings_is_in_one_split(tmp_path: Path) -> None:
    lines = ("1,a.mp4,nod,train", "2,./a.mp4,wave,test", "3,b.mp4,nod,test")
    path = write(tmp_path / "my.csv", "clip_id,video,label,split", *lines)
    with pytest.raises(FaultyData, match=r"clip '2' shows the subject 'a\.mp4', who is in the splits train and test"):
        load(path)


def test_a_label_that_hides_the_tests_is_no_class(tmp_path: Path) -> None:
    lines = [
        row.replace("nod,test", "?,test").replace("wave,test", "?,test") for row in rows("video", "label", "split")
    ]
    path = write(tmp_path / "my.csv", "video,label,split", *lines)
    assert csv.preset_of(path) == "drawn-test"
    table = csv.load(path, "drawn-test", 0)
    assert table.classes == ("nod", "wave") and any("have one label, ?" in line for line in table.caveats)


@pytest.mark.parametrize(("people", "says"), [(1, "1 subject(s) are too few"), (2, "2 subject(s) are too few")])
def test_three_people_are_needed_to_draw_three_splits(tmp_path: Path, people: int, says: str) -> None:
    lines = [f"{k}.mp4,{('nod', 'wave')[k // 2 % 2]},p{k % people}" for k in range(8)]
    path = write(tmp_path / "my.csv", "video,label,subject", *lines)
    with pytest.raises(UserError) as error:
        load(path)
    assert says in str(error.value) and "no column split" in str(error.value)


def test_training_clips_of_one_class_are_a_fault(tmp_path: Path) -> None:
    lines = [row.replace("wave,train", "nod,train") for row in rows("video", "label", "split")]
    (fault,) = split_faults(load(write(tmp_path / "my.csv", "video,label,split", *lines)))
    assert "all 10 training clips" in fault.what and "of one class (nod)" in fault.what


def varying(path: Path, times_ms: list[int]) -> None:
    """A video whose frames are shown at given times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=1000)
        stream.width = stream.height = 64
        stream.codec_context.time_base = Fraction(1, 1000)
        for time_ms in times_ms:
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), time_ms % 250, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_seconds_are_frames_also_at_a_variable_rate(tmp_path: Path) -> None:
    """Ten frames in the first second, then ten in half a second; and 25 a second."""
    varying(tmp_path / "varying.mp4", [*range(0, 1000, 100), *range(1000, 1500, 50)])
    copies.video(tmp_path / "even.mp4", 50, 1)
    path = write(
        tmp_path / "my.csv", "video,label,split,start_s,end_s", "varying.mp4,nod,train,0.2,1.0",
        "varying.mp4,wave,train,1.0,1.25", "varying.mp4,nod,train,1.2,0", "even.mp4,wave,val,0.4,1.2",
    )  # fmt: skip
    frames = [(clip.start_frame, clip.end_frame) for clip in load(path).clips]
    assert frames == [(2, 10), (10, 15), (14, 0), (10, 30)]
    (tmp_path / "varying.mp4").rename(tmp_path / "moved.mp4")
    shutil.copy(tmp_path / "even.mp4", tmp_path / "varying.mp4")
    assert load(path).clips[0].start_frame == 5, "another content has other times"
    path.write_text("video,label,split,start_s,end_frame\neven.mp4,nod,train,0,1\n")
    with pytest.raises(UserError, match=r"columns of seconds .* and of frames; keep either"):
        load(path)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("even.mp4,nod,train,0.4,9", "lasts from 0.4 s to 9 s, but its video only 2.000 s"),
        ("even.mp4,nod,train,0.41,0.42", "no frame is shown from"),
        ("even.mp4,nod,train,nan,1", "start_s is 'nan', expected seconds"),
        ("even.mp4,nod,train,-1,1", "start_s is '-1'"),
        ('even.mp4,nod,train,"0,5",1', "start_s is '0,5'"),
        ("none.mp4,nod,train,0,1", "no video at"),
        ("../../none.mp4,nod,train,0,1", "no video at"),
    ],
)
def test_seconds_that_hold_no_clip_are_refused(tmp_path: Path, row: str, says: str) -> None:
    copies.video(tmp_path / "even.mp4", 50, 1)
    path = write(tmp_path / "my.csv", "video,label,split,start_s,end_s", "even.mp4,wave,train,0,1", row)
    with pytest.raises(FaultyData) as error:
        load(path)
    assert says in str(error.value) and "line 3" in str(error.value)


def test_a_clip_may_end_with_its_video() -> None:
    times_T = np.arange(10) / 10
    assert frames_between(times_T, 0.5, 1.0) == (5, 0) and frames_between(times_T, 0.5, 0.95) == (5, 0)
    with pytest.raises(UserError, match="its video only"):
        frames_between(times_T, 0.5, 1.2)
