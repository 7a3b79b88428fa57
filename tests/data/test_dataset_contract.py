"""The contract of data sets finds what a new file does wrong, and one broken file takes no other data set along."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from fgsgl.cli.main import main
from fgsgl.data import datasets
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.skeletons import layout_name
from fgsgl.data.synmg.programs import CLASS_NAMES
from fgsgl.testing.dataset_contract import examine
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError

SOUND = """
from pathlib import Path
import numpy as np
from fgsgl.data.datasets import synmg
from fgsgl.data.datasets.base import DataSet, Skeletons
from fgsgl.data.clip_table import ClipTable

def load(root, preset, seed, workers=1, progress=None):
    table = synmg.load(root, "smoke", 0)
    return ClipTable(dataset="mine", root=root, classes=table.classes, clips=table.clips)

DATASET = DataSet(
    name="mine", presets={"all": {"epochs": 3}}, load=load, text=lambda root: "synmg",
    skeletons=Skeletons(layout="kinect25", read=synmg.read_skeleton, files=synmg.skeleton_files),
    motion_mask=synmg.motion_mask,
)
"""
FAULTS = {
    "presets": ('{"epochs": 3}', '{"epochs": 0}'),
    "splits": ('dataset="mine", root', 'dataset="other", root'),
    "official_counts": ('text=lambda', 'official_counts=lambda root, preset: {"people": 3}, text=lambda'),
    "seeds": ("clips=table.clips", "clips=table.clips[seed:]"),
    "text": ('text=lambda root: "synmg"', 'text=lambda root: "ma52"'),
    "skeletons": ("read=synmg.read_skeleton", "read=lambda file, clip: synmg.read_skeleton(file, clip)[:, :24]"),
    "motion_mask": (
        "motion_mask=synmg.motion_mask", "motion_mask=lambda root, clip, f: 1.0 * synmg.motion_mask(root, clip, f)"
    ),
    "groups": ("motion_mask=", "groups=(0, 2) * 8 + (0,), motion_mask="),
    "planned": ("motion_mask=", "planned=synmg.planned, motion_mask="),
}  # fmt: skip
"""By check: what is replaced in a sound file, and by what."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A second folder of data sets, beside the shipped one."""
    path = tmp_path / "more data sets"
    path.mkdir()
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(path)])
    yield path
    for name in [name for name in sys.modules if name.startswith("fgsgl.data.datasets.mine")]:
        del sys.modules[name]


def broken(root: Path) -> dict[str, str]:
    """The checks that fail, with what they say."""
    findings = examine(DataSpec(dataset="mine", preset="all", root=root))
    return {finding.check: finding.detail for finding in findings if not finding.ok}


def test_synmg_keeps_the_contract(smoke: Path) -> None:
    findings = list(examine(DataSpec(dataset="synmg", preset="smoke", root=smoke)))
    assert all(finding.ok for finding in findings), findings
    assert {"planned", "skeletons", "motion_mask", "fine_pairs"} <= {finding.check for finding in findings}


def test_the_users_own_table_keeps_the_contract(smoke: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke / "videos", tmp_path / "videos")
    shutil.copy(smoke / "clips.csv", tmp_path / "mine.csv")
    (tmp_path / "mine.classes.txt").write_text("\n".join(CLASS_NAMES))
    shutil.copy(Path(fgtext.__file__).parent / "synmg.yaml", tmp_path / "mine.yaml")
    findings = list(examine(DataSpec(dataset="csv", preset="all", root=tmp_path / "mine.csv")))
    assert all(finding.ok for finding in findings), findings


def test_one_file_adds_a_data_set(smoke: Path, folder: Path) -> None:
    (folder / "mine.py").write_text(SOUND)
    (folder / "_helper.py").write_text("raise SystemExit")
    assert datasets.names() == ("csv", "imigue", "ma52", "mine", "smg", "synmg")
    assert broken(smoke) == {}
    assert DataSpec.locate("mine", "all", 0, None).root == Path("data/mine")


@pytest.mark.parametrize("check", FAULTS)
def test_a_broken_promise_is_found(smoke: Path, folder: Path, check: str) -> None:
    sound, faulty = FAULTS[check]
    assert sound in SOUND
    (folder / "mine.py").write_text(SOUND.replace(sound, faulty))
    assert set(broken(smoke)) == {check}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("def (", "SyntaxError: invalid syntax"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("PRESETS = ('all',)", "it defines no DATASET; expected DATASET = DataSet(name='mine', ...)"),
        (
            SOUND.replace('name="mine"', 'name="yours"'),
            "DATASET is named 'yours'; expected DATASET = DataSet(name='mine', ...), as the file is",
        ),
    ],
    ids=["syntax", "import", "old protocol", "another name"],
)
def test_a_broken_file_is_told_and_takes_nothing_along(
    folder: Path, content: str, says: str, capsys, tmp_path: Path
) -> None:
    (folder / "mine.py").write_text(content)
    with pytest.raises(UserError) as error:
        datasets.get("mine")
    assert says in str(error.value) and str(folder / "mine.py") in str(error.value)
    assert main(["run", "--dataset", "mine", "--out", str(tmp_path / "o")]) == 2
    said = capsys.readouterr().err
    assert says in said and len(said.splitlines()) == 1
    assert datasets.get("synmg").name == "synmg"
    with pytest.raises(UserError, match="run on: csv, imigue, smg, synmg"):
        layout_name("ma52", "subjects")
