import numpy as np
import pytest
from scipy.special import expit
from statsmodels.stats.contingency_tables import mcnemar

from fgsgl.stats.clusters import bootstrap_interval, mcnemar_p, sign_flip_clusters_p
from fgsgl.stats.seeds import sign_flip_p
from fgsgl.util.errors import UserError

USUAL, HIGH = (0.9, 0.6), (2.5, 0.8)
"""Mean and spread over subjects of the logit of being right: around 70 % and around 91 % of the clips."""


def answers(random, subjects, logit, spread):
    """Right answers (0 or 1) of subjects that differ in difficulty and have 20 to 50 clips each."""
    subject_N = np.repeat(np.arange(subjects), random.integers(20, 51, subjects))
    return random.binomial(1, expit(random.normal(logit, spread, subjects))[subject_N]), subject_N


def differences(random, subjects, spread):
    """Answers of one model minus those of another, equally good on average, whose lead depends on the subject."""
    subject_N = np.repeat(np.arange(subjects), random.integers(20, 51, subjects))
    lead_N = np.clip(random.normal(0, spread, subjects), -0.3, 0.3)[subject_N]
    draw_N = random.random(len(subject_N))
    return (draw_N < 0.15 + lead_N / 2) * 1.0 - (draw_N > 0.85 + lead_N / 2), subject_N


def coverage(interval, subjects, accuracy, draws):
    random = np.random.default_rng(subjects)
    truth = expit(np.random.default_rng(0).normal(*accuracy, 200_000)).mean()
    bounds = np.array([interval(*answers(random, subjects, *accuracy)) for _ in range(draws)])
    return np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))


def percentiles(values_N, subject_N):
    """The plain percentile bootstrap, which the house does not use."""
    sum_G, clips_G = np.bincount(subject_N, weights=values_N), np.bincount(subject_N)
    drawn_RG = np.random.default_rng(0).integers(0, len(sum_G), (500, len(sum_G)))
    return np.quantile(sum_G[drawn_RG].sum(1) / clips_G[drawn_RG].sum(1), (0.025, 0.975))


@pytest.mark.parametrize(
    "accuracy, subjects, least",
    [(USUAL, 5, 0.88), (USUAL, 8, 0.925), (USUAL, 10, 0.925), (HIGH, 8, 0.89)],
)
def test_the_bootstrap_over_subjects_covers_what_its_docstring_says(accuracy, subjects, least):
    """``least`` is 1.5 to 3 points below the coverage of 3,000 draws: the error of 600 draws."""
    assert coverage(bootstrap_interval, subjects, accuracy, 600) >= least


def test_plain_percentiles_would_cover_less():
    assert coverage(percentiles, 8, USUAL, 800) < 0.91


@pytest.mark.slow
@pytest.mark.parametrize(
    "accuracy, subjects, measured",
    [
        (USUAL, 5, 0.91), (USUAL, 6, 0.93), (USUAL, 8, 0.94), (USUAL, 10, 0.94), (USUAL, 20, 0.94),
        (HIGH, 5, 0.89), (HIGH, 8, 0.92), (HIGH, 10, 0.93), (HIGH, 20, 0.93),
    ],
)  # fmt: skip
def test_the_coverage_in_the_docstring(accuracy, subjects, measured):
    assert coverage(bootstrap_interval, subjects, accuracy, 3000) == pytest.approx(measured, abs=0.01)


def test_the_interval_of_a_difference_of_two_models_covers():
    random = np.random.default_rng(1)
    bounds = np.array([bootstrap_interval(*differences(random, 10, 0.1)) for _ in range(600)])
    assert np.mean((bounds[:, 0] <= 0) & (bounds[:, 1] >= 0)) >= 0.92


def test_the_bootstrap_draws_whole_subjects_and_is_repeatable():
    values_N, subject_N = np.repeat([0.0, 1.0, 1.0, 0.0, 1.0, 0.0], 50), np.repeat(list("abcdef"), 50)
    low, high = bootstrap_interval(values_N, subject_N)
    assert (low, high) == bootstrap_interval(values_N, subject_N) and low < 0.1 < 0.9 < high
    alone = bootstrap_interval(values_N, np.arange(300))
    assert alone[1] - alone[0] < (high - low) / 4, "as if every clip were a subject of its own"
    assert bootstrap_interval(values_N, subject_N, confidence=0.5)[0] > low
    assert np.isnan(bootstrap_interval(values_N[:200], subject_N[:200])).all(), "four subjects"


def test_the_test_over_subjects_keeps_its_level_where_mcnemar_does_not():
    random = np.random.default_rng(0)
    p_over_subjects, p_over_clips = [], []
    for _ in range(600):
        difference_N, subject_N = differences(random, 10, 0.15)
        p_over_subjects.append(sign_flip_clusters_p(difference_N, subject_N))
        p_over_clips.append(mcnemar_p(difference_N > 0, difference_N < 0))
    assert np.mean(np.array(p_over_subjects) <= 0.05) <= 0.065
    assert np.mean(np.array(p_over_clips) <= 0.05) > 0.10, "clips of a subject are not independent"


def test_subjects_are_flipped_whole():
    difference_N, subject_N = np.array([1, 1, -1, 1, 0, 1, 1]), np.array(list("abbccdd"))
    assert sign_flip_clusters_p(difference_N, subject_N) == sign_flip_p([1, 0, 1, 2])
    assert sign_flip_clusters_p(difference_N, np.zeros(7)) == 1.0, "one subject"


def test_mcnemar_is_statsmodels():
    random = np.random.default_rng(2)
    mine_N, theirs_N = random.random(80) < 0.7, random.random(80) < 0.6
    table = [[np.sum(mine_N & theirs_N), np.sum(mine_N & ~theirs_N)], [np.sum(~mine_N & theirs_N), 0]]
    assert mcnemar_p(mine_N, theirs_N) == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert mcnemar_p(mine_N, mine_N) == 1.0


@pytest.mark.parametrize(
    "values, subjects, says",
    [([1.0, 0.0], ["a"], "one cluster for each clip"), ([], [], "one cluster"), ([1.0, np.nan], [0, 1], "clip 1")],
)
def test_clips_that_do_not_fit_are_refused(values, subjects, says):
    for function in (bootstrap_interval, sign_flip_clusters_p):
        with pytest.raises(UserError, match=says):
            function(values, subjects)


def test_answers_to_different_clips_are_refused():
    with pytest.raises(UserError, match="the same clips"):
        mcnemar_p([True, False], [True])
