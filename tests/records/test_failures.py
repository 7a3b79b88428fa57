"""Failures are told apart: real exceptions where they can be had, the words of libraries where not."""

from __future__ import annotations

import errno
import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import made
import pytest
import torch
from torch.utils.data import DataLoader

from fgsgl.records.failures import NODE_LOST, OOM_KILLED, death, failure_class, oom_kills, what_fits
from fgsgl.records.protocol import default_protocol
from fgsgl.records.reading import read_record
from fgsgl.records.record import FAILURES, INFRASTRUCTURE, Done, Hardware
from fgsgl.running.executors.local import LocalProcess
from fgsgl.training.hooks import Diverged
from fgsgl.util.errors import UserError


class Suicide(torch.utils.data.Dataset):
    """Kills the process that reads it."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        signal.raise_signal(signal.SIGKILL)


def read_with_a_worker() -> None:
    list(DataLoader(Suicide(), num_workers=1))


def nccl() -> None:
    raise torch.distributed.DistBackendError("NCCL error in: ProcessGroupNCCL.cpp:268, unhandled system error")


def raise_(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (lambda: torch.empty(2**55, dtype=torch.uint8), "out_of_memory"),
        (lambda: bytearray(2**62), "out_of_memory"),
        (lambda: raise_(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")), "out_of_memory"),
        (lambda: raise_(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED")), "out_of_memory"),
        (lambda: raise_(Diverged("the loss is nan in epoch 1, iteration 3")), "nan"),
        (lambda: raise_(UserError("no table at clips.csv")), "bad_data"),
        (lambda: Path("/dev/null/file").write_text("x"), "unwritable"),
        (lambda: raise_(OSError(errno.ENOSPC, "No space left on device")), "unwritable"),
        (read_with_a_worker, "killed"),
        (nccl, "infrastructure"),
        (lambda: raise_(OSError(errno.ESTALE, "Stale file handle")), "infrastructure"),
        (lambda: raise_(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")), "infrastructure"),
        (lambda: raise_(RuntimeError("CUDA error: uncorrectable ECC error encountered")), "infrastructure"),
        (lambda: raise_(RuntimeError("CUDA error: device-side assert triggered")), "error"),
        (lambda: torch.zeros(2) @ torch.zeros(3), "error"),
    ],
)  # fmt: skip
def test_exceptions_have_their_class(act: Any, cause: str) -> None:
    with pytest.raises(Exception) as caught:
        act()
    assert failure_class(caught.value) == cause and cause in FAILURES


@pytest.mark.parametrize(
    ("code", "log", "cause"),
    [
        (-9, "", "killed"),
        (-15, "", "killed"),
        (-11, "Fatal Python error: Segmentation fault", "error"),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", "out_of_memory"),
        (1, "OSError: [Errno 28] No space left on device", "unwritable"),
        (1, "traceback : Signal 9 (SIGKILL) received by PID 17", "killed"),
        (1, "torch.distributed.elastic.rendezvous.api.RendezvousConnectionError: refused", "infrastructure"),
        (1, "NameError: name 'x' is not defined", "error"),
        (OOM_KILLED, "", "out_of_memory"),
        (NODE_LOST, "", "infrastructure"),
    ],
)
def test_deaths_have_their_class(code: int, log: str, cause: str) -> None:
    assert death(code, log)[0] == cause


def test_what_is_tried_again_is_a_failure() -> None:
    assert set(INFRASTRUCTURE) < set(FAILURES)


class Process:
    """Ended, by a signal."""

    stdin = None

    def poll(self) -> int:
        return -signal.SIGKILL

    def kill(self) -> None:
        pass

    def wait(self) -> None:
        pass


def test_a_kill_for_want_of_memory_is_known_by_the_kernels_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel cannot be made to kill here, so its count is raised instead."""
    assert oom_kills() >= 0
    for kills, code in ((7, -signal.SIGKILL), (8, OOM_KILLED)):
        monkeypatch.setattr("fgsgl.running.executors.local.oom_kills", lambda: 7)
        process = LocalProcess([Process()])
        monkeypatch.setattr("fgsgl.running.executors.local.oom_kills", lambda kills=kills: kills)
        assert process.poll() == code


def took(batch: int, parts: int, mib: float) -> Done:
    cell = made.a_cell("tsm", protocol=default_protocol("synmg", batch_size=batch, accumulate=parts))
    return made.done(cell, hardware=Hardware(device="cuda", gpu="H100"), peak_memory_mib=mib)


def test_what_fits_goes_by_records_or_by_halves() -> None:
    protocol = default_protocol("synmg", batch_size=24)
    guess = what_fits(protocol, "tsm", 1, [])
    assert guess.startswith("with 24 clips at once; try --accumulate 2 (the same batch, 12 at once) or --batch-size 12")
    assert "a guess, since no record of tsm" in guess
    known = what_fits(protocol, "tsm", 1, [took(24, 1, 900), took(24, 4, 400), took(4, 1, 300)])
    assert "--accumulate 4 (the same batch, 6 at once) or --batch-size 6" in known
    assert known.endswith("6 at once took 400 MiB on H100, by a record of tsm")
    assert "a guess" in what_fits(protocol, "fgsgl", 1, [took(24, 4, 400)])
    odd = what_fits(replace(protocol, accumulate=2), "tsm", 2, [took(5, 1, 300)])  # 6 at once; the batch is no 5's
    assert "with 6 clips at once; try --accumulate 3 (the same batch, 4 at once) or --batch-size 16" in odd
    one = what_fits(replace(protocol, accumulate=24), "tsm", 1, [])
    assert one == "with 1 clip at once; take a smaller --image-size, --num-frames or --backbone"


@pytest.mark.parametrize("devices", [1, 2])
def test_the_parts_that_are_named_are_accepted(devices: int) -> None:
    for batch in range(2, 65, 2):
        said = what_fits(default_protocol("synmg", batch_size=batch), "tsm", devices, [])
        if "--accumulate" in said:
            parts = int(said.split("--accumulate ")[1].split()[0])
            assert default_protocol("synmg", batch_size=batch, accumulate=parts).batch_size % (parts * devices) == 0


def test_a_record_of_before_attempts_were_counted_is_read(tmp_path: Path) -> None:
    path = next((Path(__file__).parents[2] / "tests/frozen/synmg-1/ledger").glob("*.json"))
    raw = json.loads(path.read_text())
    raw.pop("attempts", None)
    (tmp_path / path.name).write_text(json.dumps(raw))
    assert read_record(tmp_path / path.name).attempts == 1
