"""The teacher: the text tower, learnt from what pictures show before any is rendered (ours).

Facts cost a thousandth of pictures, so that the words are learnt first from more of them than could be rendered. A
visual network then has to give each picture the embedding that the teacher gives its facts.

Shapes: N pictures, C captions, V statements, L tokens, W width, E embedding.
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

from fgsgl.data.synmg.randomness import stream
from fgsgl.models.towers import synmg_tiny
from fgsgl.pretraining.captions import describe, sentences
from fgsgl.pretraining.facts import Facts, agree, as_rows, columns, numbers
from fgsgl.pretraining.losses import contrastive_loss, statement_loss
from fgsgl.pretraining.optim import adamw, average_into
from fgsgl.pretraining.stills import draw_facts
from fgsgl.util.checkpoint_file import read_checkpoint, write_checkpoint
from fgsgl.util.errors import UserError

WIDTH = 256
TOKEN_STD = 1e-3
"""Spread of new token embeddings. Tokens that no caption holds stay near zero, and so mean little, not anything."""
SITTINGS_SEED = 700_000
"""Added to the seed of the teacher's sittings, so that they are not those of the pictures."""
WORDINGS = 8
"""Sentences that the embedding of a statement is the mean of."""
WARM_UP = 0.05
AVERAGE = 0.995
LOG_EVERY = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherRecipe:
    """Settings of the teacher. Its result depends on them, the data generator and the seed."""

    sittings: int = 4000
    steps: int = 2000
    batch: int = 256
    captions: int = 64
    """Pictures of a batch that get a caption; texts cost far more than facts."""
    lr: float = 2e-3
    weight_decay: float = 0.05
    token_noise: float = 0.08
    """Share of the text tokens that become random ones, so that words no caption holds disturb little."""


class Teacher(nn.Module):
    """From the facts of a picture to its embedding, beside the text tower of ``synmg-tiny``."""

    def __init__(self) -> None:
        super().__init__()
        synmg_tiny.register()
        self.clip = open_clip.create_model(synmg_tiny.NAME, pretrained=None)
        self.clip.visual = nn.Identity()
        nn.init.normal_(self.clip.token_embedding.weight, std=TOKEN_STD)
        self.tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
        embed_dim = self.clip.text_projection.shape[1]
        self.facts = nn.Sequential(nn.Linear(len(numbers()), WIDTH), nn.GELU(), nn.Linear(WIDTH, embed_dim))
        self.straight = nn.Linear(len(numbers()), embed_dim)

    def forward(self, true_NV: torch.Tensor) -> torch.Tensor:
        """Normalised ``picture_NE`` of what is true of each picture."""
        return F.normalize((self.facts(true_NV) + self.straight(true_NV)).float(), dim=-1)

    def encode_text(self, token_CL: torch.Tensor) -> torch.Tensor:
        """Normalised ``caption_CE``: open_clip's ``encode_text``, without the padding after the longest text."""
        clip = self.clip
        length = int(token_CL.argmax(1).max()) + 1
        x_CLW = clip.token_embedding(token_CL[:, :length]) + clip.positional_embedding[:length]
        x_CLW = clip.ln_final(clip.transformer(x_CLW, attn_mask=clip.attn_mask[:length, :length]))
        last_CW = x_CLW[torch.arange(len(token_CL), device=token_CL.device), token_CL.argmax(1)]
        return F.normalize((last_CW @ clip.text_projection).float(), dim=-1)

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        """``encode_text`` of strings, in pieces."""
        device = self.clip.text_projection.device
        pieces = [list(texts[at : at + 256]) for at in range(0, len(texts), 256)]
        return torch.cat([self.encode_text(self.tokenizer(piece).to(device)) for piece in pieces])

    def statements(self) -> torch.Tensor:
        """sentence_VE: for every statement the normalised mean of its sentences' embeddings."""
        rng = stream("stills", "sentences")
        found_WVE = torch.stack([self.embed(sentences(rng)) for _ in range(WORDINGS)])
        return F.normalize(found_WVE.mean(0), dim=-1)

    def inverse_temperature(self) -> torch.Tensor:
        """At most 100."""
        return self.clip.logit_scale.clamp(max=math.log(100)).exp()


def taught(folder: Path, recipe: TeacherRecipe, *, seed: int, device: str = "cpu") -> Teacher:
    """The folder's teacher, which is trained first if it is not there; it learns no more.

    Raises:
        UserError: if the folder's teacher is of another recipe.
    """
    path = folder / "teacher.pt"
    settings = asdict(recipe) | {"seed": seed}
    if path.is_file():
        state = read_checkpoint(path)
        if state["recipe"] != settings:
            raise UserError(f"{path} was trained with other settings; use a new --out folder")
        weights = state["weights"]
    else:
        folder.mkdir(parents=True, exist_ok=True)
        weights = train(recipe, seed, device).state_dict()
        write_checkpoint(path, {"recipe": settings, "weights": weights})
    teacher = Teacher()
    teacher.load_state_dict(weights)
    return teacher.to(device).eval().requires_grad_(False)


def train(recipe: TeacherRecipe, seed: int, device: str = "cpu") -> Teacher:
    """The moving average of a teacher's weights after all steps."""
    torch.manual_seed(seed)
    shown = [facts for number in range(recipe.sittings) for facts in draw_facts(number, seed + SITTINGS_SEED)]
    true_NV = as_rows([facts.statements() for facts in shown])
    teacher = Teacher().to(device)
    average = copy.deepcopy(teacher).requires_grad_(False)
    optimizer = adamw(teacher, recipe.lr, recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, recipe.steps + 1, pct_start=WARM_UP)
    for step in range(recipe.steps):
        loss = loss_of(teacher, shown, true_NV, recipe, np.random.default_rng((seed, step)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(teacher.parameters(), 1.0, error_if_nonfinite=True)
        optimizer.step()
        schedule.step()
        average_into(average, teacher, AVERAGE, step)
        if (step + 1) % LOG_EVERY == 0:
            log.info("teacher: step %d of %d, loss %.3f", step + 1, recipe.steps, loss.item())
    return average.cpu()


def loss_of(
    teacher: Teacher, shown: Sequence[Facts], true_NV: torch.Tensor, recipe: TeacherRecipe, rng: np.random.Generator
) -> torch.Tensor:
    """The loss of one step: pictures' facts against captions of some of them, and against a sentence a statement."""
    device = teacher.clip.text_projection.device
    index_N = rng.choice(len(shown), min(recipe.batch, len(shown)), replace=False)
    captions = [describe(shown[index], rng) for index in index_N[: recipe.captions]]
    true_NV = true_NV[index_N]
    agree_CN = agree(as_rows([caption.says for caption in captions]), true_NV).to(device)

    def encode(texts: list[str]) -> torch.Tensor:
        token_CL = noisy(teacher.tokenizer(texts), teacher.tokenizer.sot_token_id, recipe.token_noise, rng)
        return teacher.encode_text(token_CL.to(device))

    true_NV = true_NV.to(device)
    picture_NE, scale = teacher(true_NV), teacher.inverse_temperature()
    told = contrastive_loss(picture_NE, encode([caption.text for caption in captions]), agree_CN, scale)
    return told + statement_loss(picture_NE, encode(sentences(rng)), true_NV, columns().values(), scale)


def noisy(token_CL: torch.Tensor, words: int, share: float, rng: np.random.Generator) -> torch.Tensor:
    """Replaces a share of the tokens by random ones below ``words``; start, end and padding stay."""
    chosen_CL = torch.from_numpy(rng.random(token_CL.shape) < share)
    noise_CL = torch.from_numpy(rng.integers(0, words, token_CL.shape))
    return torch.where(chosen_CL & (token_CL > 0) & (token_CL < words), noise_CL, token_CL)
