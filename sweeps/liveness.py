"""Which trials are alive: when a command is killed, other commands must run its trials again.

Every command locks its own file, and its trials name that file. On the same machine a free lock shows that the command
is gone. A command also sends heartbeats to a database, so that other machines can tell.
"""

from __future__ import annotations

import datetime
import platform
import threading
import uuid
import warnings
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from filelock import FileLock, Timeout

from fgsgl.records.optuna_storage import HEARTBEAT_S

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

COMMAND = "command"
"""User attribute of a trial: ``[host, lock file]`` of the command that runs it."""
UNCLAIMED_S = 5.0
"""Seconds that a trial may run before it names its command."""


class Presence:
    """Tells other commands that this one is alive, from entering the context to leaving it.

    Args:
        folder: folder of the lock files, the same for all commands of a search.
        storage: storage of the studies.
    """

    def __init__(self, folder: Path, storage: BaseStorage) -> None:
        from optuna.storages import RDBStorage

        folder.mkdir(parents=True, exist_ok=True)
        self.storage = storage
        self.database = storage if isinstance(storage, RDBStorage) else None
        """The storage if it takes heartbeats."""
        self.lock = FileLock(folder.resolve() / f"{uuid.uuid4().hex}.lock")
        self.trial_ids: set[int] = set()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self.lock.acquire()
        if self.database:
            self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        if self.database:
            self.thread.join()
        self.lock.release()
        Path(self.lock.lock_file).unlink(missing_ok=True)

    def claim(self, trial_id: int) -> None:
        """Declares that this command runs a trial."""
        self.storage.set_trial_user_attr(trial_id, COMMAND, [platform.node(), str(self.lock.lock_file)])
        if self.database:
            self.database.record_heartbeat(trial_id)
        self.trial_ids.add(trial_id)

    def release(self, trial_id: int) -> None:
        """Declares that a trial has ended."""
        self.trial_ids.discard(trial_id)

    def revive(self, study: Study) -> None:
        """Fails the trials of dead commands and enqueues their parameters again.

        The new trial's cell has the same id, so it resumes from its last epoch.
        """
        from optuna.exceptions import ExperimentalWarning
        from optuna.storages import fail_stale_trials
        from optuna.trial import TrialState

        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial._trial_id not in self.trial_ids:
                _revive(study, trial, self.database is not None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            fail_stale_trials(study)

    def _beat(self) -> None:
        from optuna.exceptions import StorageInternalError

        while self.database and not self.ended.wait(HEARTBEAT_S):
            for trial_id in tuple(self.trial_ids):
                with suppress(StorageInternalError):  # the next heartbeat may arrive
                    self.database.record_heartbeat(trial_id)


def _revive(study: Study, trial: FrozenTrial, heartbeats: bool) -> None:
    """Fails and enqueues one trial if its command is gone.

    Args:
        study: the trial's study.
        trial: a running trial.
        heartbeats: whether the storage has heartbeats, which decide about trials of other machines.
    """
    from optuna.trial import TrialState

    now = datetime.datetime.now()  # Optuna's times are local
    age_s = (now - (trial.datetime_start or now)).total_seconds()
    host, path = trial.user_attrs.get(COMMAND, (platform.node(), None))
    if age_s < UNCLAIMED_S or (heartbeats and host != platform.node()):
        return
    with suppress(Timeout), FileLock(path, timeout=0) if path else nullcontext():
        current = study.get_trials(deepcopy=False)[trial.number]
        if current.state == TrialState.RUNNING:
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(current.params, {"again": trial.number})
        if path:
            Path(path).unlink(missing_ok=True)
