"""One pretraining run: renders in the background, trains, saves, evaluates."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fgsgl.pretraining.evaluate import Examiner
from fgsgl.pretraining.pool import Pool, render, start_rendering
from fgsgl.pretraining.teacher import taught
from fgsgl.pretraining.train import PretrainingRecipe, Trainer
from fgsgl.util.errors import UserError

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"
SAVE_EVERY_S = 120
EVALUATE_EVERY_S = 400
COOLDOWN = 0.4
"""Share of a call's time in which the learning rate falls linearly to zero."""
LOSSES = ("pose", "taught", "statement", "caption", "slim")

log = logging.getLogger(__name__)


class Curve:
    """``curve.csv``: one row an evaluation, with the losses averaged since the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sums: dict[str, list[float]] = {}
        self._started = time.monotonic()

    def add(self, values: dict[str, float]) -> None:
        """Takes in the losses of one step."""
        for name, value in values.items():
            self._sums.setdefault(f"loss_{name}", []).append(value)

    def latest(self) -> str:
        """The losses since the last row, averaged over their last 20 steps, for the log."""
        return " ".join(f"{name.removeprefix('loss_')} {np.mean(sums[-20:]):.3f}" for name, sums in self._sums.items())

    def write(self, step: int, pictures: int, pool: int, measured: dict[str, float]) -> dict[str, float]:
        """Appends a row and returns it; the columns are those of the file's first row."""
        row = {
            "step": step,
            "pictures_seen": pictures,
            "pool": pool,
            "minutes": (time.monotonic() - self._started) / 60,
        }
        row |= {f"loss_{name}": float("nan") for name in LOSSES}
        row |= {name: float(np.mean(values)) for name, values in self._sums.items()} | measured
        self._sums.clear()
        new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(row)
            writer.writerow([f"{value:.5g}" if isinstance(value, float) else value for value in row.values()])
        return row


def pretrain(
    out: Path,
    *,
    minutes: float,
    resume: bool = False,
    seed: int = 0,
    threads: int = 1,
    device: str = "cpu",
    recipe: PretrainingRecipe | None = None,
    progress: Callable[[dict[str, float]], None] | None = None,
) -> None:
    """Trains for some minutes of wall time, rendering the pool meanwhile; the checkpoint is saved on the way out.

    Args:
        out: folder for the pool, ``checkpoint.pt`` and ``curve.csv``.
        minutes: how long to train, once teacher and first pictures are there.
        resume: go on from the folder's checkpoint; without it a folder that has one is refused.
        seed: of everything; used when no recipe is given.
        threads: torch threads of each of the two networks, which train side by side.
        device: torch device of the training; rendering is on the CPU.
        recipe: other settings than the default.
        progress: called with each row of the curve.

    Raises:
        UserError: for a checkpoint where none is expected, none where one is, or one of another recipe.
    """
    checkpoint = out / CHECKPOINT
    if checkpoint.exists() and not resume:
        raise UserError(f"{checkpoint} exists; give --resume to go on from it, or another --out folder")
    if resume and not checkpoint.exists():
        raise UserError(f"no pretraining checkpoint at {checkpoint}; leave --resume out to begin")
    torch.set_num_threads(threads)
    recipe = recipe or PretrainingRecipe(seed=seed)
    teacher = taught(out, recipe.teacher, seed=recipe.seed, device=device)
    render(out / "held_out", recipe.held_out_pictures, recipe.seed, held_out=True)
    renderer = start_rendering(out / "pool", recipe.pool_pictures, recipe.seed)
    try:
        pool = _first_pictures(out / "pool", recipe.first_pictures, renderer.is_alive)
        trainer = Trainer(recipe, pool, teacher, device)
        if resume:
            trainer.load(checkpoint)
        examiner = Examiner(Pool(out / "held_out"), teacher)
        _loop(trainer, examiner, Curve(out / CURVE), checkpoint, time.monotonic() + 60 * minutes, progress)
    finally:
        renderer.terminate()


def _first_pictures(folder: Path, wanted: int, alive: Callable[[], bool]) -> Pool:
    pool = Pool(folder)
    while len(pool) < wanted and alive():
        time.sleep(0.2)
        pool.refresh()
    if not len(pool):
        raise UserError(f"no picture was rendered into {folder}; see the error above")
    return pool


def _loop(
    trainer: Trainer,
    examiner: Examiner,
    curve: Curve,
    checkpoint: Path,
    deadline: float,
    progress: Callable[[dict[str, float]], None] | None,
) -> None:
    saved = evaluated = started = time.monotonic()
    cooldown_s = COOLDOWN * (deadline - started)
    try:
        while (now := time.monotonic()) < deadline:
            trainer.rate = min(1.0, (deadline - now) / cooldown_s)
            curve.add(trainer.train_step())
            if now - saved > SAVE_EVERY_S:
                trainer.pool.refresh()
                log.info(
                    "pretraining: step %d, %d pictures in the pool, %s", trainer.step, len(trainer.pool), curve.latest()
                )
                trainer.save(checkpoint)
                saved = time.monotonic()
            if now - evaluated > EVALUATE_EVERY_S:
                _measure(trainer, examiner, curve, progress)
                evaluated = time.monotonic()
    finally:
        trainer.save(checkpoint)
    _measure(trainer, examiner, curve, progress)


def _measure(
    trainer: Trainer, examiner: Examiner, curve: Curve, progress: Callable[[dict[str, float]], None] | None
) -> None:
    trainer.finish()
    averages: Any = trainer.averages
    measured = examiner.measure(averages["tower"], averages["slim"], trainer.device)
    row = curve.write(trainer.step, trainer.pictures_seen(), len(trainer.pool), measured)
    log.info("pretraining: %s", {name: round(value, 3) for name, value in row.items()})
    if progress is not None:
        progress(row)
