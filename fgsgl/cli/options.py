"""Options of the command line. Those of a dataclass come from its fields: name, type, choices, default, and the field's
docstring as help."""

from __future__ import annotations

import argparse
import ast
import functools
import inspect
import itertools
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from fgsgl.data.data_spec import results_name
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.running.execution import Execution, Limits
from fgsgl.util import downloads
from fgsgl.util.command_line import file_path, number
from fgsgl.util.domain import SEED_COUNTS
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import printable_lines

if TYPE_CHECKING:
    from fgsgl.methods.cell import Variant
    from fgsgl.running.experiment import Experiment

UNITS = {"_min": "MINUTES"}
"""Units at the end of a field's name, which the help shows instead of the option's name."""
NONE = "; None: "
"""In a field's docstring, this comes before what None stands for. The help shows that as the default."""
OF_DATA_SET = {"epochs": "the data set's", "size": "the data set's", "logit_adjustment": "the data set's"}
"""Fields of the protocol whose defaults differ between data sets, as the help says it."""
FIXED = ("flip", "shift", "brightness", "evaluation")
"""Fields of the protocol that the command line leaves as they are."""

WHAT = 'a row ("FG-SGL w/o fgsa"), a row and a seed ("FG-SGL, seed 0"), or the beginning of a cell\'s id'
"""Help of what names cells in a folder; :func:`fgsgl.records.find.find_cells` finds them."""


class _Unsaid(str):
    """A default of ``--dataset``, which ``--table`` alone overrides."""


Parser = argparse.ArgumentParser | argparse._ArgumentGroup
Commands = argparse._SubParsersAction


def add_command(
    commands: Commands, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Adds a command that runs a function; ``text`` is its line in the list of commands and the head of its help."""
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function)
    return parser


def say(text: str) -> None:
    """Prints lines on stdout; names in them may come from elsewhere."""
    print(printable_lines(text))


def add_options(
    parser: Parser,
    cls: type,
    *,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    varying: Mapping[str, str] | None = None,
) -> None:
    """Adds an option for each field of a dataclass.

    Args:
        parser: gets the options. Their values are named as the fields are (:func:`values_of`).
        cls: a dataclass. Its fields are bool (False by default), int, float, str or a Literal, or one of these or None.
        only: fields that get an option; none: all.
        skip: fields that get none.
        varying: given where other options decide on the defaults, so that an option that is not given is None. Says in
            words what the defaults are that vary; the others are those of the dataclass.
    """
    hints, docs = get_type_hints(cls), field_docstrings(cls)
    for field in fields(cls):
        if field.name in skip or (only and field.name not in only):
            continue
        text, _, none = docs[field.name].rstrip(".").partition(NONE)
        name, unit = _without_unit(field.name)
        flag = "--" + name.replace("_", "-")
        if hints[field.name] is bool:
            parser.add_argument(flag, dest=field.name, action="store_true", help=_help(text, ""))
            continue
        kind, choices = _kind(hints[field.name])
        default = None if field.default is MISSING else field.default
        shown = none if default is None else f"{default:g}" if kind is float else str(default)
        parser.add_argument(
            flag, dest=field.name, type=number(kind) if kind in (int, float) else kind, choices=choices, metavar=unit,
            default=default if varying is None else None, help=_help(text, (varying or {}).get(field.name, shown)),
        )  # fmt: skip


def values_of(arguments: argparse.Namespace, cls: type) -> dict[str, Any]:
    """The values of a dataclass's fields, as far as there are options for them."""
    return {field.name: getattr(arguments, field.name) for field in fields(cls) if field.name in arguments}


@functools.cache
def field_docstrings(cls: type) -> dict[str, str]:
    """The docstring below each field of a class, in one line and without backticks. Python does not keep them, so they
    are read from the source."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for above, below in itertools.pairwise(definition.body):
        match above, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.replace("``", "").split())
    return found


def add_data_arguments(parser: Parser) -> None:
    """Adds which preset of a data set is meant, and where its files are."""
    add_options(parser, Protocol, only=("preset",), varying={"preset": "its first"})
    parser.add_argument("--root", type=file_path, help="the data set's folder (default: below $FGSGL_DATA, or data/)")
    parser.add_argument(
        "--table", type=file_path, metavar="CSV", help="the table of your own clips: --dataset csv with this --root"
    )
    parser.add_argument(
        "--videos", type=file_path, metavar="FOLDER",
        help="with --table: the folder of its videos (default: the table's); written to a file beside the table",
    )  # fmt: skip
    add_options(parser, Protocol, only=("data_seed",))


def add_protocol_arguments(parser: Parser) -> None:
    """Adds the data set, and what its protocol holds fixed."""
    parser.add_argument("--dataset", default=_Unsaid("synmg"), help="data set (default: %(default)s; csv with --table)")
    add_data_arguments(parser)
    add_options(parser, Protocol, skip=("dataset", "preset", "data_seed", *FIXED),
                varying={**OF_DATA_SET, "transfer": "the data set itself"})  # fmt: skip
    add_transfer_root(parser)


def add_transfer_root(parser: Parser) -> None:
    """Adds where the data lie that ``--transfer`` names."""
    parser.add_argument(
        "--transfer-root", type=file_path, metavar="FOLDER",
        help="with --transfer: the folder or table of the data to train on (default: below $FGSGL_DATA, or data/)",
    )  # fmt: skip


def add_experiment_arguments(parser: Parser) -> None:
    """Adds the options that ``fgsgl run`` and the ablations have in common."""
    parser.add_argument(
        "--seeds", type=number(int, SEED_COUNTS), default=1, help="number of paired seeds 0..n-1 (default: %(default)s)"
    )
    parser.add_argument(
        "--folds", type=number(int, SEED_COUNTS), metavar="N",
        help="with --unseen: folds 0..n-1 of unseen classes (default: the one that --fold names)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=file_path,
        help="the board's folder (default: results/local/<dataset>-<preset>, with --table one for each table)",
    )  # fmt: skip
    parser.add_argument("--no-ceilings", action="store_true", help="leave out the ceilings, such as SynMG's oracles")
    parser.add_argument("--dry-run", action="store_true", help="list the cells and the expected time, train nothing")
    add_protocol_arguments(parser.add_argument_group("protocol, the same for every method"))
    add_execution_arguments(parser.add_argument_group("execution, which changes no cell's id"))


def add_execution_arguments(parser: Parser) -> None:
    """Adds how cells are run, and how far the command goes."""
    add_options(parser, Execution, skip=("limits",))
    add_options(parser, Limits, skip=("since_s",))


def protocol_of(arguments: argparse.Namespace) -> Protocol:
    """The protocol that the options describe.

    Raises:
        UserError: for an unknown data set or preset, or a value that makes no sense.
    """
    values = {**values_of(arguments, Protocol), "dataset": dataset_of(arguments)}
    if values["transfer"] == "":  # as of a variable of the shell that is not set
        raise UserError("--transfer is empty, expected data to train on, such as synmg:hard; or leave it out")
    if arguments.transfer_root is not None and values["transfer"] is None:
        raise UserError(f"--transfer-root is {arguments.transfer_root}, but --transfer names no data; give both")
    return default_protocol(**values, root=root_of(arguments), transfer_root=arguments.transfer_root)


def dataset_of(arguments: argparse.Namespace) -> str:
    """The data set that is meant: ``csv`` where a table is given, and no data set.

    Raises:
        UserError: where neither is given, and the command has no data set of its own to fall back on.
    """
    unsaid = arguments.dataset is None or isinstance(arguments.dataset, _Unsaid)
    if unsaid and arguments.table is not None:
        return "csv"
    if arguments.dataset is None:
        raise UserError("which data set is checked? Name it (synmg, smg, imigue, ma52), or give your --table")
    return str(arguments.dataset)  # a plain str, which plans and records can hold


def root_of(arguments: argparse.Namespace) -> Path | None:
    """The data's folder or table as ``--root`` or ``--table`` give it; None: the default place.

    The folder of ``--videos`` is written down beside the table, so that every later command finds it.

    Raises:
        UserError: for both, a table of another data set than ``csv``, or videos without a table.
    """
    dataset, root = dataset_of(arguments), arguments.table or arguments.root
    if arguments.table is not None and arguments.root is not None:
        raise UserError("--root and --table were both given, and say the same: where the data are; give one")
    if arguments.table is not None and dataset != "csv":
        raise UserError(f"--table is the table of --dataset csv, but the data set is {dataset}; use --root")
    if arguments.videos is not None:
        if dataset != "csv" or root is None:
            raise UserError("--videos is the folder of a table's videos; give the table with --table")
        from fgsgl.data.datasets.csv import remember_videos

        remember_videos(root, arguments.videos)
    return root


def execution_of(arguments: argparse.Namespace) -> Execution:
    """How the options say that cells are run. Lets this process and its cells download where they say so.

    Raises:
        UserError: for a value that makes no sense.
    """
    execution = Execution(**values_of(arguments, Execution), limits=Limits(**values_of(arguments, Limits)))
    if execution.allow_download:
        downloads.allow()
    return execution


def experiment_of(arguments: argparse.Namespace, protocol: Protocol, variants: Sequence[Variant]) -> Experiment:
    """The experiment that the options of :func:`add_experiment_arguments` describe.

    Args:
        arguments: of the command line.
        protocol: from :func:`protocol_of`.
        variants: its rows, in order.

    Raises:
        UserError: as :func:`execution_of` and :func:`root_of`.
    """
    execution, root = execution_of(arguments), root_of(arguments)
    from fgsgl.running.experiment import Experiment  # takes seconds, and a wrong value is told before

    return Experiment(
        variants=tuple(variants),
        protocol=protocol,
        seeds=arguments.seeds,
        out=out_of(arguments, protocol),
        root=root,
        transfer_root=arguments.transfer_root,
        execution=execution,
        ceilings=not arguments.no_ceilings,
        folds=arguments.folds,
    )


def out_of(arguments: argparse.Namespace, protocol: Protocol) -> Path:
    """The board's folder. The default is apart from the committed boards, whose cells would not be trained again."""
    return arguments.out or Path("results/local") / data_name(arguments, protocol)


def data_name(arguments: argparse.Namespace, protocol: Protocol) -> str:
    """Name of the default folder of results on the data that the options name.

    Raises:
        UserError: as :func:`root_of`.
    """
    return results_name(protocol.dataset, protocol.preset, root_of(arguments))


def _kind(hint: Any) -> tuple[type, tuple[str, ...] | None]:
    """The type of an option's values, and its choices."""
    given = [one for one in get_args(hint) if one is not NoneType] if NoneType in get_args(hint) else [hint]
    (hint,) = given
    return (str, get_args(hint)) if get_origin(hint) is Literal else (hint, None)


def _without_unit(name: str) -> tuple[str, str | None]:
    """The field's name without its unit, and how the help shows the unit."""
    for suffix, unit in UNITS.items():
        if name.endswith(suffix):
            return name.removesuffix(suffix), unit
    return name, None


def _help(text: str, default: str) -> str:
    text = (text[0].lower() if text[1].islower() else text[0]) + text[1:]
    return text.rstrip(".").replace("%", "%%") + (f" (default: {default})" if default else "")
