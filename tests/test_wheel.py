"""The wheel, installed where no checkout is: it holds everything, and its commands run."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    "fgsgl", "ablations", "baselines", "sweeps", "LICENSES", "LICENSE", "README.md", "pyproject.toml", "setup.py",
)  # fmt: skip
CONTENT = (
    "fgsgl/py.typed",
    "fgsgl/baselines/costs.csv",
    "fgsgl/baselines/tsn.py",
    "fgsgl/ablations/run.py",
    "fgsgl/sweeps/figures/history.py",
    "fgsgl/models/towers/synmg_tiny/weights.safetensors",
    "fgsgl/models/towers/synmg_tiny/motion.safetensors",
    "fgsgl/models/towers/synmg_tiny/motion_temporal.safetensors",
    "fgsgl/models/towers/synmg_tiny/slim.safetensors",
    "fgsgl/models/towers/synmg_tiny/merges.txt.gz",
    "fgsgl/models/towers/synmg_tiny/config.json",
    "fgsgl/report/board/published.csv",
    "fgsgl/report/render/page.html",
    "fgsgl/report/render/page.css",
    "fgsgl/report/render/page.js",
    "fgsgl/report/render/figures.js",
    "fgsgl/report/render/vendor/plot.min.js",
    "fgsgl/style/style.mplstyle",
    "fgsgl/text/smg.yaml",
    "fgsgl/text/imigue.yaml",
    "fgsgl/text/ma52.yaml",
)
LICENCES = {"LICENSE", "LICENSES/CC-BY-4.0.txt", "LICENSES/MIT.txt", "LICENSES/observable-plot.txt"}
SMOKE = ("--dataset", "synmg", "--preset", "smoke", "--epochs", "1")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources: what an earlier build left in the checkout is not packed."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source)
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-w", str(out)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment that holds the wheel, and what it needs, and no checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = ["install", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True, capture_output=True)
    (packages,) = folder.glob("lib/*/site-packages")
    # The packages that the tests run with. Python reads no .pth file there, so the checkout's is not followed.
    needed = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "needed.pth").write_text("\n".join(needed))
    return python.parent


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is no checkout, in which the commands share their data."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture
def command(installed: Path, elsewhere: Path):
    """Runs an installed command and returns what it printed."""

    def run(name: str, *words: str) -> str:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        answer = subprocess.run(
            [str(installed / name), *words],
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1800,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    return run


def test_the_wheel_adds_one_name_and_holds_weights_texts_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fgsgl"}
    assert set(CONTENT) <= set(names)
    assert {name.partition("/licenses/")[2] for name in names if "/licenses/" in name} == LICENCES
    assert not [name for name in names if name.startswith("fgsgl/tests") or "__pycache__" in name]


def test_the_wheel_is_what_is_imported(command, installed: Path) -> None:
    for module in ("fgsgl", "fgsgl.baselines", "fgsgl.sweeps.figures"):
        where = command("python", "-c", f"import {module}; print({module}.__file__)")
        assert Path(where.strip()).is_relative_to(installed.parent), module


def test_methods_are_listed(command) -> None:
    listed = command("fgsgl", "methods")
    assert all(name in listed for name in ("fgsgl", "tsn", "r2plus1d", "zero_shot_names"))


def test_a_run_writes_a_board(command, elsewhere: Path) -> None:
    command("fgsgl", "run", *SMOKE, "--methods", "tsn")
    board = elsewhere / "results" / "local" / "synmg-smoke"
    assert "TSN" in (board / "leaderboard.md").read_text() and (board / "leaderboard.html").is_file()
    records = [json.loads(path.read_text()) for path in (board / "ledger").glob("*.json")]
    assert records and all(record["environment"]["git_commit"] is None for record in records)


@pytest.mark.parametrize(
    "words", [("fgsgl-ablate",), ("python", "-m", "fgsgl.ablations.run")], ids=["script", "module"]
)
def test_an_ablation_runs(words: tuple[str, ...], command, elsewhere: Path) -> None:
    """The second time finds the cells of the first."""
    command(*words, "--disable", "fgsa", *SMOKE, "--out", "ablation")
    assert "FG-SGL w/o fgsa" in (elsewhere / "ablation" / "leaderboard.md").read_text()


@pytest.mark.parametrize(
    "words", [("fgsgl-search",), ("python", "-m", "fgsgl.sweeps.optuna_search")], ids=["script", "module"]
)
def test_a_search_is_planned(words: tuple[str, ...], command) -> None:
    assert "trials" in command(*words, "--dry-run", *SMOKE[:4])
