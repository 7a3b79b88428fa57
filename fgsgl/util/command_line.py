"""A command line that takes no nonsense: each option once, spelled out, of a declared kind, and errors in one line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fgsgl.util.domain import Numbers, real_number, whole_number
from fgsgl.util.errors import UserError, nearest
from fgsgl.util.escaping import one_line


class CommandLine(argparse.ArgumentParser):
    """A parser that refuses an option given twice or abbreviated, and says what is wrong in one line.

    Two options that set the same thing, such as an old and a new spelling, count as one.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})
        self.given: dict[str, str] = {}
        """By what an option sets: its spelling on the command line."""
        for name in (None, "store"):
            self.register("action", name, _StoreOnce)

    def parse_known_args(  # type: ignore[override]  # typeshed has an overload for each kind of namespace
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parses as argparse does, anew for each call."""
        self.given.clear()
        return super().parse_known_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Answers a mistyped command with the nearest ones; argparse calls it for every value that has choices."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            what = f"unknown {action.metavar} {str(value)[:60]!r}; {nearest(str(value)[:60], list(action.choices))}"
            raise argparse.ArgumentError(None, what)
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        """Ends with one line and exit code 2."""
        self.exit(2, f"error: {one_line(message)}; see `{self.prog} --help`\n")


class _StoreOnce(argparse._StoreAction):
    """Keeps a value, unless the command line has given one before."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, spelling: str | None = None
    ) -> None:
        if spelling is not None and isinstance(parser, CommandLine):
            if self.dest in parser.given:
                before = parser.given[self.dest]
                both = "it stands twice" if before == spelling else f"{before} was given too, and sets the same"
                raise argparse.ArgumentError(self, f"{both}; give one")
            parser.given[self.dest] = spelling
        super().__call__(parser, namespace, values, spelling)


def number(kind: type, domain: Numbers | None = None) -> Callable[[str], float]:
    """The type of an option that takes a number in ASCII digits.

    Args:
        kind: int or float.
        domain: the numbers that are valid; None: the reader of the option checks them.
    """

    def read(text: str) -> float:
        try:
            value = whole_number(text) if kind is int else real_number(text)
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        if domain is not None and not domain.holds(value):
            raise argparse.ArgumentTypeError(f"it is {text:.60}, expected {domain}")
        return value

    return read


def file_path(text: str) -> Path:
    """The type of an option that takes a path: printable, and not blank."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"it is {text!r:.60}, expected a printable path")
    return Path(text)


def path_ending(*suffixes: str) -> Callable[[str], Path]:
    """The type of an option that takes the path of a file of certain kinds.

    Args:
        suffixes: such as ``.png``, of which the path has one.
    """

    def read(text: str) -> Path:
        path = file_path(text)
        if path.suffix.lower() not in suffixes:
            raise argparse.ArgumentTypeError(f"it is {text!r:.80}, expected a path ending in {' or '.join(suffixes)}")
        return path

    return read


def word(text: str) -> str:
    """The type of an option that takes a name: printable, not blank, at most 500 characters."""
    if not text.strip() or not text.isprintable() or len(text) > 500:
        raise argparse.ArgumentTypeError(f"it is {text!r:.60}, expected a printable name of at most 500 characters")
    return text
