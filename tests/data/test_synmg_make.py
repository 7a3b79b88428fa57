"""Making a SynMG folder: its format, going on after a kill, refusing foreign folders, finding changes."""

import csv
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fgsgl.data.clip_table import ClipTable
from fgsgl.data.synmg import make
from fgsgl.data.synmg.clips import TRUTH_COLUMNS
from fgsgl.data.synmg.oracle import oracle
from fgsgl.data.synmg.presets import PRESETS, Preset
from fgsgl.data.synmg.truth import read_truth, truth_path
from fgsgl.data.synmg.verify import verify
from fgsgl.data.video.video_file import num_frames, probe
from fgsgl.util.errors import UserError

TINY = dataclasses.replace(
    PRESETS["smoke"], name="tiny", most_frequent=1, tail_ratio=1.0, test_per_class=1, seconds=0.8, size_px=64
)


def build(root: Path, preset: Preset = TINY, seed: int = 0, workers: int = 1) -> ClipTable:
    return make.make_preset(root, preset, seed, workers, "cpu", None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "tiny"
    build(root)
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def tables(root: Path) -> dict[str, str]:
    """What must not depend on how it was made. Not the videos' bytes: x264 may write other ones for the same frames."""
    with (root / "hashes.csv").open() as file:
        frames = ",".join(row["frames_sha256"] for row in csv.DictReader(file))
    return {"frames": frames, **{name: (root / name).read_text() for name in ("clips.csv", "truth.csv")}}


def test_the_table_is_known_before_anything_is_rendered(smoke: Path, tmp_path: Path) -> None:
    assert make.planned(smoke, "smoke", 0) == make.load(smoke)
    assert make.planned(tmp_path / "new", "smoke", 0).fingerprint() == make.load(smoke).fingerprint()
    assert not (tmp_path / "new").exists()
    with pytest.raises(UserError, match="holds SynMG with seed 0, not 1"):
        make.planned(smoke, "smoke", 1)


def test_the_folder_has_the_documented_format(made: Path) -> None:
    table = make.load(made)
    assert (table.dataset, len(table.clips), len(table.classes)) == ("synmg", 78, 26)
    clip = table.clips[0]
    video = probe(table.path(clip))
    assert (video.width, video.height, video.fps, num_frames(table.path(clip))) == (64, 64, 25.0, 20)
    truth = read_truth(truth_path(made, clip))
    assert truth.joints3d_TJ3.shape == (20, 25, 3) and truth.joints3d_TJ3.dtype == np.float32
    assert truth.joints2d_TJ2.shape == (20, 25, 2) and truth.mask_THW.shape == (20, 64, 64)
    with (made / "truth.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["clip_id"] for row in rows] == [clip.clip_id for clip in table.clips]
    assert set(rows[0]) == {"clip_id", *TRUTH_COLUMNS}
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["complete"] is True and manifest["seed"] == 0 and manifest["classes"] == list(table.classes)


@pytest.mark.slow
def test_processes_make_the_same_as_one(made: Path, tmp_path: Path) -> None:
    build(tmp_path / "two", workers=2)
    assert tables(tmp_path / "two") == tables(made)


def test_what_is_missing_is_made_again_and_nothing_else(made: Path, copy: Path) -> None:
    clips = make.load(copy).clips
    (copy / clips[3].video).unlink()
    make.truth_path(copy, clips[7]).unlink()
    kept = (copy / clips[0].video).stat().st_mtime_ns
    build(copy)
    assert tables(copy) == tables(made)
    assert (copy / clips[0].video).stat().st_mtime_ns == kept
    assert verify(copy, preset=TINY, rerender=1) == []


@pytest.mark.slow
def test_a_killed_make_is_completed_by_the_next(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "killed"
    preset = repr(TINY).replace("Preset(", "dict(").replace("Difficulty(", "dict(")
    code = f"""
from pathlib import Path
from fgsgl.data.synmg.make import make_preset
from fgsgl.data.synmg.presets import Preset
from fgsgl.data.synmg.scene import Difficulty
settings = {preset}
settings["difficulty"] = Difficulty(**settings["difficulty"])
make_preset(Path({str(root)!r}), Preset(**settings), 0, 1, "cpu", None)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    while len(list(root.glob("truth/*.npz"))) < 5:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(UserError, match="not complete"):
        make.load(root)
    early = {path: path.stat().st_mtime_ns for path in root.glob("truth/*.npz")}
    assert 5 <= len(early) < 78
    build(root)
    assert tables(root) == tables(made)
    assert all(path.stat().st_mtime_ns == at for path, at in early.items())


def test_another_preset_or_seed_or_a_foreign_folder_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="seed 0, not 1"):
        build(copy, seed=1)
    with pytest.raises(UserError, match="'tiny', not 'quick'"):
        make.make(copy, "quick", 0)
    with pytest.raises(UserError, match="other settings"):
        build(copy, dataclasses.replace(TINY, crf=30))
    manifest = copy / "manifest.json"
    sound = manifest.read_text()
    for damaged, says in (
        ("[1]", "cannot be read"),
        (sound[:-9], "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        (sound.replace('"seed": 0', '"seed": NaN'), "cannot be read"),
        (sound.replace('"classes": [', '"classes": [1, '), "cannot be read .*classes"),
        (sound.replace('"clips.csv"', '"../clips.csv"'), "names '../clips.csv', which is no file of its folder"),
    ):
        manifest.write_text(damaged)
        with pytest.raises(UserError, match=says):
            make.read_manifest(copy)
    manifest.write_text(sound)
    manifest.write_text(manifest.read_text().replace('"version": "2"', '"version": "1"'))
    with pytest.raises(UserError, match="version '1', expected 1, '2'"):
        build(copy)
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("all of it")
    with pytest.raises(UserError, match="holds no SynMG manifest"):
        build(foreign)
    assert [path.name for path in foreign.iterdir()] == ["thesis.txt"]


def test_verify_finds_planted_changes(copy: Path) -> None:
    assert verify(copy, preset=TINY, rerender=2) == []
    clips = make.load(copy).clips
    with (copy / clips[2].video).open("ab") as file:
        file.write(b"x")
    (copy / clips[4].video).unlink()
    make.truth_path(copy, clips[6]).write_bytes(b"not a zip")
    faults = verify(copy, preset=TINY, rerender=0)
    assert len(faults) == 3
    for clip, fault in zip((clips[2], clips[4], clips[6]), faults, strict=True):
        assert clip.clip_id in fault
    (copy / "truth.csv").unlink()
    assert "truth.csv is missing" in verify(copy, preset=TINY, rerender=0)


def test_verify_finds_a_machine_that_renders_other_frames(copy: Path) -> None:
    """Another preset's frames stand for another machine's; all recorded hashes agree with each other."""
    faults = verify(copy, preset=dataclasses.replace(TINY, size_px=72), rerender=2)
    assert len(faults) == 2 and all("renders other frames" in fault for fault in faults)


def test_a_changed_clip_table_is_not_loaded(copy: Path) -> None:
    with (copy / "clips.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match="not the clip table that was made"):
        make.load(copy)


def test_an_oracle_reads_the_folder(made: Path) -> None:
    result = oracle(made, "motion", epochs=2)
    assert result.scores_NC.shape == (26, 26)
    np.testing.assert_allclose(result.scores_NC.sum(1), 1.0, atol=1e-5)
    assert result.top1 == result.mean_class == (result.scores_NC.argmax(1) == result.labels_N).mean()
    with pytest.raises(UserError, match="moton"):
        oracle(made, "moton")
