"""The texts of a batch: its captions, and sentences for the values of each dimension.

Shapes: B clips, K values of a dimension, D dimensions, L tokens, E embedding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from open_clip.tokenizer import SimpleTokenizer

from fgsgl.models.pretrain.heads import Tower
from fgsgl.models.pretrain.losses import dimension_loss
from fgsgl.models.pretrain.pool import Batch


class Texts(NamedTuple):
    """Embeddings of a batch's captions and, for each dimension, of two sentences a value; and the right values."""

    caption_BE: torch.Tensor
    values_KE: tuple[torch.Tensor, ...]
    synonyms_KE: tuple[torch.Tensor, ...]
    """Another draw of one sentence a value."""
    row_B: tuple[torch.Tensor, ...]
    """For each dimension the row of each clip's value in ``values_KE``; -1 where it has none."""

    def detach(self) -> Texts:
        """The same without gradients."""
        return Texts(*(_detached(part) for part in self))


def _detached(part: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor | tuple[torch.Tensor, ...]:
    return part.detach() if isinstance(part, torch.Tensor) else tuple(one.detach() for one in part)


def encode(
    tower: Tower,
    tokenizer: SimpleTokenizer,
    batch: Batch,
    sentences: list[dict[int, set[str]]],
    noise: float,
    random: np.random.Generator,
) -> Texts:
    """Encodes the captions and two random sentences of every value known so far, all in one pass.

    Args:
        tower: encodes.
        tokenizer: the tower's.
        batch: its captions and targets.
        sentences: for each dimension, value -> sentences known.
        noise: share of the tokens that become random ones.
        random: draws sentences and noise.
    """
    lists = [list(batch.captions)]
    for known in sentences * 2:
        sorted_of = {value: sorted(known[value]) for value in sorted(known)}
        lists.append([texts[random.integers(len(texts))] for texts in sorted_of.values()])
    tokens_KL = tokenizer([text for texts in lists for text in texts])
    tokens_KL = noisy(tokens_KL, tokenizer.sot_token_id, noise, random).to(tower.pose[1].weight.device)
    caption_BE, *values = tower.encode_text(tokens_KL).split([len(texts) for texts in lists])
    count = len(sentences)
    row_B = tuple(rows_of(batch.targets_BD[:, number], known) for number, known in enumerate(sentences))
    row_B = tuple(row.to(caption_BE.device) for row in row_B)
    return Texts(caption_BE, tuple(values[:count]), tuple(values[count:]), row_B)


def text_loss(texts: Texts, scale: torch.Tensor) -> torch.Tensor:
    """Two sentences of a value are alike, and a caption is like the sentences of its values (ours).

    It needs no picture: the text tower has sorted its words before the clips have to be matched with them.
    """
    loss = texts.caption_BE.new_zeros(())
    for values_KE, synonyms_KE, row_B in zip(texts.values_KE, texts.synonyms_KE, texts.row_B, strict=True):
        every_K = torch.arange(len(values_KE), device=values_KE.device)
        loss = loss + dimension_loss(synonyms_KE, values_KE, every_K, scale)
        loss = loss + dimension_loss(texts.caption_BE, values_KE, row_B, scale)
    return loss / (2 * len(texts.values_KE))


def noisy(tokens_KL: torch.Tensor, words: int, share: float, random: np.random.Generator) -> torch.Tensor:
    """Replaces a share of the tokens by random ones below ``words``; start, end and padding stay."""
    chosen_KL = torch.from_numpy(random.random(tokens_KL.shape) < share)
    noise_KL = torch.from_numpy(random.integers(0, words, tokens_KL.shape))
    return torch.where(chosen_KL & (tokens_KL > 0) & (tokens_KL < words), noise_KL, tokens_KL)


def rows_of(target_B: torch.Tensor, known: dict[int, set[str]]) -> torch.Tensor:
    """Numbers of vocabulary values -> their rows among the values known so far (ascending); -1 stays."""
    row_of = {value: row for row, value in enumerate(sorted(known))}
    return torch.tensor([row_of.get(int(value), -1) for value in target_B])
