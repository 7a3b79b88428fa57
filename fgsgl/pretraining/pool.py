"""The pool of rendered clips: written once to disk in chunks by a background process, then visited again and again.

Shapes: B clips, T frames, H x W pixels, J joints, D dimensions.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from fgsgl.data.synmg.programs import Program
from fgsgl.pretraining import compositions
from fgsgl.pretraining.caption_bank import Told

CHUNK = 100
"""Clips a chunk: the held-out compositions, each once."""
HELD_OUT_SEED = 500_000
"""Added to the seed of held-out chunks, so that they share no subject or camera with the training chunks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some clips of the pool. Joints are fractions of the image."""

    frames_BTHWC: torch.Tensor
    joints_BTJ2: torch.Tensor
    targets_BD: torch.Tensor
    told: tuple[Told, ...]


class Pool:
    """The finished chunks of a folder, opened without reading them; ``refresh`` finds the ones added since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Told] = []
        self._frames: list[np.ndarray] = []
        self._joints: list[np.ndarray] = []
        self.refresh()

    def __len__(self) -> int:
        return len(self.told)

    def refresh(self) -> None:
        """Takes in the chunks after those already known; a chunk's programs are written last, when it is whole."""
        while (programs_path := _chunk_path(self.folder, len(self._frames), "programs.json")).is_file():
            number = len(self._frames)
            self._joints.append(np.load(_chunk_path(self.folder, number, "joints.npy"), allow_pickle=False))
            self._frames.append(
                np.load(_chunk_path(self.folder, number, "frames.npy"), mmap_mode="r", allow_pickle=False)
            )
            rows = json.loads(programs_path.read_text(encoding="utf-8"))
            self.told.extend(Told(Program(**row["program"]), row["returns"]) for row in rows)

    def batch(self, index_B: np.ndarray, frame_T: slice | np.ndarray = slice(None)) -> Batch:
        """The clips with the given numbers, all frames or the chosen ones."""
        where = [divmod(int(index), CHUNK) for index in index_B]
        told = tuple(self.told[index] for index in index_B)
        return Batch(
            frames_BTHWC=torch.from_numpy(np.stack([self._frames[chunk][row][frame_T] for chunk, row in where])),
            joints_BTJ2=torch.from_numpy(np.stack([self._joints[chunk][row][frame_T] for chunk, row in where])),
            targets_BD=torch.tensor([compositions.target(clip.program) for clip in told]),
            told=told,
        )


def render(
    folder: Path,
    clips: int,
    seed: int,
    num_frames: int,
    held_out: bool = False,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """Renders what the folder lacks of the first ``clips`` clips (rounded up to whole chunks), while it is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(-(-clips // CHUNK)):
        if wanted() and not _chunk_path(folder, number, "programs.json").is_file():
            _render_chunk(folder, number, seed, num_frames, held_out)


def _render_chunk(folder: Path, number: int, seed: int, num_frames: int, held_out: bool) -> None:
    chunk_seed = seed * 1_000_000 + (HELD_OUT_SEED if held_out else 0) + number
    clips = compositions.sample(CHUNK, seed=chunk_seed, num_frames=num_frames, held_out=held_out)
    _write(_chunk_path(folder, number, "frames.npy"), clips.frames_BTHWC.numpy())
    _write(_chunk_path(folder, number, "joints.npy"), clips.joints_BTJ2.numpy().astype(np.float32))
    rows = [
        {"program": asdict(program), "returns": returns}
        for program, returns in zip(clips.programs, clips.returns, strict=True)
    ]
    path = _chunk_path(folder, number, "programs.json")
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(rows), encoding="utf-8")
    temporary.replace(path)


def _write(path: Path, array: np.ndarray) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    temporary.replace(path)


def _chunk_path(folder: Path, number: int, kind: str) -> Path:
    return folder / f"chunk_{number:05d}.{kind}"


def start_rendering(folder: Path, clips: int, seed: int, num_frames: int) -> multiprocessing.process.BaseProcess:
    """Starts ``render`` in another process, which ends with this one."""
    process = multiprocessing.get_context("spawn").Process(
        target=_render_alone, args=(folder, clips, seed, num_frames), daemon=True
    )
    process.start()
    return process


def _render_alone(folder: Path, clips: int, seed: int, num_frames: int) -> None:
    torch.set_num_threads(1)
    # A parent that was killed cannot stop its children, so the child looks after it.
    parent = multiprocessing.parent_process()
    assert parent is not None
    render(folder, clips, seed, num_frames, wanted=parent.is_alive)
