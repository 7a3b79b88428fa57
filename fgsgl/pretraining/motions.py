"""The teacher's clips: motions without pictures, made once by several processes and kept on disk.

Shapes: B clips, T frames, J joints, D dimensions.
"""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from fgsgl.pretraining import compositions
from fgsgl.pretraining.caption_bank import Told, known_values, told

CHUNK = 2000
SEED = 700_000
"""Added to the seed of the chunks, so that the motions are not those of the rendered clips."""


@dataclass(frozen=True)
class Motions:
    """Joints as fractions of the image, and what is told of each clip."""

    joints_BTJ2: torch.Tensor
    targets_BD: torch.Tensor
    returns_B: torch.Tensor

    def __len__(self) -> int:
        return len(self.joints_BTJ2)

    @cached_property
    def told(self) -> list[Told]:
        """Source of each clip's captions."""
        clips = zip(self.targets_BD.tolist(), self.returns_B.tolist(), strict=True)
        return [told(target_D, returns) for target_D, returns in clips]

    @cached_property
    def known(self) -> tuple[list[int], ...]:
        """Values that occur, for each dimension."""
        return known_values(self.targets_BD)


def make_motions(folder: Path, clips: int, seed: int, num_frames: int, processes: int | None = None) -> Motions:
    """The motions of a folder, of which what is missing is made first.

    Args:
        folder: for the chunks.
        clips: how many, rounded up to whole chunks.
        seed: of the clips.
        num_frames: T, over two seconds.
        processes: that make them; all cores if None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"seed{seed}_{num_frames}frames_{number:04d}.npz" for number in range(-(-clips // CHUNK))]
    missing = [(path, seed * 1_000_000 + SEED + number) for number, path in enumerate(paths) if not path.is_file()]
    if missing:
        with multiprocessing.get_context("spawn").Pool(processes or os.cpu_count()) as pool:
            pool.starmap(partial(_make_chunk, num_frames=num_frames), missing, chunksize=1)
    chunks = [np.load(path, allow_pickle=False) for path in paths]
    return Motions(*(torch.from_numpy(np.concatenate([chunk[name] for chunk in chunks])) for name in _FIELDS))


_FIELDS = ("joints_BTJ2", "targets_BD", "returns_B")


def _make_chunk(path: Path, seed: int, num_frames: int) -> None:
    torch.set_num_threads(1)
    clips = compositions.sample_motions(CHUNK, seed=seed, num_frames=num_frames)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            joints_BTJ2=clips.joints_BTJ2.numpy(),
            targets_BD=clips.targets_BD().numpy(),
            returns_B=np.array(clips.returns),
        )
    temporary.replace(path)
