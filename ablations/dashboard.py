"""Designs as Optuna studies, for optuna-dashboard: every cell is a trial with its factors, its state and its top-1.

A design is no search: all its cells are enqueued once, and neither the sampler nor the pruner of its study is ever
asked. The ledger stays the truth: a study that is lost, or that disagrees with the ledger, is rebuilt from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from fgsgl.ablations.designs import AblationDesign
from fgsgl.methods.cell import Cell
from fgsgl.records.ledger import Ledger
from fgsgl.records.optuna_storage import open_storage
from fgsgl.records.record import Done, Record
from fgsgl.running.observer import Observer

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, TrialState

JOURNAL = Path("work") / "designs.journal"
"""Path of the default storage below a board's folder."""
LEVELS = ("unchanged", "changed")


class DesignStudy(Observer):
    """Shows one design's cells under one protocol as the trials of an Optuna study.

    Args:
        design: the design.
        cells: the experiment's cells, in the order in which they run; those of no arm are ignored.
        ledger: the board's records.
        storage: the study's storage.
        board: name of the board's folder, since a storage may hold several boards.
    """

    def __init__(
        self, design: AblationDesign, cells: Sequence[Cell], ledger: Ledger, storage: BaseStorage, board: str
    ) -> None:
        self.storage = storage
        self.name = f"{board}: {design.title} ({cells[0].protocol.hash()[:8]})"
        self.params: dict[str, dict[str, str | int]] = {}
        """By cell id: which factors the cell changes, and its seed."""
        for cell in cells:
            off = design.off_of(cell)
            if off is not None:
                levels = {name: LEVELS[name in off] for name in design.factors}
                self.params[cell.cell_id] = {**levels, "seed": cell.seed}
        records = {cell_id: record for cell_id, record in ledger.records().items() if cell_id in self.params}
        self._open()
        if any(_disagrees(trial, records) for trial in self._trials().values()):
            import optuna

            optuna.delete_study(study_name=self.name, storage=storage)
            self._open()
        known = self._trials()
        for cell_id in self.params:
            if cell_id not in known:
                self._enqueue(cell_id, skip_if_exists=True)
        self.stopped()
        trials = self._trials()
        for record in records.values():
            self._settle(trials[record.cell_id], record)

    def started(self, cell: Cell) -> None:
        """Shows that the cell runs; a cell that had failed gets a new trial."""
        from optuna.trial import TrialState

        if cell.cell_id in self.params:
            if self._trials()[cell.cell_id].state == TrialState.FAIL:
                self._enqueue(cell.cell_id, skip_if_exists=False)
            self._set(self._trials()[cell.cell_id], TrialState.RUNNING)

    def finished(self, cell: Cell, record: Record) -> None:
        """Shows the cell's top-1, or why it failed."""
        if cell.cell_id in self.params:
            self._settle(self._trials()[cell.cell_id], record)

    def stopped(self) -> None:
        """Shows cells as waiting that did not end: no command runs them any more."""
        from optuna.trial import TrialState

        for trial in self._trials().values():
            if trial.state == TrialState.RUNNING:
                self._set(trial, TrialState.WAITING)

    def _open(self) -> None:
        import optuna

        self.study = optuna.create_study(
            study_name=self.name,
            storage=self.storage,
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        for name, value in (("value", "top1"), ("sampler", "RandomSampler(seed=0)"), ("pruner", "NopPruner()")):
            self.study.set_user_attr(name, value)

    def _enqueue(self, cell_id: str, skip_if_exists: bool) -> None:
        self.study.enqueue_trial(self.params[cell_id], {"cell_id": cell_id}, skip_if_exists)

    def _trials(self) -> dict[str, FrozenTrial]:
        """The newest trial of each cell."""
        return {trial.user_attrs["cell_id"]: trial for trial in self.study.get_trials(deepcopy=False)}

    def _settle(self, trial: FrozenTrial, record: Record) -> None:
        """Ends a trial as the record of its cell says."""
        from optuna.trial import TrialState

        if trial.state.is_finished():
            return
        if isinstance(record, Done):
            self._set(trial, TrialState.COMPLETE, [record.metrics.top1])
        else:
            reason = record.failure.kind if record.failure else record.status
            self.storage.set_trial_user_attr(self._id(trial), "failure", reason)
            self._set(trial, TrialState.FAIL)

    def _set(self, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None = None) -> None:
        """Sets a trial's state, and its parameters: Optuna itself would set them only when asked for a suggestion."""
        from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
        from optuna.exceptions import UpdateFinishedTrialError

        seeds, factor = IntDistribution(0, 2**20), CategoricalDistribution(LEVELS)
        for name, value in self.params.get(trial.user_attrs["cell_id"], {}).items():
            levels: BaseDistribution = seeds if name == "seed" else factor
            if name not in trial.params and not trial.state.is_finished():
                self.storage.set_trial_param(self._id(trial), name, levels.to_internal_repr(value), levels)
        with suppress(UpdateFinishedTrialError):  # another command has finished the cell
            self.storage.set_trial_state_values(self._id(trial), state, values)

    def _id(self, trial: FrozenTrial) -> int:
        study_id = self.storage.get_study_id_from_name(self.name)
        return self.storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)


def _disagrees(trial: FrozenTrial, records: dict[str, Record]) -> bool:
    """Whether a finished trial contradicts the ledger."""
    from optuna.trial import TrialState

    record = records.get(trial.user_attrs["cell_id"])
    if trial.state == TrialState.COMPLETE:
        return not isinstance(record, Done) or trial.value != record.metrics.top1
    return trial.state == TrialState.FAIL and isinstance(record, Done)


def open_studies(
    designs: Sequence[AblationDesign], cells: Sequence[Cell], ledger: Ledger, out: Path, url: str | None
) -> list[DesignStudy]:
    """A study for each design and protocol, with all its cells enqueued and in the state that the ledger knows.

    Args:
        designs: each becomes one study or, of several folds, one a fold.
        cells: the experiment's cells, in the order in which they run.
        ledger: the board's records.
        out: the board's folder.
        url: URL of a database, as SQLAlchemy takes it, or a journal file; None: the file ``JOURNAL`` below ``out``.

    Raises:
        UserError: for a storage that cannot be opened or read.
    """
    if not designs:
        return []
    path = out / JOURNAL
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):  # two commands would enqueue a cell twice
        storage = open_storage(url, path)
        return [
            DesignStudy(design, [cell for cell in cells if cell.protocol == protocol], ledger, storage, out.name)
            for design in designs
            for protocol in dict.fromkeys(cell.protocol for cell in cells)
        ]
