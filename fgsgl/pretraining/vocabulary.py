"""The tokenizer's merges: CLIP's byte-pair merges cut down to the frequent ones and to those that our words need.

Run ``python -m fgsgl.pretraining.vocabulary`` to write ``merges.txt.gz`` and the vocabulary size in
``config.json``. Weights belong to one vocabulary: after a change they have to be pretrained again.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import fgsgl.util.cured_stack  # noqa: F401

from open_clip.tokenizer import SimpleTokenizer

from fgsgl.models.towers.synmg_tiny import merges_path

FREQUENT = 3000
"""Number of CLIP's first merges that are always kept; they split any other English text sensibly."""
BYTES = 512
"""Tokens that are there before any merge: each byte, inside a word and at its end."""


def needed_merges(words: Iterable[str], frequent: int = FREQUENT) -> list[tuple[str, str]]:
    """CLIP's merges, in CLIP's order, that split ``words`` as CLIP does.

    A merge is kept when it is among the first ``frequent`` or when CLIP applies it on the way to one of the words;
    since the order is kept, every other word is still encoded (into more, shorter tokens).
    """
    clip = SimpleTokenizer()
    ranked = sorted(clip.bpe_ranks, key=clip.bpe_ranks.__getitem__)
    kept = set(ranked[:frequent])
    for word in set(words):
        kept.update(_applied((*word[:-1], word[-1] + "</w>"), clip.bpe_ranks))
    return [merge for merge in ranked if merge in kept]


def _applied(parts: tuple[str, ...], ranks: dict[tuple[str, str], int]) -> list[tuple[str, str]]:
    """The merges that byte-pair encoding applies to a word, first to last."""
    applied = []
    while pairs := [pair for pair in pairwise(parts) if pair in ranks]:
        best = min(pairs, key=ranks.__getitem__)
        applied.append(best)
        merged: list[str] = []
        for part in parts:
            if merged and (merged[-1], part) == best:
                merged[-1] += part
            else:
                merged.append(part)
        parts = tuple(merged)
    return applied


def write_merges(path: Path, merges: Iterable[tuple[str, str]]) -> int:
    """Writes the merges as open_clip reads them and returns the vocabulary size (bytes, merges, start and end)."""
    lines = ["#version: a subset of CLIP's merges", *(" ".join(merge) for merge in merges)]
    # No newline at the end: it would count as one more, empty merge. A fixed time stamp keeps the file reproducible.
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return BYTES + len(lines) - 1 + 2


def our_words() -> set[str]:
    """The words of the pretraining captions, of every shipped FG-Text file and of the class names, lower case."""
    from fgsgl.pretraining import compositions

    pattern = SimpleTokenizer().pat
    text = list(compositions.words())
    for file in sorted((Path(__file__).parents[1] / "text").glob("*.yaml")):
        text.append(file.read_text(encoding="utf-8"))
    return {word for piece in text for word in pattern.findall(piece.lower()) if word.isalpha()}


def main() -> None:
    """Writes both files of the package."""
    size = write_merges(merges_path(), needed_merges(our_words()))
    config_path = merges_path().with_name("config.json")
    config = json.loads(config_path.read_text(encoding="utf-8"))
    config["text_cfg"]["vocab_size"] = size
    config_path.write_text(json.dumps(config, indent=4) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
