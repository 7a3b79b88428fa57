"""Counts what training costs, for ``baselines/training_costs.csv``; :mod:`fgsgl.methods.budget` says how."""

from __future__ import annotations

import csv
import io

from rich.console import Console

from fgsgl.methods.budget import COLUMNS, PATH, Setting, training_costs
from fgsgl.methods.method import Method
from fgsgl.methods.registry import scan
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.util.files import write_whole
from fgsgl.util.terminal import Counter

SETTINGS = (
    Setting("quick", "synmg-tiny", 8, 112),
    Setting("quick", "synmg-tiny", 16, 112),
    Setting("standard", "synmg-tiny", 8, 112),
)
"""Those of all data sets' presets."""


def protocol_of(setting: Setting) -> Protocol:
    """A protocol of SynMG with a setting."""
    return default_protocol("synmg", "quick", **setting._asdict())


def trained() -> list[Method]:
    """Every method that is trained."""
    return [method for method in scan().values() if method.recipe is not None and not method.unavailable]


def count(method: Method, setting: Setting) -> float:
    """GFLOPs of one clip in a training step of a method."""
    from fgsgl.testing.method_contract import BuiltMethod, loss_of
    from fgsgl.training.cost import training_gflops

    subject = BuiltMethod(method, protocol_of(setting))
    return training_gflops(lambda batch: loss_of(subject.model, batch), subject.batch, subject.protocol.batch_size)


def write(console: Console) -> None:
    """Counts every method that is trained under every setting, and writes the file."""
    jobs = [(method, setting) for method in trained() for setting in SETTINGS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    with Counter(console, "counting trainings") as counter:
        for done, (method, setting) in enumerate(jobs, start=1):
            writer.writerow([method.name, *setting, f"{count(method, setting):.4g}"])
            counter.update(done, len(jobs))
    write_whole(PATH, text.getvalue())
    training_costs.cache_clear()
