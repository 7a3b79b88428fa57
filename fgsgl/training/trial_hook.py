"""The hook of a trial's cell: tells the study each epoch's accuracy, and ends the cell when the pruner says so."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import optuna
import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from optuna.exceptions import UpdateFinishedTrialError

from fgsgl.records.optuna_storage import open_storage, pruner_of
from fgsgl.training.hooks import CellHook
from fgsgl.training.spec import TrialPruned


class TrialHook(Hook):
    """Reports the top-1 on the validation split, step by step: the trial's epochs over all its cells, from 1.

    A cell that is resumed reports the epochs before as well, since its trial may be another than when they ran.

    Args:
        trial: ``{"storage": path or URL, "study": name, "number": of the trial, "pruner": see pruner_of,
            "steps_before": epochs of the trial's cells before this one}``.
        progress: keeps the learning curve; it comes first.
    """

    priority = "VERY_LOW"

    def __init__(self, trial: Mapping[str, Any], progress: CellHook) -> None:
        self.progress, self.steps_before = progress, trial["steps_before"]
        self.trial = _open(trial) if is_main_process() else None

    def before_train(self, runner: Runner) -> None:
        """Reports the epochs before the one that the training resumes from."""
        self._report(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports the epoch."""
        self._report(runner)

    def _report(self, runner: Runner) -> None:
        """Reports what is new; the pruner is asked where there are epochs left to save.

        Raises:
            TrialPruned: in every process that trains along.
        """
        ends = torch.zeros(1)
        if self.trial is not None:
            with suppress(UpdateFinishedTrialError):  # it was given up for dead and is run again, as another trial
                ends += self._ask(self.trial)
        all_reduce(ends, "max")
        if ends.item() and 0 < runner.epoch < runner.max_epochs:
            raise TrialPruned(f"pruned after epoch {runner.epoch}")

    def _ask(self, trial: optuna.Trial) -> bool:
        known = trial.storage.get_trial(trial._trial_id).intermediate_values
        for row in self.progress.rows:
            step = self.steps_before + row["epoch"]
            if "val_top1" in row and step not in known:
                trial.report(row["val_top1"], step)
        return trial.should_prune()


def _open(trial: Mapping[str, Any]) -> optuna.Trial:
    """The trial of a study, whose parameters are chosen already, so that the sampler has nothing to do."""
    storage = open_storage(trial["storage"])
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.load_study(
        study_name=trial["study"], storage=storage, sampler=sampler, pruner=pruner_of(trial["pruner"])
    )
    found = study.get_trials(deepcopy=False)[trial["number"]]
    return optuna.Trial(study, found._trial_id)
