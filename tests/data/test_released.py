"""The adapters of SMG, iMiGUE and MA-52 on mock copies: tables, splits, faults, and FG-SGL on each layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import copies
import numpy as np
import pytest

from fgsgl.data import datasets
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.datasets.base import deviations
from fgsgl.testing.dataset_contract import examine
from fgsgl.util.errors import UserError

LAYOUTS = {
    "smg": (copies.smg, "smg", "official"),
    "smg cut": (copies.smg_cut, "smg", "official"),
    "imigue": (copies.imigue, "imigue", "official"),
    "imigue miga": (copies.imigue_miga, "imigue", "official"),
    "imigue cut": (copies.imigue_cut, "imigue", "official"),
    "ma52": (copies.ma52, "ma52", "subjects"),
    "ma52 official": (copies.ma52, "ma52", "official"),
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
    assert len({frozenset(found["val"]) for found in subjects}) > 1
    assert tables[0].fingerprint() == load(copy(layout), layout).fingerprint() != tables[1].fingerprint() or (
        subjects[0] == subjects[1]
    )


WITHOUT = {
    "smg cut": {"skeletons"},
    "imigue": {"skeletons", "challenge"},
    "imigue cut": {"skeletons", "challenge"},
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
    if layout not in ("imigue cut",):
        assert "the release " in said, "deviations from the official counts are printed"
    assert ("may share a person" in said) == (layout in ("imigue miga", "imigue cut"))
    assert ("are trained on" in said) == (layout == "ma52 official")
    records = [json.loads(path.read_text()) for path in (tmp_path / "board" / "ledger").glob("*.json")]
    done = next(record for record in records if record["method"] == "fgsgl")
    assert ("f1_mean" in done["metrics"]) == (dataset == "ma52") == ("F1 mean" in said)
    assert done["metrics"]["n_clips"] == len(load(copy(layout), layout).split("test"))


def test_smg_reads_its_labels_and_frames_as_they_are_meant(copy) -> None:
    table = load(copy("smg"), "smg")
    assert len(table.clips) == 6 * 9 and {c.subject for c in table.split("test")} == {"36", "40"}
    clip = next(clip for clip in table.clips if clip.clip_id == "Sample0001_12_23")
    assert (clip.label, clip.start_frame, clip.end_frame, clip.fps) == (1, 12, 24, 28.0)
    assert any(
        "54 clips" in line or "18 test clips, the release 610" in line
        for line in deviations(table, datasets.get("smg").official_counts(table.root, "official"))
    )
    joints_TJ3 = datasets.get("smg").skeletons.read(table.root, clip)
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
    joints_TJ3 = datasets.get("imigue").skeletons.read(miga.root, next(c for c in miga.clips if c.clip_id == "0004_1"))
    assert joints_TJ3.shape == (15, 22, 3) and np.array_equal(joints_TJ3[0, 1], [15004, 15005, 15006])


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


FAULTS = {
    "wrong root": ("smg", lambda root: root / "Sample0001", "expected folders Sample0001"),
    "no root": ("smg", lambda root: root / "none", "no folder at"),
    "no video": ("smg", lambda root: (root / "Sample0002/Sample0002_color.mp4").unlink(), "video_pattern"),
    "label 99": ("smg", lambda root: write(root / "Sample0002/Sample0002_finelabels.csv", "99,0,9\n"), "label 99"),
    "label of words": ("smg", lambda root: write(root / "Sample0002/Sample0002_finelabels.csv", "a,0,9\n"), "line 1"),
    "two columns": ("smg", lambda root: write(root / "Sample0002/Sample0002_finelabels.csv", "\n1,0\n"), "line 2"),
    "unknown setting": ("smg", lambda root: write(root / "fgsgl.yaml", "video_patern: x"), "video_pattern"),
    "bad pattern": ("smg", lambda root: write(root / "fgsgl.yaml", "video_pattern: '{smaple}.mp4'"), "{sample}"),
    "bad pattern of an optional file": (
        "smg",
        lambda root: write(root / "fgsgl.yaml", "info_pattern: '{smaple}.csv'"),
        "{sample}",
    ),
    "raw label 32": ("imigue", lambda root: write(
        root / "Label/labels_20200831.csv", "video_id,class,start_frame,end_frame,subject_id\n1,32,0,9,2\n"
    ), "label 32, expected 1..31, or 99"),
    "no column": ("imigue", lambda root: write(root / "Label/labels_20200831.csv", "video_id,class\n"), "start_frame"),
    "no layout": ("imigue", lambda root: (root / "Label/labels_20200831.csv").unlink(), "no iMiGUE at"),
    "no list": ("ma52", lambda root: (root / "val_list_videos.txt").unlink(), "list_pattern"),
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


def test_a_setting_moves_the_files(tmp_path: Path) -> None:
    root = copies.smg(tmp_path / "copy")
    for folder in root.iterdir():
        (folder / f"{folder.name}_color.mp4").rename(root / f"{folder.name} rgb.mp4")
    write(root / "fgsgl.yaml", "video_pattern: '{sample} rgb.mp4'\n")
    assert load(root, "smg").clips[0].video == "Sample0001 rgb.mp4"


def test_a_frame_range_past_the_end_is_named_when_frames_are_read(tmp_path: Path, call) -> None:
    root = copies.smg(tmp_path / "copy")
    write(root / "Sample0036/Sample0036_finelabels.csv", "1,0,9\n2,110,140\n")
    words = (
        "-m",
        "fgsgl.cli.main",
        "run",
        "--dataset",
        "smg",
        "--root",
        root,
        "--out",
        tmp_path / "o",
        "--methods",
        "majority",
    )
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
