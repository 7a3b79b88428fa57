"""Trials: nonsense values of every option of every command that can be tried without training."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from trial import Trial

from fgsgl.ablations import run as ablations_run
from fgsgl.cli.main import build_parser

NONSENSE = {
    "empty": "",
    "blank": "  ",
    "nan": "nan",
    "infinity": "inf",
    "minus one": "-1",
    "zero": "0",
    "half": "0.5",
    "overflow": "1e400",
    "huge": "1e300",
    "26 digits": "1" * 26,
    "a billion": "1000000000",
    "Arabic digit": "٣",
    "full-width digit": "２",
    "underscore": "1_0",
    "hexadecimal": "0x10",
    "plus": "+3",
    "fraction": "1/2",
    "list": "[1, 2]",
    "word": "true",
    "markup": "[/red]",
    "escape": "\x1b[31mred",
    "bidi": "a\u202eb",
    "newline": "a\nb",
    "long": "x" * 5000,
    "device file": "/dev/zero",
    "in proc": "/proc/1/x",
    "parent": "../../../x",
    "replacement character": "a\ufffdb",
}

DATA = ("--dataset", "csv", "--table", "my.csv")
RUN = ("fgsgl", "run", *DATA, "--methods", "majority", "--epochs", "1", "--out", "out", "--dry-run")
ABLATION = ("ablations/run.py", *DATA, "--disable", "fgsa", "--epochs", "1", "--out", "out", "--dry-run")
SEARCHED = {"run": RUN, "ablation": ABLATION}

FINE = {
    "--seeds": {"plus"},
    "--data-seed": {"zero", "a billion", "plus"},
    "--num-frames": {"plus"},
    "--epochs": {"plus"},
    "--patience": {"zero", "plus"},
    "--unseen": {"zero"},
    "--fold": {"zero"},
    "--shots": {"zero", "plus"},
    "--long-tail": {"zero", "plus"},
    "--retries": {"zero", "plus"},
    "--logit-adjustment": {"zero", "half", "plus"},
    "--label-smoothing": {"zero", "half"},
    "--ema": {"zero", "half"},
    "--max-hours": {"half", "plus"},
    "--cell-timeout": {"half", "plus"},
    "--power": {"half"},
    "--difference": {"half", "plus"},
    "--out": {
        "zero",
        "half",
        "a billion",
        "word",
        "underscore",
        "plus",
        "hexadecimal",
        "huge",
        "infinity",
        "nan",
        "overflow",
        "26 digits",
        "list",
        "fraction",
        "full-width digit",
        "Arabic digit",
        "markup",
        "parent",
        "minus one",
        "replacement character",
    },
    "--seed": {"zero"},
    "--batch-size": {"plus"},
    "--retry": {"zero"},
    "--device": set(),
    "--jobs": {"plus"},
}
"""Values that an option may take, however odd: ``+3`` is a whole number, and any printable name one of a folder."""


def option_trials() -> Iterator[Trial]:
    """Every option that takes a value, with every nonsense value."""
    parsers = {"run": _subparser("run"), "ablation": ablations_run.build_parser()}
    for command, parser in parsers.items():
        for action in parser._actions:
            if not action.option_strings or action.nargs == 0:
                continue
            name = action.option_strings[-1]
            for label, value in NONSENSE.items():
                yield _trial(command, name, label, value)


def _trial(command: str, name: str, label: str, value: str) -> Trial:
    fine = label in FINE.get(name, set())
    return Trial(
        name=f"{command} {name} {label}",
        argv=(*_without(SEARCHED[command], name), f"{name}={value}"),
        right=lambda folder, said: fine,
    )


def _without(words: tuple[str, ...], option: str) -> tuple[str, ...]:
    """The words without an option and its value: given twice it would be refused for that alone."""
    if option not in words:
        return words
    at = words.index(option)
    return words[:at] + words[at + 2 :]


def _subparser(name: str) -> argparse.ArgumentParser:
    (commands,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    return commands.choices[name]


def path_trials() -> Iterator[Trial]:
    """Paths of every kind that a command can be given, of kinds that it cannot use."""
    commands = {
        "table": ("fgsgl", "run", "--dataset", "csv", "--methods", "majority", "--out", "out", "--dry-run", "--table"),
        "root": ("fgsgl", "run", "--dataset", "smg", "--methods", "majority", "--out", "out", "--dry-run", "--root"),
        "settings": (*RUN, "--config"),
        "check": ("fgsgl", "data", "check", "csv", "--table"),
        "index": ("fgsgl", "data", "index"),
        "text check": ("fgsgl", "text", "check"),
        "text new": ("fgsgl", "text", "new"),
        "report": ("fgsgl", "report"),
        "status": ("fgsgl", "status"),
        "contrast": ("fgsgl", "contrast"),
        "import": ("fgsgl", "text", "import", "--base", "my.yaml", "--out", "o.yaml"),
    }
    for command, words in commands.items():
        for label in ("absent", "folder.csv", "fifo.csv", "loop.csv", "long", "zero.csv", "binary.csv", "unreadable"):
            value = {"long": "n" * 300 + ".csv", "unreadable": "/proc/1/mem"}.get(label, label)
            if label == "folder.csv" and command in ("index", "root"):
                continue  # an empty folder is tried as bad folders
            yield Trial(name=f"{command} {label}", argv=(*words, value), prepare=_odd_files)


def _odd_files(folder: Path) -> None:
    import os

    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "fifo.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "zero.csv").write_bytes(b"")
    (folder / "binary.csv").write_bytes(bytes(range(256)) * 64)
