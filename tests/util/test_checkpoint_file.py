"""Checkpoints as an attacker, a power loss or another cell leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from fgsgl.util.checkpoint_file import damage, read_checkpoint, unfit, write_checkpoint
from fgsgl.util.errors import UserError

OWNED = """
import sys
from pathlib import Path
import torch
import fgsgl.mmaction
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import DataLoader

class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(2, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return {"loss": self.line(inputs).mean()}

def runner(epochs, resume):
    pairs = DataLoader([torch.ones(2)] * 4, collate_fn=lambda batch: {"inputs": torch.stack(batch)})
    return Runner(
        model=Line(), work_dir="work", train_dataloader=pairs, train_cfg={"by_epoch": True, "max_epochs": epochs},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}}, default_scope="mmaction", log_level="ERROR",
        experiment_name=str(epochs), resume=resume,
        default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 1, "max_keep_ckpts": 2}},
    )

runner(2, False).train()
path = Path("work/epoch_2.pth")
content = torch.load(path, weights_only=True)
victim = Path("precious")
victim.write_text("mine")
code = "__import__('pathlib').Path('owned').touch()"
content["meta"] |= {"config": code, "cfg": code}
content["message_hub"]["runtime_info"] |= {"cfg": code, "best_ckpt": str(victim.resolve()), "best_score": 0.0}
torch.save(content, path)
resumed = runner(3, True)
resumed.train()
print(resumed.epoch, victim.exists(), Path("owned").exists(), resumed.message_hub.get_info("best_ckpt"))

class Attack:
    def __reduce__(self):
        return Path("owned").touch, ()

torch.save({**content, "state_dict": Attack()}, path)
for load in (lambda: resumed.load_checkpoint(str(path)), lambda: resumed.resume(str(path))):
    try:
        load()
    except Exception as error:
        print(type(error).__name__, error)
print(Path("owned").exists())
"""


def saved(path: Path, **changes: Any) -> Path:
    """A checkpoint as a training writes it."""
    content = {
        "meta": {"epoch": 2, "iter": 8}, "state_dict": {"weight": torch.ones(40_000)}, "optimizer": {},
        "param_schedulers": [], "message_hub": {"log_scalars": {}, "runtime_info": {}, "resumed_keys": {}},
        "cell_id": "a" * 16,
    }  # fmt: skip
    write_checkpoint(path, {**content, **changes})
    return path


@pytest.mark.parametrize("allowing", [pytest.param("0", marks=pytest.mark.slow), "1"])
def test_neither_resuming_nor_loading_runs_what_a_checkpoint_holds(tmp_path: Path, allowing: str) -> None:
    """Its config text, its pickle, and the path of the "best" checkpoint, which MMEngine removes."""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OWNED], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": allowing},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    resumed, first, second, owned = (line for line in answer.stdout.splitlines() if not line.startswith("Loads"))
    assert resumed == f"3 True False {tmp_path}/work/precious"
    assert owned == "False"
    for refused in (first, second):
        assert refused.startswith(
            "UserError the checkpoint work/epoch_2.pth cannot be read as tensors and plain values"
        )


def damaged(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    if how == "zeroed":
        content[middle : middle + 2**16] = bytes(2**16)
    elif how == "one bit":
        content[middle] ^= 1
    elif how == "header":
        content[:64] = bytes(64)
    elif how == "cut":
        del content[middle:]
    elif how == "zeros":
        content[:] = bytes(len(content))
    else:
        content.clear()
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["zeroed", "one bit", "header", "cut", "zeros", "empty"])
def test_damage_is_found_before_a_checkpoint_is_used(tmp_path: Path, how: str) -> None:
    path = saved(tmp_path / "epoch_2.pth")
    assert damage(path) == unfit(path, "a" * 16) == ""
    damaged(path, how)
    assert damage(path)
    assert unfit(path, "a" * 16) == damage(path)
    with pytest.raises(UserError, match=r"the checkpoint .*epoch_2.pth (is damaged|cannot be read)") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_compressed_checkpoint_is_not_unpacked(tmp_path: Path) -> None:
    path = saved(tmp_path / "epoch_2.pth")
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content + bytes(10**8 * name.endswith("/0")))
    assert "its directory" in damage(path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cell_id": "b" * 16}, "of the cell 'bbbbbbbbbbbbbbbb'"),
        ({"meta": {"epoch": 3, "iter": 8}}, "of epoch '3'"),
        ({"meta": {"epoch": 2, "iter": "8"}}, "of epoch"),
        ({"meta": None}, "of epoch 'None'"),
        ({"message_hub": [1]}, "cannot be read"),
    ],
    ids=str,
)
def test_a_training_goes_on_from_no_other_checkpoint_than_its_own(tmp_path: Path, changes: dict, told: str) -> None:
    assert told in unfit(saved(tmp_path / "epoch_2.pth", **changes), "a" * 16)


def test_weights_alone_are_nothing_to_go_on_from(tmp_path: Path) -> None:
    path = tmp_path / "epoch_2.pth"
    write_checkpoint(path, {"meta": {"epoch": 2, "iter": 8}, "state_dict": {}})
    assert unfit(path, "a" * 16) == "it lacks optimizer, param_schedulers, message_hub"


def test_text_of_a_hostile_file_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "epoch_2.pth"
    path.write_bytes(b"\x80\x02cposix\n\x1b[2Jsystem\n.")
    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    assert str(caught.value).isprintable()
