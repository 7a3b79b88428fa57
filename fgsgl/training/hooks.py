"""MMEngine hooks of the harness."""

from __future__ import annotations

import csv
import io
import json
import math
import resource
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from msgspec.structs import replace

from fgsgl.records.curve import Epoch, plain_rows, read_curve
from fgsgl.training.cell_progress import CellProgress
from fgsgl.util.files import write_whole


class Diverged(FloatingPointError):
    """The loss is not finite."""


class CellHook(Hook):
    """Tells the parent process where the cell stands, keeps the learning curve, and stops a diverged training.

    Of several processes the first alone writes; a row's losses and clips are those of all.

    Args:
        progress: file that the parent reads; written whole, at most every half second.
        curve: JSON-lines file with a row an epoch, beside which the same is written as CSV; rows of epochs that are
            trained again are dropped.
        patience: of the protocol.
        cell_id: kept in checkpoints, so that no other cell goes on from them.
    """

    priority = "LOW"
    INTERVAL_S = 0.5

    def __init__(self, progress: Path, curve: Path, patience: int = 0, cell_id: str = "") -> None:
        self.progress, self.curve, self.patience, self.cell_id = progress, curve, patience, cell_id
        self.written_s, self.now = 0.0, CellProgress()
        self.rows: list[Epoch] = []
        self.resumed: list[Epoch] = []
        """The learning curve in the checkpoint that the training resumes from."""

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adds the learning curve, which a resumed training must know to end early, and which cell it is of."""
        checkpoint |= {"curve": [dict(row) for row in self.rows], "cell_id": self.cell_id}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Keeps the learning curve of the checkpoint."""
        self.resumed = plain_rows(checkpoint.get("curve", []))

    def before_train(self, runner: Runner) -> None:
        """Drops what lies after the epoch that the training resumes from, and validates that one if the process had
        died before it was; a training that had ended early has ended."""
        known = {row["epoch"]: row for row in (*self.resumed, *read_curve(self.curve))}  # the file has validations too
        self.rows = [known[epoch] for epoch in sorted(known) if epoch <= runner.epoch]
        _write_rows(self.curve, self.rows)
        self.row = self.rows[-1] if self.rows else {"epoch": runner.epoch}
        if runner.epoch and "val_top1" not in self.row:
            runner.val_loop.run()
        runner.train_loop.stop_training = self._gains_nothing()

    def before_train_epoch(self, runner: Runner) -> None:
        """Starts the epoch's sums."""
        self.sums: dict[str, torch.Tensor] = {}
        self.count = self.clips = 0
        self.started_s = time.monotonic()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, torch.Tensor] | None = None
    ) -> None:
        """Adds the losses up; a loss that is not finite ends the cell."""
        self.count += 1
        self.clips += len(data_batch["inputs"]) * get_world_size()
        for name, value in (outputs or {}).items():
            if name.startswith("loss"):
                value_f64 = value.detach().double()
                self.sums[name] = self.sums[name] + value_f64 if name in self.sums else value_f64
        if outputs and self.count % 10 == 1:
            loss = outputs["loss"].item()
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss} in epoch {runner.epoch + 1}, iteration {batch_idx + 1}")
        self.tell(phase="train", step=runner.iter + 1, steps=runner.max_iters, epoch=runner.epoch + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Closes the epoch's row; the validation adds to it."""
        means = torch.stack(list(self.sums.values())) / self.count
        all_reduce(means, "mean")
        losses = dict(zip(self.sums, means.tolist(), strict=True))
        train_s = time.monotonic() - self.started_s
        self.row = {
            "epoch": runner.epoch + 1,
            **losses,
            "lr": runner.optim_wrapper.get_lr()["lr"][0],
            "train_s": train_s,
            "clips_per_s": self.clips / train_s,
            "memory_mib": peak_memory_mib(),
        }
        if not math.isfinite(self.row["loss"]):
            raise Diverged(f"the mean loss of epoch {runner.epoch + 1} is {self.row['loss']}")
        self.rows.append(self.row)
        _write_rows(self.curve, self.rows)
        runner.visualizer.add_scalars({f"epoch/{name}": value for name, value in self.row.items()}, runner.epoch + 1)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Adds the accuracy on the validation split to the epoch's row, and ends a training that gains no more."""
        self.row["val_top1"] = float((metrics or {})["acc/top1"])
        _write_rows(self.curve, self.rows)
        runner.train_loop.stop_training = self._gains_nothing()
        runner.visualizer.add_scalars({"epoch/val_top1": self.row["val_top1"]}, self.row["epoch"])
        self.tell(val_top1=self.row["val_top1"], at_once=True)

    def _gains_nothing(self) -> bool:
        """Whether the last ``patience`` epochs brought no better top-1 on the validation split than those before."""
        seen = [row["val_top1"] for row in self.rows if "val_top1" in row]
        return 0 < self.patience < len(seen) and max(seen[-self.patience :]) <= max(seen[: -self.patience])

    def tell(self, at_once: bool = False, **changes: Any) -> None:
        """Writes the progress with some fields changed, unless it was written just now."""
        if not is_main_process():
            return
        self.now = replace(self.now, **changes)
        if at_once or time.monotonic() - self.written_s >= self.INTERVAL_S:
            self.now.write(self.progress)
            self.written_s = time.monotonic()


def _write_rows(path: Path, rows: list[dict[str, float]]) -> None:
    if not is_main_process():
        return
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    table = io.StringIO()
    writer = csv.DictWriter(table, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path.with_suffix(".csv"), table.getvalue())


def peak_memory_mib() -> float:
    """Largest memory of this process so far: of the GPU's allocator where one is used, else of the process."""
    if torch.cuda.is_initialized():
        return round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, 1)
