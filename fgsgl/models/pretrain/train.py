"""The pretraining loop: seeded, resumable, and exportable at any time.

Two networks learn side by side from the same batches, each in its own thread: the tower, and the slim convolutional
backbone, which uses the tower's text embeddings of the batch. Learning rates are constant after a short warm-up and
the exported weights are exponential moving averages, so every moment of a run is a finished run of that length.

Shapes: B clips, K texts, L tokens, E embedding, D dimensions.
"""

from __future__ import annotations

import copy
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import open_clip
import torch
from torch import nn

from fgsgl.errors import UserError
from fgsgl.models import synmg_tiny
from fgsgl.models.pretrain import losses
from fgsgl.models.pretrain.augment import augment
from fgsgl.models.pretrain.heads import Slim, Tower, View
from fgsgl.models.pretrain.pool import Batch, Pool
from fgsgl.models.pretrain.texts import Texts, encode, text_loss


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What decides the result, beside the data generator and the number of steps."""

    seed: int = 0
    batch: int = 32
    """Clips a step."""
    num_frames: int = 8
    pose_steps: int = 160
    """Steps of the warm-up on poses alone; its batches hold four times the clips and a quarter of the frames."""
    lr: float = 1e-3
    lr_steps: int = 50
    """Linear warm-up of the learning rate, at the start and again after the pose warm-up."""
    weight_decay: float = 0.05
    token_noise: float = 0.08
    """Share of the text tokens that become random ones, so that words no caption holds disturb little."""
    average: float = 0.998
    """Decay of the moving average of the weights (about the last 500 steps)."""
    pool_clips: int = 24_000
    """Clips in the pool."""
    first_clips: int = 500
    """Training starts when so many clips of the pool are there."""
    held_out_clips: int = 500


class Target(NamedTuple):
    """What a step trains on; a warm-up step trains on poses (and texts among themselves) alone."""

    batch: Batch
    frames_NCHW: torch.Tensor
    joints_NJ2: torch.Tensor
    warm: bool


class Trainer:
    """Both networks with their optimizers and averages. ``step`` counts from 0."""

    def __init__(self, recipe: Recipe, pool: Pool, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.pool, self.device = recipe, pool, device
        self.step = 0
        tower = Tower(recipe.num_frames)
        slim = Slim(tower.clip.text_projection.shape[1], recipe.num_frames)
        self.networks = nn.ModuleDict({"tower": tower, "slim": slim}).to(device)
        self.averages = copy.deepcopy(self.networks).eval().requires_grad_(False)
        self.networks.train().to(memory_format=torch.channels_last)
        self.optimizers = {name: _optimizer(network, recipe) for name, network in self.networks.items()}
        self.tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
        self.autocast = device != "cpu" or native_bf16()
        self._worker = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),))
        self._slim_loss: Future | None = None

    def train_step(self) -> dict[str, float]:
        """One step of both networks; returns the tower's losses, and the other's total as ``slim`` (a step late)."""
        warm = self.step < self.recipe.pose_steps
        batch = self._draw(warm)
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step)
        frames_NCHW, joints_NJ2 = augment(batch.frames_BTHWC.to(self.device), batch.joints_BTJ2, generator)
        target = Target(batch, frames_NCHW, joints_NJ2.to(self.device), warm)
        parts, texts = self._tower_losses(target)
        self._update("tower", total(parts), self.step)
        slim = self._slim_later(target, texts.detach())
        self.step += 1
        return {name: value.item() for name, value in parts.items()} | slim

    def clips_seen(self) -> int:
        """Clips of all frames that each network has trained on (a warm-up step counts its frames)."""
        return self.step * self.recipe.batch

    def finish(self) -> None:
        """Waits for the slim network's step in progress."""
        if self._slim_loss is not None:
            self._slim_loss.result()

    def _draw(self, warm: bool) -> Batch:
        """The batch of this step: a function of the seed, the step and the number of clips there are."""
        random = np.random.default_rng((self.recipe.seed, self.step))
        size = self.recipe.batch * (4 if warm else 1)
        index_B = random.choice(len(self.pool), min(size, len(self.pool)), replace=False)
        frames = self.recipe.num_frames
        if not warm:
            return self.pool.batch(index_B)
        return self.pool.batch(index_B, np.sort(random.choice(frames, max(1, frames // 4), replace=False)))

    def _tower_losses(self, target: Target) -> tuple[dict[str, torch.Tensor], Texts]:
        tower = self.networks["tower"]
        random = np.random.default_rng((self.recipe.seed, self.step, 1))
        with self._bf16():
            texts = encode(tower, self.tokenizer, target.batch, self.pool.sentences, self.recipe.token_noise, random)
            view = None if target.warm else tower(target.frames_NCHW, self.recipe.num_frames)
            pose_NPJ = tower.poses(target.frames_NCHW) if view is None else view.pose_NPJ
        parts = _pose_parts(pose_NPJ, target) | {"text": text_loss(texts, tower.scales()[0])}
        return parts | ({} if view is None else _text_parts(view, target.batch, texts, tower.scales())), texts

    def _slim_later(self, target: Target, texts: Texts) -> dict[str, float]:
        """Starts the slim network's step beside the tower's next one; returns the loss of its previous step."""
        before = {} if self._slim_loss is None else {"slim": self._slim_loss.result()}
        self._slim_loss = self._worker.submit(self._slim_step, target, texts, self.step)
        return before

    def _slim_step(self, target: Target, texts: Texts, step: int) -> float:
        slim = self.networks["slim"]
        with self._bf16():
            view = None if target.warm else slim(target.frames_NCHW, self.recipe.num_frames)
            pose_NPJ = slim.poses(target.frames_NCHW) if view is None else view.pose_NPJ
        parts = _pose_parts(pose_NPJ, target)
        if view is not None:
            parts |= _text_parts(view, target.batch, texts, slim.scales())
        loss = total(parts)
        self._update("slim", loss, step)
        return loss.item()

    def _update(self, name: str, loss: torch.Tensor, step: int) -> None:
        """One step of a network's optimizer and of its moving average."""
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group["lr"] = self._learning_rate(step)
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks[name].parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        decay = min(self.recipe.average, (1 + step) / (10 + step))
        mean, now = self.averages[name].state_dict(), self.networks[name].state_dict()
        with torch.no_grad():
            for key, value in now.items():
                mean[key].lerp_(value, 1 - decay) if value.is_floating_point() else mean[key].copy_(value)

    def _learning_rate(self, step: int) -> float:
        since = step - self.recipe.pose_steps if step >= self.recipe.pose_steps else step
        return self.recipe.lr * min(1.0, (since + 1) / self.recipe.lr_steps)

    def _bf16(self) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.autocast)

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
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Goes on from a saved state.

        Raises:
            UserError: if there is none, or it is of another recipe.
        """
        state = read_state(path, self.device)
        differing = [
            field.name
            for field in fields(Recipe)
            if state["recipe"].get(field.name) != getattr(self.recipe, field.name)
        ]
        if differing:
            raise UserError(f"{path} was trained with another {', '.join(differing)}; use a new --out folder")
        self.networks.load_state_dict(state["networks"])
        self.averages.load_state_dict(state["averages"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = state["step"]


def total(parts: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum of the losses, all of weight 1."""
    return torch.stack(tuple(parts.values())).sum()


def _pose_parts(pose_NPJ: torch.Tensor, target: Target) -> dict[str, torch.Tensor]:
    num_frames = target.batch.frames_BTHWC.shape[1]
    return {
        "pose": losses.pose_loss(pose_NPJ, target.joints_NJ2),
        "motion": losses.motion_loss(pose_NPJ, target.joints_NJ2, num_frames),
    }


def _text_parts(
    view: View, batch: Batch, texts: Texts, scales: tuple[torch.Tensor, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Clips against captions, and against the values of each dimension (mean over dimensions)."""
    names = np.array(batch.compositions)
    same_BB = torch.from_numpy(names[:, None] == names[None]).float().to(view.video_BE.device)
    parts = {"caption": losses.contrastive_loss(view.video_BE, texts.caption_BE, same_BB, scales[0])}
    rows = list(zip(texts.values_KE, texts.row_B, strict=True))
    parts["video"] = torch.stack(
        [losses.dimension_loss(view.video_BE, values_KE, row_B, scales[0]) for values_KE, row_B in rows]
    ).mean()
    if view.local_BDE is not None:
        found = zip(view.local_BDE.unbind(1), rows, strict=True)
        parts["local"] = torch.stack(
            [losses.dimension_loss(local_BE, values_KE, row_B, scales[1]) for local_BE, (values_KE, row_B) in found]
        ).mean()
    return parts


def native_bf16() -> bool:
    """Whether this processor multiplies bf16 natively; elsewhere bf16 autocast is slower than fp32."""
    return torch.cpu._is_avx512_bf16_supported()


def read_state(path: Path, device: str = "cpu") -> dict:
    """Reads a checkpoint of ``Trainer.save`` without executing anything in it.

    Raises:
        UserError: if it is missing.
    """
    if not path.is_file():
        raise UserError(f"no pretraining checkpoint at {path}")
    return torch.load(path, map_location=device, weights_only=True)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW; norms, biases and temperatures do not decay."""
    decayed = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.98), fused=True)
