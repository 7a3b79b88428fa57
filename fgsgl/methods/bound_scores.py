"""Scores of floors and ceilings. They depend on data, seed and a few fields of the protocol, so that boards share them.

They lie in the cache folder, under a digest of all that they depend on, the code included.

Shapes: N clips, C classes.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np

import fgsgl
from fgsgl.data import datasets
from fgsgl.data.cache.cache_folder import cache_folder
from fgsgl.data.cache.clip_store import ClipStore
from fgsgl.data.cache.contents import contents
from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.joined_table import origin
from fgsgl.methods.method import Method
from fgsgl.records.environment import versions
from fgsgl.records.protocol import Protocol

ANEW = "FGSGL_BOUNDS_ANEW"
"""Set in the environment of cells whose scores are computed, whatever is kept."""


@contextmanager
def scored_anew() -> Iterator[None]:
    """Cells that are started in the block compute their scores, which a repetition has to."""
    os.environ[ANEW] = "1"
    try:
        yield
    finally:
        del os.environ[ANEW]


def bound_scores(
    method: Method, table: ClipTable, train: Sequence[Clip], clips: Sequence[Clip], seed: int, protocol: Protocol
) -> np.ndarray:
    """The scores that a floor or ceiling gives to clips, ``scores_NC`` float32; computed once for all boards.

    Args:
        method: a floor or ceiling.
        table: all clips, with the contents of their videos.
        train: clips that it may learn from.
        clips: those to score.
        seed: of its draws.
        protocol: of the board; the method gets :func:`seen_of` it.
    """
    if method.scores is None:
        raise ValueError(f"{method.name} is a {method.kind} without scores")
    shape = (len(clips), len(table.classes))
    store = ClipStore(folder=cache_folder() / "bounds", shape=(4 * shape[0] * shape[1],))
    seen = seen_of(protocol)
    key = _key(method, table, train, clips, seed, seen)
    if ANEW not in os.environ and (kept := store.read(key)) is not None:
        return kept.view(np.float32).reshape(shape)
    scores_NC = np.ascontiguousarray(method.scores(table, train, clips, seed, seen), dtype=np.float32)
    with suppress(OSError):  # of a cache that is read-only, or full
        store.write(key, scores_NC.view(np.uint8).ravel())
    return scores_NC


def seen_of(protocol: Protocol) -> Protocol:
    """The part of a protocol that floors and ceilings may depend on: what a method is given of a clip, how classes are
    drawn and the prior taken out. Every other field is at its default, so that one which their kept scores are not told
    apart by cannot reach them."""
    return Protocol(
        dataset=protocol.dataset,
        preset=protocol.preset,
        epochs=1,
        num_frames=protocol.num_frames,
        views=protocol.views,
        logit_adjustment=protocol.logit_adjustment,
        sampling=protocol.sampling,
    )


def _key(
    method: Method, table: ClipTable, train: Sequence[Clip], clips: Sequence[Clip], seed: int, protocol: Protocol
) -> str:
    """A digest of all that the scores depend on, 64 hex digits."""
    source = inspect.getsourcefile(method.scores) if method.scores else None
    parts = [Path(source).read_text(encoding="utf-8") if source else ""]
    parts += [method.name, str(seed), protocol.hash(), table.fingerprint(), _code(), repr(sorted(versions().items()))]
    parts += [repr([clip.clip_id for clip in split]) for split in (train, clips)]
    if method.kind == "ceiling":
        for some in (train, clips):  # of one data set each, where the table is a joined one
            parts += _truths(table, some)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _truths(table: ClipTable, clips: Sequence[Clip]) -> list[str]:
    """SHA-256 of the skeleton file of each clip; nothing where the data set has none."""
    found = [origin(table, clip) for clip in clips]
    part = found[0][0] if found else table
    skeletons = datasets.get(part.dataset).skeletons
    if skeletons is None:
        return []
    files = [str(path) for path in skeletons.files(part, [clip for _, clip in found])]
    sha256_of = contents(part.root, files)
    return [sha256_of[file] for file in files]


@cache
def _code() -> str:
    """A digest of the package's modules and of the methods."""
    folders = [Path(fgsgl.__file__).parent, Path(importlib.import_module("fgsgl.baselines").__path__[0])]
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
