"""The pretraining loop: seeded, resumable, and exportable at any time.

Two networks learn side by side from the same batches, each in its own thread: the tower, and the slim convolutional
backbone. The words that they are taught come from the teacher, which learns no more. The exported weights are
exponential moving averages, so that they can be taken at any moment of a run.

Shapes: N pictures, J joints, C = N captions, V statements, E embedding.
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
from fgsgl.pretraining.captions import describe
from fgsgl.pretraining.facts import Facts, agree, as_rows, columns
from fgsgl.pretraining.heads import SlimStudent, TowerStudent
from fgsgl.pretraining.optim import adamw, average_into
from fgsgl.pretraining.pool import Pool
from fgsgl.pretraining.teacher import Teacher, TeacherRecipe
from fgsgl.util.checkpoint_file import read_checkpoint, write_checkpoint
from fgsgl.util.errors import UserError

WEIGHTS = {"pose": 2.0, "taught": 4.0}
"""Weights of the losses; 1 where not named. The texts must not drown the poses, which small motions are read from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainingRecipe:
    """Settings of the pretraining. Its result depends on them, the data generator and the number of steps."""

    seed: int = 0
    batch: int = 64
    """Pictures a step."""
    pose_steps: int = 1000
    """Steps of the warm-up on poses alone."""
    lr: float = 2e-3
    lr_steps: int = 50
    """Linear warm-up of the learning rate, at the start and again after the pose warm-up."""
    weight_decay: float = 0.05
    average: float = 0.998
    """Decay of the moving average of the weights (about the last 500 steps)."""
    pool_pictures: int = 64_000
    first_pictures: int = 4000
    """Training starts when so many pictures of the pool are there."""
    held_out_pictures: int = 1600
    teacher: TeacherRecipe = field(default_factory=TeacherRecipe)


class Target(NamedTuple):
    """Data of one step; a warm-up step trains on poses alone."""

    frames_NCHW: torch.Tensor
    joints_NJ2: torch.Tensor
    taught: Taught | None


class Taught(NamedTuple):
    """The teacher's embeddings of a batch's facts and captions."""

    picture_NE: torch.Tensor
    true_NV: torch.Tensor
    """1 where a statement is true of a picture."""
    caption_CE: torch.Tensor
    agree_CN: torch.Tensor
    """1 where all that a caption says is true of a picture."""


class Trainer:
    """Both networks with their optimizers and averages. ``step`` counts from 0."""

    def __init__(self, recipe: PretrainingRecipe, pool: Pool, teacher: Teacher, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.pool, self.teacher, self.device = recipe, pool, teacher.to(device), device
        self.sentence_VE = self.teacher.statements()
        self.step = 0
        self.rate = 1.0
        """Share of the recipe's learning rate; the caller lowers it towards the end."""
        self.networks = nn.ModuleDict({"tower": TowerStudent(teacher), "slim": SlimStudent(teacher)}).to(device)
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

    def pictures_seen(self) -> int:
        """Pictures that each network has trained on, with repeats."""
        return self.step * self.recipe.batch

    def finish(self) -> None:
        """Waits for the slim network's step in progress."""
        if self._slim_loss is not None:
            self._slim_loss.result()

    def _draw(self) -> Target:
        """Data of this step: a function of the seed, the step and the number of pictures in the pool."""
        recipe, rng = self.recipe, np.random.default_rng((self.recipe.seed, self.step))
        index_N = rng.choice(len(self.pool), min(recipe.batch, len(self.pool)), replace=False)
        stills = self.pool.stills(index_N)
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + self.step)
        frames_NCHW, joints_NJ2 = augment(stills.frames_NHWC.to(self.device), stills.joints_NJ2, generator)
        taught = None if self.step < recipe.pose_steps else self._taught(stills.facts, rng)
        return Target(frames_NCHW, joints_NJ2.to(self.device), taught)

    @torch.no_grad()
    def _taught(self, shown: tuple[Facts, ...], rng: np.random.Generator) -> Taught:
        captions = [describe(facts, rng) for facts in shown]
        true_NV = as_rows([facts.statements() for facts in shown])
        said_CV = as_rows([caption.says for caption in captions])
        return Taught(
            picture_NE=self.teacher(true_NV.to(self.device)),
            true_NV=true_NV.to(self.device),
            caption_CE=self.teacher.embed([caption.text for caption in captions]),
            agree_CN=agree(said_CV, true_NV).to(self.device),
        )

    def _train(self, name: str, target: Target, step: int) -> tuple[float, dict[str, float]]:
        """One step of a network; its total loss, and the parts of it."""
        network: Any = self.networks[name]
        taught = target.taught
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.autocast):
            view: Any = None if taught is None else network(target.frames_NCHW)
            pose_NPJ = network.poses(target.frames_NCHW) if view is None else view.pose_NPJ
        parts = {"pose": losses.pose_loss(pose_NPJ, target.joints_NJ2)}
        if taught is not None:
            scale = network.scale.clamp(max=math.log(100)).exp()
            parts["taught"] = losses.unexplained(view.picture_NE, taught.picture_NE)
            parts["statement"] = losses.statement_loss(
                view.picture_NE, self.sentence_VE, taught.true_NV, columns().values(), scale
            )
            parts["caption"] = losses.contrastive_loss(view.picture_NE, taught.caption_CE, taught.agree_CN, scale)
        loss = torch.stack([WEIGHTS.get(part, 1.0) * value for part, value in parts.items()]).sum()
        self._update(name, loss, step)
        return loss.item(), {part: value.item() for part, value in parts.items()}

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
