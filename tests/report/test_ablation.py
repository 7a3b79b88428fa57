"""What the designs of a plan say: against planted values, with gaps, and as they are written."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from scipy import stats

from fgsgl.report.ablations.evaluate import ablations, judge_effects
from fgsgl.report.ablations.render import arm_rows, csv, markdown, notes
from fgsgl.report.board.board import read_board
from fgsgl.report.contrast import contrasts
from fgsgl.report.report import report
from fgsgl.stats.factorial import effects, full_factorial
from fgsgl.stats.families import holm
from fgsgl.stats.seeds import sign_flip_p
from fgsgl.util.errors import UserError

HASH = "c8f37067343321ff"
CLIPS = 4000
"""Enough for steps of 0.025 points."""
FACTORS = ("fgsa", "cpa", "schedule")


def variant_of(off):
    """Without FG-SA the schedule changes nothing."""
    names = [name for name in off if not (name == "schedule" and "fgsa" in off)]
    return ", ".join(f"w/o {name}" for name in names)


OFFS = [off for size in range(4) for off in itertools.combinations(FACTORS, size)]
DESIGN = {
    "design": "factorial",
    "protocol_hash": HASH,
    "seeds": 8,
    "factors": list(FACTORS),
    "arms": [{"off": list(off), "variant": variant_of(off)} for off in OFFS],
    "aliases": [],
}


def planted(off, seed):
    """FG-SA +2, CP-A +1, both together 1 less; seeds differ by points, the arms of a seed by hundredths."""
    fgsa, cpa = "fgsa" not in off, "cpa" not in off
    noise = np.random.default_rng([seed, fgsa, cpa]).normal(scale=0.05)
    return round((60 + 2 * fgsa + cpa - fgsa * cpa + seed + noise) * CLIPS / 100) * 100 / CLIPS


def add(ledger, variant, seed, top1):
    return ledger.add_exact("fgsgl", top1 / 100, variant or "full", seed)


def fill(ledger, seeds, designs=(DESIGN,), rows=None):
    """A board whose rows have the planted values; ``rows`` limits the variants that have records."""
    ledger.n_clips = CLIPS
    ledger.add("majority", 0.0, kind="floor")
    for off in OFFS:
        for seed in range(seeds):
            if rows is None or variant_of(off) in rows:
                add(ledger, variant_of(off), seed, planted(off if "fgsa" not in off else [*off, "schedule"], seed))
    plan = {"cells": [], "designs": list(designs)}
    (ledger.folder / "plan.json").write_text(json.dumps(plan))
    return read_board(ledger.folder)


def test_a_factorial_finds_what_was_planted(ledger):
    (found,) = ablations(fill(ledger, seeds=8))
    assert found.seeds == tuple(range(8)) and found.value_AS.shape == (8, 8) and found.family == 5
    found_effects = found.effects.set_index(["kind", "factor"])["effect"]
    for kind, factor, truth in (
        ("main", "fgsa", 1.5), ("main", "cpa", 0.5), ("main", "schedule", 0.0), ("interaction", "fgsa x cpa", -1.0),
        ("interaction", "cpa x schedule", 0.0), ("shapley", "fgsa", 1.5), ("shapley", "cpa", 0.5),
        ("one_out", "fgsa", 1.0), ("one_out", "cpa", 0.0), ("one_in", "cpa", 1.0),
    ):  # fmt: skip
        assert found_effects[kind, factor] == pytest.approx(truth, abs=0.06), (kind, factor)
    text = " ".join(notes(found))
    assert "Hidden by one-out: fgsa (+0.5" in text and ", cpa (+0.5" in text and "schedule (+" not in text
    assert "8 arms in 6 rows; the rest computes what one of these does: without schedule (2 arms)." in text
    primary, exploratory = (found.effects[found.effects["contrast"] == kind] for kind in ("primary", "exploratory"))
    assert set(primary["kind"]) == {"main"} and set(exploratory["kind"]) == {"interaction", "hidden"}
    for part, share in ((primary, 0.8), (exploratory, 0.2)):
        expected = np.minimum(holm(part["p_t"].to_numpy()) / share, 1)
        assert part["p_holm"].to_numpy() == pytest.approx(expected)
        wider = stats.t.ppf(1 - 0.05 * share / len(part) / 2, 7) / stats.t.ppf(0.975, 7)
        ratio = (part["sim_high"] - part["sim_low"]) / (part["high"] - part["low"])
        assert ratio[part["effect"] != 0].to_numpy() == pytest.approx(wider)
    assert found.effects.loc[found.effects["kind"] == "shapley", "p_holm"].isna().all()


def test_arms_are_paired_adjusted_over_the_design_and_share_rows(ledger):
    board = fill(ledger, seeds=8)
    (found,) = ablations(board)
    arms = found.arms.set_index(found.arms["off"].map(", ".join))
    assert np.isnan(arms.loc["", "difference"]) and arms.loc["", "variant"] == ""
    shared = arms.loc[["fgsa", "fgsa, schedule"]].drop(columns="off")
    assert shared.iloc[0].equals(shared.iloc[1])
    on_board = board.table.set_index("variant")
    distinct = arms.drop_duplicates("variant").iloc[1:]
    for row in distinct.itertuples():
        difference_N = [planted((*row.off, "schedule")[: len(row.off) + ("fgsa" in row.off)], s) for s in range(8)]
        difference_N = np.array(difference_N) - [planted((), seed) for seed in range(8)]
        assert row.difference == pytest.approx(difference_N.mean())
        assert row.difference == pytest.approx(on_board.loc[row.variant, "diff_top1"])
        assert row.p == sign_flip_p(difference_N.round(9)) and row.n == 8
        assert row.p_holm == on_board.loc[row.variant, "p_holm"] and row.contrast == "exploratory"
        assert row.sim_half_width == pytest.approx(on_board.loc[row.variant, "sim_high"] - row.difference)
    assert distinct["p_holm"].to_numpy() == pytest.approx(holm(distinct["p_t"].to_numpy()))
    same = distinct.loc["cpa", "equivalent_p"], distinct.loc["fgsa, cpa", "equivalent_p"]
    assert same[0] < 0.0005 and same[1] > 0.05
    assert "yes (p <0.001)" in [row[-1] for row in arm_rows(found)]  # and not 0.000, which no p is


def test_the_smallest_sign_flip_p_is_said_once_and_a_difference_is_found_without_it(ledger):
    (found,) = ablations(fill(ledger, seeds=5))
    assert not any("cannot reach" in cell for row in arm_rows(found) for cell in row)
    text = " ".join(notes(found))
    assert text.count("with n = 5 its smallest is 0.062") == 1
    assert "Differs from FG-SGL (adjusted p at most 0.05): FG-SGL w/o fgsa" in text
    assert "*" not in markdown([found])


def test_null_factorials_name_something_hidden_in_at_most_5_percent(ledger):
    random, off_AK = np.random.default_rng(0), full_factorial(["a", "b", "c"])
    wrong = {"hidden": 0, "any": 0}
    for _ in range(150):
        table = effects(off_AK, 70 + random.normal(0, 1, 8) + random.normal(0, 0.5, (8, 8)), ["a", "b", "c"])
        judged = judge_effects(table, 8)
        claimed = judged[judged["p_holm"] <= 0.05]
        wrong["hidden"] += (claimed["kind"] == "hidden").any()
        wrong["any"] += len(claimed) > 0
    assert wrong["hidden"] <= 7 and wrong["any"] <= 12, "5 % of 150, and two standard errors"


def test_unequal_seeds_are_refused_by_name(ledger):
    fill(ledger, seeds=4)
    add(ledger, "w/o cpa", 4, 60)
    (found,) = ablations(read_board(ledger.folder))
    arms = found.arms.drop_duplicates("variant").set_index("variant")
    assert np.isnan(arms.loc["w/o cpa", "difference"]) and np.isfinite(arms.loc["w/o fgsa", "difference"])
    text = " ".join(notes(found))
    assert "FG-SGL w/o cpa: not compared: the reference lacks seed 4." in text
    assert found.effects is None and "No effects yet: every arm needs the same seeds." in text


def test_a_partial_design_counts_its_whole_family_and_lists_what_is_missing(ledger):
    rows = ["", "w/o fgsa", "w/o cpa"]
    fill(ledger, seeds=8, rows=rows)
    ledger.add_failed("fgsgl", "w/o fgsa, w/o cpa", 0, "out_of_memory")
    waiting = [
        {"cell_id": f"c{seed}", "method": "fgsgl", "variant": "w/o schedule", "seed": seed} for seed in (6, 7, 8)
    ]
    (ledger.folder / "plan.json").write_text(json.dumps({"cells": waiting, "designs": [DESIGN]}))
    (found,) = ablations(read_board(ledger.folder))
    assert found.effects is None and found.seeds == tuple(range(8)) and found.family == 5
    assert np.isnan(found.value_AS).any(axis=1).sum() == 4
    arms = found.arms.drop_duplicates("variant").set_index("variant")
    p = arms.loc[["w/o fgsa", "w/o cpa"], "p_t"]
    assert arms.loc[p.idxmin(), "p_holm"] == pytest.approx(min(1, 4 * p.min())), "of rows with a record or planned"
    assert [cell.seed for cell in found.missing] == [6, 7], "seed 8 is beyond the design"
    text = " ".join(notes(found))
    assert "2 cells planned, without a record: FG-SGL w/o schedule: seed 6, 7." in text
    assert "1 cell failed: FG-SGL w/o fgsa, w/o cpa: seed 0." in text
    assert "No cell that can be compared, the board says why: FG-SGL w/o cpa, w/o schedule." in text
    assert "No effects yet" in text


def test_one_in_is_compared_with_the_bare_model(ledger):
    one_in = DESIGN | {"design": "one-in", "arms": [
        {"off": list(off), "variant": variant_of(off)}
        for off in (FACTORS, *itertools.combinations(FACTORS, 2))
    ]}  # fmt: skip
    (found,) = ablations(fill(ledger, seeds=8, designs=[one_in]))
    assert found.reference == "the bare model" and found.effects is None and found.family == 2
    labels = found.arms.set_index("label")["difference"]
    assert labels["the bare model with fgsa"] == pytest.approx(2, abs=0.06)
    assert labels["the bare model with cpa"] == pytest.approx(1, abs=0.06)
    assert "the bare model (FG-SGL w/o fgsa, w/o cpa)" in labels
    assert "4 arms in 3 rows; the rest computes what one of these does: with schedule." in notes(found)


def test_half_a_factorial_names_its_aliases(ledger):
    half = DESIGN | {"arms": [arm for arm in DESIGN["arms"] if len(arm["off"]) % 2 == 0], "aliases": ["fgsa = x"]}
    (found,) = ablations(fill(ledger, seeds=3, designs=[half]))
    assert set(found.effects["kind"]) == {"main"}
    text = markdown([found])
    assert "half of the factorial over fgsa" in text and "This half cannot tell apart: fgsa = x." in text


def test_the_report_writes_the_designs_of_its_plan_and_the_same_again(ledger, without_figures):
    designs = [DESIGN, DESIGN | {"design": "one-out", "factors": ["=x|", *FACTORS], "arms": DESIGN["arms"][:3]}]
    fill(ledger, seeds=2, designs=designs)
    report(ledger.folder)
    before = [(ledger.folder / f"ablation.{suffix}").read_bytes() for suffix in ("md", "csv")]
    again = ablations(read_board(ledger.folder))
    assert [markdown(again).encode(), csv(again).encode()] == before
    text = before[0].decode()
    assert "## factorial over fgsa, cpa, schedule" in text and "## one-out over =x\\|" in text
    for block in text.split("\n\n"):
        assert len({line.replace("\\|", "").count("|") for line in block.splitlines() if line[0] == "|"}) <= 1
    table = pd.read_csv(ledger.folder / "ablation.csv", keep_default_na=False)
    assert set(table["kind"]) == {"arm", "main", "interaction", "shapley", "one_out", "one_in", "hidden"}
    assert (table["kind"] == "arm").sum() == 8 + 3


def test_a_board_without_a_design_has_no_ablation(ledger):
    board = fill(ledger, seeds=1, designs=[])
    assert ablations(board) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"arms": []}, {"factors": []}, {"seeds": 0}, {"arms": [{"off": "fgsa", "variant": ""}]}, {"aliases": [1]},
        {"arms": [{"off": ["fgsa"], "variant": ""}] * 2}, {"arms": [{"off": ["lora"], "variant": ""}]},
    ],
)  # fmt: skip
def test_a_damaged_design_is_named(ledger, change):
    with pytest.raises(UserError, match=r"the plan .*plan\.json has an entry in designs that cannot be read"):
        fill(ledger, seeds=1, designs=[DESIGN | change])


def test_other_test_videos_under_the_same_table_are_not_compared(ledger):
    fill(ledger, seeds=2, rows=["", "w/o cpa"])
    for variant, content in (("full", "a" * 64), ("w/o cpa", "b" * 64)):
        for seed in range(2):
            data = ledger.add("fgsgl", 2.0, variant, seed).data
            ledger.add("fgsgl", 2.0, variant, seed, data=structs.replace(data, split_content_sha256=content))
    board = read_board(ledger.folder)
    (found,) = ablations(board)
    arm = found.arms.set_index("variant").loc["w/o cpa"]
    assert arm["note"] == "not compared: other data than the reference's" and np.isnan(arm["difference"])
    with pytest.raises(UserError, match="nothing to compare"):
        contrasts([ledger.folder])


def test_other_data_or_another_protocol_are_not_compared(ledger):
    fill(ledger, seeds=2, rows=["", "w/o cpa"])
    for seed in range(2):
        ledger.add("fgsgl", 2.0, "w/o fgsa", seed, protocol=ledger.protocol(epochs=13))
    data = structs.replace(ledger.add("fgsgl", 2.0, "w/o cpa", 0).data, fingerprint="other")
    ledger.add("fgsgl", 2.0, "w/o cpa", 0, data=data)
    (found,) = ablations(read_board(ledger.folder))
    arms = found.arms.drop_duplicates("variant").set_index("variant")
    assert list(arms.loc[["w/o cpa", "w/o fgsa"], "n"]) == [1, 0], "the cell of other data is set aside"
    assert arms.loc[["w/o cpa", "w/o fgsa"], "difference"].isna().all() and "seed" in arms.loc["w/o cpa", "note"]
