"""Transfer: the data that a recognizer is trained on, where they are others than it is tested on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fgsgl.data import datasets
from fgsgl.data.data_spec import DataSpec, preset_of, title_of
from fgsgl.util.domain import SEEDS
from fgsgl.util.errors import UserError

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
"""Names of data sets and presets, which stand in the labels of boards."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The data that training and validation clips come from."""

    dataset: str
    preset: str
    seed: int
    """The data seed."""

    @classmethod
    def read(cls, text: str, root: Path | None = None) -> Self:
        """The data that a user names, as ``synmg``, ``synmg:hard`` or ``synmg:hard:1``.

        Without a preset it is the one that the data call for, without a data seed it is 0.

        Args:
            text: the name.
            root: the folder or table; None: the data set's own place.

        Raises:
            UserError: for a name of another form, or an unknown data set or preset.
        """
        dataset, *more = text.split(":")
        datasets.get(dataset, more[0] if more else None)
        return cls.of(":".join([dataset, *(more or [preset_of(dataset, root)]), *(["0"] if len(more) < 2 else [])]))

    @classmethod
    def of(cls, text: str) -> Self:
        """The data that a protocol names: with all three parts, so that equal transfers have equal names.

        The data set is not looked up, so that records of one that this version lacks can be read.

        Raises:
            UserError: for a name of another form, or a data seed that is none.
        """
        found = re.fullmatch(f"({NAME}):({NAME}):([0-9]{{1,10}})", text, re.ASCII)
        source = found and cls(dataset=found[1], preset=found[2], seed=int(found[3]))
        if not source or str(source) != text or not SEEDS.holds(source.seed):
            raise UserError(
                f"transfer is {text!r}, expected DATASET:PRESET:SEED, such as synmg:hard:1, with a data seed of {SEEDS}"
            )
        return source

    def __str__(self) -> str:
        return f"{self.dataset}:{self.preset}:{self.seed}"

    @property
    def title(self) -> str:
        """``synmg hard``; see :func:`fgsgl.data.data_spec.title_of`."""
        return title_of(self.dataset, self.preset, self.seed)

    def locate(self, root: Path | None) -> DataSpec:
        """The data in a folder; None: in the data set's own place."""
        return DataSpec.locate(self.dataset, self.preset, self.seed, root)
