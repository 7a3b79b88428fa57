"""Designs: their arms, the rows that stand for them, and what is said of them before anything runs."""

import json
from pathlib import Path

import made
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from fgsgl.ablations.designs import DESIGNS, design, designs_of
from fgsgl.ablations.factors import FACTORS, computation, simplest, variant
from fgsgl.ablations.power_plan import (
    describe_design,
    describe_seeds,
    describe_shared_rows,
    families,
    paired_differences,
    pooled_sd,
)
from fgsgl.ablations.run import main
from fgsgl.methods.cell import Variant
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile, add_to_plan
from fgsgl.stats.power import power, seeds_needed
from fgsgl.util.errors import UserError

FACTORIAL_ROWS = {
    "full", "w/o fgsa", "w/o cpa", "w/o lora", "w/o schedule", "w/o fgsa, w/o cpa", "w/o fgsa, w/o lora",
    "w/o cpa, w/o lora", "w/o cpa, w/o schedule", "w/o lora, w/o schedule", "w/o fgsa, w/o cpa, w/o lora",
    "w/o cpa, w/o lora, w/o schedule",
}  # fmt: skip
"""As records on disk name them."""


def test_the_factorial_has_every_combination_and_trains_none_twice() -> None:
    whole = design("factorial")
    assert len({arm.off for arm in whole.arms}) == len(whole.arms) == 16
    assert {row.name for row in whole.variants} == FACTORIAL_ROWS
    row_of = {arm.off: arm.variant.name for arm in whole.arms}
    assert whole.arms[0].off == () and row_of[()] == "full"
    assert row_of["fgsa", "lora", "schedule"] == row_of["fgsa", "lora"] == "w/o fgsa, w/o lora"
    for arm in whole.arms:
        assert computation(arm.off) == computation(simplest(arm.off))


def test_one_in_adds_each_component_alone_to_the_bare_model() -> None:
    added = design("one-in")
    bare, *alone = added.arms
    assert bare.off == added.factors and bare.variant.name == "w/o fgsa, w/o cpa, w/o lora, w/o temporal"
    assert [set(added.factors) - set(arm.off) for arm in alone] == [{name} for name in added.factors]
    # Without FG-SA neither its gate nor its frame differences change anything.
    assert [arm.variant.name for arm in alone].count(bare.variant.name) == 3


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_names_its_rows_by_what_they_compute(name: str) -> None:
    made = design(name)
    rows = {arm.variant.name: computation(arm.off) for arm in made.arms}
    assert len(set(rows.values())) == len(rows)
    assert all(computation(arm.off) == rows[arm.variant.name] for arm in made.arms)
    assert {factor for arm in made.arms for factor in arm.off} == set(made.factors)
    assert made.arms[0].off == (made.factors if name == "one-in" else ())


@pytest.mark.parametrize(
    ("names", "fewest"),
    [
        (["schedule", "fgsa"], ("fgsa",)),
        (["loss.fine", "schedule", "loss.fine.v2t", "text=names"], ("loss.fine",)),
        (["loss.fine.v2t", "loss.fine.t2v"], ("loss.fine",)),  # no direction is no loss
        (["guidance", "loss.fine"], ("fgsa",)),  # neither a loss nor a gate reads FG-SA
        (["module-only"], ("loss.fine",)),
        (["head=linear", "learned-prompts"], ("cpa",)),
        (["dim.part", "loss.fine"], ("loss.fine", "dim.part")),  # the module still has a query less
        (["lora", "cpa"], ("cpa", "lora")),
        ([], ()),
    ],
)
def test_the_simplest_name_of_a_computation(names: list[str], fewest: tuple[str, ...]) -> None:
    assert simplest(names) == fewest


def test_half_a_factorial_names_what_it_cannot_tell_apart() -> None:
    half = design("factorial", half=True)
    assert len(half.arms) == 8 and "fgsa = cpa x lora x schedule" in half.aliases
    said = list(describe_design(half, seeds=8))
    assert said[1].startswith("not told apart by this half: fgsa = ")
    offer = list(describe_design(design("factorial"), seeds=8))
    assert "96 cells" in offer[0] and "--half makes" in offer[1] and "fgsa = cpa x lora x schedule" in offer[1]
    assert len(list(describe_design(design("factorial"), seeds=5))) == 1  # 60 cells need no half


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--design", "one-out", "losses", "--factors", "cpa"], "--factors says what one --design is over; got 2"),
        (["--design", "one-out", "--half"], "--half makes half of a factorial"),
        (["--design", "one-out", "--factors", "cpaa"], "unknown factor 'cpaa'; did you mean cpa"),
        (["--design", "factorial", "--factors", "tap=early", "tap=late"], "tap=early and tap=late change the same"),
        (["--design", "factorial", "--factors", "fgsa", "loss.category"], "nothing to train"),
        (["--design", "factorial", "--factors", "cpa", "lora", "--half"], "half fraction of 2 factors"),
        (["--disable", "cpa", "--storage", "sqlite://"], "--storage is where a design is shown"),
        ([], "nothing to ablate"),
    ],
)
def test_designs_that_cannot_be_are_refused_in_one_line(words, says, capsys) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


def test_every_factor_of_the_design_paper_is_listed_with_its_levels(capsys) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    for name in (
        "fgsa", "cpa", "lora", "temporal", "motion-difference", "guidance", "learned-prompts", "loss.fine",
        "loss.category", "loss.fine.v2t", "loss.fine.t2v", "schedule", "multi-positive", "dim.part", "dim.onset",
        "dim.trajectory", "dim.outcome", "text=shuffled", "text=names", "text=static", "text=random", "module-only",
        "head=linear",
        "tap=early", "tap=late", "fine-at-test",
    ):  # fmt: skip
        assert name in FACTORS and f"  {name} " in listed
    assert "(schedule: coarse_to_fine -> joint)" in listed


def test_the_plan_keeps_designs_and_a_new_one_takes_the_place_of_its_like(tmp_path) -> None:
    path = tmp_path / "plan.json"
    whole, half = design("factorial"), design("factorial", half=True)
    add_to_plan(tmp_path, [], [whole.plan_entry("p", 3)])
    add_to_plan(tmp_path, [], [whole.plan_entry("p", 8), half.plan_entry("p", 8), whole.plan_entry("q", 2)])
    add_to_plan(tmp_path, [])
    read = PlanFile.read(tmp_path).designs
    assert [(one.design, len(one.arms), one.seeds, one.protocol_hash) for one in read] == [
        ("factorial", 16, 8, "p"), ("factorial", 8, 8, "p"), ("factorial", 16, 2, "q")
    ]  # fmt: skip
    assert read[0].arms[0].variant == "" and read[0].arms[-1].variant == "w/o fgsa, w/o cpa, w/o lora"
    assert "aliases" in json.loads(path.read_text())["designs"][0]


def test_seeds_are_planned_by_the_pairs_on_record() -> None:
    rows = {"full": (0.70, 0.71, 0.72), "w/o fgsa": (0.69, 0.69, 0.69), "w/o cpa": (0.5,)}
    records = [
        made.done(made.a_cell(seed=seed, variant=Variant(method="fgsgl", name=name)), top1, protocol_hash="p")
        for name, values in rows.items()
        for seed, top1 in enumerate(values)
    ]  # fmt: skip
    rows = paired_differences(records, "p")
    assert rows == [pytest.approx([-1, -2, -3])] and pooled_sd(rows) == pytest.approx(1.0)
    assert pooled_sd([*rows, [5.0, 5.0]]) == pytest.approx((2 / 3) ** 0.5)
    assert paired_differences(records, "another") == []
    said = list(describe_seeds([design("factorial")], records, "p", 1.0, 0.8, 8))
    assert "by 10 paired seeds, and with one of 0.68 by the 8 of this plan" in said[0]
    level = 0.05 * 0.8 / 6
    promised = f"by {seeds_needed(1.0, 1.0, 0.8, level)}, and with a chance of {power(8, 1.0, 1.0, level):.2f} by 8"
    assert said[1] == f"as one of 6 primary contrasts, with p adjusted: {promised}"
    assert said[2].startswith("as one of 5 exploratory contrasts")
    assert "sd 1.00 points, pooled over 3 pairs of 1 row(s), whose own are 1.00 to 1.00" in said[3]
    assert [kind for kind, *_ in families([design("one-out", ["fgsa", "cpa"])])] == ["primary"]
    assert "unknown number" in next(iter(describe_seeds([], records, "another", 1.0, 0.8, 8)))
    with pytest.raises(UserError, match=r"0\.0 points"):
        list(describe_seeds([], records, "p", 0.0, 0.8, 8))


def test_designs_may_be_combined_and_each_is_made_once() -> None:
    both = designs_of(["one-out", "factorial", "one-out"], (), half=True)
    assert [one.name for one in both] == ["one-out", "factorial"] and both[1].aliases and not both[0].aliases
    rows = {row.name: row for one in both for row in one.variants}
    assert rows["w/o fgsa, w/o cpa"].changes == variant(["fgsa", "cpa"]).changes
    assert list(describe_shared_rows(both, 8)) == [
        f"all 2 designs: {len(rows)} rows, {8 * len(rows)} cells; a row that several share is run once"
    ]
    assert list(describe_shared_rows(both[:1], 8)) == [] and len(rows) < sum(len(one.variants) for one in both)


DRY = ("--design", "factorial", "--factors", "fgsa", "schedule", "--preset", "smoke", "--device", "cpu")


def test_a_dry_run_shows_cells_and_seeds_and_leaves_nothing(smoke: Path, tmp_path: Path, capsys) -> None:
    where = ("--root", str(smoke), "--out", str(tmp_path / "out"))
    assert main([*DRY, *where, "--seeds", "2", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "4 arms in 3 rows, 6 cells" in said and "11 cells to run" in said  # and five floors and ceilings
    assert "FG-SGL w/o schedule" in said and said.count(" 0-1 ") == 3
    assert "a difference of 1 top-1 point(s) is found with a chance of 0.8 by" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_design_trains_each_row_once_and_its_study_can_be_made_anew(smoke: Path, tmp_path: Path, call) -> None:
    words = ("-m", "fgsgl.ablations.run", *DRY, "--root", smoke, "--out", tmp_path / "out", "--epochs", "1")
    assert "8 cells, 0 already done" in call(*words).stdout
    journal = tmp_path / "out" / "work" / "designs.journal"
    journal.unlink()
    assert "8 cells, 8 already done" in call(*words).stdout
    storage = JournalStorage(JournalFileBackend(str(journal)))
    (summary,) = optuna.get_all_study_summaries(storage)
    trials = optuna.load_study(study_name=summary.study_name, storage=storage).get_trials()
    records = Ledger(tmp_path / "out" / "ledger").done()
    assert {trial.user_attrs["cell_id"]: trial.value for trial in trials} == {
        cell_id: record.metrics.top1 for cell_id, record in records.items() if record.method == "fgsgl"
    }
    assert "4 arms in 3 rows" in (tmp_path / "out" / "ablation.md").read_text()
