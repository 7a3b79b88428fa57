"""The pretraining loop: seeded, resumable, and exportable at any time.

Two networks learn side by side from the same batches, each in its own thread: the tower, and the slim convolutional
backbone, which uses the tower's text embeddings of the batch. Learning rates are constant after a short warm-up and
the exported weights are exponential moving averages, so every moment of a run is a finished run of that length.

Shapes: B clips, K texts, L tokens, E embedding, D dimensions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
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
    pool_clips: int = 40_000
    """Clips in the pool."""
    first_clips: int = 500
    """Training starts when so many clips of the pool are there."""
    held_out_clips: int = 500


class Texts(NamedTuple):
    """Embeddings of a batch's captions, and for each dimension of one sentence a value."""

    caption_BE: torch.Tensor
    values_KE: tuple[torch.Tensor, ...]


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
        joints_NJ2 = joints_NJ2.to(self.device)
        if warm:
            slim = self._slim_later(lambda: self._pose_step("slim", frames_NCHW, joints_NJ2))
            values = {"pose": self._pose_step("tower", frames_NCHW, joints_NJ2)}
        else:
            values, texts = self._tower_step(frames_NCHW, joints_NJ2, batch)
            slim = self._slim_later(lambda: self._slim_step(frames_NCHW, joints_NJ2, batch, texts))
        self._average("tower")
        self.step += 1
        return values | ({} if slim is None else {"slim": slim})

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

    def _slim_later(self, step: Callable[[], float]) -> float | None:
        """Starts the slim network's step beside the tower's next one; returns the loss of its previous step."""
        before = None if self._slim_loss is None else self._slim_loss.result()
        learning_rate = self._learning_rate()

        def run() -> float:
            _set_learning_rate(self.optimizers["slim"], learning_rate)
            loss = step()
            self._average("slim")
            return loss

        self._slim_loss = self._worker.submit(run)
        return before

    def _pose_step(self, name: str, frames_NCHW: torch.Tensor, joints_NJ2: torch.Tensor) -> float:
        with self._bf16():
            logits_NPJ = self.networks[name].poses(frames_NCHW)
        loss = losses.pose_loss(logits_NPJ, joints_NJ2)
        if name == "tower":
            _set_learning_rate(self.optimizers[name], self._learning_rate())
        self._update(name, loss)
        return loss.item()

    def _tower_step(
        self, frames_NCHW: torch.Tensor, joints_NJ2: torch.Tensor, batch: Batch
    ) -> tuple[dict[str, float], Texts]:
        tower = self.networks["tower"]
        _set_learning_rate(self.optimizers["tower"], self._learning_rate())
        with self._bf16():
            texts = self._encode(batch)
            view = tower(frames_NCHW, self.recipe.num_frames)
        parts = self._losses(view, joints_NJ2, batch, texts, *tower.scales())
        self._update("tower", total(parts))
        detached = Texts(texts.caption_BE.detach(), tuple(values.detach() for values in texts.values_KE))
        return {name: value.item() for name, value in parts.items()}, detached

    def _slim_step(self, frames_NCHW: torch.Tensor, joints_NJ2: torch.Tensor, batch: Batch, texts: Texts) -> float:
        slim = self.networks["slim"]
        with self._bf16():
            view = slim(frames_NCHW, self.recipe.num_frames)
        loss = total(self._losses(view, joints_NJ2, batch, texts, *slim.scales()))
        self._update("slim", loss)
        return loss.item()

    def _encode(self, batch: Batch) -> Texts:
        """Captions and, for each dimension, a sentence of each value, drawn among those seen; in one pass."""
        random = np.random.default_rng((self.recipe.seed, self.step, 1))
        lists = [list(batch.captions)]
        for sentences in self.pool.sentences:
            chosen = {value: sorted(sentences[value]) for value in sorted(sentences)}
            lists.append([chosen[value][random.integers(len(chosen[value]))] for value in chosen])
        tokens_KL = self._noisy(self.tokenizer([text for texts in lists for text in texts]), random).to(self.device)
        caption_BE, *values = self.networks["tower"].encode_text(tokens_KL).split([len(texts) for texts in lists])
        return Texts(caption_BE, tuple(values))

    def _noisy(self, tokens_KL: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
        """Replaces some tokens by random ones; start, end and padding stay."""
        words = self.tokenizer.sot_token_id  # the ids below it are words and parts of words
        chosen_KL = torch.from_numpy(random.random(tokens_KL.shape) < self.recipe.token_noise)
        noise_KL = torch.from_numpy(random.integers(0, words, tokens_KL.shape))
        return torch.where(chosen_KL & (tokens_KL > 0) & (tokens_KL < words), noise_KL, tokens_KL)

    def _losses(
        self,
        view: View,
        joints_NJ2: torch.Tensor,
        batch: Batch,
        texts: Texts,
        video_scale: torch.Tensor,
        local_scale: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        names = np.array(batch.compositions)
        same_BB = torch.from_numpy(names[:, None] == names[None]).float().to(self.device)
        parts = {
            "pose": losses.pose_loss(view.pose_NPJ, joints_NJ2),
            "caption": losses.contrastive_loss(view.video_BE, texts.caption_BE, same_BB, video_scale),
        }
        parts["video"] = parts["pose"].new_zeros(())
        if view.local_BDE is not None:
            parts["local"] = parts["pose"].new_zeros(())
        for number, values_KE in enumerate(texts.values_KE):
            target_B = rows_of(batch.targets_BD[:, number], self.pool.sentences[number]).to(self.device)
            share = 1 / len(texts.values_KE)
            parts["video"] = parts["video"] + share * losses.dimension_loss(
                view.video_BE, values_KE, target_B, video_scale
            )
            if view.local_BDE is not None:
                parts["local"] = parts["local"] + share * losses.dimension_loss(
                    view.local_BDE[:, number], values_KE, target_B, local_scale
                )
        return parts

    def _update(self, name: str, loss: torch.Tensor) -> None:
        optimizer = self.optimizers[name]
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks[name].parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def _average(self, name: str) -> None:
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        mean, now = self.averages[name].state_dict(), self.networks[name].state_dict()
        with torch.no_grad():
            for key, value in now.items():
                mean[key].lerp_(value, 1 - decay) if value.is_floating_point() else mean[key].copy_(value)

    def _learning_rate(self) -> float:
        since = self.step - self.recipe.pose_steps if self.step >= self.recipe.pose_steps else self.step
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


def rows_of(target_B: torch.Tensor, known: dict[int, set[str]]) -> torch.Tensor:
    """Numbers of vocabulary values -> their rows among the values known so far (ascending); -1 stays."""
    row_of = {value: row for row, value in enumerate(sorted(known))}
    return torch.tensor([row_of.get(int(value), -1) for value in target_B])


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


def _set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = value
