"""The benchmarks run from end to end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(command: list[str | Path]) -> str:
    """What a benchmark prints, after it ended well."""
    answer = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.slow
def test_synmg_time_measures_every_phase(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/synmg_time.py", "--preset", "smoke", "--methods", "tsm", "--out", tmp_path]
    printed = run(command)
    rows = json.loads((tmp_path / "synmg-smoke.json").read_text(encoding="utf-8"))["rows"]
    measured = {row["what"] for row in rows if row["median"] > 0}
    assert {"rendering, 1 process", "filling the frame cache", "TSM: an epoch of training", "TSM: train"} <= measured
    assert all(row["min"] <= row["median"] <= row["max"] for row in rows)
    assert (tmp_path / "synmg-smoke.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_synmg_oracles_measure_frames_and_clips(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/synmg_oracles.py", "--preset", "smoke", "--frames", "8", "--seeds", "2"]
    printed = run([*command, "--epochs", "2", "--out", tmp_path])
    rows = json.loads((tmp_path / "synmg-oracles-smoke.json").read_text(encoding="utf-8"))["rows"]
    told = {row["what"]: row["top1"] for row in rows if row["what"].startswith("told")}
    assert told["told all four attributes"] > told["told part, onset and outcome"] + 0.1
    motion = [row["n_train"] for row in rows if row["what"].startswith("motion")]
    assert len(motion) == 10 and min(motion) < 74 < max(motion)
    assert (tmp_path / "synmg-oracles-smoke.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_training_is_compared_with_a_commit(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/train_throughput.py", "--against", "HEAD", "--preset", "smoke"]
    command += ["--methods", "tsm", "--steps", "2", "--repeats", "1", "--out", tmp_path]
    printed = run(command)
    ((before, now),) = json.loads((tmp_path / "against.json").read_text(encoding="utf-8"))["rows"]["tsm"]
    assert len(before["losses"]) == 5 and before["losses"] == now["losses"]
    assert before["clips_per_s"] > 0 and now["clips_per_s"] > 0
    assert (tmp_path / "against.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_scaling_measures_four_sizes_of_each(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/scaling.py", "--methods", "tsm", "--steps", "1", "--out", tmp_path]
    printed = run(command)
    rows = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))["rows"]
    assert [row["what"] for row in rows] == ["clips"] * 4 + ["frames"] * 4 + ["pixels"] * 4
    assert min(row["step_s"] for row in rows) > 0 and min(row["memory_mib"] for row in rows) > 100
    assert (tmp_path / "scaling.md").read_text(encoding="utf-8") == printed
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_decode_time_compares_the_same_frames(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/decode_time.py", "--frames", "300", "--repeats", "2", "--out", tmp_path]
    printed = run(command)
    result = json.loads((tmp_path / "decode.json").read_text(encoding="utf-8"))
    assert result["clips"] == 5 and len(result["ratio"]) == 2 and min(result["ratio"]) > 0
    assert (tmp_path / "decode.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_index_time_measures_every_row(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/index_time.py", "--clips", "400", "--repeats", "2", "--out", tmp_path]
    printed = run(command)
    seconds = json.loads((tmp_path / "index.json").read_text(encoding="utf-8"))["seconds"]
    assert len(seconds) == 4 and all(len(pairs) == 2 and min(map(min, pairs)) > 0 for pairs in seconds.values())
    assert (tmp_path / "index.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_report_time_measures_every_size(tmp_path: Path) -> None:
    command = [
        sys.executable, "benchmarks/report_time.py", "--records", "40", "80", "--repeats", "2", "--out", tmp_path,
    ]  # fmt: skip
    printed = run(command)
    seconds = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["seconds"]
    assert len(seconds) == 5 and all(set(by_size) == {"40", "80"} for by_size in seconds.values())
    assert all(len(pairs) == 2 and min(map(min, pairs)) > 0 for of in seconds.values() for pairs in of.values())
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_finished_cells_on_vit_b16_keep_less_than_ten_megabytes(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/checkpoint_size.py", "--out", tmp_path]
    printed = run(command)
    rows = json.loads((tmp_path / "checkpoints-ViT-B-16.json").read_text(encoding="utf-8"))["rows"]
    sizes = {row["method"]: row for row in rows}
    assert {name for name, row in sizes.items() if row["weights_mb"] < 10} >= {"fgsgl", "linear_probe", "vificlip_lora"}
    assert all(row["weights_mb"] < row["running_mb"] and row["whole_mb"] > 300 for row in rows)
    assert (tmp_path / "checkpoints-ViT-B-16.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_harness_time_divides_a_cell_into_phases(tmp_path: Path) -> None:
    command = [
        sys.executable, "benchmarks/harness_time.py", "--cells", "40", "--methods", "tsm", "--repeats", "2",
        "--out", tmp_path,
    ]  # fmt: skip
    printed = run(command)
    result = json.loads((tmp_path / "harness.json").read_text(encoding="utf-8"))
    for spent in (*result["imports"].values(), *result["command"].values()):
        assert len(spent) == 2 and min(map(min, spent)) > 0
    for phases in result["phases"]["tsm"]:
        total_s = phases.pop("total")
        assert sum(phases.values()) == pytest.approx(total_s) and 0 < phases["train"] < total_s
    assert (tmp_path / "harness.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_train_throughput_compares_three_ways(tmp_path: Path) -> None:
    command = [
        sys.executable, "benchmarks/train_throughput.py", "--preset", "smoke", "--methods", "tsm", "--steps", "2",
        "--repeats", "1", "--workers", "0", "--out", tmp_path,
    ]  # fmt: skip
    printed = run(command)
    (row,) = json.loads((tmp_path / "train.json").read_text(encoding="utf-8"))["rows"]
    assert min(row[way] for way in ("harness", "stock", "bare")) > 0
    assert (tmp_path / "train.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_fgsgl_overhead_compares_the_variants(tmp_path: Path) -> None:
    command = [
        sys.executable, "benchmarks/fgsgl_overhead.py", "--steps", "2", "--batch-size", "2", "--image-size", "32",
        "--num-frames", "2", "--out", tmp_path,
    ]  # fmt: skip
    printed = run(command)
    result = json.loads((tmp_path / "overhead-synmg-tiny.json").read_text(encoding="utf-8"))
    assert len(result["train_s"]) == 3 and all(len(times) == 2 for times in result["test_s"].values())
    assert (tmp_path / "overhead-synmg-tiny.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_predict_time_measures_every_row(tmp_path: Path) -> None:
    command = [
        sys.executable, "benchmarks/predict_time.py", "--preset", "smoke", "--videos", "2", "--minutes", "0.1",
        "--repeats", "1", "--device", "cpu", "--out", tmp_path,
    ]  # fmt: skip
    printed = run(command)
    result = json.loads((tmp_path / "predict.json").read_text(encoding="utf-8"))
    assert len(result["rates"]) == 3 and all(min(rates) > 0 for rates in result["rates"].values())
    assert (tmp_path / "predict.md").read_text(encoding="utf-8") == printed


@pytest.mark.slow
def test_gpu_measures_every_batch_size_and_phase(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "benchmarks/gpu.py",
        "--device",
        "cpu",
        "--backbone",
        "synmg-tiny",
        "--image-size",
        "112",
    ]
    printed = run([*command, "--batch-sizes", "2", "4", "--steps", "2", "--out", tmp_path])
    result = json.loads((tmp_path / "gpu-synmg-tiny.json").read_text(encoding="utf-8"))
    assert [row["batch_size"] for row in result["rows"]] == [2, 4] and result["matrix_tflops"] > 0
    for row in result["rows"]:
        assert row["clips_per_s"] > 0 and 0 < row["mfu"] < 1.5 and row["over_tower"] > 0
        assert abs(sum(row["shares"].values()) - 1) < 1e-6
    assert (tmp_path / "gpu-synmg-tiny.md").read_text(encoding="utf-8") == printed
