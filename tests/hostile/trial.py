"""A trial: one command with bad input, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from commands import Commands

Verdict = Literal["refused", "right", "wrong", "traceback", "endless"]
GOOD: tuple[Verdict, ...] = ("refused", "right")
LIMIT_S = 40.0
MEMORY_BYTES = 6 * 2**30


def nothing(folder: Path) -> None:
    """Changes nothing."""


def refused_only(folder: Path, said: str) -> bool:
    """There is no right answer but a refusal."""
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One command with bad input.

    Attributes:
        name: what is bad.
        argv: the command; it runs in the folder that ``prepare`` has changed.
        prepare: damages a copy of the sound inputs.
        right: whether an exit code of 0 with this output is right.
        limit_s: seconds after which it counts as endless.
    """

    name: str
    argv: tuple[str, ...]
    prepare: Callable[[Path], None] = nothing
    right: Callable[[Path, str], bool] = refused_only
    limit_s: float = LIMIT_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a trial."""

    verdict: Verdict
    said: str


def tried(commands: Commands, trial: Trial, folder: Path) -> Outcome:
    """Runs a trial in a folder of sound inputs, which it may change."""
    trial.prepare(folder)
    code = commands.run(trial.argv, folder, folder, limit_s=trial.limit_s, memory_bytes=MEMORY_BYTES, figures=True)
    stdout, stderr = ((folder / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
    return Outcome(verdict=verdict(trial, folder, code, stdout, stderr), said=f"exit {code}\n{stdout}\n{stderr}")


def verdict(trial: Trial, folder: Path, code: int | None, stdout: str, stderr: str) -> Verdict:
    """A refusal is exit code 2 and one line on stderr, or argparse's usage and one line."""
    if code is None:
        return "endless"
    if "Traceback (most recent call last)" in stdout + stderr or code < 0:
        return "traceback"
    lines = stderr.strip().splitlines()
    if code == 2 and lines and "error: " in lines[-1] and (len(lines) == 1 or lines[0].startswith("usage: ")):
        return "refused" if printable(lines[-1]) else "wrong"
    if code == 0 and printable(stdout.replace("\n", "")) and trial.right(folder, stdout):
        return "right"
    return "wrong"


def printable(text: str) -> bool:
    """Whether a terminal shows the text and nothing else happens: no escape sequences, no bidirectional overrides."""
    return all(character.isprintable() for character in text)
