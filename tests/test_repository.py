"""What Git holds: no large files, nothing that a command makes, and no link that leads nowhere."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LARGEST_BYTES = 2 * 2**20
APPLICATIONS = ("ablations", "baselines", "sweeps")
WEIGHTS = "fgsgl/models/towers/"
PICTURES = (".png", ".jpg", ".svg")
LINK = re.compile(r"(!?)\[[^]]*\]\(([^)#\s]+)[^)]*\)")


def ask(*words: str) -> list[str]:
    """Paths that ``git ls-files`` lists, relative to the checkout."""
    answer = subprocess.run(["git", "ls-files", "-z", *words], cwd=ROOT, capture_output=True, text=True)
    if answer.returncode:
        pytest.skip("no Git checkout")
    return [path for path in answer.stdout.split("\0") if path and (ROOT / path).exists()]


def links(page: str) -> list[tuple[bool, str]]:
    """Whether it is shown as a picture, and its path, of every link of a page to a file of the checkout."""
    found = LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    local = [(bool(shown), target) for shown, target in found if "://" not in target]
    return [(shown, str((ROOT / page).parent.joinpath(target).resolve().relative_to(ROOT))) for shown, target in local]


def test_make_clean_leaves_the_data_of_others(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = (
        "data/smg/a.mp4",
        "data/synmg/quick-seed1/manifest.json",
        "data/synmg/mine/a.mp4",
        "results/local/board.csv",
    )
    made = ("data/synmg/quick-seed0/manifest.json", "results/demo/leaderboard.md")
    for name in (*kept, *made):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert [(tmp_path / name).exists() for name in (*kept, *made)] == [True] * len(kept) + [False] * len(made)


def test_no_file_outside_the_weights_is_over_two_megabytes() -> None:
    sizes = {path: (ROOT / path).stat().st_size for path in ask()}
    assert {path: size for path, size in sizes.items() if size > LARGEST_BYTES and not path.startswith(WEIGHTS)} == {}


def test_nothing_is_tracked_that_is_ignored() -> None:
    assert ask("--cached", "--ignored", "--exclude-standard") == []


PACKED = """
import setuptools  # it brings distutils, which Python 3.12 no longer has
from distutils.core import run_setup
build = run_setup("setup.py", stop_after="commandline").get_command_obj("build_py")
build.ensure_finalized()
print(*(path.removeprefix(build.build_lib + "/") for path in build.get_outputs(include_bytecode=False)), sep="\\0")
"""


def test_a_wheel_holds_every_file_of_the_packages() -> None:
    answer = subprocess.run([sys.executable, "-c", PACKED], cwd=ROOT, capture_output=True, text=True, check=True)
    packed = set(answer.stdout.strip().split("\0"))
    files = {path if path.startswith("fgsgl/") else f"fgsgl/{path}" for path in ask("fgsgl", *APPLICATIONS)}
    assert files - packed == {"fgsgl/configs/fgsgl_synmg_quick.py"}, "which MMAction2's tools read from a checkout"


def test_made_files_are_not_tracked() -> None:
    made = (".html", ".tex", ".pdf", ".lock", ".journal", ".pyc", ".log")
    templates = "fgsgl/report/render/"
    assert [path for path in ask() if path.endswith(made) and not path.startswith(templates)] == []


def pages() -> list[str]:
    """All Markdown but the tables that a test keeps."""
    return [path for path in ask("*.md") if not path.startswith("tests/frozen/")]


def test_pictures_are_tracked_exactly_where_a_page_shows_them() -> None:
    shown = {target for page in pages() for is_picture, target in links(page) if is_picture}
    assert shown == {path for path in ask() if path.endswith(PICTURES)}


def test_links_lead_to_tracked_files() -> None:
    """A board's Markdown names ``leaderboard.html``, which ``fgsgl report`` writes beside it."""
    tracked = set(ask())
    folders = {str(parent) for path in tracked for parent in Path(path).parents}
    lost = {
        (page, target)
        for page in pages()
        for _, target in links(page)
        if target not in tracked | folders and not (page.endswith("leaderboard.md") and target.endswith(".html"))
    }
    assert lost == set()
