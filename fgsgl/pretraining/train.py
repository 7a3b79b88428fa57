"""The pretraining loop: seeded, resumable, and exportable at any time.

Two networks learn side by side from the same batches, each in its own thread: the tower, and the slim convolutional
backbone. What they are taught comes from the teacher alone, which learns no more. The exported weights are exponential
moving averages, so that they can be taken at any moment of a run.

Shapes: B clips, T frames, N = B T, J joints, C captions, E embedding, D dimensions.
"""

from __future__ import annotations

import copy
import math
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from fgsgl.models.precision import native
from fgsgl.pretraining import losses
from fgsgl.pretraining.augment import augment
from fgsgl.pretraining.caption_bank import Bank, rows_of
from fgsgl.pretraining.heads import SlimStudent, TowerStudent, View
from fgsgl.pretraining.optim import adamw, average_into
from fgsgl.pretraining.pool import Batch, Pool
from fgsgl.pretraining.teacher import Teacher, TeacherRecipe
from fgsgl.util.checkpoint_file import read_checkpoint, write_checkpoint
from fgsgl.util.errors import UserError

WEIGHTS = {"pose": 2.0, "motion": 2.0, "frame": 4.0, "change": 4.0}
"""Weights of the losses; 1 where not named. The texts must not drown the poses, which small motions are read from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainingRecipe:
    """Settings of the pretraining. Its result depends on them, the data generator and the number of steps."""

    seed: int = 0
    batch: int = 8
    """Clips a step. Small, because many small steps learn far more from the same clips than few large ones."""
    num_frames: int = 8
    pose_steps: int = 6000
    """Steps of the warm-up on poses alone; its batches hold four times the clips and a quarter of the frames."""
    lr: float = 2e-3
    lr_steps: int = 50
    """Linear warm-up of the learning rate, at the start and again after the pose warm-up."""
    weight_decay: float = 0.05
    captions: int = 256
    """Captions that a clip is told from, its batch's own included."""
    average: float = 0.995
    """Decay of the moving average of the weights (about the last 200 steps)."""
    pool_clips: int = 32_000
    """Clips in the pool."""
    first_clips: int = 1500
    """Training starts when so many clips of the pool are there."""
    held_out_clips: int = 500
    teacher: TeacherRecipe = field(default_factory=TeacherRecipe)


class Target(NamedTuple):
    """Data of one step; a warm-up step trains on poses alone."""

    batch: Batch
    frames_NCHW: torch.Tensor
    joints_NJ2: torch.Tensor
    taught: Taught | None


class Taught(NamedTuple):
    """The teacher's embeddings of a batch's frames, and the texts."""

    frame_BTE: torch.Tensor
    caption_CE: torch.Tensor
    """The batch's captions first, then others'."""
    same_BC: torch.Tensor
    """1 where a caption is of the clip's program."""
    row_DB: tuple[torch.Tensor, ...]
    """Row of each clip's value in the bank, for each dimension; -1 where it has none."""


class Trainer:
    """Both networks with their optimizers and averages. ``step`` counts from 0."""

    def __init__(
        self, recipe: PretrainingRecipe, pool: Pool, teacher: Teacher, bank: Bank, device: str = "cpu"
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.pool, self.teacher, self.bank, self.device = recipe, pool, teacher.to(device), bank, device
        self.step = 0
        self.rate = 1.0
        """Share of the recipe's learning rate; the caller lowers it towards the end."""
        self.networks = nn.ModuleDict(
            {"tower": TowerStudent(teacher, recipe.num_frames), "slim": SlimStudent(teacher)}
        ).to(device)
        self.averages = copy.deepcopy(self.networks).eval().requires_grad_(False)
        self.networks.train().to(memory_format=torch.channels_last)
        self.optimizers = {
            name: adamw(network, recipe.lr, recipe.weight_decay) for name, network in self.networks.items()
        }
        self.autocast = native(device) == "bf16"
        self._worker = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),))
        self._slim_loss: Future[tuple[float, dict[str, float]]] | None = None

    def train_step(self) -> dict[str, float]:
        """One step of both networks; returns the tower's losses, and the other's total as ``slim`` (a step late)."""
        target = self._draw()
        before = {} if self._slim_loss is None else {"slim": self._slim_loss.result()[0]}
        self._slim_loss = self._worker.submit(self._train, "slim", target, self.step)
        _, parts = self._train("tower", target, self.step)
        self.step += 1
        return parts | before

    def clips_seen(self) -> int:
        """Clips of all frames that each network has trained on (a warm-up step counts its frames)."""
        return self.step * self.recipe.batch

    def finish(self) -> None:
        """Waits for the slim network's step in progress."""
        if self._slim_loss is not None:
            self._slim_loss.result()

    def _draw(self) -> Target:
        """Data of this step: a function of the seed, the step and the number of clips in the pool."""
        recipe, rng = self.recipe, np.random.default_rng((self.recipe.seed, self.step))
        warm = self.step < recipe.pose_steps
        index_B = rng.choice(len(self.pool), min(recipe.batch * (4 if warm else 1), len(self.pool)), replace=False)
        frames = recipe.num_frames
        chosen_T = np.sort(rng.choice(frames, max(2, frames // 4), replace=False)) if warm else slice(None)
        batch = self.pool.batch(index_B, chosen_T)
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.step)
        frames_NCHW, joints_NJ2 = augment(batch.frames_BTHWC.to(self.device), batch.joints_BTJ2, generator)
        joints_NJ2 = joints_NJ2.to(self.device)
        return Target(batch, frames_NCHW, joints_NJ2, None if warm else self._taught(batch, joints_NJ2, rng))

    @torch.no_grad()
    def _taught(self, batch: Batch, joints_NJ2: torch.Tensor, rng: np.random.Generator) -> Taught:
        count = min(len(self.pool), max(0, self.recipe.captions - self.recipe.batch))
        told = [*batch.told, *(self.pool.told[index] for index in rng.choice(len(self.pool), count, replace=False))]
        rows_C = self.bank.rows(told)
        samples_C = torch.from_numpy(rng.integers(0, self.bank.SAMPLES, len(told)))
        same_BC = torch.tensor([[clip.program == other.program for other in told] for clip in batch.told])
        return Taught(
            self.teacher.frames(joints_NJ2.unflatten(0, (-1, self.recipe.num_frames))),
            self.bank.caption_PSE[rows_C, samples_C],
            same_BC.float().to(self.device),
            tuple(
                rows_of(target_B, known).to(self.device)
                for target_B, known in zip(batch.targets_BD.unbind(1), self.bank.known, strict=True)
            ),
        )

    def _train(self, name: str, target: Target, step: int) -> tuple[float, dict[str, float]]:
        """One step of a network; its total loss, and the parts of it."""
        network: Any = self.networks[name]
        num_frames, taught = target.batch.frames_BTHWC.shape[1], target.taught
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.autocast):
            view: Any = None if taught is None else network(target.frames_NCHW, num_frames)
            pose_NPJ = network.poses(target.frames_NCHW) if view is None else view.pose_NPJ
        parts = {
            "pose": losses.pose_loss(pose_NPJ, target.joints_NJ2),
            "motion": losses.motion_loss(pose_NPJ, target.joints_NJ2, num_frames),
        }
        if taught is not None:
            parts |= self._taught_parts(view, taught, network.scales.clamp(max=math.log(100)).exp())
        loss = torch.stack([WEIGHTS.get(part, 1.0) * value for part, value in parts.items()]).sum()
        self._update(name, loss, step)
        return loss.item(), {part: value.item() for part, value in parts.items()}

    def _taught_parts(self, view: View, taught: Taught, scales: torch.Tensor) -> dict[str, torch.Tensor]:
        """Frames against the teacher's; clips against captions, and against the values of each dimension (mean)."""
        frame, change = losses.frame_losses(view.frame_BTE, taught.frame_BTE)
        caption = losses.contrastive_loss(view.video_BE, taught.caption_CE, taught.same_BC, scales[0])
        parts = {"frame": frame, "change": change, "caption": caption}
        rows = list(zip(self.bank.values_KE, taught.row_DB, strict=True))
        parts["video"] = torch.stack(
            [losses.dimension_loss(view.video_BE, value_KE, row_B, scales[0]) for value_KE, row_B in rows]
        ).mean()
        if view.local_BDE is not None:
            found = zip(view.local_BDE.unbind(1), rows, strict=True)
            parts["local"] = torch.stack(
                [losses.dimension_loss(local_BE, value_KE, row_B, scales[1]) for local_BE, (value_KE, row_B) in found]
            ).mean()
        return parts

    def _update(self, name: str, loss: torch.Tensor, step: int) -> None:
        """One step of a network's optimizer and of its moving average."""
        optimizer = self.optimizers[name]
        since = step - self.recipe.pose_steps if step >= self.recipe.pose_steps else step
        for group in optimizer.param_groups:
            group["lr"] = self.recipe.lr * self.rate * min(1.0, (since + 1) / self.recipe.lr_steps)
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks[name].parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average_into(self.averages[name], self.networks[name], self.recipe.average, step)

    def save(self, path: Path) -> None:
        """Writes the whole state, whole or not at all."""
        self.finish()
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "networks": self.networks.state_dict(),
            "averages": self.averages.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }
        write_checkpoint(path, state)

    def load(self, path: Path) -> None:
        """Goes on from a saved state.

        Raises:
            UserError: if there is none, or it is of another recipe.
        """
        state = read_state(path, self.device)
        differing = [name for name, value in asdict(self.recipe).items() if state["recipe"].get(name) != value]
        if differing:
            raise UserError(f"{path} was trained with another {', '.join(differing)}; use a new --out folder")
        self.networks.load_state_dict(state["networks"])
        self.averages.load_state_dict(state["averages"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = state["step"]


def read_state(path: Path, device: str = "cpu") -> dict:
    """Reads a checkpoint of ``Trainer.save`` without executing anything in it.

    Raises:
        UserError: if it is missing.
    """
    if not path.is_file():
        raise UserError(f"no pretraining checkpoint at {path}")
    return read_checkpoint(path, device)
