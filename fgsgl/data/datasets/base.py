"""The class of a data set: what each one offers, and what it may offer besides.

Shapes: T frames, H height, W width, J joints, N clips, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, Required, TypedDict

from fgsgl.data.clip_table import Clip, ClipTable, Progress
from fgsgl.util.errors import UserError, nearest

if TYPE_CHECKING:
    import numpy as np

Counts = Mapping[Literal["clips", "train", "test", "subjects"], int]
"""Published counts, as far as they are known; ``train`` is training and validation together."""


class ProtocolDefaults(TypedDict, total=False):
    """Fields of :class:`fgsgl.records.protocol.Protocol` that a preset sets; all others keep their defaults."""

    epochs: Required[int]
    num_frames: int
    image_size: int
    batch_size: int
    size: str
    logit_adjustment: float


class Load(Protocol):
    """Reads the clip table of a preset; makes the data first where they can be made."""

    def __call__(
        self, root: Path, preset: str, seed: int, workers: int = 1, progress: Progress | None = None
    ) -> ClipTable:
        """The clip table of the data in ``root``.

        Args:
            root: the folder of the data set, or the file that the user named.
            preset: one of the data set's.
            seed: draws what the release leaves open (a validation split), or a generated data set.
            workers: processes.
            progress: called with (videos made, videos in all).

        Raises:
            UserError: for missing files or faulty rows.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Skeletons:
    """The joints of every clip, for methods that read skeletons instead of frames."""

    layout: str | None
    """A name of :data:`fgsgl.data.skeletons.LAYOUTS`: which joint is which. None: the name of the preset."""
    files: Callable[[ClipTable, Sequence[Clip]], list[Path]]
    """``files(table, clips)``: for each of some clips the file that its joints are read from, and that they depend on
    alone. Raises :class:`UserError` for one that is missing."""
    read: Callable[[Path, Clip], np.ndarray]
    """``read(file, clip)`` is ``joints_TJ3`` float32, NaN where a joint was not found. The third value is depth, or a
    confidence in 0..1 where the layout says so. Raises :class:`UserError` for a file that cannot be read."""
    caveats: tuple[str, ...] = ()
    """Sentences that belong under every board with a skeleton method."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """One form in which a challenge takes answers."""

    file: str
    """The file name that the challenge expects."""
    n_clips: tuple[int, ...]
    """Clips that a whole submission has, in each of the challenge's years."""
    content: Callable[[Sequence[str], np.ndarray], bytes]
    """``content(clip_ids, scores_NC)`` is the content of the file."""
    hidden: Callable[[Path], ClipTable]
    """``hidden(root)`` is the table of the clips that are asked for: all with label None, in split ``test``."""
    hidden_in: tuple[str, ...]
    """Presets whose test split is another one, so that a cell's weights score these clips afterwards. In the others the
    scores of the record are submitted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """A public challenge on the test clips, for ``fgsgl submit``."""

    forms: Mapping[str, Form]
    """By name; the first one is today's."""

    def form(self, name: str | None) -> Form:
        """A form by its name; None: today's.

        Raises:
            UserError: for an unknown name.
        """
        if name is not None and name not in self.forms:
            raise UserError(f"unknown form {name!r} of a submission; {nearest(name, tuple(self.forms))}")
        return self.forms[name or next(iter(self.forms))]


@dataclass(frozen=True, kw_only=True, slots=True)
class FinePairs:
    """Pairs of classes that differ in one respect only, on which a board reports an accuracy of its own."""

    n_classes: int
    """Of the data set. Records of another number of classes, as of an older version, are of other classes."""
    pairs: tuple[tuple[int, int], ...]
    """Class ids."""


def _unpublished(root: Path, preset: str) -> Counts:
    return {}


def _no_twins(clips: Sequence[Clip]) -> bool:
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """A data set that ``--dataset`` can name.

    A file in this folder offers one as ``DATASET``, under the file's own name; the suite finds it by scanning.
    :mod:`fgsgl.testing.dataset_contract` checks what each must keep.
    """

    name: str
    presets: Mapping[str, ProtocolDefaults]
    """The presets, each with the protocol fields that it sets; the first one is the default."""
    load: Load
    text: Callable[[Path], str]
    """``text(root)`` is the data set's FG-Text: the name of a shipped one, or the path of a file."""
    official_counts: Callable[[Path, str], Counts] = _unpublished
    """``official_counts(root, preset)``: a board says how a copy deviates from them."""
    known_twins: Callable[[Sequence[Clip]], bool] = _no_twins
    """``known_twins(clips)``: whether clips of one content are of recordings that the release is known to hold under
    several names. ``fgsgl data check`` counts them where they stand in several splits; any other content there is a
    fault."""
    preset_of: Callable[[Path], str] | None = None
    """``preset_of(root)`` is the preset for a copy when the user names none; None: the first one. Raises
    :class:`UserError` where there is no copy."""
    planned: Callable[[Path, str, int], ClipTable] | None = None
    """``planned(root, preset, seed)`` is the table of a generated data set before any video is made."""
    motion_mask: Callable[[Path, Clip, Sequence[int]], np.ndarray] | None = None
    """``motion_mask(root, clip, frames)`` is ``mask_THW`` bool: the pixels that make the gesture, in some frames."""
    groups: tuple[int, ...] | None = None
    """The group of each class, numbered from 0, where classes form groups (MA-52: parts of the body)."""
    fine_pairs: FinePairs | None = None
    skeletons: Skeletons | None = None
    challenge: Challenge | None = None

    def default_root(self, base: Path, preset: str, seed: int) -> Path:
        """The data set's folder below the folder of all data; a generated one has one for each preset and seed."""
        folder = base / self.name
        return folder / f"{preset}-seed{seed}" if self.planned else folder


def deviations(table: ClipTable, official: Counts) -> list[str]:
    """Differences from the published counts, a line each, with the clips that were left out on purpose.

    Args:
        table: as it was loaded.
        official: the published counts.
    """
    n_test = sum(clip.split == "test" for clip in table.clips)
    found = {
        "clips": len(table.clips),
        "train": len(table.clips) - n_test,
        "test": n_test,
        "subjects": len({clip.subject for clip in table.clips}),
    }
    what = {"clips": "clips", "train": "training and validation clips", "test": "test clips", "subjects": "subjects"}
    return [
        f"{table.where} has {found[name]} {what[name]}, the release {expected}{_why(table, name)}"
        for name, expected in official.items()
        if found[name] != expected
    ]


def _why(table: ClipTable, name: str) -> str:
    """The clips that are left out of one of the counts, as the end of a line."""
    counts = {
        part.why: {"train": part.train, "test": part.test, "clips": part.train + part.test} for part in table.left_out
    }
    known = [f"{count[name]} {why}" for why, count in counts.items() if count.get(name)]
    return f"; left out: {', '.join(known)}" if known else ""
