"""The training budget: epochs of equal compute, one number for everything that asks how long a cell trains."""

import dataclasses
import io
from pathlib import Path

import made
import pytest
from msgspec import structs
from rich.console import Console

from fgsgl.ablations.factors import variant
from fgsgl.cli import method_counts
from fgsgl.data import datasets
from fgsgl.methods import budget
from fgsgl.methods.budget import MOST_TIMES, budget_epochs, epochs_of
from fgsgl.methods.cell import Cell, Variant, id_is_its_own
from fgsgl.methods.costs import TRAINED, Costs, NetworkSetting, costs
from fgsgl.methods.method import Classes, Method
from fgsgl.methods.registry import get, scan
from fgsgl.prediction.choice import chosen_cell
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile, add_to_plan
from fgsgl.records.protocol import default_protocol
from fgsgl.running.plan_view import show_plan
from fgsgl.running.planning import plan
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

EPOCHS = default_protocol("synmg", "quick", epochs=8)
COMPUTE = dataclasses.replace(EPOCHS, budget="compute")


def trained() -> list[Method]:
    return [method for method in scan().values() if method.recipe is not None]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, NetworkSetting], Costs]:
    """Counts that a test may change."""
    counts = dict(costs())
    monkeypatch.setattr(budget, "costs", lambda: counts)
    return counts


def test_equal_compute_gives_each_method_the_operations_of_fgsgl(counted) -> None:
    gflops = {"fgsgl": 2.0, "tsm": 4.5, "tsn": 0.001, "i3d": 1000.0, "stgcn": 0.6}
    counted |= {(name, NetworkSetting.of(COMPUTE)): Costs(train_gflops=value) for name, value in gflops.items()}
    found = {name: epochs_of(get(name), COMPUTE) for name in ("fgsgl", "tsm", "stgcn", "tsn", "i3d")}
    assert found == {"fgsgl": 8, "tsm": 4, "stgcn": 27, "tsn": 8 * MOST_TIMES, "i3d": 1}
    assert all(epochs_of(get(name), EPOCHS) == 8 for name in found)


def test_what_is_not_trained_and_plain_epochs_have_no_budget() -> None:
    assert [budget_epochs(get(name), COMPUTE) for name in ("majority", "zero_shot_names")] == [None, None]
    assert budget_epochs(get("tsm"), EPOCHS) is None


def test_variants_of_fgsgl_train_as_long_as_it_does() -> None:
    assert made.a_cell(protocol=COMPUTE, variant=variant(["fgsa", "lora"])).epochs == 8


def test_a_setting_or_a_method_without_a_count_is_refused(counted) -> None:
    other = dataclasses.replace(COMPUTE, num_frames=12, image_size=96)
    with pytest.raises(
        UserError, match="none for size quick, synmg-tiny, 12 frames of 96 px; expected one of: size qu"
    ):
        epochs_of(get("tsm"), other)
    assert epochs_of(get("tsm"), dataclasses.replace(other, budget="epochs")) == 8
    del counted["tsm", NetworkSetting.of(COMPUTE)]
    with pytest.raises(UserError, match="the cost of training tsm, which was never counted; count it by `fgsgl meth"):
        epochs_of(get("tsm"), COMPUTE)


def test_every_method_that_is_trained_is_counted_for_every_preset() -> None:
    found = {key for key, count in costs().items() if count.train_gflops is not None}
    assert found == {(method.name, setting) for method in trained() for setting in TRAINED}
    for dataset in ("synmg", "smg", "imigue", "ma52", "csv"):
        for preset in datasets.get(dataset).presets:
            assert NetworkSetting.of(default_protocol(dataset, preset)) in TRAINED, (dataset, preset)


@pytest.mark.parametrize("name", ["fgsgl", "linear_probe", "tsm", "stgcnpp", "x3d_s"])
def test_the_counts_are_those_of_the_networks(name: str) -> None:
    setting = TRAINED[0]
    assert method_counts.count(get(name), setting) == pytest.approx(costs()[name, setting], rel=1e-3)


def test_the_number_of_epochs_reaches_config_plan_record_and_checkpoint(tmp_path: Path) -> None:
    cell = made.a_cell("stgcnpp", protocol=COMPUTE)
    assert cell.epochs > 8
    where = {"classes": Classes(count=9, text="smg"), "root": Path("r"), "work_dir": Path("w")}
    config = build_config(cell.method, {}, COMPUTE, 0, **where)
    assert config["train_cfg"]["max_epochs"] == config["param_scheduler"][-1]["end"] == cell.epochs
    add_to_plan(tmp_path, [cell.planned()])
    (planned,) = PlanFile.read(tmp_path).cells
    assert planned == cell.planned() and planned.epochs == cell.epochs
    record = made.done(cell, budget_epochs=cell.epochs)
    record.write(tmp_path / "ledger")
    assert chosen_cell(tmp_path, cell.cell_id).epochs == cell.epochs
    console = Console(file=io.StringIO(), width=120)
    show_plan(plan([cell, made.a_cell("majority", protocol=COMPUTE)], Ledger(tmp_path / "ledger")), 1, console)
    shown = {line.split()[0]: line.split() for line in console.file.getvalue().splitlines() if line.split()}
    assert shown["row"][:3] == ["row", "seeds", "epochs"]
    assert shown["ST-GCN++"] == ["ST-GCN++", "0", str(cell.epochs), "1", "done"]
    assert shown["Majority"] == ["Majority", "class", "0", "1", "to", "do", "no", "record"]


def test_a_budget_that_the_protocol_does_not_have_is_refused_in_a_plan(tmp_path: Path) -> None:
    add_to_plan(tmp_path, [made.a_cell("tsm", protocol=COMPUTE).planned()])
    plain = made.a_cell("tsm", protocol=EPOCHS)
    text = (tmp_path / "plan.json").read_text().replace('"budget": "compute"', '"budget": "epochs"')
    (tmp_path / "plan.json").write_text(text.replace(COMPUTE.hash(), plain.protocol.hash()))
    with pytest.raises(UserError, match=r"budget_epochs is .*, but the protocol's budget is its epochs"):
        PlanFile.read(tmp_path)


def test_the_id_goes_with_the_epochs_and_other_ids_stay(counted) -> None:
    """A corrected count is another training, whose records must not stand for the old one."""

    def cell(protocol=COMPUTE) -> Cell:
        return made.a_cell("tsm", protocol=protocol)

    before, plain = cell(), cell(EPOCHS)
    record = made.done(before, budget_epochs=before.epochs, text="none")
    assert id_is_its_own(record) is True
    forged = structs.replace(record, budget_epochs=before.epochs + 1)
    assert id_is_its_own(forged) is False and id_is_its_own(structs.replace(record, budget_epochs=None)) is False
    assert id_is_its_own(structs.replace(made.done(plain, text="none"), budget_epochs=3)) is False
    epochs, cell_id = before.epochs, before.cell_id
    costs_of_tsm = counted["tsm", NetworkSetting.of(COMPUTE)].train_gflops
    assert costs_of_tsm is not None
    counted["tsm", NetworkSetting.of(COMPUTE)] = Costs(train_gflops=costs_of_tsm / 3)
    assert cell().epochs > epochs and cell().cell_id != cell_id
    assert cell(EPOCHS).cell_id == plain.cell_id
    assert "epochs" not in Variant(method="tsm").identity(EPOCHS, "smg")


def test_expected_time_follows_the_epochs_of_either_budget(tmp_path: Path) -> None:
    made.done(made.a_cell("stgcnpp", protocol=EPOCHS), times_s={"train": 80.0, "total": 90.0}).write(tmp_path)
    longer = made.a_cell("stgcnpp", protocol=COMPUTE)
    (item,) = plan([longer], Ledger(tmp_path))
    assert item.expected_s == pytest.approx(10 + 10 * longer.epochs)
    again = made.a_cell("stgcnpp", protocol=dataclasses.replace(COMPUTE, epochs=16), seed=1)
    times_s = {"train": 1000.0, "total": 1010.0}
    made.done(longer, budget_epochs=longer.epochs, times_s=times_s).write(tmp_path / "compute")
    (item,) = plan([again], Ledger(tmp_path / "compute"))
    assert item.expected_s == pytest.approx(10 + 1000 * again.epochs / longer.epochs)
