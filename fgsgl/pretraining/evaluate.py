"""Evaluation of a pretrained network on pictures of people, and of pairs of hand places, that it never saw.

Shapes: N pictures, C captions, S statements of a kind, V statements, J joints, E embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fgsgl.data.synmg.randomness import stream
from fgsgl.pretraining import losses
from fgsgl.pretraining.augment import normalise
from fgsgl.pretraining.captions import describe_all
from fgsgl.pretraining.facts import VALUES, Facts, Statement, agree, as_rows
from fgsgl.pretraining.facts import columns as columns_of_kinds
from fgsgl.pretraining.heads import SlimStudent, TowerStudent
from fgsgl.pretraining.pool import Pool
from fgsgl.pretraining.stills import PICTURES, Stills
from fgsgl.pretraining.teacher import Teacher

ROUND = 100
"""Pictures of a retrieval round, each of another sitting: R@1 means a right caption out of 100."""
HAND_JOINTS = (7, 11)
_AT_ONCE = 256


class Examiner:
    """Pictures, captions and sentences to examine networks by; the texts are embedded once.

    Args:
        held_out: pictures, ``PICTURES`` of a sitting after another.
        teacher: whose text tower it is.
    """

    def __init__(self, held_out: Pool, teacher: Teacher) -> None:
        self.stills = held_out.stills(np.arange(len(held_out)))
        self.true_NV = as_rows([facts.statements() for facts in self.stills.facts])
        rng = stream("stills", "examination")
        captions = [describe_all(facts, rng) for facts in self.stills.facts]
        self.caption_NE = teacher.embed([caption.text for caption in captions])
        self.said_NV = as_rows([caption.says for caption in captions])
        sentence_VE = teacher.statements()
        self.sentence_SE = {kind: sentence_VE[columns] for kind, columns in columns_of_kinds().items()}

    def measure(self, tower: TowerStudent, slim: SlimStudent, device: str = "cpu") -> dict[str, float]:
        """Retrieval, read-out of each kind of statement, pose error; the slim network's begin with ``slim_``."""
        result: dict[str, float] = {}
        for prefix, network in (("", tower), ("slim_", slim)):
            picture_NE, error_NJ = _views(network, self.stills, device)
            found = retrieval(picture_NE, self.caption_NE, agree(self.said_NV, self.true_NV))
            found["pose_error"] = error_NJ.nanmean().item()
            found["hand_error"] = error_NJ[:, HAND_JOINTS].nanmean().item()
            for kind, sentence_SE in self.sentence_SE.items():
                found[kind.replace(" ", "_")] = read_out(picture_NE, sentence_SE, kind, self.stills.facts)
            result |= {f"{prefix}{name}": value for name, value in found.items()}
        return result


def read_out(picture_NE: torch.Tensor, sentence_SE: torch.Tensor, kind: str, shown: Sequence[Facts]) -> float:
    """Share of the pictures whose nearest sentence of this kind is true, among those of which one is."""
    said_SV = as_rows([[Statement(kind, value)] for value in VALUES[kind]])
    true_NS = agree(said_SV, as_rows([facts.statements() for facts in shown])).T
    asked_N = true_NS.any(1)
    nearest_N = (picture_NE @ sentence_SE.T).argmax(1).cpu()
    return true_NS[asked_N].gather(1, nearest_N[asked_N, None]).mean().item()


def retrieval(picture_NE: torch.Tensor, caption_NE: torch.Tensor, agree_NN: torch.Tensor) -> dict[str, float]:
    """R@1 and R@5 of a true caption among those of 100 pictures of as many sittings, over all whole rounds."""
    sittings = len(picture_NE) // PICTURES
    rounds = [
        [number * PICTURES + picture for number in range(first, first + ROUND)]
        for picture in range(PICTURES)
        for first in range(0, sittings - ROUND + 1, ROUND)
    ]
    hits = []
    for index_N in rounds:
        true_NN = agree_NN[index_N][:, index_N].T  # row: picture
        order_N5 = (picture_NE[index_N] @ caption_NE[index_N].T).topk(5).indices.cpu()
        hits.append(true_NN.gather(1, order_N5).cummax(1).values)
    found_N5 = torch.cat(hits) if hits else torch.full((1, 5), float("nan"))
    return {"r_at_1": found_N5[:, 0].mean().item(), "r_at_5": found_N5[:, 4].mean().item()}


@torch.no_grad()
def _views(network: TowerStudent | SlimStudent, stills: Stills, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """picture_NE and pose errors_NJ."""
    pictures, errors = [], []
    for start in range(0, len(stills.facts), _AT_ONCE):
        view = network(normalise(stills.frames_NHWC[start : start + _AT_ONCE].to(device)))
        joints_NJ2 = stills.joints_NJ2[start : start + _AT_ONCE].to(device)
        pictures.append(view.picture_NE)
        errors.append(losses.pose_error_NJ(view.pose_NPJ, joints_NJ2))
    return torch.cat(pictures), torch.cat(errors)
