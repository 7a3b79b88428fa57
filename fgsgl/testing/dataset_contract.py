"""The contract of a data set: what each one keeps, shown on a copy of its data.

A check is a function marked with ``@check``; its docstring is the promise. It returns what it saw, and raises
:class:`BrokenPromise`, or a :class:`UserError` of the data set itself, where the promise does not hold::

    data = DataSpec(dataset="mine", preset="official", root=Path("data/mine"))
    for finding in examine(data):
        assert finding.ok, finding

Shapes: T frames, H height, W width, J joints, N clips, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from fgsgl.data.clip_table import SPLITS, Clip, ClipTable
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.datasets.base import DataSet, deviations
from fgsgl.data.skeletons import LAYOUTS
from fgsgl.data.video.video_file import num_frames, probe
from fgsgl.records.protocol import default_protocol
from fgsgl.testing.finding import BrokenPromise, Finding
from fgsgl.text import fgtext
from fgsgl.util.errors import UserError


class Copy:
    """A copy of a data set under check; its table is loaded once."""

    def __init__(self, data: DataSpec) -> None:
        self.data = data
        self.source: DataSet = data.source

    @cached_property
    def table(self) -> ClipTable:
        """The clip table."""
        return self.data.load()

    @property
    def some_clips(self) -> list[Clip]:
        """The first clip of each split."""
        return [self.table.split(split)[0] for split in SPLITS]


Check = Callable[[Copy], str]
CHECKS: list[tuple[Check, Callable[[DataSet], bool]]] = []
"""Each check, and to which data sets it applies."""


def check(applies: Callable[[DataSet], bool] = lambda source: True) -> Callable[[Check], Check]:
    """Marks a check; ``applies(dataset)`` says whether the data set offers what is checked."""

    def mark(function: Check) -> Check:
        CHECKS.append((function, applies))
        return function

    return mark


def examine(data: DataSpec) -> Iterator[Finding]:
    """Runs every check that applies to a data set.

    Args:
        data: the data set, with a copy of its data; a small one, or a mock-up of its layout, is enough.

    Raises:
        UserError: for an unknown data set or preset, or a file that offers none.
    """
    copy = Copy(data)
    for function, applies in CHECKS:
        if not applies(copy.source):
            continue
        try:
            ok, detail = True, function(copy)
        except (BrokenPromise, UserError) as error:
            ok, detail = False, " ".join(str(error).split())
        yield Finding(check=function.__name__, promise=function.__doc__ or "", ok=ok, detail=detail)


@check()
def presets(copy: Copy) -> str:
    """Every preset makes a valid protocol."""
    for name in copy.source.presets:
        default_protocol(copy.source.name, name)
    return f"default {next(iter(copy.source.presets))}, of {', '.join(copy.source.presets)}"


@check()
def splits(copy: Copy) -> str:
    """Every split has clips, every video is a file below the root, and no two classes share a name."""
    table = copy.table
    _require(table.dataset == copy.source.name, f"the table is of {table.dataset!r}, expected {copy.source.name!r}")
    _require(len(set(table.classes)) == len(table.classes), "two classes have the same name")
    missing = [clip.video for clip in table.clips if not table.path(clip).is_file()]
    _require(not missing, f"{len(missing)} videos are missing: {', '.join(missing[:3])}")
    return ", ".join(f"{len(table.split(split))} {split}" for split in SPLITS)


@check()
def frames(copy: Copy) -> str:
    """The frames of a clip lie inside its video."""
    for clip in copy.some_clips:
        count = num_frames(copy.table.path(clip))
        _require(max(clip.start_frame + 1, clip.end_frame) <= count, f"clip {clip.clip_id} ends after frame {count}")
    return f"{len(copy.some_clips)} clips"


@check()
def official_counts(copy: Copy) -> str:
    """Published counts are of what the suite counts: clips, train, test, subjects."""
    counts = copy.data.official_counts
    known = ("clips", "train", "test", "subjects")
    _require(set(counts) <= set(known), f"counts of {', '.join(counts)}; expected some of {', '.join(known)}")
    return f"{len(deviations(copy.table, counts))} of {len(counts)} deviate in this copy"


@check()
def same_table(copy: Copy) -> str:
    """Loading again gives the same table."""
    again = copy.data.load()
    _require(again == copy.table, "two calls of load() give different tables")
    return copy.table.fingerprint()


@check(lambda source: source.planned is None)
def seeds(copy: Copy) -> str:
    """Another seed only draws other splits: the clips, their labels and subjects stay."""
    drawn = set()
    for seed in range(copy.data.seed + 1, copy.data.seed + 5):
        other = replace(copy.data, seed=seed).load()
        _require(
            _without_split(other) == _without_split(copy.table), f"seed {seed} changes clips, not only their splits"
        )
        drawn.add(other.fingerprint())
    return f"{len(drawn - {copy.table.fingerprint()})} of 4 other seeds draw other splits"


@check()
def text(copy: Copy) -> str:
    """The FG-Text has the classes of the table, in its order."""
    names = fgtext.load(copy.data.text).class_names
    _require(
        [name.lower() for name in names] == [name.lower() for name in copy.table.classes],
        f"the FG-Text {copy.data.text} has other class names, or another order, than the table",
    )
    return f"{len(names)} classes"


@check(lambda source: source.planned is not None)
def planned(copy: Copy) -> str:
    """The planned table is the one that is made."""
    _require(copy.data.planned() == copy.table, "the planned table differs from the loaded one")
    return "same table"


@check(lambda source: source.groups is not None)
def groups(copy: Copy) -> str:
    """Every class has a group, and groups are numbered from 0 without a gap."""
    found = copy.source.groups or ()
    _require(len(found) == len(copy.table.classes), f"{len(found)} classes have a group, of {len(copy.table.classes)}")
    _require(set(found) == set(range(max(found) + 1)), f"the groups are {sorted(set(found))}")
    return f"{max(found) + 1} groups"


@check(lambda source: source.fine_pairs is not None)
def fine_pairs(copy: Copy) -> str:
    """Fine pairs are of two different classes each, that exist."""
    found = copy.source.fine_pairs
    assert found is not None
    n_classes = len(copy.table.classes)
    _require(found.n_classes == n_classes, f"the fine pairs are of {found.n_classes} classes, the data of {n_classes}")
    for one, other in found.pairs:
        _require(one != other and {one, other} <= set(range(n_classes)), f"{one}, {other} is no pair of classes")
    return f"{len(found.pairs)} pairs"


@check(lambda source: source.skeletons is not None)
def skeletons(copy: Copy) -> str:
    """A clip's joints are joints_TJ3 float32 of the layout, one row a frame, the same whenever they are read."""
    offered = copy.source.skeletons
    assert offered is not None
    if offered.layout is None and copy.data.preset not in LAYOUTS:
        return "none in this preset"
    layout = offered.layout or copy.data.preset
    _require(layout in LAYOUTS, f"layout {layout!r}; expected one of {', '.join(LAYOUTS)}")
    joints = len(LAYOUTS[layout].joints)
    for clip, file in zip(copy.some_clips, offered.files(copy.table, copy.some_clips), strict=True):
        joints_TJ3, again_TJ3 = (offered.read(file, clip) for _ in range(2))
        shape = ((clip.end_frame or num_frames(copy.table.path(clip))) - clip.start_frame, joints, 3)
        seen, expected = (joints_TJ3.shape, joints_TJ3.dtype), (shape, np.dtype(np.float32))
        _require(seen == expected, f"clip {clip.clip_id}: joints of {seen}, expected {expected}")
        _require(bool(np.isfinite(joints_TJ3).any()), f"clip {clip.clip_id}: no joint was found in any frame")
        _require(np.array_equal(joints_TJ3, again_TJ3, equal_nan=True), f"clip {clip.clip_id}: two reads differ")
    return f"{joints} joints ({layout})"


@check(lambda source: source.motion_mask is not None)
def motion_mask(copy: Copy) -> str:
    """A motion mask is mask_THW bool, as large as the video, one for each frame that is asked for."""
    mask = copy.source.motion_mask
    assert mask is not None
    shares = []
    for clip in copy.some_clips:
        info = probe(copy.table.path(clip))
        wanted = (clip.start_frame, (clip.end_frame or num_frames(copy.table.path(clip))) - 1)
        mask_THW = mask(copy.table.root, clip, wanted)
        shape = (len(wanted), info.height, info.width)
        _require(mask_THW.shape == shape, f"clip {clip.clip_id}: mask of shape {mask_THW.shape}, expected {shape}")
        _require(mask_THW.dtype == bool, f"clip {clip.clip_id}: the mask is {mask_THW.dtype}, expected bool")
        shares.append(float(mask_THW.mean()))
    _require(max(shares) > 0, "no mask shows anything")
    return f"{100 * min(shares):.1f} to {100 * max(shares):.1f} % of the pixels"


@check(lambda source: source.challenge is not None)
def challenge(copy: Copy) -> str:
    """Every form of a submission takes scores of every clip, and equal scores give equal bytes."""
    offered = copy.source.challenge
    assert offered is not None
    said = []
    for name, form in offered.forms.items():
        known = set(form.hidden_in) <= set(copy.source.presets)
        _require(known, f"form {name}: hidden in the unknown presets {form.hidden_in}")
        clips: tuple[Clip, ...] = copy.table.split("test")
        if copy.data.preset in form.hidden_in:
            try:
                clips = copy.data.hidden(name).clips
            except UserError:
                if name == next(iter(offered.forms)):
                    raise
                continue  # a form of another phase, for which this copy is not
            secret = all(clip.label is None and clip.split == "test" for clip in clips)
            _require(secret, "a hidden clip has a label, or is not in test")
        scores_NC = np.random.default_rng(0).random((len(clips), len(copy.table.classes)))
        files = [form.content([clip.clip_id for clip in clips], scores_NC) for _ in range(2)]
        _require(files[0] == files[1] != b"", f"form {name}: equal scores give different files, or an empty one")
        said.append(f"{name}: {form.file}, {len(clips)} of {' or '.join(map(str, form.n_clips))} clips")
    return "; ".join(said)


def _without_split(table: ClipTable) -> list[Clip]:
    return sorted((replace(clip, split="train") for clip in table.clips), key=lambda clip: clip.clip_id)


def _require(kept: bool, otherwise: str) -> None:
    """Raises :class:`BrokenPromise` with a text unless the promise is kept."""
    if not kept:
        raise BrokenPromise(otherwise)
