"""The teacher: the text tower and the temporal encoder, learnt from the true places of the joints (ours).

Joints cost a three-hundredth of pictures, so that the words, and what motions mean, are learnt first from more clips
than could be rendered. The visual tower then has to give each frame the embedding that the teacher gives its joints.

Shapes: B clips, T frames, J joints, C captions, K values of a dimension, N texts, L tokens, E embedding.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import fgsgl.util.cured_stack  # noqa: F401

import numpy as np
import open_clip
import torch
from torch import nn
from torch.nn import functional as F

from fgsgl.data.synmg.body import JOINTS
from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.synmg_tiny.vit import IMAGE_SIZE_PX
from fgsgl.models.towers.temporal import TemporalTransformer
from fgsgl.pretraining.augment import SHIFT_PX, mirrored_joints
from fgsgl.pretraining.caption_bank import draw_captions, draw_sentences, noisy, rows_of
from fgsgl.pretraining.losses import contrastive_loss, dimension_loss
from fgsgl.pretraining.motions import Motions, make_motions
from fgsgl.pretraining.optim import adamw, average_into
from fgsgl.util.checkpoint_file import read_checkpoint, write_checkpoint
from fgsgl.util.errors import UserError

WIDTH = 256
TOKEN_STD = 1e-3
"""Spread of new token embeddings. Tokens that no caption holds stay near zero, and so mean little, not anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherRecipe:
    """Settings of the teacher. Its result depends on them, the data generator and the seed."""

    clips: int = 60_000
    joint_steps: int = 3000
    """Steps without texts, in which joints alone learn to tell the values of each dimension apart; they cost little."""
    text_steps: int = 1000
    batch: int = 256
    captions: int = 64
    """Clips of a batch that get a caption; texts cost far more than joints."""
    lr: float = 2e-3
    weight_decay: float = 0.05
    token_noise: float = 0.08
    """Share of the text tokens that become random ones, so that words no caption holds disturb little."""
    offset: float = 0.02
    """Standard deviation of an error of a joint's place that all frames of a clip share, of the image side."""
    jitter: float = 0.003
    """The same, of each frame's own: the visual tower will not be exact either."""


class Teacher(nn.Module):
    """From the joints of a clip to its embedding, beside the text tower of ``synmg-tiny``.

    Args:
        num_frames: T.
        known: for each dimension the numbers of the values that it will see.
    """

    def __init__(self, num_frames: int, known: Sequence[Sequence[int]]) -> None:
        super().__init__()
        synmg_tiny.register()
        self.clip = open_clip.create_model(synmg_tiny.NAME, pretrained=None)
        self.clip.visual = nn.Identity()
        nn.init.normal_(self.clip.token_embedding.weight, std=TOKEN_STD)
        self.tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
        embed_dim = self.clip.text_projection.shape[1]
        layers = [nn.Linear(2 * len(JOINTS), WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU()]
        self.frame = nn.Sequential(*layers, nn.Linear(WIDTH, embed_dim))
        self.straight = nn.Linear(2 * len(JOINTS), embed_dim)
        self.known = tuple(tuple(values) for values in known)
        self.values_KE = nn.ParameterList(nn.Parameter(torch.randn(len(values), embed_dim)) for values in self.known)
        self.temporal = TemporalTransformer(embed_dim, num_frames)

    def frames(self, joints_BTJ2: torch.Tensor) -> torch.Tensor:
        """Normalised ``frame_BTE``. Joints are fractions of the image; what lies outside is put at its border."""
        centred_BTX = 4 * (joints_BTJ2.clamp(0, 1) - 0.5).flatten(2)
        # The straight path gives a motion the same change everywhere, so that what it is carries over to other places.
        return F.normalize((self.frame(centred_BTX) + self.straight(centred_BTX)).float(), dim=-1)

    def forward(self, joints_BTJ2: torch.Tensor) -> torch.Tensor:
        """Normalised ``video_BE``."""
        return F.normalize(self.temporal(self.frames(joints_BTJ2)).float(), dim=-1)

    def encode_text(self, token_NL: torch.Tensor) -> torch.Tensor:
        """Normalised ``text_NE``: open_clip's ``encode_text``, without the padding after the longest text."""
        clip = self.clip
        length = int(token_NL.argmax(1).max()) + 1
        x_NLW = clip.token_embedding(token_NL[:, :length]) + clip.positional_embedding[:length]
        x_NLW = clip.ln_final(clip.transformer(x_NLW, attn_mask=clip.attn_mask[:length, :length]))
        last_NW = x_NLW[torch.arange(len(token_NL), device=token_NL.device), token_NL.argmax(1)]
        return F.normalize((last_NW @ clip.text_projection).float(), dim=-1)

    @torch.no_grad()
    def embed(self, texts: list[str]) -> torch.Tensor:
        """``encode_text`` of strings, in pieces."""
        device = self.clip.text_projection.device
        return torch.cat(
            [self.encode_text(self.tokenizer(texts[at : at + 256]).to(device)) for at in range(0, len(texts), 256)]
        )

    def inverse_temperature(self) -> torch.Tensor:
        """At most 100."""
        return self.clip.logit_scale.clamp(max=math.log(100)).exp()


def losses_of(
    teacher: Teacher, motions: Motions, recipe: TeacherRecipe, rng: np.random.Generator, with_texts: bool
) -> dict[str, torch.Tensor]:
    """The losses of one step.

    ``value``: clips against a learnt embedding of each value; and with texts ``video``: clips against a sentence for
    each value, ``sentence`` and ``text``: sentences, and captions, against the learnt embeddings, ``caption``: clips
    against captions.
    """
    device = teacher.clip.text_projection.device
    index_B = rng.choice(len(motions), min(recipe.batch, len(motions)), replace=False)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    joints_BTJ2 = disturbed(motions.joints_BTJ2[index_B], recipe, generator)
    clips, targets_BD = [motions.told[index] for index in index_B], motions.targets_BD[index_B]
    video_BE, scale = teacher(joints_BTJ2.to(device)), teacher.inverse_temperature()
    values = [F.normalize(value_KE, dim=-1) for value_KE in teacher.values_KE]
    rows = [rows_of(targets_BD[:, number], known).to(device) for number, known in enumerate(teacher.known)]

    def told_apart(
        embeddings: Sequence[torch.Tensor], values: Sequence[torch.Tensor], rows: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        found = zip(embeddings, values, rows, strict=True)
        return torch.stack([dimension_loss(one_NE, value_KE, row_N, scale) for one_NE, value_KE, row_N in found]).mean()

    videos = [video_BE] * len(values)
    losses = {"value": told_apart(videos, values, rows)}
    if not with_texts:
        return losses

    def encode(texts: list[str]) -> torch.Tensor:
        token_NL = noisy(teacher.tokenizer(texts), teacher.tokenizer.sot_token_id, recipe.token_noise, rng)
        return teacher.encode_text(token_NL.to(device))

    captioned, sizes = slice(recipe.captions), [len(known) for known in teacher.known]
    caption_CE, lists = encode(draw_captions(clips[captioned], rng)), draw_sentences(teacher.known, rng)
    sentences = encode([text for texts in lists for text in texts]).split(sizes)
    same_CB = (targets_BD[captioned, None] == targets_BD[None]).all(-1).float().to(device)
    return losses | {
        "video": told_apart(videos, sentences, rows),
        "sentence": told_apart(sentences, values, [torch.arange(size, device=device) for size in sizes]),
        "text": told_apart([caption_CE] * len(values), values, [row_B[captioned] for row_B in rows]),
        "caption": contrastive_loss(caption_CE, video_BE, same_CB, scale),
    }


def disturbed(joints_BTJ2: torch.Tensor, recipe: TeacherRecipe, generator: torch.Generator) -> torch.Tensor:
    """Mirrors and shifts whole clips at random, as the pictures will be, and adds the recipe's errors."""
    batch, frames, joints, _ = joints_BTJ2.shape
    mirror_B = torch.rand(batch, generator=generator) < 0.5
    mirrored_BTJ2 = joints_BTJ2[:, :, mirrored_joints()] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    joints_BTJ2 = torch.where(mirror_B[:, None, None, None], mirrored_BTJ2, joints_BTJ2)
    shift_B2 = SHIFT_PX / IMAGE_SIZE_PX * (2 * torch.rand(batch, 2, generator=generator) - 1)
    offset_BJ2 = recipe.offset * torch.randn(batch, joints, 2, generator=generator)
    jitter_BTJ2 = recipe.jitter * torch.randn(batch, frames, joints, 2, generator=generator)
    return joints_BTJ2 + shift_B2[:, None, None] + offset_BJ2[:, None] + jitter_BTJ2


WARM_UP = 0.05
AVERAGE = 0.995
LOG_EVERY = 100

log = logging.getLogger(__name__)


def taught(folder: Path, recipe: TeacherRecipe, *, num_frames: int, seed: int, device: str = "cpu") -> Teacher:
    """The folder's teacher, which is trained first if it is not there; it learns no more.

    Raises:
        UserError: if the folder's teacher is of another recipe.
    """
    path = folder / "teacher.pt"
    facts = asdict(recipe) | {"num_frames": num_frames, "seed": seed}
    if path.is_file():
        state = read_checkpoint(path)
        if state["recipe"] != facts:
            raise UserError(f"{path} was trained with other settings; use a new --out folder")
    else:
        motions = make_motions(folder / "motions", recipe.clips, seed, num_frames)
        weights = train(motions, recipe, num_frames, seed, device).state_dict()
        state = {"recipe": facts, "known": motions.known, "weights": weights}
        write_checkpoint(path, state)
    teacher = Teacher(num_frames, state["known"])
    teacher.load_state_dict(state["weights"])
    return teacher.to(device).eval().requires_grad_(False)


def train(motions: Motions, recipe: TeacherRecipe, num_frames: int, seed: int, device: str = "cpu") -> Teacher:
    """The moving average of a teacher's weights after all steps: first those without texts, then those with."""
    torch.manual_seed(seed)
    teacher = Teacher(num_frames, motions.known).to(device)
    average = copy.deepcopy(teacher).requires_grad_(False)
    optimizer = adamw(teacher, recipe.lr, recipe.weight_decay)
    steps = recipe.joint_steps + recipe.text_steps
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, steps + 1, pct_start=WARM_UP)
    for step in range(steps):
        rng = np.random.default_rng((seed, step))
        parts = losses_of(teacher, motions, recipe, rng, with_texts=step >= recipe.joint_steps)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(teacher.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
        schedule.step()
        average_into(average, teacher, AVERAGE, step)
        if (step + 1) % LOG_EVERY == 0:
            told = ", ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            log.info("teacher: step %d of %d, %s", step + 1, steps, told)
    return average.cpu()
