"""Calibration as part of a training: the recognizer's two scores are fitted on the validation split, and kept.

N clips of the validation split.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import Runner, find_latest_checkpoint

from fgsgl.util.checkpoint_file import read_checkpoint, write_checkpoint


@HOOKS.register_module()
class CalibrateHook(Hook):
    """Calls the model's ``calibrate`` with every validation's logits, and scores the validation again with the result;
    at the end the last checkpoint has it.

    So the accuracy of an epoch follows from its weights alone, and not from the calibration of the epoch before, which
    a training that was killed would have lost: MMEngine saves a checkpoint before it validates. The last one is written
    again when the training ends.
    """

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.fitted: dict[str, float] = {}

    def before_val_epoch(self, runner: Runner) -> None:
        """Forgets the rows of the last validation."""
        self.rows = []

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: list[Any] | None = None
    ) -> None:
        """Keeps the logits and labels of a batch."""
        self.rows += outputs or []

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Fits temperatures and beta, on the rows of all processes, and puts their accuracies into ``metrics``."""
        labels = [row.gt_label.view(()) for row in self.rows]
        logits = [
            _table([getattr(row, name) for row in self.rows]) if name in self.rows[0] else None
            for name in ("category_logits", "fine_logits")
        ]
        model, loop = _model(runner), runner.val_loop
        self.fitted = model.calibrate(*logits, _table(labels))
        loop.evaluator.process(data_samples=model.score_again(self.rows))
        metrics |= loop.evaluator.evaluate(len(loop.dataloader.dataset))

    def after_train(self, runner: Runner) -> None:
        """Writes the calibration into the last checkpoint; validates first if the training had already ended."""
        if not self.fitted:
            runner.val_loop.run()
        path = find_latest_checkpoint(runner.work_dir) if is_main_process() else None
        if path is None:
            return
        content = read_checkpoint(Path(path))
        content["state_dict"] |= {name: torch.tensor(value) for name, value in self.fitted.items()}
        write_checkpoint(Path(path), content)


def _table(rows: list[torch.Tensor]) -> np.ndarray:
    """The rows of all processes, one above the other."""
    return np.concatenate(all_gather_object(torch.stack(rows).cpu().numpy()))


def _model(runner: Runner) -> BaseModel:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
