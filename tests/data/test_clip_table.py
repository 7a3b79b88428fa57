"""The clip table refuses whatever would train or score the wrong thing, and says which clip it is."""

import dataclasses
from pathlib import Path

import pytest

from fgsgl.data.clip_table import Clip, ClipTable, read_clips, write_clips
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
