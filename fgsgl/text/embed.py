"""FG-Text as vectors: what FG-SA aligns with, and which classes count as each other's positives.

Shapes: C classes, D dimensions, E joint embedding, N sentences.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fgsgl.text.fgtext import CONTROLS, DIMENSIONS, STATIC, FGText
from fgsgl.util.errors import UserError, nearest


def fine_text_CDE(
    text: FGText,
    encode: Callable[[list[str]], Tensor],
    dimensions: Sequence[str] = DIMENSIONS,
    control: str = "true",
    seed: int = 0,
    *,
    whole_classes: bool = False,
) -> Tensor:
    """The text vector of every class and dimension: normalised mean of its sentences' normalised embeddings (ours).

    Args:
        text: the classes' sentences.
        encode: N sentences -> (N, E), such as a frozen text tower; called once, with each distinct sentence once.
        dimensions: which of the four, in the order of D.
        control: one of :data:`fgsgl.text.fgtext.CONTROLS`.
        seed: of the shuffling and of the random vectors; the other controls do not use it.
        whole_classes: ``shuffled`` hands out the four cells of another class together, as earlier records had it, so
            that a class keeps what it shares with that other one; else see :func:`exchange`.

    Returns:
        (C, D, E) unit vectors, float32, on the device of what ``encode`` returns.

    Raises:
        UserError: for an unknown dimension or control, or shuffled text of fewer than two classes.
    """
    cells = _cells_CD(text, dimensions, control, seed, whole_classes)
    distinct = sorted({sentence for row in cells for cell in row for sentence in cell})
    if control == "random":
        like_E = encode(distinct[:1])[0].float()
        rows = [
            [_random_E(f"{seed}/{d}/{sorted(cell)}", like_E) for d, cell in zip(dimensions, row, strict=True)]
            for row in cells
        ]
    else:
        vector_NE = normalize(encode(distinct).float(), dim=-1)
        place = {sentence: n for n, sentence in enumerate(distinct)}
        rows = [[vector_NE[[place[sentence] for sentence in sorted(cell)]].mean(0) for cell in row] for row in cells]
    return normalize(torch.stack([torch.stack(row) for row in rows]), dim=-1)


def positives_DCC(
    text: FGText,
    dimensions: Sequence[str] = DIMENSIONS,
    control: str = "true",
    seed: int = 0,
    *,
    whole_classes: bool = False,
) -> Tensor:
    """Pairs of classes with the same sentences in a dimension, which must not be contrasted (ours).

    Args:
        text, dimensions, control, seed, whole_classes: as given to :func:`fine_text_CDE`.

    Returns:
        (D, C, C) bool, symmetric, with a true diagonal; on the CPU.

    Raises:
        UserError: as :func:`fine_text_CDE`.
    """
    cells = _cells_CD(text, dimensions, control, seed, whole_classes)
    return torch.tensor([[[a[d] == b[d] for b in cells] for a in cells] for d in range(len(dimensions))])


def derangement(n: int, seed: int | str) -> list[int]:
    """A permutation of 0..n-1, n > 1, that leaves nothing in its place, uniform over all such; the same everywhere."""
    rng = random.Random(seed)
    while True:  # a random permutation is a derangement with probability about 1/e
        key = [rng.random() for _ in range(n)]  # of Python's generators, only random() is promised never to change
        order = sorted(range(n), key=key.__getitem__)
        if all(i != j for i, j in enumerate(order)):
            return order


def exchange(cells: Sequence[frozenset[str]], seed: int, name: str) -> list[frozenset[str]]:
    """The cells of one dimension, each replaced by another one of them wherever it stands; no class keeps its own.

    So classes that share their sentences share those of the other cell afterwards, and no others do: only what the
    sentences say is wrong. Where all classes have the same sentences there is no other cell, and they stay.

    Args:
        cells: the sentences of every class.
        seed: of the draw.
        name: of the dimension; each is drawn by itself.
    """
    distinct = sorted(set(cells), key=sorted)
    if len(distinct) == 1:
        return list(cells)
    order = derangement(len(distinct), f"{seed}/{name}")
    given = {cell: distinct[other] for cell, other in zip(distinct, order, strict=True)}
    return [given[cell] for cell in cells]


def _cells_CD(
    text: FGText, dimensions: Sequence[str], control: str, seed: int, whole_classes: bool
) -> list[list[frozenset[str]]]:
    """The set of sentences of every class and dimension under a control."""
    for name, valid in [(control, CONTROLS), *((dimension, DIMENSIONS) for dimension in dimensions)]:
        if name not in valid:
            kind = "text control" if valid is CONTROLS else "FG-Text dimension"
            raise UserError(f"unknown {kind} {name!r}; {nearest(name, valid)}")
    classes = list(text.classes)
    if control == "names":
        return [[frozenset([entry.name]) for _ in dimensions] for entry in classes]
    if control == "shuffled" and len(classes) < 2:
        raise UserError(f"text=shuffled needs at least 2 classes, and there are {len(classes)}")
    if control == "shuffled" and whole_classes:
        classes = [classes[other] for other in derangement(len(classes), seed)]
    read = [STATIC.get(name, name) if control == "static" else name for name in dimensions]
    cells_DC = [[frozenset(entry.sentences[dimension]) for entry in classes] for dimension in read]
    if control == "shuffled" and not whole_classes:
        cells_DC = [exchange(cells, seed, name) for name, cells in zip(dimensions, cells_DC, strict=True)]
    return [list(row) for row in zip(*cells_DC, strict=True)]


def _random_E(name: str, like_E: Tensor) -> Tensor:
    """A Gaussian vector that depends on ``name`` alone, of the length and on the device of ``like_E``."""
    digest = hashlib.sha256(name.encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
    return torch.randn(like_E.shape, generator=generator).to(like_E.device)
