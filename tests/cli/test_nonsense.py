"""Every option of every command refuses nonsense in one line and exit code 2, before anything is read or trained."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fgsgl.ablations import run as ablations_run
from fgsgl.cli import main as fgsgl_main
from fgsgl.running.capacity import visible_gpus
from fgsgl.sweeps import optuna_search
from fgsgl.util.errors import run_command

PARSERS = {
    "fgsgl": fgsgl_main.build_parser(),
    "ablations/run.py": ablations_run.build_parser(),
    "sweeps/optuna_search.py": optuna_search.build_parser(),
}
COMMANDS = {"ablations/run.py": ablations_run.ablate, "sweeps/optuna_search.py": optuna_search.sweep}
WORDS = {
    "fgsgl run": ["--methods", "majority", "--dry-run"],
    "fgsgl retry": ["folder", "--failed"],
    "fgsgl status": ["folder"],
    "fgsgl why": ["folder", "cell"],
    "fgsgl report": ["folder"],
    "fgsgl contrast": ["folder"],
    "fgsgl repro": ["folder", "cell"],
    "fgsgl diff": ["folder", "one", "other"],
    "fgsgl submit": ["folder"],
    "fgsgl predict": ["clip.mp4", "--model", "model.safetensors"],
    "fgsgl export": ["folder"],
    "fgsgl check-method": ["tsm"],
    "fgsgl oracle": ["synmg"],
    "fgsgl data make": ["synmg"],
    "fgsgl data verify": ["synmg"],
    "fgsgl data sheet": ["synmg"],
    "fgsgl data index": ["folder"],
    "fgsgl data check": ["csv"],
    "fgsgl text show": ["smg", "0"],
    "fgsgl text export": ["smg"],
    "fgsgl text import": ["table.csv", "--base", "smg", "--out", "new.yaml"],
    "fgsgl data import mmaction": ["list.txt"],
    "fgsgl data import skeletons": ["a.pkl"],
    "fgsgl text new": ["data"],
    "fgsgl text prompt": ["data"],
    "fgsgl text similarity": ["smg"],
    "fgsgl pretrain": ["synmg-tiny"],
    "ablations/run.py": ["--design", "one-out", "--dry-run"],
    "sweeps/optuna_search.py": ["--dry-run"],
}
"""What a command needs beside the option that is tried."""
NUMBERS = (
    "", " ", "x", "nan", "inf", "-inf", "1e999", "1e300", "٣", "１", "1_0", "0x10", "1,5", "-1", "9" * 26, "9" * 5000,
)  # fmt: skip
FRACTIONS = ("0.5", "1e1")
WORDS_OF_NO_CHOICE = ("", " ", "nope", "[/x]", "\x1b[31m")
NO_DEVICES = ("", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:٣", "cuda:1_0", "cuda:99999", "7", "cpu:0")


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command's parser by its name."""

    def below(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
        nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        for action in nested:
            for word, one in action.choices.items():
                yield from below(f"{name} {word}", one)
        if not nested:
            yield name, parser

    for name, parser in PARSERS.items():
        yield from below(name, parser)


def nonsense(action: argparse.Action) -> tuple[str, ...]:
    """Values that an option cannot have."""
    kind = getattr(action.type, "__qualname__", "")
    if action.dest == "device":
        return NO_DEVICES
    if action.choices:
        return WORDS_OF_NO_CHOICE
    if kind.startswith("number."):
        whole = action.type is not None and action.type.__closure__[1].cell_contents is int
        return NUMBERS + (FRACTIONS if whole else ())
    if kind.startswith("path_ending.") or kind == "word":
        return ("", " ", "s.nope", "\x1b") if kind != "word" else ("", " ", "\x1b", "x" * 5000)
    return ("", " ") if kind == "file_path" else ()


TRIED = [
    (name, action.option_strings[0], value)
    for name, parser in parsers()
    for action in parser._actions
    if action.option_strings
    for value in nonsense(action)
]


PLACES = [
    (name, place, value)
    for name, parser in parsers()
    for place, action in enumerate(action for action in parser._actions if not action.option_strings)
    for value in nonsense(action)
]
"""Arguments without an option, by their place."""


def refused(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command ends with, and exit code 2."""
    program, *command = name.split() if name.startswith("fgsgl") else [name]
    try:
        arguments = PARSERS[program].parse_args([*command, *words])
    except SystemExit as ended:
        code = ended.code
    else:
        run = COMMANDS.get(program) or arguments.command
        code = run_command(lambda: run(arguments))
    said = capsys.readouterr()
    assert code == 2, (name, words, said)
    lines = said.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and "\x1b" not in said.err, said.err
    return lines[0]


def test_every_command_is_tried() -> None:
    assert len(TRIED) > 500
    with_options = {name for name, parser in parsers() if len(parser._actions) > 1}
    assert {name for name in with_options if name not in WORDS} <= {"fgsgl methods", "fgsgl config", "fgsgl text check"}


@pytest.mark.parametrize("name", dict(parsers()))
def test_nonsense_is_refused(name: str, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", None)  # by which `fgsgl pretrain` would leave the test
    for command, option, value in TRIED:
        if command == name:
            said = refused(name, [*WORDS.get(name, []), f"{option}={value}"], capsys)
            assert len(said) < 400, said
    assert not list(tmp_path.iterdir()), "nothing is made"


@pytest.mark.parametrize("name", sorted({name for name, _, _ in PLACES}))
def test_nonsense_in_place_of_a_name_is_refused(name: str, capsys, tmp_path: Path, monkeypatch) -> None:
    """An empty name is none: it does not stand for the default."""
    monkeypatch.chdir(tmp_path)
    for command, place, value in PLACES:
        if command == name:
            words = WORDS.get(name, [])
            refused(name, [*words[:place], value, *words[place + 1 :]], capsys)
    assert not list(tmp_path.iterdir()), "nothing is made"


@pytest.mark.parametrize(
    ("command", "words", "says"),
    [
        ("fgsgl run", ["--epochs", "1", "--epochs", "2"], "argument --epochs: it stands twice"),
        ("fgsgl run", ["--seed", "3"], "unrecognized arguments: --seed"),
        ("fgsgl run", ["--dataset", "csv", "--root", "a", "--table", "b.csv"], "--root and --table were both given"),
        (
            "fgsgl run",
            ["--dataset", "synmg", "--table", "b.csv"],
            "--table is the table of --dataset csv, but the data set is synmg",
        ),
        ("fgsgl run", ["--image-size", "7"], "image_size is 7, expected a whole number, 32 to 1024, a multiple of 2"),
        ("fgsgl run", ["--image-size", "113"], "a multiple of 2"),
        ("fgsgl run", ["--methods", "fgsgl", "--image-size", "100"], "synmg-tiny takes multiples of 16"),
        ("fgsgl run", ["--methods", "majority", "slowfast", "--num-frames", "6"], "slowfast full: num_frames is 6"),
        ("fgsgl run", ["--jobs", "1000", "--dry-run"], "--jobs is 1000, expected at most"),
        ("fgsgl run", ["--batch-size", "60000", "--preset", "smoke"], "but the training split has"),
        ("fgsgl run", ["--seeds", "1000000000"], "expected 1 to 1000"),
        (
            "fgsgl config",
            ["tsm", "--pretrained", "nope"],
            "'nope' is neither a tag of synmg-tiny nor a file",
        ),
        ("fgsgl config", ["slowfast", "--num-frames", "6"], "num_frames is 6, but SlowFast takes multiples of 4"),
        ("fgsgl diff", ["a", "b", "c", "--folder", "d"], "the folder was named twice"),
        ("fgsgl submit", ["a", "b", "--cell", "c"], "the cell was named twice"),
        (
            "ablations/run.py",
            ["--disable", "fgsa", "--beside", "oracle_motion", "--dataset", "csv", "--table", "my.csv", "--dry-run"],
            "oracle_motion cannot run on csv; it runs on synmg",
        ),
        ("ablations/run.py", ["--methods", "tsm", "--beside", "tsn"], "--methods was given too, and sets the same"),
        ("ablations/run.py", ["--design", "one-out", "--difference", "1e-12"], "expected 0.01 to 100"),
        ("sweeps/optuna_search.py", ["--jobs", "1", "--workers", "2"], "--jobs was given too"),
        ("sweeps/optuna_search.py", ["--trials", "1000000000"], "expected 1 to 10000"),
        ("sweeps/optuna_search.py", ["--trials", "10000", "--nested", "100"], "these are 1000000 cells of trials"),
    ],
)
def test_what_makes_no_sense_together_is_refused(command: str, words: list[str], says: str, capsys) -> None:
    assert says in refused(command, [*words, "--dry-run"] if command == "fgsgl run" else words, capsys)


@pytest.mark.skipif(bool(visible_gpus({})), reason="has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_refused_in_dry_runs_too(device: str, capsys) -> None:
    said = refused("fgsgl run", ["--methods", "majority", "--device", device, "--dry-run"], capsys)
    assert f"device {device!r} was asked for" in said


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["temperature=.inf"], "is no number that can be used"),
        (["temperature=1e300"], "temperature is 1e+300, expected 0.0001 to 10000"),
        (["text_seed=0x_"], "text_seed is '0x_', expected a whole number"),
        (["text_seed=-1", "text_control=random"], "text_seed is -1"),
        (["text_seed=" + "9" * 23], "too many digits"),
        (["text_seed=!!int x"], "the tag !!int"),
        (["tower=2020-99-99"], "has no setting 'tower'"),
        (["dimension_weights=[a,b,c,d]"], "dimension_weights"),
        (["dimension_weights=[.inf,1,1,1]"], "no number"),
        (["dimension_weights=5"], "a list"),
        (["lora_targets=[[q]]"], "a list of names"),
        (["lora_targets={q: 1}"], "a list"),
        (["lora_targets=q"], "a list"),
        (["loss_fine=1", "loss_fine=2"], "--set gives loss_fine twice"),
        (["fgsa=[/x]"], "fgsa"),
        (["tap=99"], "beyond the last block of synmg-tiny; expected 1..4"),
    ],
)
def test_settings_that_no_cell_can_have_are_refused_first(settings: list[str], says: str, capsys) -> None:
    assert says in refused("ablations/run.py", ["--dry-run", "--set", *settings], capsys)


def test_a_factorial_over_many_factors_says_how_many_arms_it_has(capsys) -> None:
    factors = list(ablations_run.FACTORS)[:13]
    said = refused("ablations/run.py", ["--design", "factorial", "--factors", *factors, "--dry-run"], capsys)
    assert "the factorial over 13 factors has 8192 arms, expected at most 1024" in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ("{temperature: .nan}", "no number"),
        ("{dimensions: part}", "dimensions would be 'part'"),
        ("{dimensions: [1]}", "expected a list of names"),
        ("{tap: middel}", "tap='middel' is not valid"),
        ("{tap: 9}", "tap=9 is beyond the last block"),
        ("{loss_fine: 0, loss_category: 0}", "nothing to train"),
        ("{fgsa: true, fgsa: false}", "stands twice"),
        ("{recipe.lr: 1e300}", "recipe.lr is 1e+300"),
    ],
)
def test_configs_that_no_cell_can_have_are_refused_first(changes: str, says: str, capsys, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"method: fgsgl\nname: mine\nchanges: {changes}\n")
    assert says in refused("fgsgl run", ["--methods", "majority", "--config", str(path), "--dry-run"], capsys)


@pytest.mark.parametrize(
    "out", ["/proc/x", "/dev/null/x", "x" * 300, "/".join(["x" * 250] * 20), "loop/out"], ids=lambda out: out[:20]
)
def test_output_where_nothing_can_be_written_ends_in_a_line(
    out: str, smoke: Path, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    words = ["--methods", "majority", "--preset", "smoke", "--root", str(smoke), "--out", out]
    said = refused("fgsgl run", words, capsys)
    assert out[:200] in said


@pytest.mark.parametrize("table", ["x" * 300 + ".csv", "loop", ".", "gone.csv"])
def test_a_table_that_cannot_be_read_ends_in_a_line(table: str, capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    refused("fgsgl run", ["--dataset", "csv", "--table", table, "--methods", "majority", "--dry-run"], capsys)
