"""Cells on a real Ray cluster of several nodes on this machine, which lose processes: ``make test-ray``."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fgsgl.util.errors import UserError

pytestmark = pytest.mark.ray
RUN = ("-m", "fgsgl", "run", "--preset", "smoke", "--batch-size", "8", "--device", "cpu", "--executor", "ray")
SMALL = {"object_store_memory": 80 * 2**20}
SETTINGS = {
    "worker_niceness": 0,  # Ray's 15 lets cells starve beside other work
    "health_check_initial_delay_ms": 0, "health_check_period_ms": 1000, "health_check_failure_threshold": 3,
}  # fmt: skip
"""A node that does not answer counts as lost within seconds: by Ray's own settings within half a minute."""


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    """A head without CPUs, and two nodes with one each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": SETTINGS, **SMALL},
    )
    for _ in range(2):
        cluster.add_node(num_cpus=1, **SMALL)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def start(cluster, smoke: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts `fgsgl run` with these methods on the cluster."""
    started = []

    def run(*methods: str) -> subprocess.Popen:
        words = (*RUN, "--root", str(smoke), "--out", str(tmp_path), "--epochs", "2", "--methods", *methods)
        started.append(
            subprocess.Popen(
                [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env={**os.environ, "RAY_ADDRESS": cluster.address},
            )
        )  # fmt: skip
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def wait_for(what, process: subprocess.Popen, within_s: float = 400):
    """What the function returns once it is true."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s and process.poll() is None:
        if found := what():
            return found
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"waited in vain: {process.communicate()[0]}")


def first_epoch(out: Path) -> Path | None:
    """The work folder of a cell that has saved its first epoch, and is in its second."""
    markers = out.glob("work/*/last_checkpoint")
    return next((path.parent for path in markers if "epoch_1.pth" in path.read_text()), None)


def parents() -> dict[int, int]:
    """Every process of this machine, and its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    return found


def cell_process(work: Path) -> int | None:
    """The process of a cell, if it runs."""
    pattern = f"^[^ ]*python.* fgsgl.training.run_cell {work}"
    said = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True)
    return int(said.stdout.split()[0]) if said.stdout else None


def worker_and_raylet(process: int) -> tuple[int, int]:
    """The processes of Ray above one: that of the task, and that of the node."""
    parent = parents()
    return parent[process], parent[parent[process]]


def kill_tree(root: int) -> None:
    """SIGKILL for a process and all below it, as where the power of their machine goes."""
    parent = parents()
    doomed = [root]
    for process in doomed:
        doomed += [child for child, its_parent in parent.items() if its_parent == process]
    for process in doomed:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def settled(process: subprocess.Popen, out: Path) -> dict[str, dict]:
    """The records by method, of which every planned cell has one that is done."""
    said, _ = process.communicate(timeout=400)
    assert process.returncode == 0, said
    records = [json.loads(path.read_text()) for path in (out / "ledger").glob("*.json")]
    planned = [cell["cell_id"] for cell in json.loads((out / "plan.json").read_text())["cells"]]
    assert sorted(record["cell_id"] for record in records) == sorted(planned)
    assert {record["status"] for record in records} == {"done"}
    return {record["method"]: record for record in records}


def test_a_lost_node_takes_no_cell_along(cluster, start, tmp_path: Path) -> None:
    process = start("fgsgl", "tsn")
    work = wait_for(lambda: first_epoch(tmp_path), process)
    _, raylet = worker_and_raylet(cell_process(work))
    cluster.add_node(num_cpus=1, **SMALL)
    kill_tree(raylet)
    records = settled(process, tmp_path)
    (interrupted,) = (record for record in records.values() if record["cell_id"] == work.name)
    assert [row["epoch"] for row in interrupted["curve"]] == [1, 2]
    log = (work / "log.txt").read_text()
    assert "NodeDiedError" in log and "resumed epoch: 1" in log


def test_a_cell_ends_with_the_process_of_ray_that_runs_it(start, tmp_path: Path) -> None:
    process = start("fgsgl")
    work = wait_for(lambda: first_epoch(tmp_path), process)
    cell = cell_process(work)
    worker, _ = worker_and_raylet(cell)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: cell not in parents(), process, within_s=20)
    settled(process, tmp_path)
    log = (work / "log.txt").read_text()
    assert "WorkerCrashedError" in log and "resumed epoch: 1" in log


@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_cells_end_with_the_command(start, tmp_path: Path, end: signal.Signals, code: int) -> None:
    process = start("fgsgl")
    work = wait_for(lambda: first_epoch(tmp_path), process)
    cell = cell_process(work)
    process.send_signal(end)
    process.communicate(timeout=60)
    assert process.returncode == code
    deadline_s = time.monotonic() + 20
    while cell in parents() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert cell not in parents()
    assert not (tmp_path / "ledger" / f"{work.name}.json").exists()


def test_a_cluster_that_does_not_answer_is_refused_at_once(smoke: Path, monkeypatch, call) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    said = call(*RUN, "--root", smoke, "--methods", "fgsgl", expect=2).stderr
    assert said.startswith("error: no Ray cluster answers at RAY_ADDRESS=127.0.0.1:1, expected host:port")


def test_without_a_cluster_one_is_started_here(smoke: Path, tmp_path: Path, monkeypatch, call) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as short:  # sockets lie there, of at most 107 letters
        (Path(short) / "ray").mkdir()
        (Path(short) / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")  # left by one that was killed
        monkeypatch.setenv("RAY_TMPDIR", short)
        said = call(*RUN, "--root", smoke, "--out", tmp_path / "out", "--methods", "majority").stdout
    assert "done    Majority class" in said


def test_a_cell_gets_its_share_of_a_node() -> None:
    from fgsgl.running.executors.ray import Share, share_of

    gib = 2**30
    eight = {"CPU": 64.0, "GPU": 8.0, "memory": 512.0 * gib}
    head = {"CPU": 4.0, "memory": 16.0 * gib}
    assert share_of([head, eight, eight], "auto", 1) == Share(slots=16, cpus=8, gpus=1, memory_bytes=64 * gib)
    assert share_of([head, eight], "cuda", 4) == Share(slots=2, cpus=32, gpus=4, memory_bytes=256 * gib)
    assert share_of([{**head, "CPU": 0.0}, head, head], "auto", 1) == Share(
        slots=4, cpus=2, gpus=0, memory_bytes=8 * gib
    )
    assert share_of([head, eight], "cpu", 2).slots == 2
    with pytest.raises(UserError, match=r"a cell needs 1 GPU\(s\) and a CPU, which none of the 1 node\(s\)"):
        share_of([head], "cuda", 1)
    with pytest.raises(UserError, match="--device cuda:1 is one GPU of one machine"):
        share_of([eight], "cuda:1", 1)
