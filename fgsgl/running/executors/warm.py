"""Cells forked from a process that has imported what they need; see :mod:`fgsgl.training.cell_server`.

One server serves all runs of this process. It is replaced where source files of the package or variables of the
environment have changed since it was started, so that a cell never runs code or settings of before.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import fgsgl
from fgsgl.training import cell_server
from fgsgl.training.cell_spec import FILE, CellSpec

READ_LATE = frozenset({"CUDA_VISIBLE_DEVICES", "FGSGL_CACHE", "OLDPWD", "PWD", "PYTEST_CURRENT_TEST", "SHLVL", "_"})
"""Variables that nothing reads while it is imported; a cell gets its own value of every variable."""


class WarmServer:
    """A running server.

    Args:
        environment: that it is started with; the same for all its cells but for what is read late.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.made_for = _identity(environment)
        self.control, theirs = _pair()
        quiet = subprocess.DEVNULL
        with theirs:
            self.process = subprocess.Popen(
                server_command(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=quiet,
                stdout=quiet,
                stderr=quiet,
                env=dict(environment),
            )
        atexit.register(self._end)

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether it can still start cells with this environment."""
        return self.process.poll() is None and self.made_for == _identity(environment)

    def _end(self) -> None:
        """Ends the server, which may still be importing, with this process, which then counts its processor time."""
        self.process.kill()
        self.process.wait()

    def start(
        self, spec: CellSpec, environment: Mapping[str, str], log: BinaryIO, fresh: Callable[[], subprocess.Popen]
    ) -> WarmProcess:
        """Asks for the process of a cell, which starts as soon as the server is ready."""
        channel, theirs = _pair()
        stdin, ours = os.pipe()
        with os.fdopen(os.memfd_create("cell"), "wb") as told, os.fdopen(stdin, "rb") as read, theirs:
            told.write(cell_server.request(str(spec.work_dir / FILE), str(Path.cwd()), dict(environment)))
            told.flush()
            with suppress(BrokenPipeError, ConnectionResetError):  # it has just died, as the process will tell
                kind = cell_server.TRAINED if spec.cell.method.kind == "method" else cell_server.BOUND
                socket.send_fds(self.control, [kind], [one.fileno() for one in (told, read, log, theirs)])
        return WarmProcess(channel, os.fdopen(ours, "wb", buffering=0), fresh)


def server_command(control: int) -> list[str]:
    """The command line of a server that listens on this socket."""
    return [sys.executable, "-m", cell_server.__name__, str(control), "-" * cell_server.TITLE_BYTES]


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two sockets that keep messages apart, as those of a cell's process and its exit code."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _identity(environment: Mapping[str, str]) -> tuple[frozenset[tuple[str, str]], frozenset[tuple[str, int, int]]]:
    """What a server depends on: variables that may be read by an import, and the source files of the package."""
    files = [(path, path.stat()) for path in Path(fgsgl.__file__).parent.rglob("*.py")]
    return (
        frozenset(item for item in environment.items() if item[0] not in READ_LATE),
        frozenset((str(path), found.st_mtime_ns, found.st_size) for path, found in files),
    )


class WarmProcess:
    """A cell's process that a server has forked, used as a :class:`subprocess.Popen` is.

    Args:
        channel: tells the process, then its exit code, and takes signals.
        stdin: its standard input, whose end it follows.
        fresh: starts a process of its own, where the server forks none.
    """

    def __init__(self, channel: socket.socket, stdin: BinaryIO, fresh: Callable[[], subprocess.Popen]) -> None:
        self.channel, self.stdin, self.fresh = channel, stdin, fresh
        self.pid: int | None = None
        self.returncode: int | None = None
        self.instead: subprocess.Popen | None = None

    def poll(self) -> int | None:
        """Its exit code, negative where a signal ended it or the server; None: it runs, or is still to be forked."""
        while self.returncode is None and self.instead is None and self._hear(within_s=0.0):
            pass
        return self.instead.poll() if self.instead else self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end.

        Raises:
            subprocess.TimeoutExpired: after so many seconds.
        """
        deadline_s = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None and self.instead is None:
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise subprocess.TimeoutExpired(cell_server.MODULE, timeout or 0.0)
            self._hear(left_s)
        if self.instead is not None:
            return self.instead.wait(None if deadline_s is None else max(0.0, deadline_s - time.monotonic()))
        assert self.returncode is not None  # it has ended
        return self.returncode

    def terminate(self) -> None:
        """Asks it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is not None:
            return
        if self.instead is not None:
            self.instead.send_signal(number)
        elif self.pid is None:  # the server looks before it forks
            self._ended(-number)
        else:
            try:
                self.channel.send(str(int(number)).encode())
            except (BrokenPipeError, ConnectionResetError):
                self._ended(-signal.SIGKILL)

    def _hear(self, within_s: float | None) -> bool:
        """Takes what the server has told; False: nothing within that time."""
        self.channel.settimeout(within_s)
        try:
            number = self.channel.recv(16)
        except (BlockingIOError, TimeoutError):
            return False
        except ConnectionResetError:
            number = b""
        if number and self.pid is None:
            self.pid = int(number)
        elif number:
            self._ended(int(number))
        elif self.pid is None:
            self.channel.close()
            self.stdin.close()
            self.instead = self.fresh()
        else:  # the server was killed; its cells follow the end of their standard input
            self._ended(-signal.SIGKILL)
        return True

    def _ended(self, code: int) -> None:
        self.returncode = code
        self.channel.close()
        self.stdin.close()


_server: WarmServer | None = None


def server_for(environment: Mapping[str, str]) -> WarmServer:
    """The server of this process for cells with this environment.

    One that was started for another environment, or before a source file has changed, ends once its cells have.
    """
    global _server
    if _server is None or not _server.serves(environment):
        if _server is not None:
            _server.control.close()
        _server = WarmServer(environment)
    return _server
