"""The adapters of SMG, iMiGUE and MA-52 on mock copies: tables, splits, faults, and FG-SGL on each layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import copies
import numpy as np
import pytest

from fgsgl.data import datasets
from fgsgl.data.cache.contents import with_contents
from fgsgl.data.cache.frame_cache import open_cache
from fgsgl.data.cache.joint_cache import open_joints
from fgsgl.data.clip_faults import split_faults
from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.datasets import imigue
from fgsgl.data.datasets.base import deviations
from fgsgl.records.protocol import default_protocol
from fgsgl.testing.dataset_contract import examine
from fgsgl.util.errors import UserError

LAYOUTS = {
    "smg": (copies.smg, "smg", "official"),
    "smg drawn": (copies.smg, "smg", "drawn-val"),
    "smg miga": (copies.smg_miga, "smg", "official"),
    "smg cut": (copies.smg_cut, "smg", "official"),
    "imigue": (copies.imigue, "imigue", "official"),
    "imigue miga": (copies.imigue_miga, "imigue", "official"),
    "imigue hidden": (copies.imigue_hidden, "imigue", "drawn-test"),
    "imigue cut": (copies.imigue_cut, "imigue", "official"),
    "imigue numbered": (copies.imigue_numbered, "imigue", "official"),
    "ma52": (copies.ma52, "ma52", "subjects"),
    "ma52 official": (copies.ma52, "ma52", "official"),
    "ma52 challenge": (copies.ma52_challenge, "ma52", "subjects"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a layout's mock copy, built once."""
    built: dict[Callable, Path] = {}

    def find(layout: str) -> Path:
        build = LAYOUTS[layout][0]
        if build not in built:
            built[build] = build(tmp_path_factory.mktemp("copy of data") / build.__name__)
        return built[build]

    return find


def load(root: Path, layout: str, seed: int = 0):
    _, dataset, preset = LAYOUTS[layout]
    return datasets.get(dataset, preset).load(root, preset, seed)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_splits_share_no_subject_and_the_seed_draws_the_validation(copy, layout) -> None:
    tables = [load(copy(layout), layout, seed) for seed in range(8)]
    subjects = [{s: {c.subject for c in t.split(s)} for s in ("train", "val", "test")} for t in tables]
    for found in subjects:
        assert not found["train"] & found["val"]
        assert layout == "ma52 official" or not (found["train"] | found["val"]) & found["test"]
    if LAYOUTS[layout][1:] == ("smg", "official"):
        assert all(found["val"] == {"31"} for found in subjects), "the release's own validation people"
        return
    assert len({frozenset(found["val"]) for found in subjects}) > 1
    assert tables[0].fingerprint() == load(copy(layout), layout).fingerprint() != tables[1].fingerprint() or (
        subjects[0] == subjects[1]
    )


WITHOUT = {
    "smg cut": {"skeletons"},
    "imigue": {"skeletons", "challenge"},
    "imigue cut": {"skeletons", "challenge"},
    "imigue numbered": {"skeletons"},
}
"""Capabilities of a data set that a layout's copies have no files for, or that its challenge does not take."""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_keeps_the_contract(copy, layout) -> None:
    _, dataset, preset = LAYOUTS[layout]
    findings = list(examine(DataSpec(dataset=dataset, preset=preset, root=copy(layout))))
    assert {finding.check for finding in findings if not finding.ok} == WITHOUT.get(layout, set()), findings
    assert all(finding.promise and finding.detail for finding in findings)


@pytest.mark.slow  # in every run, test_submit.py trains on MA-52
@pytest.mark.parametrize("layout", LAYOUTS)
def test_fgsgl_trains_on_every_layout(copy, layout, tmp_path: Path, call) -> None:
    _, dataset, preset = LAYOUTS[layout]
    answer = call(
        "-m", "fgsgl", "run", "--dataset", dataset, "--preset", preset, "--root", copy(layout), "--out",
        tmp_path / "board", "--epochs", "1", "--batch-size", "8", "--device", "cpu",
    )  # fmt: skip
    said = " ".join(answer.stdout.split())
    if layout not in ("imigue cut", "imigue numbered"):
        assert "the release " in said, "deviations from the official counts are printed"
    assert ("may share a person" in said) == (dataset == "imigue" and layout != "imigue")
    assert ("are trained on" in said) == (layout == "ma52 official")
    records = [json.loads(path.read_text()) for path in (tmp_path / "board" / "ledger").glob("*.json")]
    done = next(record for record in records if record["method"] == "fgsgl")
    assert ("f1_mean" in done["metrics"]) == (dataset == "ma52")
    heading = next(
        line for line in (tmp_path / "board" / "leaderboard.md").read_text().splitlines() if "| Method" in line
    )
    assert ("| F1 mean % |" in heading) == (dataset == "ma52")
    assert done["metrics"]["n_clips"] == len(load(copy(layout), layout).split("test"))


def joints_of(table: ClipTable, clip: Clip) -> np.ndarray:
    offered = datasets.get(table.dataset).skeletons
    (file,) = offered.files(table, [clip])
    return offered.read(file, clip)


def test_smg_reads_its_labels_and_frames_as_they_are_meant(copy) -> None:
    table = load(copy("smg"), "smg")
    assert len(table.clips) == 6 * 9 and {c.subject for c in table.split("test")} == {"36", "40"}
    clip = next(clip for clip in table.clips if clip.clip_id == "Sample0001_12_23")
    assert (clip.label, clip.start_frame, clip.end_frame, clip.fps) == (1, 12, 24, 28.0)
    assert any(
        "54 clips" in line or "18 test clips, the release 610" in line
        for line in deviations(table, datasets.get("smg").official_counts(table.root, "official"))
    )
    joints_TJ3 = joints_of(table, clip)
    assert joints_TJ3.shape == (12, 25, 3)
    assert joints_TJ3[0, 2] == pytest.approx([12.022, 12.023, 12.024])


def test_smg_captions_are_names_or_numbers(copy) -> None:
    labels = {clip.clip_id: clip.label for clip in load(copy("smg cut"), "smg cut").clips}
    assert [labels[f"Sample0036_{k}_{k + 15}"] for k in (0, 100, 200)] == [2, 15, 6]


def test_imigue_illustrative_gestures_and_subjects(copy) -> None:
    table = load(copy("imigue"), "imigue")
    assert sum(clip.label == 31 for clip in table.clips) == 6
    assert {clip.subject for clip in table.split("test")} == {"01", "03"}
    miga = load(copy("imigue miga"), "imigue miga")
    assert {clip.subject for clip in miga.split("test")} == {"video 0004", "video 0005"}


def test_ma52_protocols(copy) -> None:
    official = load(copy("ma52 official"), "ma52 official")
    assert {c.video.split("/")[0] for c in official.split("test")} == {"val"} and official.caveats
    subjects = load(copy("ma52"), "ma52")
    assert {c.video.split("/")[0] for c in subjects.split("test")} == {"train", "val"} and not subjects.caveats
    assert len(subjects.clips) == len(official.clips) == 48
    groups = datasets.get("ma52").groups
    assert len(groups) == 52 and [groups[label] for label in (4, 5, 10, 11, 47, 48, 51)] == [0, 1, 1, 2, 5, 6, 6]


def write(path: Path, content: str) -> None:
    path.write_text(content)


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def copy_of(path: Path, other: Path) -> None:
    other.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, other)


FAULTS = {
    "wrong root": ("smg", lambda root: empty(root / "none of it"), "expected, at any depth, Sample0001_fine"),
    "no root": ("smg", lambda root: root / "none", "no folder at"),
    "no video": ("smg", lambda root: (root / "Sample0002/Sample0002_color.mp4").unlink(), "(videos: FOLDER)"),
    "two videos": ("smg", lambda root: copy_of(
        root / "Sample0002/Sample0002_color.mp4", root / "b/Sample0002_color.avi"), "Sample0002 has 2 videos"),
    "two tables of SMG": ("smg miga", lambda root: copy_of(
        next(root.glob("**/Sample0031_finelabels.csv")), root / "old/Sample0031_finelabels.csv"),
        "Sample0031 has 2 label tables"),
    "two tables": ("imigue miga", lambda root: copy_of(
        next(root.glob("**/0002_label.csv")), root / "train/0002_label.csv"), "recording 0002 has 2 label tables"),
    "two videos of iMiGUE": ("imigue miga", lambda root: copy_of(
        next(root.glob("**/0002.mp4")), root / "more/0002.mp4"), "recording 0002 has 2 videos"),
    "two lists": ("ma52", lambda root: copy_of(
        root / "val_list_videos.txt", root / "old/val_list_videos.txt"), "expected one val_list_videos.txt"),
    "a clip of another split": ("ma52", lambda root: (root / "train/0001_01_0000.mp4").rename(
        root / "val/0001_01_0000.mp4") and None, "only val/0001_01_0000.mp4 of another split"),
    "a clip twice": ("ma52", lambda root: copy_of(
        root / "train/0001_01_0000.mp4", root / "more/train/0001_01_0000.mp4"), "is 2 videos below"),
    "a table of no split": ("imigue miga", lambda root: (root / "imigue_data_phase1").rename(root / "x") and (
        root / "x/datasets/imigue_skeleton_train").rename(root / "x/datasets/some") and None, "says train or test"),
    "label 99": ("smg", lambda root: write(root / "Sample0002/Sample0002_finelabels.csv", "99,0,9\n"), "label 99"),
    "label of words": ("smg", lambda root: write(root / "Sample0002/Sample0002_finelabels.csv", "a,0,9\n"), "line 1"),
    "two columns": ("smg", lambda root: write(root / "Sample0002/Sample0002_finelabels.csv", "\n1,0\n"), "line 2"),
    "two tables of cut clips": ("smg cut", lambda root: copy_of(
        root / "training_clips/clip.csv", root / "old/training_clips/clip.csv"),
        "expected one training_clips/clip.csv"),
    "a cut clip that is gone": ("smg cut", lambda root: next(
        root.glob("testing_clips/Sample0036_0_15.*")).unlink(), "no video 'Sample0036_0_15.MP4' of the test list"),
    "unknown setting": ("smg", lambda root: write(root / "fgsgl.yaml", "video: x"), "did you mean videos"),
    "a folder that is none": ("smg", lambda root: write(root / "fgsgl.yaml", "labels: ../none"), "there is no folder"),
    "raw label 32": ("imigue", lambda root: write(
        root / "Label/labels_20200831.csv", "video_id,class,start_frame,end_frame,subject_id\n1,32,0,9,2\n"
    ), "label 32, expected 1..31, or 99"),
    "no column": ("imigue", lambda root: write(root / "Label/labels_20200831.csv", "video_id,class\n"), "start_frame"),
    "no layout": ("imigue", lambda root: (root / "Label/labels_20200831.csv").unlink(), "no iMiGUE at"),
    "no list": ("ma52", lambda root: (root / "val_list_videos.txt").unlink(), "expected one val_list_videos.txt"),
    "label 52": ("ma52", lambda root: write(root / "val_list_videos.txt", "0001_01_0003.mp4 52\n"), "label 52"),
    "half": ("ma52", lambda root: (root / "val/0001_01_0003.mp4").unlink(), "half an extraction?"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_copy_is_named(fault, tmp_path: Path) -> None:
    layout, damage, says = FAULTS[fault]
    root = LAYOUTS[layout][0](tmp_path / "copy")
    root = damage(root) or root
    with pytest.raises(UserError) as error:
        load(root, layout)
    assert says in str(error.value) and str(root) in str(error.value)


def test_each_kind_of_file_may_lie_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """Videos and skeletons outside of the root; frames, checks and joints are read from there."""
    root = copies.smg(tmp_path / "copy")
    before = with_contents(load(root, "smg")).contents
    for folder in sorted(root.iterdir()):
        for kind in ("color.mp4", "skeleton.csv"):
            (tmp_path / kind).mkdir(exist_ok=True)
            (folder / f"{folder.name}_{kind}").rename(tmp_path / kind / f"{folder.name}_{kind}")
    write(root / "fgsgl.yaml", f"videos: ../color.mp4\nskeletons: {tmp_path}/skeleton.csv\n")
    table = load(root, "smg")
    assert table.clips[0].video == "Sample0001_color.mp4" and table.root == root
    assert table.path(table.clips[0]) == root / "../color.mp4/Sample0001_color.mp4"
    assert joints_of(table, table.clips[0]).shape == (12, 25, 3)
    assert set(with_contents(table).contents.values()) == set(before.values())
    assert not open_cache(table, 2, 32).bad


def test_a_frame_range_past_the_end_is_named_when_frames_are_read(tmp_path: Path, call) -> None:
    root = copies.smg(tmp_path / "copy")
    write(root / "Sample0036/Sample0036_finelabels.csv", "1,0,9\n2,110,140\n")
    words = ("-m", "fgsgl", "run", "--dataset", "smg", "--root", root, "--out", tmp_path / "o", "--methods", "majority")
    said = call(*words, expect=2).stderr
    assert "ends after 120 frames" in said and "--skip-bad" in said
    assert "Majority" in call(*words, "--skip-bad").stdout


def test_indexing_touches_no_video(tmp_path: Path, monkeypatch) -> None:
    """How long 20,000 clips take is measured by ``benchmarks/index_time.py``."""
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        names = [f"{n % 186:04d}_{n:05d}.mp4" for n in range(1_000)]
        for name in names:
            (tmp_path / split / name).touch()
        write(tmp_path / f"{split}_list_videos.txt", "".join(f"{name} {n % 52}\n" for n, name in enumerate(names)))
    monkeypatch.setattr("av.open", lambda *_, **__: pytest.fail("a video was opened"))
    assert len(load(tmp_path, "ma52").clips) == 2_000


def test_hidden_test_labels_are_never_scored_nor_trained_on(copy) -> None:
    root = copy("imigue hidden")
    official = load(root, "imigue miga")
    assert {clip.label for clip in official.split("test")} == {None}
    (fault,) = split_faults(official)
    assert "hides the labels of its 10 clips" in fault.what
    protocol = default_protocol("imigue", root=root)
    assert protocol.preset == "drawn-test" and protocol.hash() != default_protocol("imigue", "official").hash()
    table = load(root, "imigue hidden")
    assert {clip.video.split("/")[0] for clip in table.clips} == {"imigue_rgb_phase1"}
    assert len(table.clips) == 4 * 5 and len({clip.label for clip in table.clips}) > 10
    assert any("the labels of the release's 10 test clips are hidden" in line for line in table.caveats)
    assert default_protocol("imigue", root=copy("imigue miga")).preset == "official"
    hidden = DataSpec(dataset="imigue", preset="drawn-test", root=root).hidden()
    assert not open_cache(hidden, 2, 32).bad
    assert [clip.clip_id for clip in hidden.clips] == [f"000{v}_{k}" for v in (4, 5) for k in range(5)]


@pytest.mark.parametrize("filler", ["", "-1"])
def test_blank_and_negative_test_labels_are_hidden_ones(tmp_path: Path, filler: str) -> None:
    root = copies.imigue_miga(tmp_path)
    for table in (root / copies.MIGA_TABLES["test"]).glob("*/*_label.csv"):
        write(table, "".join(f"{filler},{15 * k},{15 * k + 14}\n" for k in range(5)))
    assert {clip.label for clip in load(root, "imigue miga").split("test")} == {None}
    assert default_protocol("imigue", root=root).preset == "drawn-test"
    table = next((root / copies.MIGA_TABLES["train"]).glob("*/*_label.csv"))
    write(table, f"{filler},0,14\n")
    with pytest.raises(UserError, match=r"_label\.csv, line 1: .*expected"):
        load(root, "imigue hidden")


def test_a_validation_list_without_labels_is_no_training_data(tmp_path: Path) -> None:
    root = copies.ma52(tmp_path)
    names = [line.split()[0] for line in (root / "val_list_videos.txt").read_text().splitlines()]
    write(root / "val_list_videos.txt", "".join(f"{name} 0\n" for name in names))
    table = load(root, "ma52")
    assert len(table.clips) == 24 and all(clip.video.startswith("train/") for clip in table.clips)
    assert any("hides its labels" in line for line in table.caveats)
    asked = datasets.get("ma52").challenge.form("val")
    assert [clip.clip_id for clip in asked.hidden(root).clips] == names
    assert split_faults(load(root, "ma52 official"))


@pytest.mark.parametrize("filler", ["0", "99", "?"])
@pytest.mark.parametrize(("build", "dataset"), [(copies.smg, "smg"), (copies.imigue_miga, "imigue")])
def test_one_label_in_every_test_row_hides_theirs_though_it_is_no_class(tmp_path: Path, build, dataset, filler) -> None:
    root = build(tmp_path)
    for table in root.glob("**/*labels.csv" if dataset == "smg" else "imigue_data_phase2/**/*_label.csv"):
        if dataset == "imigue" or table.name > "Sample0036":
            write(table, "".join(f"{filler},{12 * k},{12 * k + 11}\n" for k in range(5)))
    assert default_protocol(dataset, root=root).preset == "drawn-test"
    table = datasets.get(dataset).load(root, "drawn-test", 0)
    assert all(clip.label is not None for clip in table.clips)
    assert f"every test clip has the label {filler}, which is taken to hide theirs" in table.notes


@pytest.mark.parametrize("ending", ["", " -1", "\t-1", " 7"])
def test_a_validation_list_of_MA52_may_hide_its_labels_in_several_ways(tmp_path: Path, ending: str) -> None:
    root = copies.ma52(tmp_path)
    names = [line.split()[0] for line in (root / "val_list_videos.txt").read_text().splitlines()]
    write(root / "val_list_videos.txt", "".join(f"{name}{ending}\n" for name in names))
    table = load(root, "ma52")
    assert len(table.clips) == 24 and any("hides its labels" in line for line in table.caveats)


@pytest.mark.parametrize(
    ("build", "dataset", "parts"),
    [(copies.smg_miga, "smg", ("SMG_RGB_Phase2", "smg_data_phase2")), (copies.smg_miga, "smg", ("smg_data_phase2",)),
     (copies.smg_cut, "smg", ("testing_clips",)), (copies.imigue_numbered, "imigue", ("test", "test.txt")),
     (copies.imigue_miga, "imigue", ("imigue_rgb_phase2", "imigue_data_phase2"))],
)  # fmt: skip
def test_phase_1_alone_is_tested_on_drawn_people(tmp_path: Path, build, dataset: str, parts: tuple[str, ...]) -> None:
    root = build(tmp_path)
    for part in parts:
        shutil.rmtree(root / part) if (root / part).is_dir() else (root / part).unlink()
    assert default_protocol(dataset, root=root).preset == "drawn-test"
    table = datasets.get(dataset).load(root, "drawn-test", 0)
    assert not split_faults(table) and any("this copy has no test clips" in line for line in table.caveats)


def test_a_video_without_labels_is_said(tmp_path: Path) -> None:
    root = copies.imigue_miga(tmp_path / "miga")
    next(root.glob("**/0003_label.csv")).unlink()
    said = "1 video(s) have no label table and are left out: recording 0003"
    assert said in load(root, "imigue miga").notes
    full = copies.imigue(tmp_path / "full")
    table = full / "Label/labels_20200831.csv"
    write(table, "".join(row for row in table.read_text().splitlines(keepends=True) if not row.startswith("3,")))
    assert said in load(full, "imigue").notes


@pytest.mark.parametrize("layout", ["smg cut", "imigue cut"])
def test_cut_clips_have_no_skeletons(copy, layout: str) -> None:
    table = load(copy(layout), layout)
    with pytest.raises(UserError, match="are cut files, and skeletons are of whole recordings"):
        joints_of(table, table.clips[0])


def test_a_label_table_without_rows_is_said(tmp_path: Path) -> None:
    root = copies.smg(tmp_path)
    write(root / "Sample0002/Sample0002_finelabels.csv", "\n")
    notes = load(root, "smg").notes
    assert "1 label table(s) hold no clip: Sample0002/Sample0002_finelabels.csv" in notes


def clips_of(root: Path, layout: str) -> list[tuple]:
    """What is read of each clip, whatever the case of its files."""
    found = load(root, layout).clips
    return sorted(
        (c.clip_id, c.video.casefold(), c.start_frame, c.end_frame, c.label, c.subject, c.split) for c in found
    )


def rewrite_tables(root: Path, change: Callable[[str], str]) -> None:
    for path in root.rglob("*"):
        if path.suffix == ".txt" or path.name.endswith(("label.csv", "labels.csv", "0831.csv")):
            path.write_bytes(change(path.read_bytes().decode().replace("\r\n", "\n")).encode())


OTHER_SPELLINGS: dict[str, Callable[[str], str]] = {
    "tabs": lambda text: text.replace(", ", ",").replace(",", "\t").replace(".mp4 ", ".mp4\t"),
    "semicolons": lambda text: text.replace(",", ";").replace(".mp4 ", ".mp4;"),
    "marks and ends": lambda text: "\ufeff\n\n" + text.replace("\n", "  \r\n"),
}


@pytest.mark.parametrize("layout", ["smg miga", "imigue", "imigue hidden", "imigue numbered", "ma52"])
@pytest.mark.parametrize("spelling", OTHER_SPELLINGS)
def test_tables_parted_otherwise_read_the_same(copy, tmp_path: Path, layout: str, spelling: str) -> None:
    shutil.copytree(copy(layout), root := tmp_path / "copy")
    rewrite_tables(root, OTHER_SPELLINGS[spelling])
    assert clips_of(root, layout) == clips_of(copy(layout), layout)


@pytest.mark.parametrize(
    "layout", ["smg miga", "smg cut", "imigue", "imigue hidden", "imigue numbered", "ma52", "ma52 challenge"]
)
def test_names_of_files_and_folders_may_be_of_any_case(copy, tmp_path: Path, layout: str) -> None:
    shutil.copytree(copy(layout), root := tmp_path / "copy")
    for path in sorted(root.rglob("*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(path.name.upper()))
    assert clips_of(root, layout) == clips_of(copy(layout), layout)
    told = [sum("validation" in note for note in load(place, layout).notes) for place in (root, copy(layout))]
    assert told[0] == told[1]


@pytest.mark.parametrize("before", ["/data/MA-52/videos_{}/", "./{}/", "D:\\MA-52\\{}\\"])
def test_lists_may_name_folders_of_another_machine_and_videos_of_another_ending(tmp_path: Path, before: str) -> None:
    root = copies.ma52(tmp_path / "test copy")  # the folders nearest to a video say its split
    wanted = clips_of(root, "ma52")
    for split in ("train", "val"):
        path = root / f"{split}_list_videos.txt"
        rows = [before.format(split) + row.replace(".mp4", ".AVI") for row in path.read_text().splitlines()]
        write(path, "\n".join(rows))
    assert clips_of(root, "ma52") == wanted
    copy_of(root / "train/0001_01_0000.mp4", root / "small/train/0001_01_0000.mkv")
    with pytest.raises(UserError, match=r"is 2 videos below"):
        load(root, "ma52")
    write(root / "train_list_videos.txt", (root / "train_list_videos.txt").read_text().replace(".AVI", ".mp4"))
    assert clips_of(root, "ma52") == wanted, "the ending that the list names"
    shutil.rmtree(root / "small")
    root.rename(tmp_path / "a")
    (tmp_path / "a").rename((tmp_path / "b").mkdir() or tmp_path / "b" / "test set")
    found = clips_of(tmp_path / "b", "ma52")
    assert [row[1].removeprefix("test set/") for row in found] == [row[1] for row in wanted]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[:3] + rows[5:], "line 4: the index is 5, expected 3"),
        (lambda rows: rows[::-1], "the index begins with 89, expected 0 or 1"),
        (lambda rows: rows[5:], "the index begins with 5, expected 0 or 1"),
        (lambda rows: [*rows[:4], rows[5], rows[4], *rows[6:]], "line 5: the index is 5, expected 4"),
    ],
)
def test_a_skeleton_whose_rows_are_not_the_frames_is_refused(copy, tmp_path: Path, change, says: str) -> None:
    """Each later frame would get the joints of another one."""
    table = load(copy("imigue miga"), "imigue miga")
    copies.light_hand(tmp_path / "0001_light_hand.csv", 90, header=False)
    rows = (tmp_path / "0001_light_hand.csv").read_text().splitlines()
    write(tmp_path / "0001_light_hand.csv", "\n".join(change(rows)))
    with pytest.raises(UserError) as error:
        datasets.get("imigue").skeletons.read(tmp_path / "0001_light_hand.csv", table.clips[0])
    assert says in str(error.value)
    counted = [f"{1 + int(row.partition(',')[0])},{row.partition(',')[2]}" for row in rows]
    write(tmp_path / "0001_light_hand.csv", "\n".join(counted))
    joints_TJ3 = datasets.get("imigue").skeletons.read(tmp_path / "0001_light_hand.csv", table.clips[0])
    assert joints_TJ3[:, 0, 0].tolist() == list(range(15)), "an index from 1 counts the same rows"


def test_a_header_of_a_table_without_an_index_is_no_frame(tmp_path: Path) -> None:
    root = copies.smg(tmp_path)
    table = load(root, "smg")
    path = root / "Sample0001/Sample0001_skeleton.csv"
    frames = path.read_text()
    for header in (range(275), [f"v{column}" for column in range(275)]):
        write(path, ",".join(map(str, header)) + "\n" + frames)
        assert joints_of(table, table.clips[0])[0, 0] == pytest.approx([0, 0.001, 0.002])


def test_the_validation_folder_of_miga_is_passed_over_and_said(copy) -> None:
    table = load(copy("imigue miga"), "imigue miga")
    assert [clip.clip_id for clip in table.clips if clip.clip_id.startswith("0001")] == [f"0001_{k}" for k in range(5)]
    assert "the validation folder is ignored: its 1 recordings are training recordings" in table.notes
    assert any("validate.txt" in line for line in load(copy("imigue numbered"), "imigue numbered").notes)


def test_imigue_reads_the_joints_of_the_upper_body_alone(copy) -> None:
    """Joint j of a frame t stands at (t + 10 j, 500 + 10 j); files of even recordings have a header."""
    table = load(copy("imigue miga"), "imigue miga")
    wanted = [*range(8), *range(15, 19), *range(25, 35)]
    for clip_id, start in (("0001_1", 15), ("0002_0", 0), ("0004_2", 30)):
        joints_TJ3 = joints_of(table, next(clip for clip in table.clips if clip.clip_id == clip_id))
        assert joints_TJ3.shape == (15, 22, 3)
        assert joints_TJ3[0, :, 0].tolist() == [start + 10 * joint for joint in wanted]
        assert joints_TJ3[14, :, 1].tolist() == [500 + 10 * joint for joint in wanted]
        assert (joints_TJ3[..., 2] == 0.5).all()


def test_a_skeleton_that_ends_early_is_missing_there(copy, tmp_path: Path) -> None:
    """Recording 0006 has 50 frames of joints, and labels up to frame 74."""
    table = load(copy("imigue miga"), "imigue miga")
    joints_TJ3 = joints_of(table, next(clip for clip in table.clips if clip.clip_id == "0006_3"))
    assert np.isfinite(joints_TJ3[:5]).all() and np.isnan(joints_TJ3[5:]).all()
    for content in ("", "," + ",".join(map(str, range(105))) + "\n"):
        write(tmp_path / "a.csv", content)
        assert np.isnan(datasets.get("imigue").skeletons.read(tmp_path / "a.csv", table.clips[0])).all()
    joints_NKJ3 = open_joints(table, 2)
    rows = [n for n, clip in enumerate(table.clips) if clip.clip_id == "0006_4"]
    assert (joints_NKJ3[rows] == 0).all(), "a clip without joints has no confidence anywhere"


@pytest.mark.parametrize(
    ("points", "says"), [(137, "all 137 points of OpenPose"), (25, "25 points"), (34, "expected 106")]
)
def test_other_skeletons_than_iMiGUEs_are_refused(copy, tmp_path: Path, points: int, says: str) -> None:
    path = tmp_path / "0001_light_hand.csv"
    np.savetxt(path, np.ones((20, 1 + 3 * points)), delimiter=",", fmt="%g")
    with pytest.raises(UserError) as error:
        datasets.get("imigue").skeletons.read(path, load(copy("imigue miga"), "imigue miga").clips[0])
    assert says in str(error.value) and f"{1 + 3 * points} columns" in str(error.value)


def test_workbooks_of_skeletons_are_refused_by_name(copy) -> None:
    root = copy("imigue")
    (root / "mg_skeleton_only" / "0001").mkdir(parents=True)
    (root / "mg_skeleton_only" / "0001" / "0001_2.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"0001_2\.xlsx is a workbook, which is not read"):
        joints_of(table := load(root, "imigue"), table.clips[0])


def test_recordings_known_as_unusable_are_left_out_and_counted(tmp_path: Path) -> None:
    root = copies.imigue_miga(tmp_path)
    for old, new in (("0003", "0218"), ("0005", "0347")):
        for path in [*root.glob(f"**/{old}*")][::-1]:
            path.rename(path.with_name(path.name.replace(old, new)))
    table = load(root, "imigue miga")
    assert len(table.clips) == 5 * 5 - 5 and not any(clip.clip_id.startswith(("0218", "0347")) for clip in table.clips)
    assert any("10 clips of recordings that the official kit calls unusable are left out (0218, 0347)" in line
               for line in table.caveats)  # fmt: skip
    train, test = deviations(table, datasets.get("imigue").official_counts(root, "official"))
    assert train.endswith("15 training and validation clips, the release 13670; left out: 5 of recordings that the "
                          "official kit calls unusable")  # fmt: skip
    assert "5 test clips, the release 4562; left out: 5 of" in test
    assert not table.left_out[1:] and not load(copies.imigue(tmp_path / "full"), "imigue").left_out


def test_official_counts_of_smg_are_those_of_its_kit() -> None:
    """2,452 + 637 + 610 = 3,699."""
    assert datasets.get("smg").official_counts(Path(), "official") == {"train": 3089, "test": 610, "subjects": 40}


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout.startswith("imigue")])
def test_official_counts_of_imigue_read_no_table(copy, layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imigue, "find_rows", None)
    found = dict(datasets.get("imigue").official_counts(copy(layout), "official"))
    assert found == (
        {} if layout in ("imigue cut", "imigue numbered")
        else {"train": 13936, "test": 4563, "subjects": 72} if layout == "imigue"
        else {"train": 13670, "test": 4562}
    )  # fmt: skip
