"""A hook that reports each epoch's accuracy to a search's trial, and ends the cell when the pruner says so."""

from __future__ import annotations

from contextlib import suppress

import optuna
import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from optuna.exceptions import UpdateFinishedTrialError

from fgsgl.records.optuna_storage import TrialSpec, make_pruner, open_storage
from fgsgl.training.cell_spec import TrialPruned
from fgsgl.training.hooks import CellHook


class TrialHook(Hook):
    """Reports the top-1 on the validation split, step by step: the trial's epochs over all its cells, from 1.

    A resumed cell reports its earlier epochs too: they may have run under another trial.

    Args:
        trial: the trial that the cell belongs to; it has a pruner.
        progress: keeps the learning curve; it runs before this hook.
    """

    priority = "VERY_LOW"

    def __init__(self, trial: TrialSpec, progress: CellHook) -> None:
        self.progress, self.steps_before = progress, trial.steps_before
        self.trial = _open(trial) if is_main_process() else None

    def before_train(self, runner: Runner) -> None:
        """Reports the epochs before the one that the training resumes from."""
        self._report(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Reports the epoch."""
        self._report(runner)

    def _report(self, runner: Runner) -> None:
        """Reports new epochs and stops the training if the pruner says so and epochs are left.

        Raises:
            TrialPruned: in every process of the training.
        """
        ends = torch.zeros(1)
        if self.trial is not None:
            # Another command may have taken it for dead, and runs it again as another trial.
            with suppress(UpdateFinishedTrialError):
                ends += self._report_new_epochs(self.trial)
        all_reduce(ends, "max")
        if ends.item() and 0 < runner.epoch < runner.max_epochs:
            raise TrialPruned(f"pruned after epoch {runner.epoch}")

    def _report_new_epochs(self, trial: optuna.Trial) -> bool:
        """Reports the epochs that the trial does not know yet; returns whether the pruner ends it."""
        known = trial.storage.get_trial(trial._trial_id).intermediate_values
        for row in self.progress.rows:
            step = self.steps_before + int(row["epoch"])
            if "val_top1" in row and step not in known:
                trial.report(row["val_top1"], step)
        return trial.should_prune()


def _open(trial: TrialSpec) -> optuna.Trial:
    """The trial in its study. Its parameters are chosen already, so the sampler is never asked."""
    assert trial.pruner is not None
    study = optuna.load_study(
        study_name=trial.study, storage=open_storage(trial.storage),
        sampler=optuna.samplers.RandomSampler(seed=0), pruner=make_pruner(trial.pruner),
    )  # fmt: skip
    found = study.get_trials(deepcopy=False)[trial.number]
    return optuna.Trial(study, found._trial_id)
