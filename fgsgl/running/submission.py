"""`fgsgl submit`: what a challenge asks for, written from a finished cell.

Where a challenge hides the labels of its clips, the cell's checkpoint scores them. Otherwise the record's predictions
are submitted. C classes.
"""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.dataset import pseudo_collate
from rich.console import Console
from torch.utils.data import DataLoader

from fgsgl.data import datasets
from fgsgl.data.cache.frame_cache import open_cache
from fgsgl.mmaction.datasets import ClipDataset
from fgsgl.prediction.trained import data_root, trained_cell
from fgsgl.records.environment import resolve_device
from fgsgl.records.find import find_record
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import Predictions, predictions_of
from fgsgl.records.record import Done, scored_sha256
from fgsgl.records.set_aside import current_done
from fgsgl.training.evaluate import predict_split
from fgsgl.training.record_check import check_record
from fgsgl.util.errors import UserError
from fgsgl.util.files import write_whole
from fgsgl.util.terminal import Counter

SHOWN = 5
"""Cells that an error names."""


def submit(
    folder: Path,
    what: str | None,
    root: Path | None,
    device: str,
    out: Path | None,
    console: Console,
    form: str | None = None,
) -> None:
    """Writes what a challenge asks for, from a cell, and says where it lies.

    Args:
        folder: the board's.
        what: the cell, as for :func:`fgsgl.records.find.find_cell`; None: the only method that the board has.
        root: the data set's folder; None: where it lay when the cell ran.
        device: ``auto``, ``cpu`` or ``cuda``; used where clips are to be scored.
        out: the file; None: in the cell's work folder, under the name that the challenge expects.
        console: gets the progress bars.
        form: the name of the challenge's form; None: today's.

    Raises:
        UserError: for a data set without a challenge, an unknown form, a cell that did not score every clip, a
            checkpoint that is gone or of another version, or clips that cannot be read.
    """
    record = _record(folder, what)
    challenge = datasets.get(record.protocol.dataset).challenge
    if challenge is None:
        able = datasets.names_where(lambda dataset: dataset.challenge is not None)
        raise UserError(f"{record.protocol.dataset} has no challenge to submit to; {', '.join(able)} have one")
    work_dir = folder / "work" / record.cell_id
    asked = challenge.form(form)
    if record.protocol.preset in asked.hidden_in:
        predictions = _of_hidden(folder, record, root, device, console, form)
    else:
        predictions = _of_record(folder / "ledger", record)
    path = out or work_dir / asked.file
    if path.suffix != Path(asked.file).suffix:
        raise UserError(f"--out is {path}, but this form is a {Path(asked.file).suffix} file, such as {asked.file}")
    write_whole(path, asked.content(predictions.clip_ids.tolist(), predictions.scores["combined"]))
    said = [f"written: {path}; {len(predictions.clip_ids)} clips of {record.config.display_name}, seed {record.seed}"]
    if len(predictions.clip_ids) not in asked.n_clips:
        counts = " or ".join(map(str, asked.n_clips))
        said.append(f"the challenge has {counts} clips: this copy is not whole, or of another release")
    console.print("\n".join(said), markup=False, highlight=False, soft_wrap=True)


def _record(folder: Path, what: str | None) -> Done:
    ledger = folder / "ledger"
    if what is not None:
        record = find_record(what, Ledger(ledger))
        if not isinstance(record, Done):
            raise UserError(f"cell {record.cell_id} in {ledger} has not finished; name one that has")
        return record
    methods = [record for record in current_done(folder) if record.kind == "method"]
    if not methods:
        raise UserError(f"no finished cell of a method in {ledger}; expected the folder of a board that has one")
    if len(methods) == 1:
        return methods[0]
    known = ", ".join(
        f"{record.cell_id} ({record.method} {record.variant}, seed {record.seed})" for record in methods[:SHOWN]
    )
    known += ", ..." if len(methods) > SHOWN else ""
    raise UserError(f"{len(methods)} finished cells of methods in {ledger}; name one after the folder: {known}")


def _of_record(ledger: Path, record: Done) -> Predictions:
    """The record's predictions, if they are all of the test split's."""
    skipped = sum(clip.split == "test" for clip in record.data.skipped)
    if skipped:
        raise UserError(
            f"cell {record.cell_id} left {skipped} test clip(s) out (--skip-bad), and a submission needs every one; "
            "restore their videos and run it without --skip-bad"
        )
    check_record(ledger, record)
    predictions = predictions_of(ledger, record)
    if scored_sha256(predictions.clip_ids) != record.data.split_sha256:
        raise UserError(
            f"the predictions {ledger / record.cell_id}.npz are not those of the record: not every clip of the test "
            "split once; run the cell anew with another --out"
        )
    return predictions


def _of_hidden(
    folder: Path, record: Done, root: Path | None, device: str, console: Console, form: str | None
) -> Predictions:
    """Scores the clips whose labels the release hides, each once, with the cell's checkpoint."""
    trained, device = trained_cell(folder, record), resolve_device(device)
    protocol, root = trained.protocol, root or data_root(folder, record)
    table = protocol.data_spec(root).hidden(form)
    with Counter(console, "decoding frames") as counter:
        cache = open_cache(
            table, protocol.num_frames, protocol.image_size, workers=os.cpu_count() or 1, progress=counter.update
        )
    if cache.bad:
        raise UserError(
            f"{next(iter(cache.bad.values()))} ({len(cache.bad)} such clip(s)); a submission needs every one"
        )
    clips = ClipDataset(
        protocol.dataset, str(root), "hidden", protocol.preset, num_frames=protocol.num_frames,
        image_size=protocol.image_size, form=form,
    )  # fmt: skip
    loader = DataLoader(clips, batch_size=protocol.batch_size, collate_fn=pseudo_collate)
    model = trained.build(device)
    with Counter(console, "scoring clips") as counter:
        return predict_split(model, loader, protocol.views, counter.update)
