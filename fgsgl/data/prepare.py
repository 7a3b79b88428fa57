"""Prepares a data set for training: its clip table, frame cache and joint cache, each step with a progress bar."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence

from rich.console import Console

from fgsgl.data.clip_faults import split_faults
from fgsgl.data.clip_table import SPLITS, Clip, ClipTable, Split
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.datasets.base import deviations
from fgsgl.data.faults import FaultyData
from fgsgl.data.skeletons import layout_name
from fgsgl.text.fgtext import load as load_text
from fgsgl.text.fgtext import shipped
from fgsgl.util.errors import UserError
from fgsgl.util.terminal import Counter

TRAINING: tuple[Split, ...] = ("train", "val")
TESTING: tuple[Split, ...] = ("test",)
"""The splits that a transfer uses of the data that are trained on, and of those that are tested on."""


def prepare(
    data: DataSpec,
    console: Console,
    *,
    num_frames: int,
    image_size: int,
    skip_bad: bool,
    skeletons: bool,
    text: bool = False,
    dry_run: bool = False,
) -> ClipTable:
    """The clip table, after everything that its methods read is cached.

    Args:
        data: what to load.
        console: gets remarks and progress bars.
        num_frames: T, frames a recognizer sees.
        image_size: side of the frames in pixels.
        skip_bad: accept clips whose video cannot be read.
        skeletons: cache the joints too.
        text: hold the FG-Text's classes against the table's, and those of other data that are trained on, too.
        dry_run: render and decode nothing; say what would have to be.

    Raises:
        UserError: for missing data, an empty split, a test split that hides its labels, a data set without the
            skeletons that are asked for, FG-Text of other classes, a skeleton that cannot be read, or an unreadable
            video unless ``skip_bad``.
    """
    if skeletons:  # refuses a data set without any, before its videos are decoded
        require_layout(data)
    if text or data.trained_on is not None:
        planned = data.planned()  # refuses parts that cannot be joined, before their videos are decoded
        if text:
            expect_text_of(planned, data)
    if dry_run:
        return _table_alone(data, num_frames, image_size, skip_bad, console)
    table = load_data(data, console, num_frames=num_frames, image_size=image_size, skip_bad=skip_bad)
    if skeletons:
        load_joints(table, num_frames, console)
    return table


def require_layout(data: DataSpec) -> None:
    """Refuses data without skeletons, or a transfer between skeletons of other joints.

    Raises:
        UserError: naming the layouts.
    """
    layout = layout_name(data.dataset, data.preset)
    if data.trained_on is None:
        return
    trained = layout_name(data.trained_on.dataset, data.trained_on.preset)
    if trained != layout:
        raise UserError(
            f"the skeletons of {data.trained_on.dataset} have the joints of {trained} and those of {data.dataset} the "
            f"joints of {layout}, so no method that reads skeletons can be trained on the first and tested on the "
            "second; leave these methods out"
        )


def expect_text_of(table: ClipTable, data: DataSpec) -> None:
    """Refuses FG-Text whose classes are others than the table's, or stand in another order. Where other classes are
    trained on, that of these is looked at too.

    Raises:
        UserError: naming the first class that differs.
    """
    load_text(data.text).expect_classes(table.classes, table.where)
    if data.trained_on is not None and table.tests_other_classes:
        expect_text_of(table.parts[0], data.trained_on)


def class_names(data: DataSpec, *, text: bool) -> tuple[str, ...]:
    """The names of the classes of the test clips, in the order of the labels. A copy of a data set that FG-Text is
    shipped of need not be there; else the table says them, as it does to the cells.

    Args:
        data: whose classes.
        text: whether the FG-Text is read, and so must be of these classes.

    Raises:
        UserError: for a table that cannot be read, or FG-Text of other classes.
    """
    if data.text in shipped():
        return load_text(data.text).class_names
    table = data.listed()
    if text:
        expect_text_of(table, data.alone)
    return table.classes


def trained_text(data: DataSpec, table: ClipTable) -> str:
    """The FG-Text of the classes that are trained on, where these are others than are tested on; else ``""``."""
    return data.trained_on.text if data.trained_on and table.tests_other_classes else ""


def load_data(data: DataSpec, console: Console, *, num_frames: int, image_size: int, skip_bad: bool) -> ClipTable:
    """The clip table, after its videos are hashed and its frame cache is filled.

    Args:
        data: what to load; videos of a generated data set are made where they are missing.
        console: gets remarks and progress bars.
        num_frames: T, frames a recognizer sees.
        image_size: side of the frames in pixels.
        skip_bad: accept clips whose video cannot be read.

    Raises:
        UserError: for missing data, an empty split, a test split that hides its labels, or an unreadable video unless
            ``skip_bad``.
    """

    def load(part: DataSpec, splits: Sequence[Split]) -> ClipTable:
        return _load_part(part, splits, console, num_frames=num_frames, image_size=image_size, skip_bad=skip_bad)

    return _whole(data, load)


def _whole(data: DataSpec, load: Callable[[DataSpec, Sequence[Split]], ClipTable]) -> ClipTable:
    """The clip table of data, each part loaded for the splits that are used of it."""
    if data.trained_on is None:
        return load(data, SPLITS)
    return data.joined(load(data.trained_on, TRAINING), load(data.alone, TESTING))


def _load_part(
    data: DataSpec, splits: Sequence[Split], console: Console, *, num_frames: int, image_size: int, skip_bad: bool
) -> ClipTable:
    from fgsgl.data.cache.contents import with_contents
    from fgsgl.data.cache.frame_cache import open_cache, refuse_bad

    workers = os.cpu_count() or 1
    with Counter(console, "rendering videos") as counter:
        table = data.made(workers, counter.update)
    with Counter(console, "hashing videos") as counter:
        table = with_contents(table, workers=workers, progress=counter.update)
    _tell_and_check(table, data, splits, console)
    _tell_old_caches(table, console)
    with Counter(console, "decoding frames") as counter:
        cache = open_cache(
            table, num_frames, image_size, workers=workers, progress=counter.update,
            tell=lambda line: _print(console, line),
        )  # fmt: skip
    if not skip_bad:
        refuse_bad(cache)
    return table


def load_joints(table: ClipTable, num_frames: int, console: Console) -> None:
    """Fills the joint cache of a table, or of both parts of a joined one.

    Raises:
        UserError: for a data set without skeletons, or a skeleton that cannot be read.
    """
    for part in table.parts:
        load_joints(part, num_frames, console)
    if table.parts:
        return
    from fgsgl.data.cache.joint_cache import open_joints

    with Counter(console, "reading skeletons") as counter:
        joints_NKJ3 = open_joints(table, num_frames, workers=os.cpu_count() or 1, progress=counter.update)
    if without := int((joints_NKJ3 == 0).all((1, 2, 3)).sum()):
        _print(console, f"{without} of {len(table.clips)} clips have no joint in any frame; skeleton methods see zeros")


def _table_alone(
    data: DataSpec, num_frames: int, image_size: int, skip_bad: bool, console: Console
) -> ClipTable:  # fmt: skip
    """The clip table for a dry run; says which videos and frames are missing.

    Raises:
        UserError: where videos that nobody makes are missing, unless ``skip_bad``.
    """

    def tell(part: DataSpec, splits: Sequence[Split]) -> ClipTable:
        return _tell_part(part, splits, num_frames, image_size, skip_bad, console)

    return _whole(data, tell)


def _tell_part(
    data: DataSpec, splits: Sequence[Split], num_frames: int, image_size: int, skip_bad: bool, console: Console
) -> ClipTable:
    from fgsgl.data.cache.frame_cache import pending

    table = data.planned()
    generated = data.source.planned is not None
    if missing := [clip for clip in table.clips if not table.path(clip).is_file()]:
        if generated:
            _print(console, f"{len(missing)} of {len(table.clips)} videos to be rendered at {data.root}")
        else:
            _tell_missing(missing, table, skip_bad, console)
    _tell_and_check(table, data, splits, console)
    if line := pending(table, num_frames, image_size):
        _print(console, line)
    return table


def _tell_missing(missing: Sequence[Clip], table: ClipTable, skip_bad: bool, console: Console) -> None:
    videos = sorted({clip.video for clip in missing})
    said = f"{len(missing)} of {len(table.clips)} clips have no video: there is no {table.video_folder / videos[0]}"
    said += f", nor {len(videos) - 1} other file(s)" if len(videos) > 1 else ""
    if not skip_bad:
        raise UserError(f"{said}; put them there, correct the table, or leave these clips out with --skip-bad")
    _print(console, said)


def _tell_and_check(table: ClipTable, data: DataSpec, splits: Sequence[Split], console: Console) -> None:
    """Says how the table deviates from the release, and refuses an empty split or hidden test labels among the splits
    that are used."""
    for line in table.notes:
        _print(console, line)
    for line in (*deviations(table, data.official_counts), *table.caveats):
        console.print(line, style="yellow", markup=False, highlight=False)
    if faults := split_faults(table, splits):
        raise FaultyData(faults)


def _tell_old_caches(table: ClipTable, console: Console) -> None:
    from fgsgl.data.cache.cache_folder import old_caches

    if old := old_caches(table.root):
        _print(
            console,
            f"caches of older versions are not used any more; remove them: rm -r {shlex.join(map(str, old))}",
        )


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False)
