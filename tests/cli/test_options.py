"""Options that come from the fields of dataclasses, and the settings that the values of options make."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, get_args

import pytest

from fgsgl.ablations.run import build_parser as ablation_parser
from fgsgl.cli.main import build_parser, main
from fgsgl.cli.options import (
    FIXED,
    OF_DATA_SET,
    add_execution_arguments,
    add_options,
    add_protocol_arguments,
    execution_of,
    field_docstrings,
    protocol_of,
    values_of,
)
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.running.execution import Execution, ExecutorName, Keep, Limits
from fgsgl.sweeps.optuna_search import build_parser as search_parser
from fgsgl.training.visualizers import VISUALIZERS, Visualizer
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Settings of every kind that can be an option."""

    name: str
    """Name of 100 % of it."""
    wait_min: float | None = None
    """Minutes to wait; None: for
    ever."""
    kind: Literal["a", "b"] = "b"
    """GPU or ``b``."""
    quick: bool = False
    """Be quick."""
    since_s: float = 0.0
    """Not for users."""


def parser_of(**given) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_options(parser, Settings, skip=("since_s",), **given)
    return parser


def test_a_field_says_all_of_its_option() -> None:
    helped = " ".join(parser_of(varying={"name": "its own"}).format_help().split())
    assert "--name NAME name of 100 % of it (default: its own)" in helped
    assert "--wait MINUTES minutes to wait (default: for ever)" in helped
    assert "--kind {a,b} GPU or b (default: b)" in helped and "--quick be quick" in helped
    assert "since" not in helped
    found = values_of(parser_of().parse_args(["--name", "x", "--wait", "2.5", "--quick"]), Settings)
    assert Settings(**found) == Settings(name="x", wait_min=2.5, quick=True)
    asked = parser_of(varying={}).parse_args([])
    assert asked.kind is None, "a default that depends on other options is not filled in"


@pytest.mark.parametrize("words", [["--wait", "soon"], ["--kind", "c"]])
def test_what_is_of_another_type_is_refused(words: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        parser_of().parse_args(words)
    assert ended.value.code == 2 and words[0] in capsys.readouterr().err


@pytest.mark.parametrize("cls", [Protocol, Execution, Limits])
def test_every_field_has_a_docstring(cls: type) -> None:
    assert field_docstrings(cls).keys() == {field.name for field in fields(cls)}


def test_every_field_of_the_protocol_but_the_fixed_ones_is_an_option() -> None:
    parser = argparse.ArgumentParser()
    add_protocol_arguments(parser)
    names = set(vars(parser.parse_args([])))
    assert {field.name for field in fields(Protocol)} - names == set(FIXED)
    words = ["--dataset", "imigue", "--data-seed", "3", "--label-smoothing", "0.1", "--sampling", "class_balanced"]
    asked = protocol_of(parser.parse_args(words))
    assert asked == default_protocol("imigue", data_seed=3, label_smoothing=0.1, sampling="class_balanced")
    assert asked.size == "standard", "the data set's own, not the field's default"


def test_the_fields_whose_defaults_the_help_gives_are_those_that_no_data_set_changes() -> None:
    changed = set()
    for own in map(default_protocol, ("synmg", "smg", "imigue", "ma52", "csv")):
        plain = Protocol(dataset=own.dataset, preset=own.preset, epochs=own.epochs)
        changed |= {field.name for field in fields(Protocol) if getattr(own, field.name) != getattr(plain, field.name)}
    assert changed | {"epochs"} == set(OF_DATA_SET)


def test_execution_is_what_the_options_say() -> None:
    parser = argparse.ArgumentParser()
    add_execution_arguments(parser)
    words = ["--device", "cpu", "--jobs", "3", "--compile", "--cell-timeout", "9", "--keep-checkpoints", "none"]
    found = execution_of(parser.parse_args(words))
    assert (found.device, found.jobs, found.compile, found.executor) == ("cpu", 3, True, "local")
    assert (found.limits.cell_timeout_min, found.limits.keep_checkpoints, found.limits.retries) == (9.0, "none", 2)
    plain = execution_of(parser.parse_args([]))
    for cls, made in ((Execution, plain), (Limits, plain.limits)):
        fresh = cls()
        same = [field.name for field in fields(cls) if field.name not in ("since_s", "limits")]
        assert all(getattr(made, name) == getattr(fresh, name) for name in same)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"device": "gpu"}, "unknown device 'gpu'; expected auto, cpu, cuda or cuda:N"),
        ({"jobs": 0}, "--jobs is 0, expected a whole number, 1 to"),
        ({"devices": 0}, "--devices is 0, expected a whole number, 1 to"),
        ({"device": "cuda:1", "devices": 2}, "cuda:1 is one; use --device cuda"),
        ({"executor": "slurm"}, "--executor is 'slurm'; valid: local, ray"),
        ({"visualizer": "wandbb"}, r"--visualizer is 'wandbb'; did you mean wandb\?"),
    ],
)
def test_an_execution_that_makes_no_sense_is_refused(given: dict, says: str) -> None:
    with pytest.raises(UserError, match=says):
        Execution(**given)


def test_the_choices_are_those_of_the_code_behind_them() -> None:
    assert set(get_args(Visualizer)) == set(VISUALIZERS)
    assert set(get_args(ExecutorName)) == {"local", "ray"} and set(get_args(Keep)) == {"best", "last", "none"}


def options(parser: argparse.ArgumentParser, name: str = "fgsgl") -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, one in action.choices.items():
                yield from options(one, f"{name} {word}")
        else:
            yield name, action


def test_every_option_is_explained() -> None:
    shown = [*options(build_parser()), *options(ablation_parser(), "ablate"), *options(search_parser(), "search")]
    bare = {(name, action.dest) for name, action in shown if not action.help}
    assert bare <= {(name, "dataset") for name, _ in shown} | {("fgsgl pretrain", "name")}  # one choice, which is shown


def test_a_mistyped_method_is_told_at_once(capsys) -> None:
    started_s = time.perf_counter()
    assert main(["run", "--methods", "tsmm"]) == 2
    assert "did you mean tsm" in capsys.readouterr().err
    assert time.perf_counter() - started_s < 1
