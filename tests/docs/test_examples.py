"""The scripts of ``examples/`` and the notebook do what they say."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fgsgl.data.clip_table import read_clips
from fgsgl.records.protocol import default_protocol
from fgsgl.testing.method_contract import BuiltMethod, probabilities, unseen_classes

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


def run(script: str, *words: object) -> str:
    """What a script prints; it runs in this process, whose imports have been paid for."""
    path, out = EXAMPLES / script, io.StringIO()
    before, sys.argv = sys.argv, [str(path), *map(str, words)]
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__name__": "__main__"})
    finally:
        sys.argv = before
    return out.getvalue()


@pytest.fixture(scope="module")
def video(smoke: Path) -> Path:
    return smoke / next(clip.video for clip in read_clips(smoke / "clips.csv") if clip.split == "test")


def test_a_video_is_named(board: Path, video: Path) -> None:
    said = run("name_a_video.py", video, board)
    assert said.count(" %") + said.count("%  ") >= 3 and "trajectory: " in said


def test_the_moments_of_a_class_are_found(board: Path, video: Path) -> None:
    (best, *_) = run("name_a_video.py", video, board).splitlines()
    assert " s to " in run("when_does_it_happen.py", video, board, best.partition("%")[2].strip())
    with pytest.raises(SystemExit, match="no class 'dancing'"):
        run("when_does_it_happen.py", video, board, "dancing")


@pytest.mark.slow
def test_two_methods_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = run("compare_two_methods.py", tmp_path / "board")
    assert "Linear probe" in said and (tmp_path / "board" / "by-class.png").read_bytes()[:4] == b"\x89PNG"


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{path.name}"' in text for path in EXAMPLES.glob("*.py"))


def cells() -> list[dict]:
    return [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_has_output_and_no_error() -> None:
    assert all(cell["outputs"] for cell in cells() if not "".join(cell["source"]).startswith("import"))
    assert not any(output["output_type"] == "error" for cell in cells() for output in cell["outputs"])
    for cell in cells():
        ast.parse("".join(cell["source"]))


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own, beside the committed boards that it reads."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "synmg-2").symlink_to(ROOT / "results" / "synmg-2")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    space: dict = {}
    for cell in cells():
        exec(compile("".join(cell["source"]), "quickstart.ipynb", "exec"), space)


def test_the_baseline_to_copy_is_a_method(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {}
    exec(compile((EXAMPLES / "my_baseline.py").read_text(encoding="utf-8"), "my_baseline.py", "exec"), namespace)
    built = BuiltMethod(namespace["METHOD"], default_protocol("synmg", "quick", image_size=64))
    assert "17 classes" in probabilities(built) and unseen_classes(built)
