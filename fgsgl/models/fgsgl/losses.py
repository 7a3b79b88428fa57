"""The contrastive losses of both levels, their learned temperature, and ML-CO's weights over the training.

Shapes: B clips, C classes, E joint embedding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, normalize


class LogitScale(nn.Module):
    """A learned inverse temperature, kept in [1, maximum] as in CLIP (arXiv 2103.00020).

    Args:
        temperature: at the start.
        maximum: largest inverse temperature.
    """

    def __init__(self, temperature: float, maximum: float) -> None:
        super().__init__()
        self.log_maximum = math.log(maximum)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)).clamp(0, self.log_maximum))

    def forward(self) -> Tensor:
        """The inverse temperature, a scalar."""
        if self.training:  # the parameter itself, so that it cannot get stuck outside, where no gradient reaches it
            with torch.no_grad():
                self.log_scale.clamp_(0, self.log_maximum)
        return self.log_scale.exp()


def similarity_BC(video_BE: Tensor, text_CE: Tensor, scale: Tensor) -> Tensor:
    """Logits: the scaled cosine of every clip with every class's text; ``text_CE`` is normalised already."""
    return scale * normalize(video_BE.float(), dim=-1) @ text_CE.T


def contrastive_loss(
    logits_BC: Tensor,
    labels_B: Tensor,
    positives_CC: Tensor,
    v2t: bool = True,
    t2v: bool = True,
    smoothing: float = 0.0,
) -> Tensor:
    """Symmetric contrastive loss between clips and class texts, with several positives.

    Both directions are SupCon's L_out (arXiv 2004.11362, eq. 2), the mean of -log p over the positives: from video to
    text, p is a softmax over all classes and the positives are the classes that share the clip's text; from text to
    video, p is a softmax over the batch's clips and the positives are the clips of those classes. Each text that
    the batch holds counts once, however many clips or classes have it.

    Args:
        logits_BC: scaled similarity of clips and class texts.
        labels_B: class ids.
        positives_CC: bool, an equivalence: which classes share a text. The identity: every class for itself.
        v2t, t2v: the directions; of both, the mean.
        smoothing: share of the target, from video to text, that is spread evenly over all classes.

    Raises:
        ValueError: if no direction is asked for.
    """
    if not (v2t or t2v):
        raise ValueError("contrastive_loss needs at least one direction")
    positives_BC = positives_CC[labels_B].float()
    parts = []
    if v2t:
        log_p_BC = logits_BC.log_softmax(1)
        target_BC = (1 - smoothing) * positives_BC / positives_BC.sum(1, keepdim=True) + smoothing / len(positives_CC)
        parts.append(-(log_p_BC * target_BC).sum(1).mean())
    if t2v:
        log_p_BC = logits_BC.log_softmax(0)
        first_C = positives_CC.float().argmax(1)  # the first class of each text stands for the text
        present_C = torch.zeros_like(first_C, dtype=torch.bool).index_fill_(0, first_C[labels_B], True)
        row_C = -(log_p_BC * positives_BC).sum(0) / positives_BC.sum(0).clamp(min=1)
        parts.append((row_C * present_C).sum() / present_C.sum())
    return torch.stack(parts).mean()


def batch_contrast(logits_BB: Tensor, labels_B: Tensor, smoothing: float = 0.0) -> Tensor:
    """ActionCLIP's loss (arXiv 2109.08472, eq. 5): of clips and texts of one batch, with all pairs of a class positive.

    The mean over both directions of the Kullback-Leibler divergence of the softmax over the batch from a target that
    is even over the positives.

    Args:
        logits_BB: scaled similarity of each clip (row) to the text of each clip (column).
        labels_B: class ids.
        smoothing: share of the target that is spread evenly over the batch.
    """
    same_BB = (labels_B[:, None] == labels_B).float()
    target_BB = (1 - smoothing) * same_BB / same_BB.sum(1, keepdim=True) + smoothing / len(labels_B)
    rows = kl_div(logits_BB.log_softmax(1), target_BB, reduction="batchmean")
    columns = kl_div(logits_BB.T.log_softmax(1), target_BB, reduction="batchmean")
    return (rows + columns) / 2


def level_weights(schedule: str, progress: float, stage: float = 1 / 3) -> tuple[float, float]:
    """ML-CO: what the losses of the category and of the fine level count at a point of the training.

    Published: "a coarse-to-fine pattern", in stages. Ours: the first stage trains one level alone, over a second one as
    long the other's weight rises linearly, and the rest trains both in full (a weight that rises to the end meets a
    learning rate that falls to zero, and leaves the second level hardly trained). ``coarse_to_fine`` begins with the
    category level, ``fine_to_coarse`` with the fine level, ``joint`` trains both throughout.

    Args:
        schedule: one of the three.
        progress: share of the training that is done, 0 to 1.
        stage: share of the training that each of the first two stages takes, above 0.

    Returns:
        (category weight, fine weight), each 0 to 1.
    """
    ramp = min(1.0, max(0.0, (progress - stage) / stage))
    return {"coarse_to_fine": (1.0, ramp), "fine_to_coarse": (ramp, 1.0), "joint": (1.0, 1.0)}[schedule]
