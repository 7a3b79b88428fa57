"""Over clips: the clips of a subject belong together, so a subject is drawn, or flipped, whole.

N clips, G clusters (subjects), R resamples. Values of clips are shares or differences of shares: of one model 0 or 1,
of two models on the same clips -1, 0 or 1.
"""

from __future__ import annotations

import math

import numpy as np

from fgsgl.stats.seeds import FEWEST_SEEDS, sign_flip_p
from fgsgl.util.errors import UserError

FEWEST_CLUSTERS = 5
"""Below, the ends of a bootstrap interval are the values of single clusters, between which the mean lies in about
1 - 2^(1 - G) of all cases: 75 % for three, 88 % for four."""


def bootstrap_interval(
    values_N: np.ndarray, cluster_N: np.ndarray, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The interval of the mean over clips, from a bootstrap of whole clusters, percentiles expanded.

    The plain percentiles are too narrow for few clusters, by the factor sqrt((G - 1) / G) and by the normal instead of
    Student's t; so the percentiles taken are Phi(-+ sqrt(G / (G - 1)) t), t of G - 1 degrees of freedom (Hesterberg
    2015, The American Statistician 69:371, "expanded percentile"). The interval stays among the values that can occur.

    At a nominal 95 % it covers, with 20 to 50 clips a subject and subjects of unequal difficulty around 70 % right
    (plain percentiles in brackets), 91 (84) % at 5 subjects, 93 (85) % at 6, 94 (89) % at 8 and at 10, 94 (92) % at 20.
    Where nearly everything is right, the few hard subjects are often not in the sample: around 91 % right it covers 89
    (81) % at 5 subjects, 92 (85) % at 8, 93 (87) % at 10 and 93 (90) % at 20 (tests/stats/test_clusters.py).

    Returns:
        Low and high; both nan for fewer than five clusters, see :data:`FEWEST_CLUSTERS`.

    Raises:
        UserError: if values and clusters do not fit, or a value is not finite.
    """
    sum_G, clips_G = _by_cluster(values_N, cluster_N)
    clusters = len(sum_G)
    if clusters < FEWEST_CLUSTERS:
        return math.nan, math.nan
    from scipy.special import ndtr, stdtrit

    drawn_RG = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples)
    mean_R = (drawn_RG @ sum_G) / (drawn_RG @ clips_G)
    tail = ndtr(math.sqrt(clusters / (clusters - 1)) * stdtrit(clusters - 1, (1 - confidence) / 2))
    low, high = np.quantile(mean_R, (tail, 1 - tail))
    return float(low), float(high)


def crossed_interval(value_SN: np.ndarray, cluster_N: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the mean over S seeds and the clips of all clusters, which covers the choice of both.

    Seeds and clusters are crossed: every seed is scored on every cluster. The variance is that of the seeds' means plus
    that of the clusters' minus the part that both hold (two-way clustering; Cameron, Gelbach and Miller 2011, J. Bus.
    Econ. Stat. 29:238), at least the larger of the two; Student's t with the degrees of freedom of Satterthwaite.

    Args:
        value_SN: values or paired differences of the same N clips, one row a seed.

    Returns:
        Low and high; both nan for fewer than three seeds or five clusters.

    Raises:
        UserError: if values and clusters do not fit, or a value is not finite.
    """
    by_seed = [_by_cluster(value_N, cluster_N) for value_N in np.asarray(value_SN, dtype=np.float64)]
    sum_SG, clips_G = np.array([sums for sums, _ in by_seed]), by_seed[0][1]
    seeds, clusters = sum_SG.shape
    if seeds < FEWEST_SEEDS or clusters < FEWEST_CLUSTERS:
        return math.nan, math.nan
    from scipy.special import stdtrit

    clips, mean_S, mean_G = clips_G.sum(), sum_SG.sum(axis=1) / clips_G.sum(), sum_SG.mean(axis=0)
    mean = float(mean_S.mean())
    of_seeds = mean_S.var(ddof=1) / seeds
    of_clusters = clusters / (clusters - 1) * (((mean_G - clips_G * mean) / clips) ** 2).sum()
    rest_SG = (sum_SG - mean_G - clips_G * (mean_S - mean)[:, None]) / clips
    of_both = (rest_SG**2).sum() / (seeds * (seeds - 1)) * clusters / (clusters - 1)
    variance = max(of_seeds + of_clusters - of_both, of_seeds, of_clusters)
    if not variance:
        return mean, mean
    freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_clusters**2 / (clusters - 1))
    half = float(stdtrit(min(freedom, seeds + clusters), (1 + confidence) / 2)) * math.sqrt(variance)
    return mean - half, mean + half


def sign_flip_clusters_p(differences_N: np.ndarray, cluster_N: np.ndarray) -> float:
    """p of the two-sided test that two models do equally well on the same clips: all differences of a cluster change
    their sign together. Exact up to 16 clusters, beyond with 65,536 random patterns of a fixed seed; 1 for one cluster.
    It cannot go below :func:`~fgsgl.stats.seeds.smallest_p` of the number of clusters.

    Raises:
        UserError: if differences and clusters do not fit, or a difference is not finite.
    """
    sum_G = _by_cluster(differences_N, cluster_N)[0]
    whole = np.issubdtype(np.asarray(differences_N).dtype, np.integer)  # then a float holds their sums exactly
    return sign_flip_p(sum_G.astype(np.int64) if whole else sum_G)


def mcnemar_p(mine_right_N: np.ndarray, theirs_right_N: np.ndarray) -> float:
    """p of McNemar's exact test on the clips that one of two models alone gets right (McNemar 1947).

    It takes clips for independent and so ignores subjects: secondary to :func:`sign_flip_clusters_p`.

    Args:
        mine_right_N, theirs_right_N: bool, the same clips in the same order.

    Raises:
        UserError: if the two do not hold the same number of clips.
    """
    mine_right_N, theirs_right_N = np.asarray(mine_right_N, dtype=bool), np.asarray(theirs_right_N, dtype=bool)
    if mine_right_N.ndim != 1 or mine_right_N.shape != theirs_right_N.shape:
        raise UserError(
            f"{mine_right_N.shape} and {theirs_right_N.shape} answers; expected the same clips of both models"
        )
    from scipy.special import bdtr

    mine_only = int((mine_right_N & ~theirs_right_N).sum())
    theirs_only = int((theirs_right_N & ~mine_right_N).sum())
    return min(1.0, 2 * float(bdtr(min(mine_only, theirs_only), mine_only + theirs_only, 0.5)))


def _by_cluster(values_N: np.ndarray, cluster_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of the values and the number of clips of each cluster, both (G,)."""
    values_N, cluster_N = np.asarray(values_N, dtype=np.float64), np.asarray(cluster_N)
    if values_N.ndim != 1 or values_N.shape != cluster_N.shape or not len(values_N):
        raise UserError(f"{values_N.shape} values and {cluster_N.shape} clusters; expected one cluster for each clip")
    if not np.isfinite(values_N).all():
        raise UserError(f"the value of clip {int(np.argmin(np.isfinite(values_N)))} (from 0) is not finite")
    _, of_N = np.unique(cluster_N, return_inverse=True)
    return np.bincount(of_N, weights=values_N), np.bincount(of_N)
