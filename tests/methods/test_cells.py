"""What makes a cell, its id, its plan and its record."""

import dataclasses
import json
from pathlib import Path

import made
import msgspec
import pytest
from msgspec import structs

from fgsgl.ablations.factors import variant
from fgsgl.methods.cell import Cell, Variant
from fgsgl.methods.method import Classes, Method, config_identity
from fgsgl.methods.registry import get, scan
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import add_to_plan
from fgsgl.records.protocol import SEALED, default_protocol
from fgsgl.records.record import Done
from fgsgl.running.planning import cells, plan, undone
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

PROTOCOL = default_protocol("synmg", "quick")


def cell(changed: Variant | None = None, **changes) -> Cell:
    given = {
        "variant": changed or Variant(method="fgsgl"),
        "protocol": PROTOCOL,
        "seed": 0,
        "fingerprint": "f",
        "text": "smg",
    }
    return Cell(**{**given, **changes})


def test_the_id_changes_with_whatever_changes_the_result() -> None:
    others = [
        cell(seed=1),
        cell(fingerprint="g"),
        cell(Variant(method="tsm")),
        cell(variant(["fgsa"])),
        cell(protocol=dataclasses.replace(PROTOCOL, epochs=PROTOCOL.epochs + 1)),
        cell(protocol=dataclasses.replace(PROTOCOL, flip=0.0)),
    ]
    ids = {item.cell_id for item in [cell(), *others]}
    assert len(ids) == len(others) + 1
    assert all(len(cell_id) == 16 for cell_id in ids)


def test_the_id_does_not_depend_on_what_a_variant_is_called() -> None:
    changes = {"fgsa": False}
    one, two = Variant(method="fgsgl", name="a", changes=changes), Variant(method="fgsgl", name="b", changes=changes)
    assert cell(one).cell_id == cell(two).cell_id


def test_the_text_counts_for_methods_that_read_it_and_for_no_other() -> None:
    assert cell(text="imigue").cell_id != cell().cell_id
    tsn = Variant(method="tsn")
    assert cell(tsn, text="imigue").cell_id == cell(tsn).cell_id


def test_the_order_of_factors_does_not_matter() -> None:
    assert cell(variant(["fgsa", "cpa"])).cell_id == cell(variant(["cpa", "fgsa"])).cell_id


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"fgsgl has no setting 'lora_rang'; did you mean lora_rank"):
        get("fgsgl").resolve({"lora_rang": 4})


LEDGER = Path(__file__).resolve().parents[1] / "frozen" / "synmg-1" / "ledger"


def started(name: str, start: str) -> Method:
    """The method from the weights that a record names: those that ship have changed since."""
    return dataclasses.replace(get(name), pretraining=lambda protocol, settings: start)


def test_the_cells_of_committed_records_still_have_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    for record in Ledger(LEDGER).records().values():
        start = record.pretraining
        monkeypatch.setattr("fgsgl.methods.cell.get", lambda name, start=start: started(name, start))
        changes = get(record.method).changes_in(record.config)
        again = cell(
            Variant(method=record.method, changes=changes), protocol=record.protocol, seed=record.seed,
            fingerprint=record.data.fingerprint, text="smg",
        )  # fmt: skip
        assert again.cell_id == record.cell_id, (record.method, record.variant)


def test_a_text_control_is_drawn_anew_for_each_seed_and_earlier_records_keep_theirs() -> None:
    method, changes = get("fgsgl"), {"text_control": "shuffled"}
    where = {"classes": Classes(count=17, text="smg"), "root": Path("r"), "work_dir": Path("w")}

    def model(seed: int, **changes: object) -> dict:
        return build_config(method, changes, PROTOCOL, seed, **where)["model"]

    assert [model(seed, **changes)["text_seed"] for seed in (0, 3)] == [0, 3]
    assert model(3, **changes, text_draw="once", text_seed=5)["text_seed"] == 5
    assert (model(3)["text_draw"], model(3)["text_seed"]) == ("once", 0), "without a control nothing is drawn"

    today = method.describe(changes)
    assert method.changes_in(today) == changes | {"text_draw": "cell"}
    settings = {name: value for name, value in today.settings.items() if name != "text_draw"}
    earlier = structs.replace(today, settings=settings)
    assert method.changes_in(earlier) == changes | {"text_draw": "once"}
    once = Variant(method="fgsgl", changes=method.changes_in(earlier))
    assert config_identity(method.describe(once.changes), method.later) == config_identity(earlier, method.later)
    assert cell(once).cell_id != cell(Variant(method="fgsgl", changes=changes)).cell_id


@pytest.mark.parametrize("control", ["shuffled", "random"])
def test_a_text_seed_with_a_control_is_one_draw_for_all_seeds(control: str) -> None:
    method, where = get("fgsgl"), {"classes": Classes(count=17, text="smg"), "root": Path("r"), "work_dir": Path("w")}
    for text_seed in (0, 5):
        changes = {"text_control": control, "text_seed": text_seed}
        models = [build_config(method, changes, PROTOCOL, seed, **where)["model"] for seed in (0, 3)]
        assert [(model["text_draw"], model["text_seed"]) for model in models] == [("once", text_seed)] * 2
        again = method.changes_in(method.describe(changes))
        assert method.identity(again) == method.identity(changes) != method.identity({"text_control": control})
    with pytest.raises(UserError, match="text_seed=5 is not read with text_draw=cell"):
        build_config(method, changes | {"text_draw": "cell"}, PROTOCOL, 0, **where)


def test_a_draw_that_a_variant_asks_for_comes_back_from_its_record() -> None:
    method = get("fgsgl")
    for control in ("shuffled", "random"):
        changes = {"text_control": control, "text_draw": "once"}
        again = method.changes_in(method.describe(changes))
        assert again == changes
        given = changes, again, {"text_control": control}
        once, recorded, implied = (cell(Variant(method="fgsgl", changes=one)).cell_id for one in given)
        assert once == recorded != implied


def test_a_whole_number_in_a_field_of_floats_leaves_the_id_as_its_record_has_it() -> None:
    """A record is read back from JSON, where 50 in a field of floats becomes 50.0."""
    protocol = dataclasses.replace(PROTOCOL, long_tail=50, logit_adjustment=1)
    for changes in ({}, {"recipe.lr": 1, "recipe.clip_grad": 2, "loss_fine": 3, "dimension_weights": [1, 2, 1, 1]}):
        one = cell(Variant(method="fgsgl", changes=changes), protocol=protocol)
        config, read = (
            msgspec.json.decode(msgspec.json.encode(kept), type=type(kept))
            for kept in (one.method.describe(changes), protocol)
        )
        again = cell(Variant(method="fgsgl", changes=one.method.changes_in(config)), protocol=read)
        assert (again.cell_id, read.hash()) == (one.cell_id, protocol.hash())
        assert config_identity(config, one.method.later) == one.method.identity(changes)


def test_a_change_of_the_recipe_is_another_cell_and_reaches_optimizer_and_schedule() -> None:
    changes = {"recipe.lr": 0.5, "recipe.weight_decay": 0.0, "recipe.warmup": 0.2, "recipe.clip_grad": 3.0}
    ids = {cell(Variant(method="tsm", changes={name: value})).cell_id for name, value in changes.items()}
    assert len(ids) == 4 and cell(Variant(method="tsm")).cell_id not in ids
    default = {"recipe.lr": get("tsm").recipe.lr}
    assert cell(Variant(method="tsm", changes=default)).cell_id == cell(Variant(method="tsm")).cell_id
    described = get("tsm").describe({**changes, "dropout": 0.1})
    assert get("tsm").changes_in(described) == {**changes, "dropout": 0.1}
    where = {"classes": Classes(count=9, text="smg"), "root": Path("r"), "work_dir": Path("w")}
    config = build_config(get("tsm"), changes, PROTOCOL, 0, **where)
    optimizer = config["optim_wrapper"]["optimizer"]
    assert (optimizer["lr"], optimizer["weight_decay"]) == (0.5, 0.0)
    assert config["optim_wrapper"]["clip_grad"]["max_norm"] == 3.0
    assert config["param_scheduler"][0]["end"] == 0.2 * PROTOCOL.epochs


@pytest.mark.parametrize(
    ("method", "changes", "error"),
    [
        ("tsm", {"recipe.lr": "1e-3"}, r"recipe.lr is '1e-3', expected more than 0"),
        ("tsm", {"recipe.lr": 0}, r"recipe.lr is 0, expected more than 0"),
        ("tsm", {"recipe.warmup": 1}, r"recipe.warmup is 1, expected 0 or more, and less than 1"),
        ("tsm", {"recipe.rate": 1.0}, r"tsm has no setting 'recipe.rate'; did you mean recipe"),
        ("zero_shot_names", {"recipe.lr": 1.0}, r"zero_shot_names has no setting 'recipe.lr'"),
    ],
)
def test_a_recipe_that_no_training_can_have_is_refused(method: str, changes: dict, error: str) -> None:
    with pytest.raises(UserError, match=error):
        cell(Variant(method=method, changes=changes)).cell_id  # noqa: B018 (it is computed)


def test_a_sealed_protocol_scores_the_validation_split_and_is_another_protocol() -> None:
    sealed = dataclasses.replace(PROTOCOL, evaluation=SEALED)
    assert (PROTOCOL.scored_split, sealed.scored_split) == ("test", "val")
    assert sealed.hash() != PROTOCOL.hash() and cell(protocol=sealed).cell_id != cell().cell_id
    where = {"classes": Classes(count=9, text="smg"), "root": Path("r"), "work_dir": Path("w")}
    config = build_config(get("tsm"), {}, sealed, 0, **where)
    splits = {name: config[f"{name}_dataloader"]["dataset"]["split"] for name in ("train", "val", "test")}
    assert splits == {"train": "train", "val": "val", "test": "val"}
    with pytest.raises(UserError, match="evaluation is 'the test split'"):
        dataclasses.replace(PROTOCOL, evaluation="the test split")


def test_floors_and_ceilings_come_once_and_then_whole_pairs() -> None:
    wanted = cells((Variant(method="fgsgl"), variant(["fgsa"])), PROTOCOL, 3, "f", "smg")
    names = [(item.variant.method, item.variant.name, item.seed) for item in wanted]
    bounds = [name for name, method in scan().items() if method.kind != "method"]
    assert names[: len(bounds)] == [(name, "full", 0) for name in bounds]
    assert names[len(bounds) :] == [("fgsgl", name, seed) for seed in range(3) for name in ("full", "w/o fgsa")]


def test_asking_for_a_floor_by_name_gives_it_once() -> None:
    wanted = cells((Variant(method="majority"),), PROTOCOL, 2, "f", "smg")
    assert sorted(item.seed for item in wanted if item.variant.method == "majority") == [0]


def record_of(item: Cell, train_s: float) -> Done:
    return made.done(item, times_s={"train": train_s, "total": train_s + 10})


def test_the_estimate_scales_the_training_and_not_the_rest(tmp_path: Path) -> None:
    done = cell(protocol=dataclasses.replace(PROTOCOL, epochs=2))
    record_of(done, train_s=20.0).write(tmp_path / "ledger")
    longer = cell(protocol=dataclasses.replace(PROTOCOL, epochs=6), seed=5)
    other = cell(Variant(method="tsn"), protocol=dataclasses.replace(PROTOCOL, epochs=6))
    planned = plan([done, longer, other], Ledger(tmp_path / "ledger"))
    assert [item.done for item in planned] == [True, False, False]
    assert planned[1].expected_s == pytest.approx(10 + 60)
    assert planned[2].expected_s is None


def test_the_estimate_goes_by_the_same_variant_and_by_older_records(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    for one, train_s in ((Variant(method="fgsgl"), 20.0), (variant(["lora"]), 10.0)):
        path = record_of(cell(one), train_s=train_s).write(ledger)
        early = json.loads(path.read_text())
        for name in ("size", "views", "patience"):
            del early["protocol"][name]
        path.write_text(json.dumps(early))
    wanted = [cell(one, seed=5) for one in (variant(["lora"]), variant(["fgsa"]))]
    assert [item.expected_s for item in plan(wanted, Ledger(ledger))] == [pytest.approx(20), pytest.approx(25)]
    views = cell(protocol=dataclasses.replace(PROTOCOL, views=2))
    assert plan([views], Ledger(ledger))[0].expected_s is None


def test_whole_pairs_run_first_and_of_a_pair_the_longest_cell(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    rows = [variant(["fgsa"]), Variant(method="tsn"), Variant(method="tsm")]
    for one, train_s in zip(rows, (20.0, 40.0), strict=False):
        record_of(cell(one, seed=9), train_s=train_s).write(ledger)
    wanted = [cell(one, seed=seed) for seed in (0, 1) for one in rows]
    order = [(item.seed, item.variant.method) for item in undone(plan([*wanted, *wanted], Ledger(ledger)))]
    assert order == [(seed, name) for seed in (0, 1) for name in ("tsm", "tsn", "fgsgl")]


def test_a_cell_planned_with_other_settings_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for seeds in (1, 2):
        wanted = cells((Variant(method="fgsgl"),), PROTOCOL, seeds, "f", "smg")
        add_to_plan(tmp_path, [one.planned() for one in wanted])
    add_to_plan(tmp_path, [cell(fingerprint="new").planned()])
    rows = json.loads((tmp_path / "plan.json").read_text())["cells"]
    mine = [row for row in rows if row["method"] == "fgsgl"]
    assert [row["seed"] for row in mine] == [0, 1]
    assert mine[0]["cell_id"] == cell(fingerprint="new").cell_id


@pytest.mark.parametrize("name", [name for name, method in scan().items() if method.model])
def test_one_knob_each_reaches_the_config(name: str) -> None:
    protocol = dataclasses.replace(PROTOCOL, num_frames=12, image_size=96, epochs=3, batch_size=7)
    config = build_config(
        get(name), {}, protocol, 1, classes=Classes(count=9, text="smg"), root=Path("r"), work_dir=Path("w")
    )
    text = json.dumps(config["model"])
    assert '"num_classes": 9' in text
    trained = get(name).recipe is not None
    for split in ("train", "val", "test") if trained else ("val", "test"):
        loader = config[f"{split}_dataloader"]
        assert loader["batch_size"] == 7
        assert (loader["dataset"]["num_frames"], loader["dataset"]["image_size"]) == (12, 96)
    assert config["randomness"]["seed"] == 1
    if trained:
        assert config["train_cfg"]["max_epochs"] == config["param_scheduler"][-1]["end"] == 3
    else:
        training = ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler")
        assert [config[part] for part in training] == [None] * 4


def test_a_record_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    path = record_of(cell(), 1.0).write(tmp_path)
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 99'))
    with pytest.raises(UserError, match=f"{path.name} has schema version 99, expected 1"):
        Ledger(tmp_path).records()
