"""Evaluation of a pretrained network on compositions that it never saw.

Shapes: N clips, B clips of one retrieval round, E embedding, D dimensions; captions are caption_PSE of the bank.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fgsgl.data.synmg.programs import Program
from fgsgl.pretraining import compositions, losses
from fgsgl.pretraining.augment import normalise
from fgsgl.pretraining.caption_bank import Bank, Told
from fgsgl.pretraining.heads import SlimStudent, TowerStudent
from fgsgl.pretraining.pool import Batch, Pool

ROUND = 100
"""Compositions of a retrieval round: R@1 means the right caption out of 100."""
HANDS = (7, 11)


@torch.no_grad()
def evaluate(
    tower: TowerStudent, slim: SlimStudent, bank: Bank, held_out: Pool, device: str = "cpu"
) -> dict[str, float]:
    """Retrieval, read-out of each dimension and pose error of both networks on the held-out clips."""
    batch = held_out.batch(np.arange(len(held_out)))
    row_N = bank.rows(batch.told, short=0.0)
    caption_NE = bank.caption_PSE[row_N, 0]
    result: dict[str, float] = {}
    for name, network in (("", tower), ("slim_", slim)):
        video_NE, local_NDE, error_NJ = _views(network, batch, device)
        result |= {f"{name}{key}": value for key, value in retrieval(video_NE, caption_NE, batch.told).items()}
        result[f"{name}pose_error"] = error_NJ.nanmean().item()
        result[f"{name}hand_error"] = error_NJ[:, HANDS].nanmean().item()
        result |= {f"{name}video_{key}": value for key, value in read_out(video_NE[:, None], bank, batch).items()}
        if local_NDE is not None:
            result |= {f"{name}local_{key}": value for key, value in read_out(local_NDE, bank, batch).items()}
    return result


def read_out(found_NDE: torch.Tensor, bank: Bank, batch: Batch) -> dict[str, float]:
    """Share of clips whose nearest sentence in a dimension has the right value; one embedding (D = 1) serves all."""
    result = {}
    for number, dimension in enumerate(compositions.DIMENSIONS):
        found_NE = found_NDE[:, min(number, found_NDE.shape[1] - 1)]
        chosen_N = torch.tensor(bank.known[number])[(found_NE @ bank.values_KE[number].T).argmax(1).cpu()]
        result[dimension] = (chosen_N == batch.targets_BD[:, number]).float().mean().item()
    return result


def retrieval(video_NE: torch.Tensor, caption_NE: torch.Tensor, told: Sequence[Told]) -> dict[str, float]:
    """R@1 and R@5 of each clip's caption among those of 100 different compositions, over all whole rounds."""
    ranks = []
    for index_B in _rounds(told):
        scores_BB = video_NE[index_B] @ caption_NE[index_B].T
        ranks.append((scores_BB > scores_BB.diagonal()[:, None]).sum(1).float())
    rank = torch.cat(ranks) if ranks else torch.full((1,), float("nan"))
    return {"r_at_1": (rank < 1).float().mean().item(), "r_at_5": (rank < 5).float().mean().item()}


def _rounds(told: Sequence[Told]) -> list[list[int]]:
    """Disjoint lists of ``ROUND`` clips, no composition twice in a list; what fills no round is left out."""
    rounds: list[dict[Program, int]] = []
    for index, clip in enumerate(told):
        free = next((one for one in rounds if len(one) < ROUND and clip.program not in one), None)
        if free is None:
            rounds.append(free := {})
        free[clip.program] = index
    return [list(chosen.values()) for chosen in rounds if len(chosen) == ROUND]


def _views(
    network: TowerStudent | SlimStudent, batch: Batch, device: str
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """video_NE, local_NDE (the tower's alone) and pose errors_NJ (N frames), 32 clips at a time."""
    videos, locals_, errors = [], [], []
    for start in range(0, len(batch.told), 32):
        frames_BTHWC = batch.frames_BTHWC[start : start + 32].to(device)
        view = network(normalise(frames_BTHWC), frames_BTHWC.shape[1])
        joints_NJ2 = batch.joints_BTJ2[start : start + 32].flatten(0, 1).to(device)
        videos.append(view.video_BE)
        locals_.append(view.local_BDE)
        errors.append(losses.pose_error_NJ(view.pose_NPJ, joints_NJ2))
    return torch.cat(videos), None if locals_[0] is None else torch.cat(locals_), torch.cat(errors)
