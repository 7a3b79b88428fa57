"""Counts what methods cost on their networks, for ``baselines/costs.csv`` (:mod:`fgsgl.methods.costs`)."""

from __future__ import annotations

import csv
import io

from rich.console import Console

from fgsgl.methods.costs import COLUMNS, PATH, SHOWN, TRAINED, Costs, NetworkSetting, costs
from fgsgl.methods.method import Method
from fgsgl.methods.registry import scan
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.util.files import write_whole
from fgsgl.util.terminal import Counter

SETTINGS = tuple(dict.fromkeys((*TRAINED, *SHOWN.values())))
"""Every setting that something is counted under."""


def protocol_of(setting: NetworkSetting) -> Protocol:
    """A protocol of SynMG with a setting."""
    return default_protocol("synmg", "quick", **setting._asdict())


def counted(method: Method, setting: NetworkSetting) -> bool:
    """Whether anything of a method is counted under a setting."""
    shown, trained = setting in SHOWN.values(), setting in TRAINED
    return method.model is not None and (shown or (trained and method.recipe is not None))


def count(method: Method, setting: NetworkSetting) -> Costs:
    """Counts a method under a setting, rounded as the file has it."""
    from fgsgl.testing.method_contract import BuiltMethod, loss_of
    from fgsgl.training.cost import measure, training_gflops

    subject, found = BuiltMethod(method, protocol_of(setting)), Costs()
    if setting in SHOWN.values():
        parameters, gflops = list(subject.model.parameters()), measure(subject.model, subject.batch, repeats=0).gflops
        trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
        found = Costs(
            params_m=round(sum(parameter.numel() for parameter in parameters) / 1e6, 2),
            trainable_m=round(trained / 1e6, 2),
            gflops=None if gflops is None else round(gflops, 2),
        )
    if method.recipe is not None and setting in TRAINED:
        subject = BuiltMethod(method, protocol_of(setting))  # anew: what was evaluated is no network in training
        train = training_gflops(lambda batch: loss_of(subject.model, batch), subject.batch, subject.protocol.batch_size)
        found = found._replace(train_gflops=float(f"{train:.4g}"))
    return found


def write(console: Console) -> None:
    """Counts every method that has a network, and writes the file."""
    jobs = [(method, setting) for method in scan().values() for setting in SETTINGS if counted(method, setting)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    with Counter(console, "counting") as counter:
        for done, (method, setting) in enumerate(jobs, start=1):
            writer.writerow([method.name, *setting, *_texts(count(method, setting))])
            counter.update(done, len(jobs))
    write_whole(PATH, text.getvalue())
    costs.cache_clear()


def _texts(found: Costs) -> list[str]:
    *shown, train = found
    return [*("" if value is None else f"{value:.2f}" for value in shown), "" if train is None else f"{train:.4g}"]
