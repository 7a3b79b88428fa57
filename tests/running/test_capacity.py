"""Room: on the disk, and on the GPUs."""

from __future__ import annotations

import math
from pathlib import Path

import made
import pytest
import torch

from fgsgl.methods.cell import Cell, Variant
from fgsgl.records.protocol import default_protocol
from fgsgl.records.record import Done, Hardware
from fgsgl.running import capacity
from fgsgl.running.execution import Limits
from fgsgl.training.work_folder import tidy
from fgsgl.util.errors import UserError


def cell(method: str, size: str = "standard") -> Cell:
    protocol = default_protocol("synmg", size=size)
    return Cell(variant=Variant(method=method), protocol=protocol, seed=0, fingerprint="f", text="smg")


def test_a_cell_needs_three_checkpoints_and_leaves_its_weights() -> None:
    probe, floor, large = cell("linear_probe"), cell("majority"), cell("actionclip")
    assert capacity.running_mib(floor) == capacity.kept_mib(floor, "last") == capacity.LOGS_MIB
    weights = capacity.kept_mib(large, "best") - capacity.LOGS_MIB
    assert weights == pytest.approx(4 * 168.54e6 / 2**20)
    assert capacity.running_mib(large) == pytest.approx(9 * weights + capacity.LOGS_MIB)
    assert capacity.kept_mib(large, "none") == capacity.LOGS_MIB
    assert capacity.running_mib(probe) < capacity.running_mib(large) / 50, "only what is trained is stored"
    for jobs, running in ((1, 1), (2, 2), (9, 3)):
        need = capacity.needed_mib([large] * 3, jobs, "last")
        assert need == pytest.approx(3 * capacity.kept_mib(large, "last") + running * 8 * weights)


def test_the_disk_is_that_of_the_nearest_folder(tmp_path: Path) -> None:
    assert capacity.free_mib(tmp_path / "not" / "yet") == pytest.approx(capacity.free_mib(tmp_path), rel=0.01)


def test_running_cells_room_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = cell("actionclip")
    monkeypatch.setattr(capacity, "free_mib", lambda folder: 1.5 * capacity.running_mib(large) + capacity.RESERVE_MIB)
    capacity.room_for(large, [], tmp_path)
    with pytest.raises(UserError, match=r"expected \d+ MiB for the next cell and a reserve of 512 MiB"):
        capacity.room_for(large, [large], tmp_path)


@pytest.mark.parametrize(
    ("keep", "left"), [("last", {"epoch_2.pth"}), ("best", {"best_acc_top1_epoch_1.pth"}), ("none", set())]
)
def test_what_stays_of_checkpoints_is_weights_alone(tmp_path: Path, keep: str, left: set[str]) -> None:
    weights = {"layer": torch.arange(3.0)}
    for name in ("epoch_1.pth", "epoch_2.pth", "best_acc_top1_epoch_1.pth"):
        state = {"optimizer": {"state": torch.zeros(1000)}, "message_hub": {}, "param_schedulers": []}
        torch.save({"meta": {"epoch": 2}, "state_dict": weights, **state}, tmp_path / name)
    (tmp_path / "last_checkpoint").write_text("elsewhere/when/it/was/written/epoch_2.pth")
    tidy(tmp_path, keep)
    assert {path.name for path in tmp_path.iterdir()} == left
    for name in left:
        kept = torch.load(tmp_path / name, weights_only=True)
        assert set(kept) == {"meta", "state_dict"}
        assert torch.equal(kept["state_dict"]["layer"], weights["layer"])


@pytest.mark.parametrize(
    "limits", [{"max_hours": 0}, {"max_hours": math.nan}, {"cell_timeout_min": -1}, {"retries": -1}]
)
def test_a_limit_that_allows_nothing_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(UserError, match="expected"):
        Limits(**limits)


def test_the_visible_gpus(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert capacity.visible_gpus({}, tmp_path) == ("0", "1"), "CUDA counts those that are there"
    assert capacity.visible_gpus({"CUDA_VISIBLE_DEVICES": "2, GPU-ab"}, tmp_path) == ("2", "GPU-ab")
    assert capacity.visible_gpus({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == ()
    assert capacity.visible_gpus({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path) == ()


def test_slots_take_turns_on_the_gpus() -> None:
    assert [capacity.gpus_of_slot(slot, "012", 1) for slot in range(5)] == [["0"], ["1"], ["2"], ["0"], ["1"]]
    assert [capacity.gpus_of_slot(slot, "0123", 2) for slot in range(3)] == [["0", "1"], ["2", "3"], ["0", "1"]]
    assert capacity.gpus_of_slot(0, "5", 2) == ["5"]


def took(method: str, mib: float, gpu: str | None = "H100", **changes: int) -> Done:
    protocol = default_protocol("synmg", size="standard", **changes)
    hardware = Hardware(device="cuda" if gpu else "cpu", gpu=gpu)
    return made.done(made.a_cell(method, protocol=protocol), hardware=hardware, peak_memory_mib=mib)


def test_peaks_are_those_of_cells_of_the_same_size() -> None:
    records = [
        took("tsm", 900), took("tsm", 1000, epochs=3), took("tsm", 5000, batch_size=64), took("tsm", 7000, gpu=None),
        took("fgsgl", 8000),
    ]  # fmt: skip
    assert capacity.peaks_mib([cell("tsm")], records) == {"tsm": 1000}
    assert capacity.peaks_mib([cell("tsm", "quick")], records) == {}


def test_cells_that_do_not_fit_together_on_a_gpu_are_refused() -> None:
    peaks = {"tsm": 1000.0, "fgsgl": 9400.0}
    for jobs, n_gpus in ((1, 1), (2, 1), (4, 2)):
        capacity.refuse_crowding(jobs, 1, n_gpus, peaks, 24000)
    capacity.refuse_crowding(9, 1, 1, {}, 24000)
    said = (
        "--jobs 5 puts 3 cells on a GPU of 24000 MiB, but a cell of fgsgl takes 10000 MiB by its records; use --jobs 4"
    )
    with pytest.raises(UserError, match=said):
        capacity.refuse_crowding(5, 1, 2, peaks, 24000)
    with pytest.raises(UserError, match="use --jobs 1 or fewer"):
        capacity.refuse_crowding(2, 2, 2, peaks, 12000)
