"""Bad data as a user meets it: one clear line and exit code 2, from the command line, on real files."""

import shutil
from pathlib import Path

import pytest

from fgsgl.data.clip_table import COLUMNS, read_clips
from fgsgl.data.datasets import csv
from tests.data.odd_videos import greys, write


@pytest.fixture
def own(smoke: Path, tmp_path: Path) -> Path:
    """A data set of one's own, made of the small SynMG's videos."""
    root = tmp_path / "own data"
    shutil.copytree(smoke / "videos", root / "videos")
    shutil.copy(smoke / "clips.csv", root / "clips.csv")
    (root / "classes.txt").write_text("".join(f"class {index}\n" for index in range(26)))
    return root


def edit(root: Path, column: str, value: str, split: str = "test") -> str:
    """Changes one value of the split's first clip, and returns the clip's id."""
    clip_id = next(clip.clip_id for clip in read_clips(root / "clips.csv") if clip.split == split)
    lines = (root / "clips.csv").read_text().splitlines()
    for number, line in enumerate(lines):
        cells = line.split(",")
        if cells[0] == clip_id:
            cells[COLUMNS.index(column)] = value
            lines[number] = ",".join(cells)
    (root / "clips.csv").write_text("\n".join(lines) + "\n")
    return clip_id


def words(root: Path) -> tuple:
    out = root.parent / "out"
    return "-m", "fgsgl", "run", "--dataset", "csv", "--root", root, "--out", out, "--methods", "majority"


def test_data_of_ones_own_runs(own: Path, call) -> None:
    assert "Majority class" in call(*words(own)).stdout


@pytest.mark.parametrize(
    ("method", "label"), [("majority", "Majority class"), pytest.param("tsn", "TSN", marks=pytest.mark.slow)]
)
def test_a_table_may_name_its_classes(own: Path, tmp_path: Path, call, method: str, label: str) -> None:
    lines = (own / "clips.csv").read_text().splitlines()
    place = COLUMNS.index("label")
    named = [line.split(",") for line in lines[1:]]
    for cells in named:
        cells[place] = f"gesture {int(cells[place]):02d}"
    (own / "my clips.csv").write_text("\n".join([lines[0], *map(",".join, named)]) + "\n")
    (own / "classes.txt").unlink()
    table = own / "my clips.csv"
    command = ("-m", "fgsgl", "run", "--dataset", "csv", "--table", table, "--out", tmp_path / "o")
    said = call(*command, "--methods", method, "--epochs", "1").stdout
    assert label in said and "my clips (csv all)" in said
    assert csv.load(table, "all", 0).classes[3] == "gesture 03" and csv.text(table) == str(own / "my clips.yaml")


def test_a_folder_with_a_folder_a_class_is_indexed_and_runs(own: Path, tmp_path: Path, call) -> None:
    root, known = tmp_path / "by class", read_clips(own / "clips.csv")
    for clip in known:
        folder = root / f"gesture, {clip.label:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(own / clip.video, folder / f"{clip.subject}_{clip.clip_id}.MP4")
    said = call("-m", "fgsgl", "data", "index", root).stdout
    assert f"{len(known)} clips" in said and "26 classes" in said
    table = csv.load(root, "all", 0)
    assert {clip.subject for clip in table.clips} == {clip.subject for clip in known}
    splits = [{clip.subject for clip in table.split(name)} for name in ("train", "val", "test")]
    assert sum(map(len, splits)) == len(set().union(*splits))
    words = ("-m", "fgsgl", "run", "--dataset", "csv", "--table", root / "clips.csv", "--out", tmp_path / "o")
    assert "Majority" in call(*words, "--methods", "majority").stdout
    assert "exists already" in call("-m", "fgsgl", "data", "index", root, expect=2).stderr
    (root / "empty").mkdir()
    said = call("-m", "fgsgl", "data", "index", root / "empty", expect=2).stderr
    assert "no video in" in said


def test_the_index_takes_what_can_be_read_and_says_what_it_leaves_out(tmp_path: Path, call) -> None:
    for number, (folder, name, container) in enumerate([
        ("nod", "ann_1.MTS", "mpegts"), ("nod", "bob_1.flv", "flv"), ("nod", "cy_1.wmv", "asf"),
        ("nod", "dee_1", "mp4"), ("wave", "ann_2.ts", "mpegts"), ("wave", "bob_2.3gp", "mp4"),
        ("wave", "cy_2.mpg", "mpeg"),
    ]):  # fmt: skip
        (tmp_path / folder).mkdir(exist_ok=True)
        codec = {"flv": "flv", "asf": "wmv2", "mpeg": "mpeg2video"}.get(container, "libx264")
        write(tmp_path / folder / name, greys(20 + number), codec, container=container)
    (tmp_path / "lost" / "deep").mkdir(parents=True)
    shutil.copy(tmp_path / "nod" / "bob_1.flv", tmp_path / "lost" / "deep" / "a.flv")
    (tmp_path / "lost" / "notes.txt").write_text("no video")
    (tmp_path / "nod" / "._ann_1.MTS").write_bytes(b"x")
    (tmp_path / "nod" / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\n../wave/ann_2.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "above.mp4").write_bytes(b"x")
    said = call("-m", "fgsgl", "data", "index", tmp_path).stdout
    assert "7 clips" in said and "2 classes" in said
    left_out = [line.split(": ")[1:3] for line in said.splitlines() if line.startswith("left out: ")]
    assert [(name, why.split(",")[0]) for name, why in left_out if name not in ("nod/list.mp4", "lost/notes.txt")] == [
        ("lost", "no class"), ("above.mp4", "not at <class>/<video>"), ("lost/deep", "not at <class>/<video>"),
        ("nod/._ann_1.MTS", "hidden"),
    ]  # fmt: skip
    assert {name for name, _ in left_out} >= {"nod/list.mp4", "lost/notes.txt"}


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("label", "26", "has label 26, expected 0..25"),
        ("label", "neck", "label 'neck' is neither a number nor the name of a class"),
        ("end_frame", "5000", "the clip needs frame"),
        ("video", "videos/none.mp4", "no video at"),
        ("video", "../clips.csv", "outside the data set's root"),
        ("split", "train", "splits must not share a subject"),
    ],
)
def test_a_bad_row_is_named(own: Path, call, column: str, value: str, expected: str) -> None:
    edit(own, column, value)
    said = call(*words(own), expect=2).stderr.strip()
    assert expected in said and len(said.splitlines()) == 1, said


@pytest.mark.parametrize("content", [b"", b"not a video"], ids=["zero bytes", "text"])
def test_a_file_that_is_no_video_is_named(own: Path, call, content: bytes) -> None:
    video = own / read_clips(own / "clips.csv")[0].video
    video.write_bytes(content)
    said = call(*words(own), expect=2).stderr.strip()
    assert str(video) in said and "--skip-bad" in said and len(said.splitlines()) == 1, said


def test_an_empty_split_is_named(own: Path, call) -> None:
    lines = (own / "clips.csv").read_text().splitlines()
    (own / "clips.csv").write_text("\n".join(line for line in lines if ",val," not in line) + "\n")
    assert "the val split of csv" in call(*words(own), expect=2).stderr


def test_missing_files_are_named(own: Path, call) -> None:
    (own / "classes.txt").unlink()
    assert "no file gives the classes' names; expected" in call(*words(own), expect=2).stderr
