import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from fgsgl.stats.variance import variance_shares
from fgsgl.util.errors import UserError

FACTORS = ("seed", "subject", "split")


def scores(random, seeds=8, splits=5, subjects=12, lost=0.0):
    """Variances: seed 1, subject 6, split 2, rest 3. Subjects belong to a split; a share of cells is lost."""
    seed_S, split_P = random.normal(0, 1, seeds), random.normal(0, np.sqrt(2), splits)
    subject_PJ = random.normal(0, np.sqrt(6), (splits, subjects))
    rows = [
        (s, f"{p}-{j}", p, 70 + seed_S[s] + split_P[p] + subject_PJ[p, j] + random.normal(0, np.sqrt(3)))
        for s in range(seeds)
        for p in range(splits)
        for j in range(subjects)
        if random.random() >= lost
    ]
    return pd.DataFrame(rows, columns=[*FACTORS, "value"])


@pytest.mark.parametrize("lost", [0.0, 0.3])
def test_planted_variances_are_recovered_on_average(lost):
    random = np.random.default_rng(0)
    tables = [variance_shares(scores(random, lost=lost), FACTORS) for _ in range(60)]
    mean = np.mean([table["variance"] for table in tables], axis=0)
    assert mean == pytest.approx([1, 6, 2, 3], rel=0.25)
    assert list(tables[0]["component"]) == [*FACTORS, "rest"] and list(tables[0]["levels"][:3]) == [8, 60, 5]
    for table in tables:
        assert table["share"].sum() == pytest.approx(1) and (table["share"] >= 0).all()


def test_balanced_components_are_those_of_the_analysis_of_variance():
    table = scores(np.random.default_rng(1), splits=1, subjects=10)
    grid_SJ = table.pivot(index="seed", columns="subject", values="value").to_numpy()
    seeds, subjects = grid_SJ.shape
    seed_S, subject_J = grid_SJ.mean(1), grid_SJ.mean(0)
    residual = grid_SJ - seed_S[:, None] - subject_J + grid_SJ.mean()
    rest = (residual**2).sum() / (seeds - 1) / (subjects - 1)
    expected = [seed_S.var(ddof=1) - rest / subjects, subject_J.var(ddof=1) - rest / seeds, rest]
    assert min(expected) > 0
    assert list(variance_shares(table, ["seed", "subject"])["variance"]) == pytest.approx(expected)


def test_agrees_with_the_mixed_model_of_statsmodels():
    table = scores(np.random.default_rng(1), splits=1, subjects=10)
    parts = {name: f"0 + C({name})" for name in ("seed", "subject")}
    fit = smf.mixedlm("value ~ 1", table, groups=np.ones(len(table)), re_formula="0", vc_formula=parts).fit()
    found = variance_shares(table, ["seed", "subject"]).set_index("component")["variance"]
    assert [*fit.vcomp, fit.scale] == pytest.approx([found["seed"], found["subject"], found["rest"]], rel=1e-3)


def test_a_component_that_is_not_there_is_small_and_never_negative():
    random = np.random.default_rng(2)
    for _ in range(20):
        table = scores(random, splits=1)
        table["seed"] = np.arange(len(table)) % 7  # labels that mean nothing
        share = variance_shares(table, ["seed", "subject"]).set_index("component")["share"]
        assert 0 <= share["seed"] < 0.15 < share["subject"]


def test_nothing_varies():
    table = pd.DataFrame({"seed": [0, 0, 1, 1], "subject": list("abab"), "value": 70.0})
    assert variance_shares(table, ["seed", "subject"])["share"].isna().all()


@pytest.mark.parametrize(
    "change, says",
    [
        ({"split": 0}, "'split' has one level"),
        ({"value": np.nan}, "not finite"),
        ({"split": [0, 0, 1, 1, 2, 2]}, "cannot tell seed, split and rest apart"),
    ],
)
def test_a_table_that_cannot_answer_is_refused(change, says):
    table = pd.DataFrame({"seed": [0, 0, 1, 1, 2, 2], "split": [0, 1] * 3, "value": np.arange(6.0)}).assign(**change)
    with pytest.raises(UserError, match=says):
        variance_shares(table, ["seed", "split"])
