"""The data of an experiment as one value: a data set, its preset and seed, and the folder it lies in."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from fgsgl.data import datasets
from fgsgl.data.cache.contents import with_contents
from fgsgl.data.clip_table import ClipTable, Progress, Split
from fgsgl.data.datasets.base import Counts, DataSet
from fgsgl.data.joined_table import joined
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSpec:
    """The data that an experiment reads."""

    dataset: str
    """Name of the data set."""
    preset: str
    seed: int = 0
    """Draws the validation split, or a generated data set."""
    root: Path
    """The folder, or the table, that ``--root`` or ``--table`` gave."""
    trained_on: DataSpec | None = None
    """The data that training and validation clips come from (``--transfer``); None: these."""

    @classmethod
    def locate(cls, dataset: str, preset: str, seed: int, root: Path | None) -> Self:
        """The data in a folder, by default the data set's own below ``$FGSGL_DATA`` or ``data/``.

        Raises:
            UserError: for an unknown data set or preset.
        """
        base = Path(os.environ.get("FGSGL_DATA", "data"))
        root = root or datasets.get(dataset, preset).default_root(base, preset, seed)
        return cls(dataset=dataset, preset=preset, seed=seed, root=root)

    @property
    def where(self) -> str:
        """``smg at /data/smg``, for messages."""
        return f"{self.dataset} at {self.root}"

    @property
    def alone(self) -> DataSpec:
        """These data without the others that are trained on."""
        return replace(self, trained_on=None)

    def of_split(self, split: Split | Literal["hidden"]) -> DataSpec:
        """The data that the clips of a split come from."""
        return self.trained_on if self.trained_on and split in ("train", "val") else self.alone

    @property
    def source(self) -> DataSet:
        """The data set's own object.

        Raises:
            UserError: for an unknown data set or preset.
        """
        return datasets.get(self.dataset, self.preset)

    @property
    def text(self) -> str:
        """The FG-Text: a shipped one's name, or the path of a file."""
        return self.source.text(self.root)

    @property
    def official_counts(self) -> Counts:
        """The published counts of this copy's layout."""
        return self.source.official_counts(self.root, self.preset)

    def load(self, workers: int = 1) -> ClipTable:
        """The clip table with the contents of its videos; see :meth:`made`. It is joined with that of the data that are
        trained on.

        Raises:
            UserError: for missing files or faulty rows, or two tables that :func:`fgsgl.data.joined_table.joined`
                refuses.
        """
        if self.trained_on is not None:
            return self.joined(self.trained_on.load(workers), self.alone.load(workers))
        return with_contents(self.made(workers), workers=workers)

    def made(self, workers: int = 1, progress: Progress | None = None) -> ClipTable:
        """The table of these data alone before its videos are hashed; a generated data set's are made first where they
        are missing.

        Args:
            workers: processes.
            progress: called with (videos made, videos in all).

        Raises:
            UserError: for missing files or faulty rows.
        """
        return self.source.load(self.root, self.preset, self.seed, workers=workers, progress=progress)

    def joined(self, trained_on: ClipTable, tested_on: ClipTable) -> ClipTable:
        """The two tables of a transfer as one; see :func:`fgsgl.data.joined_table.joined`."""
        assert self.trained_on is not None
        source = self.trained_on
        return joined(trained_on, tested_on, title_of(source.dataset, source.preset, source.seed))

    def hidden(self, form: str | None = None) -> ClipTable:
        """The clips that a challenge asks for: all with label None, in the split ``test``.

        Args:
            form: of the submission; None: today's.

        Raises:
            UserError: for a data set without a challenge, an unknown form, or missing files.
        """
        challenge = self.source.challenge
        if challenge is None:
            raise UserError(f"{self.dataset} has no challenge, and so no clips with hidden labels")
        return with_contents(challenge.form(form).hidden(self.root))

    def planned(self) -> ClipTable:
        """The clip table without making anything: videos of a generated data set may be missing, and are then taken to
        be as they will be made. It is joined with that of the data that are trained on.

        Raises:
            UserError: as :meth:`load`, or for a folder with other generated data.
        """
        if self.trained_on is not None:
            return self.joined(self.trained_on.planned(), self.alone.planned())
        table = self.listed()
        return table if self.source.planned and table.generated == {} else with_contents(table)

    def listed(self) -> ClipTable:
        """The table of these data alone: no video is made or hashed, and those of a generated data set may be missing.

        Raises:
            UserError: for missing files or faulty rows, or a folder with other generated data.
        """
        plan = self.source.planned
        return plan(self.root, self.preset, self.seed) if plan else self.made()


def title_of(dataset: str, preset: str, seed: int) -> str:
    """``synmg hard``, with the data seed where it is not 0: ``synmg hard data seed 1``."""
    return f"{dataset} {preset}" + (f" data seed {seed}" if seed else "")


def preset_of(dataset: str, root: Path | None) -> str:
    """The preset of a data set when the user names none: its first, or what the copy itself calls for.

    Args:
        dataset: its name.
        root: the folder or table; None: the data set's own place.

    Raises:
        UserError: for an unknown data set.
    """
    source = datasets.get(dataset)
    first = next(iter(source.presets))
    data = DataSpec.locate(dataset, first, 0, root)
    if source.preset_of is None or not data.root.exists():
        return first
    try:
        return source.preset_of(data.root)
    except UserError:  # loading the data says what is wrong with them, with all their faults
        return first


def results_name(dataset: str, preset: str, root: Path | None) -> str:
    """Name of the default folder of results on some data: each table of one's own has a name of its own, with a digest
    of where it lies.

    Args:
        dataset, preset: of the protocol.
        root: the data set's folder or table; None: its default place.
    """
    if dataset != "csv" or root is None:
        return f"{dataset}-{preset}"
    place = Path(os.path.realpath(root))  # Path.resolve, before Python 3.13, raises a RuntimeError for a loop of links
    return f"csv-{place.stem}-{hashlib.sha256(os.fsencode(place)).hexdigest()[:6]}"
