"""The command lines as a user calls them: instant help, clear errors, exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from fgsgl.cli.main import build_parser, main

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "pandas", "numpy", "matplotlib", "mmengine", "scipy")
ENTRY_POINTS = (
    ["fgsgl.cli.main", "--help"],
    ["fgsgl.cli.main", "run", "--help"],
    ["fgsgl.cli.main", "report", "--help"],
    ["fgsgl.cli.main", "repro", "--help"],
    ["fgsgl.cli.main", "diff", "--help"],
    ["fgsgl.cli.main", "data", "make", "--help"],
    ["fgsgl.ablations.run", "--help"],
    ["fgsgl.ablations.run", "--list"],
    ["fgsgl.sweeps.optuna_search", "--help"],
)
WITHOUT_RAY = """\
import sys
sys.modules["ray"] = None  # as where it is not installed
from fgsgl.cli.main import main
sys.exit(main(["run", "--executor", "ray"]))
"""


def call(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True)


@pytest.mark.parametrize("words", ENTRY_POINTS, ids=" ".join)
def test_help_answers_without_heavy_imports(words: list[str]) -> None:
    module, *arguments = words
    code = (
        f"import atexit, sys; sys.argv = {[module, *arguments]!r}\n"
        f"atexit.register(lambda: print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules]))\n"
        f"from {module} import main\n"
        "main()\n"
    )
    answer = call("-c", code)
    assert "HEAVY []" in answer.stdout, answer.stdout + answer.stderr
    assert len(answer.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-m", "fgsgl", "run", "--methods", "tsmm"], "unknown method 'tsmm'; did you mean tsm"),
        (["-m", "fgsgl", "run", "--dataset", "synmgg"], "unknown data set 'synmgg'; did you mean synmg"),
        (["-m", "fgsgl", "run", "--preset", "quik"], "unknown preset 'quik' of synmg; did you mean quick"),
        (["-m", "fgsgl", "run", "--epochs", "0"], "epochs is 0, expected a whole number, 1 to"),
        (["-m", "fgsgl", "run", "--seeds", "0"], "argument --seeds: it is 0, expected 1 to 1000"),
        (
            ["-m", "fgsgl", "run", "--device", "gpu"],
            "unknown device 'gpu'; expected auto, cpu, cuda or cuda:N",
        ),
        (["-m", "fgsgl", "run", "--views", "3"], "views is 3, expected a whole number, 1 to 2"),
        (
            ["-m", "fgsgl", "run", "--accumulate", "3"],
            "accumulate is 3, expected a number that divides the batch",
        ),
        (["-m", "fgsgl", "run", "--devices", "0"], "--devices is 0, expected a whole number, 1 to"),
        (
            ["-m", "fgsgl", "run", "--devices", "3"],
            "--devices is 3, expected a number that divides the batch: 16",
        ),
        (
            ["-m", "fgsgl", "run", "--device", "cuda:1", "--devices", "2"],
            "cuda:1 is one; use --device cuda",
        ),
        (["-m", "fgsgl", "run", "--visualizer", "wandb"], "needs the package wandb: pip install wandb"),
        (["-c", WITHOUT_RAY], "--executor ray needs the package ray: pip install"),
        (
            ["-m", "fgsgl", "run", "--dataset", "csv", "--methods", "stgcn"],
            "csv all has no skeletons: methods that read",
        ),
        (["ablations/run.py", "--disable", "fgsaa"], "unknown factor 'fgsaa'; did you mean fgsa"),
        (["ablations/run.py"], "nothing to ablate"),
        pytest.param(
            ["-m", "fgsgl", "pretrain", "synmg-tiny", "--out", "no/such", "--resume"],
            "no pretraining checkpoint at",
            marks=pytest.mark.slow,
        ),
        (["-m", "fgsgl", "report", "no/such/folder"], "no record in no/such/folder/ledger"),
    ],
)
def test_bad_words_end_in_one_line_and_exit_code_2(words: list[str], expected: str) -> None:
    answer = call(*words)
    assert answer.returncode == 2, answer.stderr
    assert expected in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert "Traceback" not in answer.stderr


def test_the_shipped_config_is_what_the_command_prints() -> None:
    answer = call("-m", "fgsgl", "config", "fgsgl")
    assert (ROOT / "fgsgl/configs/fgsgl_synmg_quick.py").read_text(encoding="utf-8") == answer.stdout


def test_the_bare_command_shows_first_steps_that_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    steps = capsys.readouterr().out.partition("first steps:\n")[2].splitlines()
    lines = [line.strip().partition("    ")[0] for line in steps if line.strip()]
    assert len(lines) == 4 and all(line.startswith("fgsgl ") for line in lines)
    for line in lines[:3]:
        build_parser().parse_args(line.split()[1:])


@pytest.mark.parametrize(
    ("words", "says"), [(["rnu"], "unknown command 'rnu'; did you mean run"), (["text", "chck"], "did you mean check")]
)
def test_a_mistyped_command_is_answered_with_the_nearest(words: list[str], says: str, capsys) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(words)
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
