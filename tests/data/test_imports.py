"""MMAction2's lists, folders of frames and pickles of skeletons become tables that are loaded, checked and read."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import copies
import numpy as np
import pytest
from PIL import Image

from fgsgl.cli.main import main
from fgsgl.data.cache.contents import contents, file_state
from fgsgl.data.cache.frame_cache import open_cache
from fgsgl.data.cache.joint_cache import open_joints
from fgsgl.data.cache.video_facts import video_facts
from fgsgl.data.clip_faults import split_faults
from fgsgl.data.clip_table import ClipTable
from fgsgl.data.data_spec import DataSpec, preset_of
from fgsgl.data.video.video_file import examine, probe, read_frames
from fgsgl.util.errors import UserError

SPLITS = ("train", "train", "val", "test")


def loaded(table: Path) -> ClipTable:
    return DataSpec.locate("csv", preset_of("csv", table), 0, table).load()


def frames(folder: Path, count: int = 6, first: int = 1, name: str = "img_{:05d}.jpg", side: int = 48) -> Path:
    """Pictures that get brighter by twenty with each frame."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        grey = np.full((side, side, 3), 20 * index, np.uint8)
        Image.fromarray(grey).save(folder / name.format(first + index), quality=95)
    return folder


@pytest.mark.parametrize(("name", "first"), [("img_{:05d}.jpg", 1), ("img_{:05d}.jpg", 0), ("{:d}.png", 1),
                                             ("frame{:06d}.JPEG", 0)])  # fmt: skip
def test_a_folder_of_frames_is_a_video(tmp_path: Path, name: str, first: int) -> None:
    folder = frames(tmp_path / "clip", 12, first, name)
    frames(folder, 12, first, "flow_x_{:05d}.jpg")
    (folder / "notes.txt").write_text("x")
    assert examine(folder).num_frames == 12 and (probe(folder).width, probe(folder).height) == (48, 48)
    greys_T = read_frames(folder, [0, 3, 11]).mean((1, 2, 3))
    assert np.allclose(greys_T, [0, 60, 220], atol=2)


def test_a_turned_picture_is_shown_upright(tmp_path: Path) -> None:
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[:, :24] = 255  # bright on the left; turned clockwise, at the top
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "1.jpg", exif=exif)
    shown_HWC = read_frames(tmp_path, [0])[0]
    assert shown_HWC.shape == (48, 32, 3) and shown_HWC[:20].mean() > 200 > 50 > shown_HWC[-20:].mean()


def _damage(folder: Path) -> None:
    path = folder / "img_00003.jpg"
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "img_00003.jpg").unlink(), "lacks the picture img_3"),
        (lambda folder: (folder / "img_00001.jpg").unlink(), "lacks the picture img_1"),
        (lambda folder: frames(folder, 6, 1, "b_{:05d}.jpg"), "holds 2 series of pictures (b_, img_)"),
        (lambda folder: shutil.copy(folder / "img_00003.jpg", folder / "img_3.jpg"), "has frame 3 twice"),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "holds no picture"),
        (_damage, "img_00003.jpg cannot be read"),
        (lambda folder: (folder / "img_00003.jpg").write_bytes(b"GIF89a"), "img_00003.jpg cannot be read"),
    ],
)
def test_a_folder_with_a_gap_or_a_damaged_picture_is_named(tmp_path: Path, change, says: str) -> None:
    folder = frames(tmp_path / "clip")
    change(folder)
    with pytest.raises(UserError) as error:
        read_frames(folder, range(5))
    assert says in str(error.value) and str(folder) in str(error.value)


def test_a_folder_has_another_content_when_any_picture_changes(tmp_path: Path) -> None:
    folder = frames(tmp_path / "clip")
    before, state = contents(tmp_path, ["clip"]), file_state(folder)
    shutil.copytree(folder, tmp_path / "other")
    assert contents(tmp_path, ["other"])["other"] == before["clip"]
    shutil.copy(folder / "img_00001.jpg", folder / "img_00002.jpg")
    assert file_state(folder) != state and contents(tmp_path, ["clip"]) != before


def test_folders_of_frames_in_a_folder_a_class_are_indexed(tmp_path: Path, capsys) -> None:
    for person in range(4):
        for label in ("nod", "wave"):
            frames(tmp_path / label / f"p{person}_clip 1", 9)
    (tmp_path / "nod" / "empty").mkdir()
    assert main(["data", "index", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "8 clips" in said and "left out: nod/empty" in said
    assert loaded(tmp_path / "clips.csv").clips[0].video == "nod/p0_clip 1"


def lists(root: Path, *, folders: bool, end: str = "\n") -> list[Path]:
    """A list a split, of two classes and two clips each."""
    paths = []
    for split in ("train", "val", "test"):
        rows = []
        for person in range(3 if split == "train" else 1):
            for label in range(2):
                name = f"{split}/p{person} {label}" if folders else f"{split}/p{person}_{label}.mp4"
                if folders:
                    frames(root / name, 9)
                else:
                    copies.video(root / name, 12, 10 * person + label, side=48)
                rows.append(f"{name} 8 {label}" if folders else f"{name} {label}")
        paths.append(root / f"tiny_{split}_list_{'rawframes' if folders else 'videos'}.txt")
        paths[-1].write_bytes(end.join([*rows, ""]).encode())
    return paths


@pytest.mark.parametrize("folders", [False, True], ids=["videos", "rawframes"])
def test_mmactions_lists_are_a_table(tmp_path: Path, folders: bool, capsys) -> None:
    paths = lists(tmp_path / "data", folders=folders, end="\r\n" if folders else "\n")
    table = tmp_path / "tiny.csv"
    words = ["data", "import", "mmaction", *map(str, paths), "--videos", str(tmp_path / "data"), "--out", str(table)]
    assert main(words) == 0 and "10 clips" in capsys.readouterr().out
    found = loaded(table)
    assert not split_faults(found) and found.classes == ("class 0", "class 1")
    assert [clip.label for clip in found.clips] == [0, 1] * 5
    assert {clip.end_frame for clip in found.clips} == {8 if folders else 0}
    cache = open_cache(found, 2, 32)
    assert not cache.bad and cache.frames(found.clips[0].clip_id).shape == (4, 32, 32, 3)
    assert main(words) == 2 and "exists already" in capsys.readouterr().err
    paths[0].write_text("train/none.mp4 0\n")
    table.unlink()
    assert main(words) == 2
    assert "line 1: 'train/none.mp4 0': expected `video label`" in capsys.readouterr().err


def test_kinetics_table_is_read(tmp_path: Path, capsys) -> None:
    """Videos called by their id alone are the clip of two seconds, or hold it from the third second on."""
    rows = ["label,youtube_id,time_start,time_end,split"]
    for number, split in enumerate(("train", "train", "train", "validate", "test")):
        for label in ("nod head", "wave"):
            video = f"{split}-{number}{label[0]}"
            name = f"{video}_{3:06d}_{5:06d}.mp4" if number > 1 else f"{video}.mp4"
            copies.video(tmp_path / label / name, 150 if number else 50, 10 * number + len(label), side=48)
            rows.append(f"{label},{video},3,5,{split}")
    (tmp_path / "k.csv").write_text("\n".join(rows))
    words = ["data", "import", "mmaction", str(tmp_path / "k.csv")]
    assert main(words) == 0
    found = loaded(tmp_path / "clips.csv")
    assert len(found.clips) == 10 and found.classes == ("nod head", "wave") and not split_faults(found)
    assert found.clips[0].video == "nod head/train-0n.mp4"
    assert [(clip.start_frame, clip.end_frame) for clip in found.clips] == [(0, 0)] * 2 + [(75, 125)] * 2 + [(0, 0)] * 6
    (tmp_path / "clips.csv").unlink()
    copies.video(tmp_path / "wave" / "train-0w.mp4", 100, 1, side=48)
    assert main(words) == 2
    assert "train-0w.mp4 lasts 4.00 s: neither the clip from 3 s to 5 s, nor the whole" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["trainlist01", "testlist01"], "6 clips"),
        (["hmdb51_train_split_1", "hmdb51_val_split_1"], "val is the test split"),
        (["all"], "splits are drawn when the data are loaded"),
        (["a", "b"], "each must say train, val or test"),
        (["training_test", "val"], "says test and train; rename it"),
    ],
)
def test_the_split_of_a_list_is_in_its_name(tmp_path: Path, names: list[str], says: str, capsys) -> None:
    for number in range(6):
        copies.video(tmp_path / f"{number}.mp4", 8, number, side=48)
    for place, name in enumerate(names):
        rows = [f"{number}.mp4 {number % 2}" for number in range(6) if number % len(names) == place]
        (tmp_path / f"{name}.txt").write_text("\n".join(rows))
    main(["data", "import", "mmaction", *(str(tmp_path / f"{name}.txt") for name in names)])
    said = capsys.readouterr()
    assert says in said.out + said.err


def test_a_list_may_hide_labels_and_leaves_no_folder(tmp_path: Path, capsys) -> None:
    paths = lists(tmp_path / "data", folders=False)
    paths[2].write_text("".join(f"{row.rsplit(maxsplit=1)[0]} -1\n" for row in paths[2].read_text().splitlines()))
    words = ["data", "import", "mmaction", *map(str, paths)]
    assert main(words) == 0
    assert preset_of("csv", tmp_path / "data" / "clips.csv") == "drawn-test"
    assert main([*words, "--videos", str(tmp_path / "data" / "train"), "--out", str(tmp_path / "b.csv")]) == 2
    for name in (f"{tmp_path}/data/val/p0_0.mp4", "../val/p0_0.mp4"):
        paths[0].write_text(f"{name} 0\n")
        words = ["data", "import", "mmaction", str(paths[0]), "--videos", str(tmp_path / "data" / "train")]
        assert main([*words, "--out", str(tmp_path / "c.csv")]) == 2
        assert "lies outside" in capsys.readouterr().err
    paths[0].write_text("train/p0_0.mp4 10000\n")
    assert main(["data", "import", "mmaction", str(paths[0]), "--out", str(tmp_path / "data" / "d.csv")]) == 2
    assert "label 10000 in" in capsys.readouterr().err


def annotations(joints: int = 17, values: int = 2, people: int = 2) -> list[dict]:
    """Two clips of each of six people, the second person of each found better."""
    made = []
    for number in range(12):
        keypoint = np.random.default_rng(number).uniform(1, 40, (people, 10, joints, values)).astype(np.float16)
        score = np.linspace(0.2, 0.9, people)[:, None, None] * np.ones((people, 10, joints))
        made.append({"frame_dir": f"S001C001P{number // 2:03d}R001A{number % 2:03d}", "label": number % 2,
                     "total_frames": 10, "img_shape": (48, 48), "keypoint": keypoint,
                     **({"keypoint_score": score.astype(np.float16)} if values == 2 else {})})  # fmt: skip
    return made


def test_a_pickle_of_skeletons_is_a_data_set_with_its_layout(tmp_path: Path, capsys) -> None:
    made = annotations()
    names = [one["frame_dir"] for one in made]
    content = {"split": {"xsub_train": names[:8], "xsub_val": names[8:]}, "annotations": made}
    (tmp_path / "ntu.pkl").write_bytes(pickle.dumps(content))
    assert main(["data", "import", "skeletons", str(tmp_path / "ntu.pkl")]) == 0
    said = capsys.readouterr().out
    assert "layout coco17" in said and "val is the test split" in said and "12 clips" in said
    table = tmp_path / "ntu" / "clips.csv"
    assert preset_of("csv", table) == preset_of("csv", tmp_path / "ntu") == "coco17"
    lines = table.read_text().splitlines()
    assert lines[:2] == ["clip_id,skeleton,label,subject,split", f"{names[0]},skeletons/000000.npy,0,P000,train"]
    table.write_text("\n".join(lines).replace("P003,train", "P003,val"))
    found = loaded(table)
    assert not split_faults(found) and not found.has_videos and found.layout == "coco17"
    assert {clip.subject for clip in found.split("test")} == {"P004", "P005"}
    joints_NKJ3 = open_joints(found, 2)
    assert joints_NKJ3.shape == (12, 24, 17, 3) and np.isfinite(joints_NKJ3).all()
    assert np.allclose(joints_NKJ3[..., 2], 0.9, atol=1e-3), "the person who is found best"
    assert all(fact.num_frames == 10 and not fact.fault for fact in video_facts(found).values())
    (tmp_path / "ntu" / "skeletons" / "000003.npy").write_bytes(b"\x93NUMPY")
    (fault,) = [fact.fault for fact in video_facts(loaded(table)).values() if fact.fault]
    assert "000003.npy cannot be read" in fault


def test_joints_in_space_and_several_divisions(tmp_path: Path, capsys) -> None:
    made = annotations(25, 3, people=1)
    names = [one["frame_dir"] for one in made]
    split = {"xsub_train": names[:8], "xsub_val": names[8:], "xset_train": names[8:], "xset_val": names[:8]}
    content = {"split": split, "annotations": made}
    (tmp_path / "ntu.pkl").write_bytes(pickle.dumps(content))
    words = ["data", "import", "skeletons", str(tmp_path / "ntu.pkl")]
    assert main(words) == 2 and "several divisions: xsub, xset; name one" in capsys.readouterr().err
    assert main([*words, "--splits", "xset"]) == 2
    assert "name their layout with --layout: kinect25, openpose25" in capsys.readouterr().err
    assert main([*words, "--splits", "xset", "--layout", "openpose22", "--out", str(tmp_path / "b")]) == 2
    assert "25 joints, the layout has 22" in capsys.readouterr().err
    assert main([*words, "--splits", "xset", "--layout", "kinect25", "--out", str(tmp_path / "a")]) == 0
    assert ",P000,test" in (tmp_path / "a" / "clips.csv").read_text()


def imported(tmp_path: Path, content: object, *words: str) -> tuple[int, Path]:
    """The exit status of the import of a pickle, and the folder that it writes."""
    shutil.rmtree(tmp_path / "a", ignore_errors=True)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    return main(["data", "import", "skeletons", str(tmp_path / "a.pkl"), *words]), tmp_path / "a"


def test_depth_stays_where_a_pickle_has_scores_too(tmp_path: Path, capsys) -> None:
    made = annotations(25, 3)
    for one in made:
        one["keypoint_score"] = np.linspace(0.2, 0.9, 2)[:, None, None] * np.ones((2, 10, 25))
    status, folder = imported(tmp_path, made, "--layout", "kinect25")
    assert status == 0 and "12 clip(s) show several people" in capsys.readouterr().out
    joints_TJ3 = np.load(folder / "skeletons" / "000000.npy")
    assert np.array_equal(joints_TJ3, made[0]["keypoint"][1].astype(np.float32)), "of the person who is found best"
    status, folder = imported(tmp_path, annotations(25, 2), "--layout", "kinect25")
    assert status == 2 and "joints in the image, but the layout's are in space" in capsys.readouterr().err
    assert not folder.exists() and not list(tmp_path.glob("*.tmp")), "nothing half-written is left"


def test_frames_that_only_pad_a_clip_are_left_out(tmp_path: Path, capsys) -> None:
    made = annotations()
    made[0]["total_frames"] = np.int64(6)
    status, folder = imported(tmp_path, made)
    assert status == 0 and len(np.load(folder / "skeletons" / "000000.npy")) == 6
    made[0]["total_frames"] = 11
    assert imported(tmp_path, made)[0] == 2
    assert "annotation 0: total_frames is 11, but keypoint has 10 frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "words", "says"),
    [
        (("train1", "test1", "train2"), (), "several divisions: 1, 2; name one with --splits"),
        (("train1", "test1", "train2"), ("--splits", "1"), "4 annotation(s) are in none of the splits"),
        (("Training", "Validation", "testing"), (), "12 clips"),
        (("train", "val", "held-out"), (), "the split 'held-out'; expected train, val or test"),
        (("train", "lists", "val"), (), "the split 'lists'"),
    ],
)
def test_splits_of_a_pickle_are_read_or_refused(tmp_path: Path, names, words, says: str, capsys) -> None:
    made = annotations()
    parts = [[one["frame_dir"] for one in made[place : place + 4]] for place in (0, 4, 8)]
    imported(tmp_path, {"split": dict(zip(names, map(tuple, parts), strict=True)), "annotations": made}, *words)
    said = capsys.readouterr()
    assert says in said.out + said.err


def test_names_of_splits_without_an_annotation_are_counted(tmp_path: Path, capsys) -> None:
    made = annotations()
    split = {"train": [one["frame_dir"] for one in made], "val": ["gone 1", "gone 2"]}
    assert imported(tmp_path, {"split": split, "annotations": made})[0] == 0
    assert "2 name(s) of the splits have no annotation, such as 'gone 1'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one.update(keypoint=one["keypoint"] * np.inf), "a joint at infinity"),
        (lambda one: one.update(label=10_000), "expected a number from 0 to 9999"),
        (lambda one: one.update(label=True), "expected a number from 0"),
        (lambda one: one.update(keypoint=one["keypoint"] > 0), "keypoint holds bool"),
        (lambda one: one.update(keypoint=[1, 2]), "keypoint is list"),
        (lambda one: one.update(keypoint=np.ones((10, 17, 2))), "expected (people, frames, joints, 2 or 3)"),
        (lambda one: one.update(keypoint=np.ones((0, 10, 17, 2))), "nobody is in it"),
        (lambda one: one.update(keypoint_score=np.ones((2, 9, 17))), "keypoint_score does not fit"),
        (lambda one: one.update(label=-1), "a number from 0"),
        (lambda one: one.update(label="1"), "a number from 0"),
        (lambda one: one.update(label=10**12), "label 1000000000000; expected a number from 0 to 9999"),
        (lambda one: one.pop("frame_dir"), "frame_dir None"),
        (lambda one: one.update(frame_dir="S001C001P001R001A000"), "a name of its own"),
    ],
)
def test_annotations_that_are_none_are_refused(tmp_path: Path, change, says: str, capsys) -> None:
    made = annotations()
    change(made[5])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(made))
    assert main(["data", "import", "skeletons", str(tmp_path / "a.pkl")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "a").exists(), "else the corrected pickle could not be imported"


def test_clips_of_a_split_without_annotation_are_said(tmp_path: Path, capsys) -> None:
    made = annotations()
    names = [one["frame_dir"] for one in made]
    content = {"split": {"train": names[:8], "val": [*names[8:], "gone"]}, "annotations": made}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    assert main(["data", "import", "skeletons", str(tmp_path / "a.pkl")]) == 0
    assert "1 name(s) of the splits have no annotation, such as 'gone'" in capsys.readouterr().out


def test_a_class_file_with_too_few_names_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "two.txt").write_text("nod\nwave\n")
    made = annotations()
    made[0]["label"] = 2
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(made))
    words = ["data", "import", "skeletons", str(tmp_path / "a.pkl"), "--classes"]
    assert main([*words, str(tmp_path / "two.txt")]) == 2
    assert "the largest label is 2, but" in capsys.readouterr().err


def test_a_table_of_videos_may_have_skeletons(tmp_path: Path) -> None:
    rows = ["video,skeleton,label,subject,split"]
    for number, split in enumerate(SPLITS):
        copies.video(tmp_path / f"{number}.mp4", 12, number, side=48)
        np.save(tmp_path / f"{number}.npy", np.full((12, 18, 2), number + 1))
        rows.append(f"{number}.mp4,{number}.npy,{'nod' if number % 2 else 'wave'},p{number},{split}")
    (tmp_path / "my.csv").write_text("\n".join(rows))
    table = DataSpec.locate("csv", "openpose18", 0, tmp_path / "my.csv").load()
    assert table.has_videos and open_joints(table, 2).shape == (4, 24, 18, 3)
    with pytest.raises(UserError, match=r"has shape \(12, 18, 3\), expected one or more frames of \(17, 3\)"):
        open_joints(DataSpec.locate("csv", "coco17", 0, tmp_path / "my.csv").load(), 2)
    for third in (-0.5, 90.0):
        np.save(tmp_path / "1.npy", np.concatenate([np.ones((12, 18, 2)), np.full((12, 18, 1), third)], axis=2))
        with pytest.raises(UserError, match=r"1\.npy\) has .* as the third value of a joint, expected a confidence"):
            open_joints(table, 2)
    (tmp_path / "my.csv").write_text("\n".join(rows).replace("2.npy", "../2.npy"))
    with pytest.raises(UserError, match="lies outside the folder of the skeletons"):
        open_joints(table, 2)
