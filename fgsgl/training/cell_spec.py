"""The specification of a cell: all that its process is told, and where it finds and leaves things."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from fgsgl.data.cache.joint_cache import skeleton_fingerprint
from fgsgl.data.clip_table import ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.environment import GitState
from fgsgl.records.ledger import Ledger
from fgsgl.records.optuna_storage import TrialSpec
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Record
from fgsgl.util.errors import UserError
from fgsgl.util.files import own_folder, write_whole

FILE = "spec.json"
LOCK = "lock"
"""File in the work folder that the process of the cell holds while it runs."""


class TrialPruned(Exception):
    """The pruner of its study ended a trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A cell that is to run now."""

    cell: Cell
    trial: TrialSpec | None = None
    """Where the cell of a search reports each epoch to; None: it belongs to no search."""


class CellSpec(Struct, frozen=True, kw_only=True):
    """Everything that the process of a cell is told, stored as ``<work_dir>/spec.json``."""

    variant: Variant
    protocol: Protocol
    seed: int
    fingerprint: str
    """Identity of the clip table and its videos."""
    text: str
    """The data set's FG-Text: a shipped one's name, or a file."""
    trained_text: str = ""
    """That of the data that are trained on; see :class:`fgsgl.methods.cell.Cell`."""
    skeletons: str = ""
    """Identity of the skeleton files; see :class:`fgsgl.methods.cell.Cell`."""
    trial: TrialSpec | None = None
    """Where the cell of a search reports each epoch to."""
    root: Path
    """The data set's folder."""
    transfer_root: Path | None = None
    """The folder of the data that are trained on, where the protocol names others."""
    ledger: Path
    """Folder of the records."""
    work_dir: Path
    """Checkpoints, log and progress."""
    device: str
    devices: int
    """Processes that train together."""
    threads: int
    """CPU threads of each process."""
    compile: bool
    visualizer: str | None
    keep_checkpoints: str
    git: GitState
    attempt: int
    """How often the cell has been started, this time included."""
    started_utc: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a specification.

        Raises:
            OSError: if there is no such file.
            ValueError: if it is not one, or is being written.
        """
        return msgspec.json.decode(path.read_bytes(), type=cls, dec_hook=lambda kind, value: kind(value))

    @classmethod
    def find(cls, work_dir: Path) -> Self | None:
        """The specification in a work folder; None where the cell was never started, or not with this folder."""
        try:
            return cls.read(work_dir / FILE)
        except (OSError, ValueError):
            return None

    def write(self) -> Path:
        """Writes ``<work_dir>/spec.json`` whole, and returns its path.

        Raises:
            UserError: if the folder of the records or of the work is a symbolic link: they are a board's, which may
                come from anywhere.
        """
        for folder in (self.ledger, self.work_dir.parent, self.work_dir):
            own_folder(folder)
        path = self.work_dir / FILE
        write_whole(path, msgspec.json.format(msgspec.json.encode(self, enc_hook=str), indent=1))
        return path

    @property
    def cell(self) -> Cell:
        """The cell that is specified."""
        return Cell(
            variant=self.variant,
            protocol=self.protocol,
            seed=self.seed,
            fingerprint=self.fingerprint,
            text=self.text,
            trained_text=self.trained_text,
            skeletons=self.skeletons,
        )

    @property
    def data(self) -> DataSpec:
        """Where the data lie."""
        return self.protocol.data_spec(self.root, self.transfer_root)

    def table(self) -> ClipTable:
        """The clip table of the cell: that of its data set, with the training and validation clips of the data that are
        trained on, as far as its regime leaves them.

        Raises:
            UserError: if the data are no longer those that the cell was planned with.
        """
        table = self.data.load()
        found, planned = table.fingerprint(), self.fingerprint
        if skeletons := self.cell.skeletons_read:
            found, planned = f"{found} {skeleton_fingerprint(table)}", f"{planned} {skeletons}"
        if found != planned:
            folders = " and ".join(str(root) for root in (self.root, self.transfer_root) if root)
            raise UserError(
                f"the data in {folders} have changed since the cell was planned (fingerprint {found}, planned with "
                f"{planned}); start the command again"
            )
        return self.protocol.regime.apply(table, self.seed)

    def record(self) -> Record | None:
        """The record that this attempt has written, or that of the cell as another command finished it."""
        record = Ledger(self.ledger).get(self.cell.cell_id)
        if record is None or record.status == "done":
            return record
        own = (record.started_utc, record.attempts) == (self.started_utc, self.attempt)
        return record if own else None


def others_run(work_dir: Path) -> bool:
    """Whether another cell of the board is running now, be it of this command or of another one."""
    return any(is_running(other) for other in work_dir.parent.iterdir() if other != work_dir)


def is_running(work_dir: Path) -> bool:
    """Whether a process of some command, perhaps another one, holds the cell's lock; writes nothing, so that a board
    of somebody else's can be looked at."""
    try:
        lock = os.open(work_dir / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # there is none, or what no cell can hold
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as filelock does, which would open it to be written
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
