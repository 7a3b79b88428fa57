"""Optuna's storages, pruners and trials, as a search and its cells' processes open them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from fgsgl.util.errors import UserError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.storages import BaseStorage

HEARTBEAT_S = 30
"""Seconds between two heartbeats, by which a command tells a database that its trials are alive."""
GRACE_S = 120
"""Seconds without a heartbeat after which a trial counts as dead."""


class MedianRule(Struct, frozen=True, kw_only=True, tag_field="name", tag="MedianPruner"):
    """Ends a trial that is worse than the median of the earlier ones at the same step."""

    n_startup_trials: int
    n_warmup_steps: int
    interval_steps: int
    n_min_trials: int


class HyperbandRule(Struct, frozen=True, kw_only=True, tag_field="name", tag="HyperbandPruner"):
    """Successive halving in several brackets (Li et al. 2018, arXiv 1603.06560)."""

    min_resource: int
    max_resource: int
    reduction_factor: int
    bootstrap_count: int


class HalvingRule(Struct, frozen=True, kw_only=True, tag_field="name", tag="SuccessiveHalvingPruner"):
    """Asynchronous successive halving (Li et al. 2020, arXiv 1810.05934)."""

    min_resource: int
    reduction_factor: int
    min_early_stopping_rate: int
    bootstrap_count: int


class NoPruning(Struct, frozen=True, kw_only=True, tag_field="name", tag="NopPruner"):
    """Lets every trial run to its end."""


PrunerSpec = MedianRule | HyperbandRule | HalvingRule | NoPruning
"""A pruner of Optuna's with every argument given; in JSON its ``name`` is Optuna's class."""


class TrialSpec(Struct, frozen=True, kw_only=True):
    """The trial of a search that a cell belongs to: all that the cell's process needs to report to it."""

    storage: str
    """Path of the journal, or URL of the database."""
    study: str
    number: int
    """Number of the trial in its study."""
    pruner: PrunerSpec | None
    """None: the study has several objectives, so that epochs are not reported."""
    steps_before: int
    """Epochs of the trial's earlier cells; the study counts steps over all of them."""


def open_storage(where: str | None, default: Path | None = None) -> BaseStorage:
    """A storage of studies: a journal file on one machine, or a database for several.

    Args:
        where: a journal's path, or a URL as SQLAlchemy takes it; None: the default.
        default: path of the journal that is used without ``where``.

    Raises:
        UserError: for a journal that cannot be read, or a database that cannot be reached.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if where is not None and "://" in where:
        return _database(where)
    path = default if where is None else Path(where)
    if path is None:
        raise ValueError("neither a storage nor a default is given")
    return _journal(path)


def without_password(where: str) -> str:
    """A storage's path or URL, to be printed: the password is hidden."""
    if "://" not in where:
        return where
    from sqlalchemy.engine import make_url

    return make_url(where).render_as_string(hide_password=True)


def _database(url: str) -> BaseStorage:
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
    except Exception as error:  # SQLAlchemy and the driver raise errors of many kinds
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
    """Refuses a journal with a broken line: Optuna would lose everything written after it."""
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        try:
            if not line.endswith(b"\n") or not isinstance(json.loads(line), dict):
                raise ValueError
        except ValueError:
            raise UserError(
                f"the studies in {path} cannot be read: line {number} is broken ({line[:40]!r}); take the line out, or "
                "give another --storage"
            ) from None


def make_pruner(spec: PrunerSpec) -> BasePruner:
    """Optuna's pruner."""
    import optuna

    kind: type[BasePruner] = getattr(optuna.pruners, pruner_name(spec))
    return kind(**msgspec.structs.asdict(spec))


def pruner_name(spec: PrunerSpec) -> str:
    """The name of Optuna's class: ``MedianPruner``."""
    return str(spec.__struct_config__.tag)
