"""What every command does before it plans cells: it refuses what cannot run, then loads the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.console import Console

from fgsgl.data.cache.joint_cache import skeleton_fingerprint
from fgsgl.data.clip_table import ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.prepare import prepare
from fgsgl.methods.cell import Variant
from fgsgl.methods.method import Method
from fgsgl.methods.registry import get
from fgsgl.methods.tower_models import drawn_weights_note
from fgsgl.methods.variant_file import require_valid
from fgsgl.records.protocol import Protocol, default_protocol
from fgsgl.running.execution import Execution, Place, local_place
from fgsgl.running.fit import require_buildable, require_text, require_transferable
from fgsgl.util.errors import UserError

MOST_CELLS = 20_000
"""Cells of one command; a thousand are weeks of work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """Variants that can be built, the data that they read, and where they run."""

    variants: Sequence[Variant]
    protocols: Sequence[Protocol]
    """One, or one for each fold of unseen classes, which differ in nothing else."""
    data: DataSpec
    place: Place

    @classmethod
    def checked(
        cls,
        variants: Sequence[Variant],
        protocols: Sequence[Protocol],
        data: DataSpec,
        out: Path,
        execution: Execution,
    ) -> Self:
        """Refuses what cannot run, as far as that is known before videos are read.

        Args:
            variants: rows that somebody asks for.
            protocols: one, or one for each fold.
            data: what they read.
            out: the board's folder.
            execution: how cells are run.

        Raises:
            UserError: as :func:`fgsgl.running.execution.local_place`, or naming the row, the option, the weights or the
                text that is at fault.
        """
        place, protocol = local_place(out, data, execution), protocols[0]
        require_division(protocol, execution.devices)
        for variant in variants:
            require_valid(variant, protocol)
        require_text([variant.method for variant in variants], data)
        require_transferable(variants, protocol, data)
        require_buildable(variants, protocol, data.text)
        return cls(variants=variants, protocols=protocols, data=data, place=place)

    @property
    def methods(self) -> list[Method]:
        """The methods of the variants."""
        return [get(variant.method) for variant in self.variants]

    def load(self, console: Console, *, dry_run: bool = False) -> ClipTable:
        """The clip table, after everything that the methods read is cached; a dry run caches nothing.

        Raises:
            UserError: for a method that cannot run here, data without what it reads, a regime that the data cannot
                have, or as :func:`fgsgl.data.prepare.prepare`.
        """
        for method in self.methods:
            if method.unavailable:
                raise UserError(f"{method.name} cannot run here: {method.unavailable}")
        protocol = self.protocols[0]
        table = prepare(
            self.data,
            console,
            num_frames=protocol.num_frames,
            image_size=protocol.image_size,
            skip_bad=protocol.skip_bad,
            skeletons=any(method.modality == "skeleton" for method in self.methods),
            text=any(method.reads_text for method in self.methods),
            dry_run=dry_run,
        )
        seeing = [method.name for method in self.methods if method.modality == "rgb" and method.model is not None]
        if seeing and not table.has_videos:
            raise UserError(f"{self.data.where} has skeletons and no videos, which {', '.join(seeing)} read(s)")
        for one in self.protocols:
            require_clips(one, table)
        started = [get(one.method).pretraining(protocol, get(one.method).resolve(one.changes)) for one in self.variants]
        if note := drawn_weights_note(protocol.dataset, started):
            console.print(note, style="yellow", markup=False, highlight=False)
        return table

    def skeletons(self, table: ClipTable) -> str:
        """Fingerprint of the skeleton files of a table, where one of the methods reads them; else ``""``."""
        reading = any(method.modality == "skeleton" for method in self.methods)
        return skeleton_fingerprint(table) if reading else ""


def require_countable(count: int, unit: str = "cells") -> None:
    """Refuses more cells than one command can plan, before they are made.

    Raises:
        UserError: saying how many there would be.
    """
    if count > MOST_CELLS:
        raise UserError(f"these are {count} {unit}, and one command takes at most {MOST_CELLS}; ask for fewer at once")


def require_clips(protocol: Protocol, table: ClipTable) -> None:
    """Refuses a regime that the data cannot have, and a batch of more clips than there are to train on: no step could
    ever have as many.

    The data set's default is accepted as it is: a small data set then trains with all its clips in one step.

    Raises:
        UserError: naming the classes, or the size of the training split.
    """
    table = protocol.regime.apply(table, 0)
    count = sum(clip.split == "train" for clip in table.clips)
    if protocol.batch_size > max(count, default_protocol(protocol.dataset, protocol.preset).batch_size):
        raise UserError(
            f"batch_size is {protocol.batch_size}, but the training split has {count} clip(s); expected at most these"
        )


def require_division(protocol: Protocol, devices: int) -> None:
    """Refuses processes that a batch, in as many parts as it is computed in, cannot be divided over evenly."""
    if protocol.batch_size % (protocol.accumulate * devices):
        raise UserError(
            f"--devices is {devices}, expected a number that divides the batch: {protocol.batch_size} clips in "
            f"{protocol.accumulate} part(s); change --batch-size or --accumulate"
        )
