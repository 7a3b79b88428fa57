"""The study: its commands are ones that their programs take, and it stops where one of them does."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys

import pytest

from fgsgl.ablations import run as ablation
from fgsgl.ablations import study
from fgsgl.ablations.study import Part, parts
from fgsgl.cli.main import build_parser
from fgsgl.methods.registry import get

SMOKE = ("--disable", "fgsa", "--preset", "smoke", "--no-ceilings")


@pytest.mark.parametrize("part", parts(), ids=lambda part: shlex.join(part.arguments)[:60])
def test_a_part_is_a_command_that_its_program_takes(part: Part) -> None:
    parser = build_parser() if part.module == "fgsgl" else ablation.build_parser()
    arguments = parser.parse_args(part.arguments)
    assert arguments.out.is_relative_to(study.OUT)
    for name in arguments.methods:
        assert get(name).name == name
    assert part.command(["--jobs", "2"])[-2:] == ["--jobs", "2"]


def test_fewer_shots_get_more_epochs_so_that_steps_stay_equal() -> None:
    epochs = [study._epochs_of(shots) for shots in study.SHOTS]
    clips = [shots * one for shots, one in zip(study.SHOTS, epochs, strict=True)]
    assert max(clips) <= 1.1 * min(clips)


def test_unknown_parts_are_refused_and_the_list_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert study.main(["--only", "fields"]) == 2
    assert "no part 'fields'; did you mean field?" in capsys.readouterr().err
    assert study.main(["--list", "--only", "long-tail"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_the_study_passes_options_on_and_stops_at_a_part_that_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path
) -> None:
    folder = ("--root", str(tmp_path / "data"), "--out", str(tmp_path / "out"))
    good = Part("good", "fgsgl.ablations.run", (*SMOKE, *folder))
    bad = Part("bad", "fgsgl.ablations.run", ("--disable", "no-factor", *SMOKE[2:], *folder))
    monkeypatch.setattr(study, "parts", lambda: (good, bad, good))
    assert study.main(["--jobs", "1", "--dry-run"]) == 2
    said = capfd.readouterr()
    assert said.out.count("good: python ablations/run.py") == 1 and said.out.split("\n")[0].endswith(
        "--jobs 1 --dry-run"
    )
    assert "bad ended with code 2" in said.err


SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUDY = f"""
import sys
from fgsgl.ablations.study import run_to_its_end
sys.exit(run_to_its_end([sys.executable, "-c", {SLEEPER!r}]) + 100)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_the_study_ends_the_part_that_runs(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STUDY], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.stdout.read() == ""  # ends when the last process that could write has ended
        assert process.wait() == 100 - number
