"""The cures of the stack: each one does what it says, in a process of its own."""

import subprocess
import sys

from fgsgl.util.compat import BREAKAGES

PROOF = """
from fgsgl.util import compat
applied = compat.apply()
assert compat.apply() == applied
import io, numpy, torch
import mmaction.models
from mmaction.models.heads import TSNHead
from mmaction.structures import ActionDataSample
from mmengine.logging import HistoryBuffer
assert numpy.Inf == numpy.inf
history = HistoryBuffer()
history.update(1.0)
history.update(3.0)
file = io.BytesIO()
torch.save({"history": history}, file)
file.seek(0)
assert torch.load(file, weights_only=True)["history"].mean() == 2.0
sample = ActionDataSample()
sample.set_gt_label(1)
loss = TSNHead(num_classes=3, in_channels=4).loss_by_feat(torch.zeros(1, 3, dtype=torch.bfloat16), [sample])
assert loss["loss_cls"].dtype == torch.float32
"""


def test_everything_imports_and_resumes_on_this_stack() -> None:
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", PROOF], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_each_breakage_has_a_symptom() -> None:
    assert len({breakage.name for breakage in BREAKAGES}) == len(BREAKAGES)
    assert all(len(breakage.symptom) > 20 for breakage in BREAKAGES)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path) -> None:
    attack = f"""
from fgsgl.util import compat
compat.apply()
import os, torch
from mmengine.runner import load_checkpoint
class Attack:
    def __reduce__(self):
        return (os.system, ("touch {tmp_path}/owned",))
torch.save({{"state_dict": Attack()}}, "{tmp_path}/a.pth")
try:
    load_checkpoint(torch.nn.Linear(1, 1), "{tmp_path}/a.pth")
except Exception as error:
    print(type(error).__name__)
"""
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", attack], capture_output=True, text=True)
    assert "UserError" in answer.stdout, answer.stderr
    assert not (tmp_path / "owned").exists()
