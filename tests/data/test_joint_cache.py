"""Skeletons: their layouts, their gaps, the joint cache, and the noise of SynMG's."""

from __future__ import annotations

import shutil
from pathlib import Path

import copies
import numpy as np
import pytest

from fgsgl.data import datasets
from fgsgl.data.cache.joint_cache import comparable, kept_frames, open_joints, skeleton_fingerprint
from fgsgl.data.clip_table import cached_frames
from fgsgl.data.datasets import imigue, smg, synmg
from fgsgl.data.skeletons import LAYOUTS, layout_name
from fgsgl.data.synmg.truth import read_truth, truth_path
from fgsgl.util.errors import UserError

KINECT, OPENPOSE = LAYOUTS["kinect25"], LAYOUTS["openpose22"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_a_tree_that_mmaction2_takes_for_a_graph(name: str) -> None:
    from fgsgl.util import compat

    compat.apply()
    from mmaction.models.utils.graph import Graph

    layout = LAYOUTS[name]
    joints = int(name[-2:])
    assert len(layout.joints) == len(set(layout.joints)) == len(layout.parents) == joints
    assert len(layout.graph["inward"]) == joints - 1
    for mode in ("spatial", "stgcn_spatial"):
        assert Graph(layout=layout.graph, mode=mode).A.shape == (3, joints, joints)
    reached = Graph(layout=layout.graph, mode="binary_adj").A[0] + np.eye(joints)
    assert (np.linalg.matrix_power(reached, joints) > 0).all(), "every joint is joined to every other"


@pytest.mark.parametrize("name", LAYOUTS)
def test_mirroring_exchanges_the_sides_and_keeps_the_bones(name: str) -> None:
    layout = LAYOUTS[name]
    mirror_J, parent_J = np.array(layout.mirror_J), np.array(layout.parent_J)
    assert (mirror_J[mirror_J] == np.arange(len(mirror_J))).all()
    assert (parent_J[mirror_J] == mirror_J[parent_J]).all()
    for joint, other in zip(layout.joints, mirror_J, strict=True):
        assert (layout.joints[other] != joint) == ("Left" in joint or "Right" in joint)


def test_every_data_set_with_skeletons_names_its_layout_and_no_other_has_one() -> None:
    offered = {name: datasets.get(name).skeletons for name in datasets.names()}
    named = {name: skeletons.layout for name, skeletons in offered.items() if skeletons}
    assert named == {"smg": "kinect25", "imigue": "openpose22", "synmg": "kinect25", "csv": None}
    assert [layout_name("csv", name) for name in LAYOUTS] == list(LAYOUTS)
    with pytest.raises(UserError, match=r"csv all has no skeletons: .* a column skeleton"):
        layout_name("csv", "all")
    assert len(OPENPOSE.joints) == len(imigue.SKELETON.wanted) and len(KINECT.joints) == len(smg.SKELETON.wanted)
    with pytest.raises(UserError, match="ma52 has no skeletons; methods that read skeletons run on: csv, imigue, "):
        layout_name("ma52", "subjects")


def test_a_lost_joint_stays_where_it_was_last_seen() -> None:
    joints_TJ3 = np.random.default_rng(0).normal(size=(6, 25, 3)).astype(np.float32)
    whole_TJ3 = comparable(joints_TJ3, KINECT)
    joints_TJ3[3:5, 7] = np.nan  # lost for a while
    joints_TJ3[:2, 8, 1] = np.nan  # one value of it, at first
    joints_TJ3[:, 9] = np.nan  # never seen
    filled_TJ3 = comparable(joints_TJ3, KINECT)
    assert np.isfinite(filled_TJ3).all() and (filled_TJ3[:, 9] == 0).all()
    assert (filled_TJ3[3:5, 7] == filled_TJ3[2, 7]).all() and (filled_TJ3[:2, 8] == filled_TJ3[2, 8]).all()
    ratio_T3 = filled_TJ3[:, 10] / whole_TJ3[:, 10]
    assert np.allclose(ratio_T3, ratio_T3[0, 0], atol=1e-4), "the others keep their places, in another unit"
    assert (comparable(np.full((4, 25, 3), np.nan, np.float32), KINECT) == 0).all()


def test_a_joint_without_confidence_counts_as_lost() -> None:
    joints_TJ3 = np.random.default_rng(0).uniform(0.1, 1, size=(5, 22, 3)).astype(np.float32)
    joints_TJ3[2, 4] = 0  # OpenPose: not found
    filled_TJ3 = comparable(joints_TJ3, OPENPOSE)
    assert (filled_TJ3[2, 4, :2] == filled_TJ3[1, 4, :2]).all() and filled_TJ3[2, 4, 2] == 0
    found_TJ = np.ones((5, 22), bool)
    found_TJ[2, 4] = False
    assert (filled_TJ3[found_TJ, 2] == joints_TJ3[found_TJ, 2]).all(), "a confidence is not scaled"


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_place_and_distance_of_a_person_are_taken_out(layout) -> None:
    joints_TJ3 = np.random.default_rng(0).uniform(0.1, 1, size=(5, len(layout.joints), 3)).astype(np.float32)
    moved_TJ3 = joints_TJ3 * 300 + 40
    axes = 2 if layout.confidence else 3
    if layout.confidence:
        moved_TJ3[..., 2] = joints_TJ3[..., 2]
    one, other = comparable(joints_TJ3, layout), comparable(moved_TJ3, layout)
    assert np.allclose(one, other, atol=1e-3)
    assert np.allclose(one[:, layout.center, :axes].mean(0), 0, atol=1e-6)
    assert (one[..., :axes] ** 2).sum(-1).mean() == pytest.approx(1, rel=1e-4)


def test_the_cache_holds_every_clip_and_is_written_whole_or_not_at_all(smoke: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path))
    table = synmg.load(smoke, "smoke", 0)

    def kill(done: int, _: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_joints(table, 2, progress=kill)
    assert not [path for path in tmp_path.glob("joints/*") if path.suffix != ".lock"]
    told: list[tuple[int, int]] = []
    joints_NKJ3 = open_joints(table, 2, workers=2, progress=lambda *counts: told.append(counts))
    assert joints_NKJ3.shape == (len(table.clips), kept_frames(2), 25, 3) and joints_NKJ3.dtype == np.float32
    assert told[-1] == (len(table.clips),) * 2 and not joints_NKJ3.flags.writeable
    whole_TJ3 = comparable(synmg.read_skeleton(truth_path(smoke, table.clips[30]), table.clips[30]), KINECT)
    assert np.array_equal(joints_NKJ3[30], whole_TJ3[cached_frames(0, len(whole_TJ3), kept_frames(2) // 2)])
    assert np.array_equal(open_joints(table, 2, progress=kill), joints_NKJ3), "the second call reads nothing anew"


def test_other_skeletons_under_the_same_names_are_read_and_are_other_data(tmp_path: Path) -> None:
    table = datasets.get("smg").load(copies.smg(tmp_path), "official", 0)
    before, joints_NKJ3 = skeleton_fingerprint(table), open_joints(table, 2)
    path = tmp_path / "Sample0003" / "Sample0003_skeleton.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[10:] + lines[:10]))
    others_NKJ3 = open_joints(table, 2)
    mine = np.array([clip.clip_id.startswith("Sample0003") for clip in table.clips])
    changed = np.abs(others_NKJ3 - joints_NKJ3).max((1, 2, 3)) > 0
    assert changed.any() and not changed[~mine].any()
    assert skeleton_fingerprint(table) != before
    path.write_text("".join(lines))
    assert skeleton_fingerprint(table) == before and np.array_equal(open_joints(table, 2), joints_NKJ3)


def test_damaged_joints_are_made_anew(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path / "cache"))
    table = datasets.get("smg").load(copies.smg(tmp_path / "smg"), "official", 0)
    right_NKJ3 = np.array(open_joints(table, 2))
    (path,) = (path for path in (tmp_path / "cache" / "joints").iterdir() if path.suffix != ".lock")
    content = path.read_bytes()
    for damaged in (content[:1000], content[:5000].ljust(len(content), b"\0"), content + b"x", b""):
        path.write_bytes(damaged)
        assert np.array_equal(open_joints(table, 2), right_NKJ3) and path.read_bytes() == content
    (tmp_path / "outside").write_bytes(content)
    path.unlink()
    path.symlink_to(tmp_path / "outside")
    assert np.array_equal(open_joints(table, 2), right_NKJ3) and not path.is_symlink()


def test_synmgs_skeletons_are_known_by_the_table_as_long_as_they_are_as_made(smoke: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(smoke, tmp_path / "copy"))
    table = synmg.load(root, "smoke", 0)
    assert skeleton_fingerprint(table) == ""
    one, other = (truth_path(root, clip) for clip in table.clips[:2])
    shutil.copy(one, other)
    assert len(skeleton_fingerprint(synmg.load(root, "smoke", 0))) == 16


def test_a_skeleton_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    table = datasets.get("smg").load(copies.smg(tmp_path), "official", 0)
    joints_NKJ3 = open_joints(table, 2)
    assert joints_NKJ3.shape == (len(table.clips), kept_frames(2), 25, 3) and np.isfinite(joints_NKJ3).all()
    path = tmp_path / "Sample0003" / "Sample0003_skeleton.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:70]))
    with pytest.raises(UserError, match=r"Sample0003_skeleton\.csv ends after frame 70"):
        open_joints(table, 3)


def test_imigues_joints_keep_their_confidence(tmp_path: Path) -> None:
    table = datasets.get("imigue").load(copies.imigue_miga(tmp_path), "official", 0)
    joints_NKJ3 = open_joints(table, 2)
    assert joints_NKJ3.shape == (len(table.clips), kept_frames(2), 22, 3)
    assert np.abs(joints_NKJ3[..., :2]).max() < 10 and set(np.unique(joints_NKJ3[..., 2])) == {0, 0.5}


def test_synmgs_skeletons_are_its_true_joints_with_a_sensors_noise(smoke: Path) -> None:
    clips = synmg.load(smoke, "smoke", 0).clips[:8]
    files = synmg.skeleton_files(synmg.load(smoke, "smoke", 0), clips)
    noise = [
        synmg.read_skeleton(file, clip) - read_truth(file).joints3d_TJ3 for file, clip in zip(files, clips, strict=True)
    ]  # each (T, 25, 3)
    assert np.array_equal(*(synmg.read_skeleton(files[0], clips[0]) for _ in range(2)))
    assert np.mean([n_TJ3.mean(0).std() for n_TJ3 in noise]) == pytest.approx(synmg.OFFSET_M, rel=0.15)
    assert np.mean([n_TJ3.std(0).mean() for n_TJ3 in noise]) == pytest.approx(synmg.JITTER_M, rel=0.1)
    assert np.abs(np.corrcoef([n_TJ3[:20].ravel() for n_TJ3 in noise]) - np.eye(8)).max() < 0.3
