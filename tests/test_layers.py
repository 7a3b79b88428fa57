"""Imports point down: what lies deep is used everywhere and knows nothing of who uses it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = (
    ("ablations", "sweeps"),
    ("cli",),
    ("testing",),
    ("running", "report", "baselines"),
    ("prediction",),
    ("training", "pretraining"),
    ("methods",),
    ("mmaction",),
    ("models", "records"),
    ("data",),
    ("stats", "text", "style"),
    ("util",),
)
"""From the top down. Packages of one floor do not know each other."""
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
FOLDERS = {
    name: ROOT / name if name in ("ablations", "baselines", "sweeps") else ROOT / "fgsgl" / name for name in FLOOR
}


def imported(path: Path) -> Iterator[str]:
    """Our packages that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        before = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        names = [f"{before}{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("fgsgl."))


def test_every_package_has_its_floor() -> None:
    packages = {path.parent.name for path in (ROOT / "fgsgl").glob("*/__init__.py")}
    assert packages | {"ablations", "baselines", "sweeps"} == set(FLOOR)


@pytest.mark.parametrize("package", FLOOR)
def test_a_package_imports_only_what_lies_below(package: str) -> None:
    files = list(FOLDERS[package].rglob("*.py"))
    assert files
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in files
        for name in imported(path)
        if name in FLOOR and name != package and FLOOR[name] <= FLOOR[package]
    }
    assert sorted(found) == []
