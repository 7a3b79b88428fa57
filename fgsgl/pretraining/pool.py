"""The pool of pictures: written once to disk in chunks by a background process, then visited again and again.

Shapes: N pictures, H x W pixels, J joints.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import torch

from fgsgl.pretraining.facts import Facts
from fgsgl.pretraining.stills import PICTURES, Stills, sitting

CHUNK = 400
"""Pictures a chunk: 50 sittings."""


class Pool:
    """The finished chunks of a folder, opened without reading them; ``refresh`` finds the ones added since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: list[Facts] = []
        self._frames: list[np.ndarray] = []
        self._joints: list[np.ndarray] = []
        self.refresh()

    def __len__(self) -> int:
        return len(self.facts)

    def refresh(self) -> None:
        """Takes in the chunks after those already known; a chunk's facts are written last, when it is whole."""
        while (facts_path := _chunk_path(self.folder, len(self._frames), "facts.json")).is_file():
            number = len(self._frames)
            self._joints.append(np.load(_chunk_path(self.folder, number, "joints.npy"), allow_pickle=False))
            self._frames.append(
                np.load(_chunk_path(self.folder, number, "frames.npy"), mmap_mode="r", allow_pickle=False)
            )
            self.facts.extend(msgspec.json.decode(facts_path.read_bytes(), type=list[Facts]))

    def stills(self, index_N: np.ndarray) -> Stills:
        """The pictures with the given numbers."""
        where = [divmod(int(index), CHUNK) for index in index_N]
        return Stills(
            frames_NHWC=torch.from_numpy(np.stack([self._frames[chunk][row] for chunk, row in where])),
            joints_NJ2=torch.from_numpy(np.stack([self._joints[chunk][row] for chunk, row in where])),
            facts=tuple(self.facts[index] for index in index_N),
        )


def render(
    folder: Path, pictures: int, seed: int, *, held_out: bool = False, wanted: Callable[[], bool] = lambda: True
) -> None:
    """Renders what the folder lacks of the first ``pictures`` (rounded up to whole chunks), while it is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-pictures // CHUNK)):
        if wanted() and not _chunk_path(folder, number, "facts.json").is_file():
            _render_chunk(folder, number, seed, held_out)


def _render_chunk(folder: Path, number: int, seed: int, held_out: bool) -> None:
    sittings = CHUNK // PICTURES
    found = [sitting(number * sittings + one, seed, held_out=held_out) for one in range(sittings)]
    _write(_chunk_path(folder, number, "frames.npy"), torch.cat([stills.frames_NHWC for stills in found]).numpy())
    _write(_chunk_path(folder, number, "joints.npy"), torch.cat([stills.joints_NJ2 for stills in found]).numpy())
    path = _chunk_path(folder, number, "facts.json")
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode([facts for stills in found for facts in stills.facts]))
    temporary.replace(path)


def _write(path: Path, array: np.ndarray) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    temporary.replace(path)


def _chunk_path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"chunk_{number:05d}.{kind}"


def start_rendering(folder: Path, pictures: int, seed: int) -> multiprocessing.process.BaseProcess:
    """Starts ``render`` in another process, which ends with this one."""
    process = multiprocessing.get_context("spawn").Process(
        target=_render_alone, args=(folder, pictures, seed), daemon=True
    )
    process.start()
    return process


def _render_alone(folder: Path, pictures: int, seed: int) -> None:
    torch.set_num_threads(1)
    # A parent that was killed cannot stop its children, so the child looks after it.
    parent = multiprocessing.parent_process()
    assert parent is not None
    render(folder, pictures, seed, wanted=parent.is_alive)
