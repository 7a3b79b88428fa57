"""Exact tests against a full enumeration in whole numbers: sums that tie must count as ties."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from fgsgl.stats.clusters import sign_flip_clusters_p
from fgsgl.stats.factorial import effects, full_factorial
from fgsgl.stats.paired import compare
from fgsgl.stats.seeds import exact_percent, sign_flip_p


def enumerated(differences):
    """The share of all sign patterns whose sum is as far from 0 as the observed one, in fractions alone."""
    patterns = list(itertools.product((1, -1), repeat=len(differences)))
    sums = [abs(sum(sign * value for sign, value in zip(signs, differences, strict=True))) for signs in patterns]
    return sum(value >= sums[0] for value in sums) / len(sums)


@pytest.mark.parametrize("n_clips", [7, 97, 408, 816, 1_000_003])
def test_top1_of_whole_clips_ties_as_its_counts_do(n_clips):
    random = np.random.default_rng(n_clips)
    for n in (3, 5, 8, 9):
        for _ in range(20):
            mine_N, theirs_N = random.integers(n_clips // 2, n_clips // 2 + 6, (2, n))
            expected = enumerated([int(one - other) for one, other in zip(mine_N, theirs_N, strict=True)])
            shares = ((side / n_clips).tolist() for side in (mine_N, theirs_N))
            exact = [[exact_percent(share) for share in side] for side in shares]
            assert compare(*exact).p == expected
            floats = (100 * (mine_N / n_clips) - 100 * (theirs_N / n_clips)).tolist()
            assert sign_flip_p(floats) == expected, "floats tie where they differ by their rounding alone"


def test_the_case_that_lost_its_ties():
    """The paired differences, in clips of 408, of the committed row without FG-SA: p was .219."""
    clips = [-2, -3, 1, 0, -7, 3, 2, -4]
    points = [100 * clip / 408 for clip in clips]
    assert sign_flip_p(clips) == sign_flip_p(points) == sign_flip_p([round(p, 9) for p in points]) == enumerated(clips)


def test_means_over_different_splits_add_exactly():
    """As over data seeds, where every mean has a denominator of its own, too large in common for 64 bits."""
    n_clips = [401, 409, 419, 421, 431, 433, 439, 443]
    values = [Fraction(100 * (index % 3 - 1), clips) for index, clips in enumerate(n_clips)]
    assert sign_flip_p(values) == enumerated(values)


def test_effects_of_a_factorial_tie_as_their_counts_do():
    random, off_AK = np.random.default_rng(3), full_factorial("abc")
    for _ in range(10):
        correct_AS = random.integers(280, 286, (8, 8))
        exact_AS = np.array([[exact_percent(share) for share in row] for row in (correct_AS / 408).tolist()])
        table = effects(off_AK, exact_AS, list("abc")).set_index(["kind", "factor"])
        on_A = np.where(off_AK[:, 1], -1, 1)
        assert table.loc[("main", "b"), "p"] == enumerated((on_A @ correct_AS).tolist())
        alone = table.loc[("one_out", "a"), "p"]
        assert alone == enumerated((correct_AS[0] - correct_AS[off_AK.tolist().index([True, False, False])]).tolist())


def test_effects_that_cancel_are_none():
    exact_AS = np.array([[Fraction(100 * clips, 97)] * 3 for clips in (50, 48, 46, 44)])
    table = effects(full_factorial("ab"), exact_AS, list("ab")).set_index(["kind", "factor"])
    assert table.loc[("interaction", "a x b"), ["effect", "p"]].tolist() == [0.0, 1.0]


def test_subjects_tie_as_their_clips_do():
    random = np.random.default_rng(4)
    for _ in range(20):
        clips_N, subject_N = random.integers(-1, 2, 60), np.repeat(np.arange(10), 6)
        expected = enumerated(np.bincount(subject_N, weights=clips_N).astype(int).tolist())
        assert sign_flip_clusters_p(clips_N, subject_N) == expected
        assert sign_flip_clusters_p(100.0 * clips_N, subject_N) == expected


@pytest.mark.parametrize("n_clips", [3, 408, 12_563, 1_000_003])
def test_a_share_is_read_back_as_the_fraction_that_it_is(n_clips):
    for correct in {0, 1, n_clips // 3, n_clips // 2 + 1, n_clips - 1, n_clips}:
        assert exact_percent(correct / n_clips) == Fraction(100 * correct, n_clips)
