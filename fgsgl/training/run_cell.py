"""A cell's own process: ``python -m fgsgl.training.run_cell <spec.json>`` trains, evaluates and writes one record.

The parent (:mod:`fgsgl.running.scheduler`) writes the specification and waits; a cell that dies takes nothing else
along. Of several that train one cell together, the first does all this, and the others train along.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
from filelock import FileLock, Timeout
from msgspec import structs

from fgsgl.data import datasets
from fgsgl.data.clip_table import ClipTable, Split, labels_of
from fgsgl.models.precision import Precision, native
from fgsgl.records.environment import hardware, resolve_device
from fgsgl.records.failures import BUSY, failure_class
from fgsgl.records.predictions import Predictions, write_predictions
from fgsgl.training.cell_metrics import held_out, metrics_of
from fgsgl.training.cell_spec import LOCK, CellSpec, TrialPruned
from fgsgl.training.data_facts import bad_clips, data_facts
from fgsgl.training.outcome import Clock, Outcome, done_record, failed_record, pruned_record
from fgsgl.training.ranks import STORE, own_rank, remove_store
from fgsgl.training.work_folder import count_opening, tidy
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import printable
from fgsgl.util.processes import follow_starter

MESSAGE = 500
"""Most letters of an error's message in a record; a library's may hold a whole file."""
RETOLD = "Original Traceback (most recent call last):"
"""What torch puts between the kind of a data worker's error and its traceback."""
GRACE_S = 3.0
"""How long a process that trains along waits for the first one to report an error that both have met."""


def main(spec_path: Path) -> int:
    """Runs the cell and writes its record, also when it fails; returns the exit code.

    A cell that another command has finished since it was looked at is left as it is.
    """
    clock = Clock()
    store = os.environ.get(STORE)
    follow_starter(partial(remove_store, Path(store)) if store else None)
    spec = CellSpec.read(spec_path)
    if own_rank() > 0:
        return _train_along(spec, clock)
    try:
        with FileLock(spec.work_dir / LOCK, timeout=0):
            record = spec.record()
            return 0 if record and record.status == "done" else _run(spec, clock)
    except Timeout:
        return BUSY


def _run(spec: CellSpec, clock: Clock) -> int:
    cell = spec.cell
    run = run_trained if cell.method.kind == "method" else run_bound
    try:
        table = spec.table()
        clock.lap("data")
        outcome, predictions = run(spec, table, clock)
        settings = cell.method.resolve(cell.variant.changes)
        held = held_out(cell.protocol, table.classes, cell.method, settings)
        metrics = metrics_of(predictions, datasets.get(cell.protocol.dataset), held)
        sha256 = write_predictions(spec.ledger, cell.cell_id, predictions)
    except TrialPruned:
        clock.lap("train")
        clock.total()
        device, autocast = precision(spec)
        pruned_record(spec, hardware(device, spec.threads, autocast, spec.devices), clock.laps_s).write(spec.ledger)
        tidy(spec.work_dir, "none")  # the weights of an epoch in the middle, which nothing could go on from
        return 0
    except (Exception, SystemExit) as error:  # whatever goes wrong in a cell becomes its record; services exit, too
        clock.total()
        failed_record(spec, failure_class(error), one_line(error), clock.laps_s).write(spec.ledger)
        traceback.print_exc()
        return 2 if isinstance(error, UserError) else 1
    clock.total()
    done_record(spec, outcome, metrics, sha256, clock.laps_s).write(spec.ledger)
    tidy(spec.work_dir, spec.keep_checkpoints)
    return 0


def _train_along(spec: CellSpec, clock: Clock) -> int:
    """Every process but the first: it trains, and leaves the rest to the first."""
    from fgsgl.training.determinism import repeatable
    from fgsgl.training.train import train_and_score

    device, autocast = precision(spec)
    try:
        with repeatable(device):
            train_and_score(spec, spec.table(), device, autocast, clock)
    except TrialPruned:
        return 0
    except (Exception, SystemExit) as error:  # the starter ends all processes when one ends by an error
        traceback.print_exc()
        time.sleep(GRACE_S)
        if spec.record() is None:  # the first one has not met it
            failed_record(spec, failure_class(error), one_line(error), clock.laps_s).write(spec.ledger)
        return 1
    return 0


def precision(spec: CellSpec) -> tuple[str, Precision]:
    """The device of a cell, and whether it computes in ``bf16`` there (else ``none``)."""
    device = resolve_device(spec.device, spec.devices)
    return device, native(device)


def one_line(error: BaseException) -> str:
    """The error's message on one bounded line that a record can hold; the kind of an error that says nothing about its
    cause comes first. Of a traceback from a worker, which some libraries put into the message, the last line counts."""
    whole = f"{error}"
    if RETOLD in whole:
        first, _, traceback = whole.partition(RETOLD)
        whole = f"{first.strip()} {traceback.strip().splitlines()[-1]}"
    kind, said = type(error).__name__, printable(" ".join(whole.split()))[:MESSAGE]
    return f"{kind}: {said}".rstrip(": ") if failure_class(error) == "error" or not said else said


def run_bound(spec: CellSpec, table: ClipTable, clock: Clock) -> tuple[Outcome, Predictions]:
    """Scores the clips that the others are scored on by a floor or ceiling, which sees no video."""
    from fgsgl.methods.bound_scores import bound_scores

    cell = spec.cell
    bad = bad_clips(cell, table)
    count_opening(cell.protocol, spec.work_dir)
    splits: tuple[Split, ...] = ("train", cell.protocol.scored_split)
    train, clips = ([clip for clip in table.split(name) if clip.clip_id not in bad] for name in splits)
    if table.tests_other_classes:  # those trained on say nothing of how frequent others are
        train = [dataclasses.replace(train[0], label=label) for label in range(len(table.classes))]
    scores_NC = bound_scores(cell.method, table, train, clips, cell.seed, cell.protocol).copy()
    scores_NC[:, list(cell.protocol.regime.held_out(table.classes))] = 0  # they have learned nothing of these classes
    clock.lap("evaluate")
    predictions = Predictions(
        clip_ids=np.array([clip.clip_id for clip in clips]),
        subjects=np.array([clip.subject for clip in clips]),
        labels=np.array(labels_of(clips), dtype=np.int64),
        scores={"combined": scores_NC},
    )
    outcome = Outcome(data=data_facts(cell, table, bad), hardware=hardware("cpu", spec.threads, "none"))
    return outcome, predictions


def run_trained(spec: CellSpec, table: ClipTable, clock: Clock) -> tuple[Outcome, Predictions]:
    """Trains and evaluates a recognizer in this process."""
    from fgsgl.training.determinism import repeatable
    from fgsgl.training.train import train_and_score

    device, autocast = precision(spec)
    with repeatable(device) as unrepeatable:
        scored = train_and_score(spec, table, device, autocast, clock)
    assert scored is not None  # the first process scores
    outcome, predictions = scored
    used = structs.replace(outcome.hardware, unrepeatable=sorted(unrepeatable))
    return dataclasses.replace(outcome, hardware=used), predictions


def leave(code: int) -> NoReturn:
    """Ends the process as ``sys.exit`` does, but leaves the memory to the system.

    Python would free what torch and the recognizer hold piece by piece, for a second or two of every cell.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main(Path(sys.argv[1])))
