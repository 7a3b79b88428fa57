"""Imports point down: what lies deep is used everywhere and knows nothing of who uses it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import fgsgl

ROOT = Path(fgsgl.__file__).parent
ABOVE = {name: ("bench", "report") for name in ("stats", "style", "text", "data", "models")} | {"bench": ("report",)}
"""What lies above each package; whatever a command does, its cli.py puts together."""


def imported(path: Path) -> Iterator[str]:
    """Packages of ours that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        before = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        names = [f"{before}{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("fgsgl."))


@pytest.mark.parametrize("package", ABOVE)
def test_a_package_imports_none_above_it(package: str) -> None:
    files = [path for path in (ROOT / package).rglob("*.py") if path.name != "cli.py"]
    assert files
    assert [(path.name, name) for path in files for name in imported(path) if name in ABOVE[package]] == []


def test_statistics_and_looks_stand_alone() -> None:
    for package in ("stats", "style"):
        for path in (ROOT / package).rglob("*.py"):
            assert {*imported(path)} <= {package, "errors"}, path
