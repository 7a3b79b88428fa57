"""Optuna's storages and pruners, as a command and its cells open them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage

HEARTBEAT_S = 30
"""How often a command tells a data base that a trial of its own is alive."""
GRACE_S = 120
"""After how long without a heartbeat a trial counts as dead."""
PRUNERS = ("MedianPruner", "HyperbandPruner", "SuccessiveHalvingPruner", "NopPruner")


def open_storage(where: str | None, default: Path | None = None) -> BaseStorage:
    """A storage of studies: a journal file on one machine, or a data base for several.

    Args:
        where: a journal's path, or a URL as SQLAlchemy takes it; None: the default.
        default: path of the journal that is meant where none is named.

    Raises:
        UserError: for a journal that cannot be read, or a data base that cannot be reached.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if where is not None and "://" in where:
        return _data_base(where)
    path = default if where is None else Path(where)
    if path is None:
        raise ValueError("neither a storage nor a default is given")
    return _journal(path)


def shown(where: str) -> str:
    """A storage's path or URL, without the password."""
    if "://" not in where:
        return where
    from sqlalchemy.engine import make_url

    return make_url(where).render_as_string(hide_password=True)


def _data_base(url: str) -> BaseStorage:
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of heartbeats
            return RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT_S,
                grace_period=GRACE_S,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
            )
    except Exception as error:  # whatever SQLAlchemy and the data base's driver raise
        raise UserError(
            f"--storage cannot be opened: {error}; expected a journal file, or a URL such as sqlite:///studies.db"
        ) from None


def _journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    path = path.resolve()  # the lock is a link beside the journal, so that a relative one would point elsewhere
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = JournalFileSymlinkLock(str(path))
    if path.exists():
        lock.acquire()
        try:
            _refuse_broken(path)
        finally:
            lock.release()
    try:
        return JournalStorage(JournalFileBackend(str(path), lock))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"the studies in {path} cannot be read ({error!r}); move the file away, or give another --storage"
        ) from None


def _refuse_broken(path: Path) -> None:
    """Refuses a journal with a line that is none, behind which Optuna would lose what is written next."""
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        try:
            if not line.endswith(b"\n") or not isinstance(json.loads(line), dict):
                raise ValueError
        except ValueError:
            raise UserError(
                f"the studies in {path} cannot be read: line {number} is broken ({line[:40]!r}); take the line out, or "
                "give another --storage"
            ) from None


def pruner_of(spec: Mapping[str, Any]) -> BasePruner:
    """A pruner from ``{"name": one of PRUNERS, **its arguments}``."""
    import optuna

    arguments = {name: value for name, value in spec.items() if name != "name"}
    if spec["name"] not in PRUNERS:
        raise ValueError(f"unknown pruner {spec['name']!r}")
    return getattr(optuna.pruners, spec["name"])(**arguments)
