"""``fgsgl predict`` and ``fgsgl export``: a trained recognizer on other videos, and as one file."""

from __future__ import annotations

import argparse
import mimetypes
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fgsgl.cli.options import WHAT, Commands, add_command, say
from fgsgl.util.command_line import file_path, number, path_ending, word
from fgsgl.util.domain import Numbers
from fgsgl.util.errors import UserError, refused
from fgsgl.util.escaping import printable

SECONDS = Numbers(0, 1_000_000, above=True)

if TYPE_CHECKING:
    from rich.console import Console

    from fgsgl.prediction.recognizer import Prediction, Recognizer


def add_predict_commands(commands: Commands) -> None:
    """Adds ``predict`` and ``export`` to the command line."""
    predict = add_command(commands, "predict", _predict, "name what videos show, with a trained recognizer")
    predict.add_argument("videos", nargs="+", type=file_path, metavar="video", help="video files, or folders of them")
    source = predict.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--board", type=file_path, metavar="FOLDER", help="a board with a finished cell and its checkpoint"
    )
    source.add_argument("--model", type=file_path, metavar="FILE", help="a file that `fgsgl export` wrote")
    named = predict.add_mutually_exclusive_group()
    named.add_argument("--row", type=word, metavar="NAME", help=f"of the board: {WHAT} (default: FG-SGL's best row)")
    named.add_argument("--cell", type=word, metavar="ID", help="of the board: the beginning of a cell's id")
    predict.add_argument(
        "--top", type=number(int, Numbers(1, 1000)), default=5, help="classes that are named (default: %(default)s)"
    )
    predict.add_argument(
        "--window",
        type=number(float, SECONDS),
        metavar="SECONDS",
        help="look at windows of a long recording, one by one",
    )
    predict.add_argument(
        "--stride",
        type=number(float, SECONDS),
        metavar="SECONDS",
        help="from the start of one window to that of the next (default: a quarter of --window)",
    )
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write JSON to standard output")
    form.add_argument("--csv", action="store_true", help="write CSV to standard output")
    predict.add_argument(
        "--picture", type=file_path, metavar="FOLDER",
        help="write for each video a picture of frames and attention, or of the timeline, and an annotated MP4",
    )  # fmt: skip
    predict.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")

    export = add_command(commands, "export", _export, "write a trained recognizer as one file that needs no data set")
    export.add_argument("folder", type=file_path, help="a board's folder")
    export.add_argument("what", nargs="?", type=word, help=f"{WHAT} (default: FG-SGL's best row)")
    export.add_argument(
        "--out",
        type=path_ending(".safetensors"),
        required=True,
        metavar="FILE",
        help="the model file, whose name ends in .safetensors",
    )


def _predict(arguments: argparse.Namespace) -> int:
    if arguments.stride is not None and arguments.window is None:
        raise UserError("--stride divides a recording into windows; give --window as well")
    files = list(dict.fromkeys(_files(arguments.videos)))
    if arguments.model and (arguments.row or arguments.cell):
        raise UserError("--row and --cell name a cell of a --board; a --model is one already")

    recognizer = _recognizer(arguments)
    from fgsgl.prediction import show
    from fgsgl.util.terminal import Counter, wide_console

    console = wide_console()
    stems = _stems(files)
    for_machines, found, code = arguments.json or arguments.csv, [], 0
    if not for_machines:
        console.print(f"by {recognizer.trained.origin}", markup=False, highlight=False)
    with Counter(_for_progress(for_machines and not arguments.window), "naming videos") as counter:
        for done, path in enumerate(files, start=1):
            try:
                predictions = _of_video(recognizer, path, arguments)
            except UserError as error:  # the other videos are named all the same
                if path not in arguments.videos and not _is_called_a_video(path):
                    print(f"passed over: {printable(str(error))}", file=sys.stderr)
                else:
                    code = refused(str(error))
                continue
            found += predictions
            counter.update(done, len(files))
            if not for_machines:
                shown = show.timeline(predictions) if arguments.window else show.bars(predictions[0], arguments.top)
                console.print(shown)
            if arguments.picture:
                _draw(predictions, arguments.picture / stems[path], bool(arguments.window), console, for_machines)
    if arguments.json:
        print(show.json_text(found, arguments.top), end="")
    if arguments.csv:
        print(show.csv_text(found, arguments.top), end="")
    return code


def _recognizer(arguments: argparse.Namespace) -> Recognizer:
    from fgsgl.api import load_recognizer

    if arguments.model:
        return load_recognizer(arguments.model, device=arguments.device)
    return load_recognizer(arguments.board, arguments.row or arguments.cell, device=arguments.device)


def _of_video(recognizer: Recognizer, path: Path, arguments: argparse.Namespace) -> list[Prediction]:
    if arguments.window is None:
        return [recognizer.predict(path)]
    from fgsgl.util.terminal import Counter

    stride_s = arguments.window / 4 if arguments.stride is None else arguments.stride
    with Counter(_for_progress(True), f"reading {path.name}") as counter:
        return list(recognizer.timeline(path, arguments.window, stride_s, progress=counter.update))


def _for_progress(wanted: bool) -> Console:
    """A console on standard error, where a bar stands apart from results; silent where nobody looks."""
    from rich.console import Console

    console = Console(stderr=True)
    console.quiet = not (wanted and console.is_terminal)
    return console


def _stems(files: Sequence[Path]) -> dict[Path, str]:
    """Names of the pictures of each file: never the name of a video, and of equally named videos each another."""
    counts: dict[str, int] = {}
    stems = {}
    for path in files:
        counts[path.stem] = again = counts.get(path.stem, 0) + 1
        stems[path] = f"{path.stem}-predicted" + (f"-{again}" if again > 1 else "")
    return stems


def _is_called_a_video(path: Path) -> bool:
    """Whether a file's name ends as that of a video; in a folder, others are passed over where they are none."""
    return (mimetypes.guess_type(path.name)[0] or "").startswith("video/")


def _files(given: Sequence[Path]) -> Iterator[Path]:
    """The files given, and those of the folders given."""
    for path in given:
        if not path.exists():
            raise UserError(f"no video at {path}")
        if not path.is_dir():
            yield path
            continue
        inside = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        if not inside:
            raise UserError(f"the folder {path} holds no file")
        yield from inside


def _draw(predictions: Sequence[Prediction], stem: Path, over_time: bool, console: Console, quiet: bool) -> None:
    from fgsgl.prediction import picture

    image, video = Path(f"{stem}.png"), Path(f"{stem}.mp4")
    if over_time:
        picture.timeline_picture(predictions, image)
    else:
        picture.attention_picture(predictions[0], image)
    picture.annotated_video(predictions, video)
    if not quiet:
        console.print(f"  drawn: {image}, {video}", markup=False, highlight=False, soft_wrap=True)


def _export(arguments: argparse.Namespace) -> int:
    from fgsgl.api import trained
    from fgsgl.prediction.model_file import write_model

    found = trained(arguments.folder, arguments.what)
    write_model(found, arguments.out)
    size_mib = arguments.out.stat().st_size / 2**20
    say(f"written: {arguments.out}, {size_mib:.1f} MiB: {found.origin}")
    say(f"`fgsgl predict VIDEO --model {arguments.out}` names what a video shows")
    return 0
