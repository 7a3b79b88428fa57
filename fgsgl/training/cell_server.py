"""A process that has imported what every cell needs, and forks one process for each: started with a socket's number.

It saves each cell the seconds of those imports. A forked process gets environment, folder, arguments, log and standard
input of its own, and imports the plug-ins itself. It is then what a fresh process is, as long as nothing but the main
thread runs here and no GPU was touched: where that cannot be promised, no cell that computes with torch is forked.

The starter sends :data:`BOUND` or :data:`TRAINED` and four files for each cell: the request, the cell's standard input
and log, and a socket. Over the last it learns the process and then its exit code, and sends numbers of signals; the
server closes it where it forks no process, and the starter to kill the cell. When the starter ends, so does the server,
after its cells.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

BOUND, TRAINED = b"b", b"t"
"""Kinds of cells: a floor or ceiling, which needs no torch, so that none is imported before the other kind is asked
for; and a recognizer."""
FILES = 4
"""Files of a request, in this order: request, standard input, log, socket."""
MODULE = "fgsgl.training.run_cell"
TITLE_BYTES = 1024
"""Room for the words that ``ps`` shows of a process."""


def request(spec: str, folder: str, environment: dict[str, str]) -> bytes:
    """What the server is told of a cell: its specification's path, its folder and all of its environment."""
    return b"\0".join(map(os.fsencode, (spec, folder, *(f"{name}={value}" for name, value in environment.items()))))


class Server:
    """The cells that were forked, and the socket over which more are asked for."""

    def __init__(self, control: socket.socket, interrupt: Any) -> None:
        self.control: socket.socket | None = control
        self.interrupt = interrupt
        """What Ctrl-C does in a cell: what it did in this process when it was started."""
        self.cells: dict[int, socket.socket | None] = {}
        """The socket of each cell that runs; None once its starter has closed it."""
        self.asked_for_torch = False
        self.pages: list[int] | None = None
        """What :func:`prepared` gave."""
        self.woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.pipes = (self.woken, wake)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Forks cells, and passes signals and exit codes on, until the starter and all cells have ended."""
        while self.control is not None or self.cells:
            channels = {channel: pid for pid, channel in self.cells.items() if channel is not None}
            listened = [*channels, self.control] if self.control is not None else [*channels]
            ready, _, _ = select.select([self.woken, *(one.fileno() for one in listened)], [], [])
            if self.woken in ready:
                os.read(self.woken, 4096)
            for channel, pid in channels.items():
                if channel.fileno() in ready:
                    self._pass_on(pid)
            self._reap()
            if self.control is not None and self.control.fileno() in ready:
                self._start()

    def _start(self) -> None:
        assert self.control is not None  # it was read from
        kind, files, _, _ = socket.recv_fds(self.control, 1, FILES)
        if not kind:
            self.control.close()
            self.control = None
            return
        if kind == TRAINED and not self.asked_for_torch:
            self.asked_for_torch, self.pages = True, prepared()
        channel = socket.socket(fileno=files[3])
        unfit = kind == TRAINED and self.pages is None
        if unfit or _closed(channel):  # closed: its starter has thought better of it
            channel.close()
        elif pid := os.fork():
            self.cells[pid] = channel
            _send(channel, pid)
        else:
            channel.close()
            self._become_cell(*files[:3])
        for file in files[:3]:
            os.close(file)

    def _pass_on(self, pid: int) -> None:
        channel = self.cells[pid]
        assert channel is not None  # it was read from
        try:
            number = channel.recv(16)
        except ConnectionResetError:
            number = b""
        if not number:
            channel.close()
            self.cells[pid] = None
        os.kill(pid, int(number or signal.SIGKILL))

    def _reap(self) -> None:
        while self.cells:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            channel = self.cells.pop(pid)
            if channel is not None:
                _send(channel, os.waitstatus_to_exitcode(status))
                channel.close()

    def _become_cell(self, told: int, stdin: int, log: int) -> NoReturn:
        """Makes this process, just forked, the one of a cell."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, self.interrupt)
        for channel in (self.control, *self.cells.values()):
            if channel is not None:
                channel.close()
        for source, target in ((stdin, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        with os.fdopen(told, "rb") as file:
            file.seek(0)
            spec, folder, *variables = map(os.fsdecode, file.read().split(b"\0"))
        for number in (stdin, log, *self.pipes):
            os.close(number)
        os.environ.clear()
        os.environ.update({name: value for name, _, value in (variable.partition("=") for variable in variables)})
        os.chdir(folder)
        if not sys.flags.safe_path:
            sys.path[0] = folder
        name_process(sys.executable, "-m", MODULE, spec)
        for address in self.pages or ():
            ctypes.string_at(address, 1)
        _run(spec)


def _run(spec: str) -> NoReturn:
    import numpy as np

    from fgsgl.training import run_cell

    sys.argv = [run_cell.__file__, spec]
    np.random.seed()  # as in a new process; Python's own generator sees to itself
    try:
        code = run_cell.main(Path(spec))
    except KeyboardInterrupt:
        traceback.print_exc()
        sys.stderr.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    run_cell.leave(code)


def name_process(*words: str) -> None:
    """Lets ``ps`` show these words as this process's command, in the room of those it was started with."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end of proc(5)
    title = b"\0".join(map(os.fsencode, words))[: end - start - 1]
    ctypes.memmove(start, title.ljust(end - start, b"\0"), end - start)


def _send(channel: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # its starter has ended
        channel.send(str(number).encode())


def _closed(channel: socket.socket) -> bool:
    try:
        return channel.recv(16, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def prepared() -> list[int] | None:
    """Imports what a recognizer needs; None where a process that is forked now would not be as good as a fresh one.

    Returns:
        An address in each 64 KiB of the files that this process has in memory. A forked process that reads there has
        them in memory, too, so that its peak memory counts the libraries, as that of a fresh process does.
    """
    try:
        import torch

        import fgsgl.training.train  # noqa: F401

        if (child := os.fork()) == 0:
            os._exit(0)
        os.waitpid(child, 0)  # OpenBLAS ends its threads before a fork and starts them anew when it needs them
        alone = len(list(Path("/proc/self/task").iterdir())) == 1
        if not alone or torch.cuda.is_available():
            return None
        pages = _pages_of_files()
    except Exception:  # a fresh process will say it in its log
        return None
    gc.collect()
    gc.freeze()  # so that a cell's collector leaves these pages shared
    return pages


def _pages_of_files() -> list[int]:
    import numpy as np

    size, found = os.sysconf("SC_PAGE_SIZE"), [np.zeros(0, dtype=np.int64)]
    with Path("/proc/self/pagemap").open("rb", buffering=0) as entries:
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            span, rights, _, _, inode = line.split()[:5]
            if inode == "0" or not rights.startswith("r"):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            entries.seek(start // size * 8)
            pages = np.frombuffer(entries.read((end - start) // size * 8), dtype=np.uint64)
            of_files = (
                (pages >> np.uint64(63)) & (pages >> np.uint64(61)) & np.uint64(1)
            )  # present, and no copy of ours
            found.append(start + size * np.flatnonzero(of_files))
    addresses = np.concatenate(found)
    return addresses[np.unique(addresses >> 16, return_index=True)[1]].tolist()  # the kernel reads 64 KiB around


def main(control: int) -> int:
    """Serves until the starter has ended; returns the exit code."""
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    name_process(sys.executable, "-m", "fgsgl.training.cell_server")
    import fgsgl.training.run_cell  # noqa: F401

    Server(socket.socket(fileno=control), interrupt).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
