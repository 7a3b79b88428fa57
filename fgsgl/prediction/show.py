"""Predictions for people and machines: bars in the terminal, JSON, CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fgsgl.prediction.recognizer import Prediction
from fgsgl.util import files
from fgsgl.util.escaping import no_formula, printable

BAR = 30
"""Characters of a bar that stands for a probability of 1."""


class Ranked(Struct, frozen=True, kw_only=True):
    """A class with its probability."""

    name: str
    probability: float


class Fitting(Struct, frozen=True, kw_only=True):
    """The sentence of a dimension that fits best."""

    dimension: str
    text: str
    class_name: str
    similarity: float


class Told(Struct, frozen=True, kw_only=True):
    """A prediction in JSON."""

    video: str
    start_s: float
    end_s: float
    top: list[Ranked]
    sentences: list[Fitting]


def told(prediction: Prediction, count: int) -> Told:
    """A prediction as it is written, with its most probable classes."""
    return Told(
        video=prediction.video,
        start_s=round(prediction.start_s, 3),
        end_s=round(prediction.end_s, 3),
        top=[Ranked(name=name, probability=round(share, 6)) for name, share in prediction.top(count)],
        sentences=[
            Fitting(
                dimension=one.dimension, text=one.text, class_name=one.class_name, similarity=round(one.similarity, 4)
            )
            for one in prediction.sentences
        ],
    )


def json_text(predictions: Iterable[Prediction], count: int) -> str:
    """A list of predictions as JSON; what a terminal would obey in it is escaped."""
    text = msgspec.json.format(msgspec.json.encode([told(one, count) for one in predictions]), indent=1).decode()
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text) + "\n"


def csv_text(predictions: Iterable[Prediction], count: int) -> str:
    """A row for each prediction and rank."""
    rows: list[tuple[object, ...]] = [("video", "start_s", "end_s", "rank", "class", "probability")]
    for prediction in predictions:
        for rank, (name, share) in enumerate(prediction.top(count), start=1):
            times = (f"{prediction.start_s:.3f}", f"{prediction.end_s:.3f}")
            video, said = (no_formula(printable(text)) for text in (prediction.video, name))
            rows.append((video, *times, rank, said, f"{share:.6f}"))
    return files.csv_text(rows)


def bars(prediction: Prediction, count: int) -> RenderableType:
    """The most probable classes of one video as bars, and the sentences that fit best."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    for name, share in prediction.top(count):
        bar = Text("█" * round(BAR * share) or "▏", style="cyan")
        table.add_row(f"{100 * share:5.1f} %", bar, Text(printable(name)))
    parts: list[RenderableType] = [Text(printable(prediction.video), style="bold"), table]
    if prediction.sentences:
        fitting = Table.grid(padding=(0, 1))
        for one in prediction.sentences:
            fitting.add_row(Text(printable(f"  {one.dimension}"), style="dim"), Text(printable(one.text)))
        parts.append(fitting)
    return Group(*parts)


def timeline(predictions: Sequence[Prediction]) -> RenderableType:
    """A row for each window of a recording; where a class follows itself, its name is not said again."""
    table = Table("from s", "to s", "class", "probability", box=None, header_style="dim")
    before = ""
    for one in predictions:
        ((name, share),) = one.top(1)
        said = Text(printable(name)) if name != before else Text("  …", style="dim")
        table.add_row(f"{one.start_s:.2f}", f"{one.end_s:.2f}", said, Text("█" * round(BAR * share), style="cyan"))
        before = name
    return Group(Text(printable(predictions[0].video), style="bold"), table) if predictions else table
