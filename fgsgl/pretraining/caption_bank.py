"""Texts drawn for clips: captions, and sentences for the values of each dimension.

Shapes: N texts, K values of a dimension, L tokens, E embedding, D dimensions, P programs, S samples of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from fgsgl.data.synmg.programs import Program
from fgsgl.data.synmg.randomness import stream
from fgsgl.pretraining import captions, compositions

SHORT = 0.25
"""Share of captions as short as a class name."""


class Told(NamedTuple):
    """Source of a clip's captions."""

    program: Program
    returns: bool


def told(target_D: Sequence[int], returns: bool) -> Told:
    """From the numbers of the values in the vocabulary."""
    values = zip(compositions.vocabulary().values(), target_D, strict=True)
    return Told(Program(*(names[index] for names, index in values)), returns)


def known_values(targets_BD: torch.Tensor) -> tuple[list[int], ...]:
    """Indices of the values that occur, for each dimension."""
    return tuple(target_B.unique().tolist() for target_B in targets_BD.unbind(1))


def draw_captions(clips: Sequence[Told], rng: np.random.Generator, short: float = SHORT) -> list[str]:
    """A caption each; a share of them ``short``."""
    return [(captions.mention if rng.random() < short else captions.describe)(*clip, rng) for clip in clips]


def draw_sentences(known: Sequence[Sequence[int]], rng: np.random.Generator) -> list[list[str]]:
    """One sentence for each known value of each dimension."""
    return [
        [captions.sentence(name, names[value], rng.random() < 0.5, rng) for value in values]
        for (name, names), values in zip(compositions.vocabulary().items(), known, strict=True)
    ]


def noisy(tokens_NL: torch.Tensor, words: int, share: float, rng: np.random.Generator) -> torch.Tensor:
    """Replaces a share of the tokens by random ones below ``words``; start, end and padding stay."""
    chosen_NL = torch.from_numpy(rng.random(tokens_NL.shape) < share)
    noise_NL = torch.from_numpy(rng.integers(0, words, tokens_NL.shape))
    return torch.where(chosen_NL & (tokens_NL > 0) & (tokens_NL < words), noise_NL, tokens_NL)


def rows_of(target_B: torch.Tensor, known: Sequence[int]) -> torch.Tensor:
    """Numbers of vocabulary values -> their rows among the known ones; -1 for a value that is not known."""
    row_of = {value: row for row, value in enumerate(known)}
    return torch.tensor([row_of.get(int(value), -1) for value in target_B])


class Bank:
    """Embeddings of everything that can be said of some clips, by a text tower that no longer learns.

    Args:
        encode: texts -> normalised text_NE.
        known: for each dimension the values that get a sentence.
        seed: of the words drawn.
    """

    SAMPLES = 4
    """S: captions drawn for each program."""
    SENTENCES = 16
    """Sentences that a value's embedding is the mean of."""

    def __init__(self, encode: Callable[[list[str]], torch.Tensor], known: Sequence[Sequence[int]], seed: int) -> None:
        self.known = known
        self._encode, self._seed = encode, seed
        rng = stream("pretrain", "bank", seed)
        drawn = [draw_sentences(known, rng) for _ in range(self.SENTENCES)]
        self.values_KE = tuple(
            F.normalize(torch.stack([encode(one[dimension]) for one in drawn]).mean(0), dim=-1)
            for dimension in range(len(known))
        )
        self._row_of: dict[tuple[Told, float], int] = {}
        self.caption_PSE = encode(["."])[:, None].repeat(1, self.SAMPLES, 1)[:0]

    def rows(self, clips: Sequence[Told], short: float = SHORT) -> torch.Tensor:
        """Rows of the clips' captions in ``caption_PSE``, which grows by what is new."""
        new = list(dict.fromkeys(clip for clip in clips if (clip, short) not in self._row_of))
        if new:
            first = len(self._row_of)
            self._row_of.update(((clip, short), first + offset) for offset, clip in enumerate(new))
            texts = [text for clip in new for text in self._captions(clip, short)]
            added_PSE = self._encode(texts).unflatten(0, (-1, self.SAMPLES))
            self.caption_PSE = torch.cat((self.caption_PSE, added_PSE))
        return torch.tensor([self._row_of[clip, short] for clip in clips])

    def _captions(self, clip: Told, short: float) -> list[str]:
        """Does not depend on earlier calls, so that a resumed training goes on as before."""
        rng = stream("pretrain", "bank", self._seed, clip, short)
        return draw_captions([clip] * self.SAMPLES, rng, short)
