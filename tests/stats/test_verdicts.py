"""Verdicts of a whole board by simulation: they find a difference, and boards without one claim none."""

import itertools

import numpy as np
import pytest

from fgsgl.stats.clusters import bootstrap_interval, crossed_interval
from fgsgl.stats.families import judge
from fgsgl.stats.paired import compare
from fgsgl.stats.seeds import paired_t_p, sign_flip_p

SD = 1.18
"""Of paired differences, in points: what makes +2 points with 8 seeds a power of about one half over twenty rows."""


def a_board(random, seeds, rows, gains=(), clips=408):
    """Paired differences (rows, seeds) in points of whole clips to a reference with noise of its own."""
    truth = np.zeros(rows)
    truth[: len(gains)] = gains
    noise = random.normal(0, SD / np.sqrt(2), (rows + 1, seeds))
    points = noise[1:] + truth[:, None] - noise[0]
    return np.rint(points * clips / 100) * 100 / clips


def claims(difference_MN, primary):
    """Whether each row is claimed to differ: by its adjusted p, or by its simultaneous interval."""
    pairs = [compare(row_N, np.zeros(len(row_N))) for row_N in difference_MN]
    judged = judge([np.nan if pair.p_t is None else pair.p_t for pair in pairs], np.arange(len(pairs)) < primary)
    halves = [pair.simultaneous_half_width(error) for pair, error in zip(pairs, judged.error_M, strict=True)]
    excludes_M = [abs(pair.difference) > half for pair, half in zip(pairs, halves, strict=True)]
    return (judged.adjusted_M <= 0.05) | np.array(excludes_M)


@pytest.mark.parametrize(
    "rows, primary, seeds", [(6, 6, 8), (6, 6, 3), (34, 6, 8), (34, 6, 3), (20, 0, 5), (34, 0, 8), (1, 1, 4)]
)
def test_at_most_5_percent_of_boards_without_a_difference_claim_one(rows, primary, seeds):
    random = np.random.default_rng(rows + seeds)
    wrong = [claims(a_board(random, seeds, rows), primary).any() for _ in range(150)]
    assert np.mean(wrong) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)


@pytest.mark.slow
@pytest.mark.parametrize("rows, primary", [(34, 6), (34, 0), (6, 6)])
@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_the_error_rate_of_many_boards(rows, primary, seeds):
    random = np.random.default_rng(seeds)
    wrong = [claims(a_board(random, seeds, rows), primary).any() for _ in range(4000)]
    assert np.mean(wrong) <= 0.053


def test_two_points_are_found_with_8_seeds_where_the_sign_flip_test_could_find_nothing():
    random = np.random.default_rng(0)
    boards = [a_board(random, 8, 20, gains=(2.0,)) for _ in range(120)]
    found = np.mean([claims(board, 6)[0] for board in boards])
    assert found >= 0.6
    assert np.mean([claims(board, 6)[1:].any() for board in boards]) <= 0.08
    assert min(20 * sign_flip_p(board[0]) for board in boards) > 0.05
    among_all = np.mean([claims(board, 0)[0] for board in boards])
    assert 0.4 <= among_all < found, "declaring it pays"


def test_more_seeds_never_make_a_verdict_weaker():
    random = np.random.default_rng(1)
    powers = [np.mean([claims(a_board(random, n, 6, (2.0,)), 6)[0] for _ in range(120)]) for n in (1, 2, 3, 5, 8, 10)]
    assert powers[:2] == [0, 0], "one run, or two, tell nothing of a method"
    assert all(more >= fewer - 0.06 for fewer, more in itertools.pairwise(powers)) and powers[-1] > 0.9


def test_a_failed_member_does_not_shrink_its_family():
    whole, failed = judge([0.01, 0.2, 0.5], [True] * 3), judge([0.01, np.nan, np.nan], [True] * 3)
    assert whole.adjusted_M[0] == failed.adjusted_M[0] == pytest.approx(0.03)
    assert np.isnan(failed.adjusted_M[1:]).all() and failed.error_M == pytest.approx(0.05 / 3)


def test_primary_and_exploratory_contrasts_share_the_error_rate():
    judged = judge([0.01, 0.02, 0.001, 0.5, 0.5], [True, True, False, False, False])
    assert judged.adjusted_M == pytest.approx([0.025, 0.025, 0.015, 1.0, 1.0])
    assert judged.error_M.sum() == pytest.approx(0.05)
    assert judge([0.01, 0.02], [False, False]).adjusted_M == pytest.approx([0.02, 0.02])


@pytest.mark.parametrize("values, p", [([1.0, 1.0], None), ([0.0] * 5, 1.0), ([2.0] * 5, 2 / 32)])
def test_equal_differences_are_no_certainty(values, p):
    pair = compare(values, [0.0] * len(values))
    assert pair.p_t == paired_t_p(values) == p
    assert np.isnan(pair.simultaneous_half_width(0.05)) == bool(values[0])


@pytest.mark.parametrize("seeds, subjects, least", [(3, 8, 0.92), (8, 12, 0.93), (5, 24, 0.93), (8, 6, 0.91)])
@pytest.mark.parametrize("of_seeds, of_subjects", [(0.02, 0.1), (0.05, 0.02), (0.0, 0.1)])
def test_the_crossed_interval_covers_seeds_and_subjects(seeds, subjects, least, of_seeds, of_subjects):
    random = np.random.default_rng(seeds * subjects)
    subject_N = np.repeat(np.arange(subjects), random.integers(20, 50, subjects))
    covered = []
    for _ in range(400):
        chance_SG = 0.7 + random.normal(0, of_seeds, (seeds, 1)) + random.normal(0, of_subjects, subjects)
        right_SN = random.random((seeds, len(subject_N))) < chance_SG[:, subject_N].clip(0, 1)
        low, high = crossed_interval(right_SN, subject_N)
        covered.append(low <= 0.7 <= high)
    assert np.mean(covered) >= least


def test_the_crossed_interval_is_wider_than_that_of_one_run_over_subjects_where_seeds_differ():
    random = np.random.default_rng(3)
    subject_N = np.repeat(np.arange(12), 34)
    right_SN = random.random((8, 408)) < (0.7 + random.normal(0, 0.1, (8, 1)) + random.normal(0, 0.02, 12)[subject_N])
    low, high = crossed_interval(right_SN, subject_N)
    alone = bootstrap_interval(right_SN[0], subject_N)
    assert high - low > alone[1] - alone[0]
    assert (
        np.isnan(crossed_interval(right_SN[:2], subject_N)).all()
        and np.isnan(crossed_interval(right_SN, [1] * 408)).all()
    )
    assert crossed_interval(np.ones((3, 408)), subject_N) == (1.0, 1.0)
