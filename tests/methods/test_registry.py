"""The registry: one broken file in ``baselines/`` is named with its fault and takes nothing else along."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fgsgl.baselines
from fgsgl.cli.main import main
from fgsgl.cli.method_table import meanings
from fgsgl.methods import registry
from fgsgl.methods.registry import broken, get, scan
from fgsgl.util.errors import UserError

BASELINES = Path(fgsgl.baselines.__file__).parent
WORKING = (BASELINES / "tsn.py").read_text(encoding="utf-8")
FAULTS = {
    "syntax": ("METHOD = (\n", "SyntaxError: '(' was never closed (syntax.py, line 1)"),
    "absent": ("import no_such_package\n", "ModuleNotFoundError: No module named 'no_such_package'"),
    "unknown": (WORKING.replace("recognizer_2d", "recognizer_4d"), "ImportError: cannot import name 'recognizer_4d'"),
    "empty": ('"""Nothing yet."""\n', "it defines no METHOD; expected METHOD = Method(name='empty', ...)"),
    "other": (WORKING, "METHOD is named 'tsn'; expected METHOD = Method(name='other', ...), as the file is"),
    "typed": (
        "METHOD = {'name': 'typed'}\n",
        "METHOD is of the type dict; expected METHOD = Method(name='typed', ...)",
    ),
    "idle": (
        WORKING.replace('name="tsn"', 'name="idle"').replace("    model=_model,\n", ""),
        "UserError: idle: a method needs `model`",
    ),
    "raises": ("raise RuntimeError('two\\nlines')\n", "RuntimeError: two lines"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is searched like ``baselines/``, with one working file."""
    monkeypatch.setattr(fgsgl.baselines, "__path__", [*fgsgl.baselines.__path__, str(tmp_path)])
    (tmp_path / "mine.py").write_text(WORKING.replace('name="tsn"', 'name="mine"'), encoding="utf-8")
    forget()
    yield tmp_path
    monkeypatch.undo()
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"fgsgl.baselines.{path.stem}", None)
    forget()


def forget() -> None:
    importlib.invalidate_caches()
    for function in (registry.scan, registry._load):
        function.cache_clear()


def write(folder: Path, name: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(FAULTS[name][0], encoding="utf-8")
    forget()
    return path


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_file_is_refused_in_one_line_and_others_work(folder: Path, name: str, caplog, capsys) -> None:
    path, fault = write(folder, name), FAULTS[name][1]
    with pytest.raises(UserError) as caught:
        get(name)
    said = str(caught.value)
    assert str(path) in said and fault in said and "\n" not in said
    methods = scan()
    assert name not in methods and {"fgsgl", "tsn", "mine"} <= set(methods) and get("mine") is methods["mine"]
    assert len(methods) == len(list(BASELINES.glob("[a-z]*.py"))) + 2  # FG-SGL and mine
    scan()
    (line,) = [record.getMessage() for record in caplog.records if record.name == registry.__name__]
    assert str(path) in line and fault in line and "\n" not in line
    assert main(["run", "--methods", name, "--out", str(folder / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and str(path) in error and fault in error


def test_the_list_of_methods_shows_each_broken_file_with_its_fault(folder: Path, capsys) -> None:
    for name in FAULTS:
        write(folder, name)
    assert [file.name for file in broken()] == sorted(FAULTS)
    assert main(["methods"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert all(f" {name} " in listed for name in ("fgsgl", "tsn", "mine"))
    assert all(f"{name} is broken: {FAULTS[name][1]}" in listed for name in FAULTS)


@pytest.mark.parametrize("name", sorted(scan()))
def test_everything_about_a_method_is_told(name: str, capsys) -> None:
    assert main(["methods", name]) == 0
    told = capsys.readouterr().out
    assert f"({name})" in told and all(setting in told for setting in get(name).flat)
    assert not re.search(r":(class|func|mod):|``", told)


def test_every_setting_of_a_baseline_has_a_meaning() -> None:
    for name, method in scan().items():
        assert set(method.flat) <= meanings(method).keys(), name


def test_no_committed_file_is_broken() -> None:
    assert broken() == ()


def test_an_unknown_method_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="unknown method 'tsnn'; did you mean tsn"):
        get("tsnn")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"kind": "roof"}, "tsn: kind is 'roof'; .*floor"),
        ({"modality": "audio"}, "tsn: modality is 'audio'"),
        ({"kind": "floor"}, "tsn: a floor needs `scores`"),
        ({"model": None}, "tsn: a method needs `model`, or `unavailable`"),
        ({"model": None, "unavailable": "no operator"}, "tsn: a recipe trains a `model`"),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(changes: dict, error: str) -> None:
    with pytest.raises(UserError, match=error):
        dataclasses.replace(get("tsn"), **changes)


@pytest.mark.parametrize("path", sorted(BASELINES.glob("*.py")), ids=lambda path: path.stem)
def test_a_baseline_imports_no_other_baseline(path: Path) -> None:
    """What several share lies in ``fgsgl/methods``."""
    modules = [
        module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for module in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        )
    ]  # fmt: skip
    assert not [module for module in modules if module.startswith("fgsgl.baselines") or module == "baselines"]
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(ast.parse(path.read_text())))
