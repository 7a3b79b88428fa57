"""MMAction2 takes FG-SGL as its own: its tools train, resume and test the shipped config; its API scores an MP4."""

import re
import subprocess
import sys
from pathlib import Path

import mmaction
import pytest

from fgsgl.data.clip_table import read_clips
from fgsgl.records.ledger import Ledger
from fgsgl.text.fgtext import load

TOOLS = Path(mmaction.__file__).parent / ".mim" / "tools"
CONFIG = Path(__file__).resolve().parents[1] / "fgsgl" / "configs" / "fgsgl_synmg_quick.py"
INFER = """
from mmaction.apis import inference_recognizer, init_recognizer
model = init_recognizer({config!r}, {checkpoint!r}, device="cpu")
result = inference_recognizer(model, {video!r})
print("SCORE", float(result.pred_score.sum()), int(result.pred_label), len(result.pred_score))
print("BETA", float(model.beta))
print("NAMED", model.cfg.dataset_meta["classes"][int(result.pred_label)])
"""


def run(*words: str | Path, cwd: Path) -> str:
    answer = subprocess.run([sys.executable, "-W", "ignore", *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    return answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def trained(smoke: Path, shared) -> tuple[Path, list[str], str]:
    """A folder with one trained epoch, the options that point the config at the small data, and what was printed."""
    options = ["--cfg-options"]
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        options += [f"{loader}.dataset.root={smoke}", f"{loader}.dataset.preset=smoke"]
    options += ["train_cfg.max_epochs=1", "param_scheduler=None"]

    def make(folder: Path) -> None:
        folder.mkdir()
        said = run(TOOLS / "train.py", CONFIG, "--work-dir", folder, *options, cwd=folder)
        (folder / "said.txt").write_text(said)

    folder = shared("tools", make)
    return folder, options, (folder / "said.txt").read_text()


@pytest.mark.slow
def test_train_resume_and_test(trained: tuple[Path, list[str], str]) -> None:
    folder, options, said = trained
    assert (folder / "epoch_1.pth").stat().st_size < 12 * 2**20
    assert "acc/top1" in said
    longer = [option.replace("max_epochs=1", "max_epochs=2") for option in options]
    said = run(TOOLS / "train.py", CONFIG, "--work-dir", folder, "--resume", *longer, cwd=folder)
    assert "resumed epoch: 1" in said and (folder / "epoch_2.pth").exists()
    said = run(TOOLS / "test.py", CONFIG, folder / "epoch_2.pth", "--work-dir", folder / "test", *longer, cwd=folder)
    top1 = float(re.search(r"Epoch\(test\).*acc/top1: ([0-9.]+)", said).group(1))
    assert 0 <= top1 <= 1


def test_inference_on_a_video_file(board: Path, smoke: Path, tmp_path: Path) -> None:
    (record,) = (one for one in Ledger(board / "ledger").done().values() if one.method == "fgsgl")
    checkpoint = board / "work" / record.cell_id / "epoch_2.pth"
    clip = next(clip for clip in read_clips(smoke / "clips.csv") if clip.split == "test")
    code = INFER.format(config=str(CONFIG), checkpoint=str(checkpoint), video=str(smoke / clip.video))
    said = run("-c", code, cwd=tmp_path)
    total, label, count = re.search(r"SCORE ([0-9.]+) (\d+) (\d+)", said).groups()
    assert float(total) == pytest.approx(1, abs=1e-4)
    assert 0 <= int(label) < int(count) == 26
    assert f"NAMED {load('synmg').class_names[int(label)]}" in said
    assert float(re.search(r"BETA ([0-9.]+)", said).group(1)) != 1.0  # the calibration is in the checkpoint
