"""Command lines of ours, run in processes of their own that need not import everything anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Commands:
    """A process that runs commands; see :mod:`command_server`."""

    process: subprocess.Popen[str] = field(
        default_factory=lambda: subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("command_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )

    def run(
        self,
        argv: Sequence[str],
        folder: Path,
        said: Path,
        *,
        limit_s: float,
        memory_bytes: int = 0,
        figures: bool = False,
    ) -> int | None:
        """Runs a command in a folder.

        Args:
            argv: its words, the first of which is a key of ``command_server.COMMANDS``.
            said: where its ``stdout`` and ``stderr`` are written, as files of these names.
            limit_s: after so many seconds it is killed.
            memory_bytes: how large it may become; 0 for no limit.
            figures: whether a board gets its figures, whose drawing takes longest.

        Returns:
            Its exit code, or None where it was killed at its limit.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        request = {
            "argv": list(argv), "folder": str(folder), "said": str(said), "limit_s": limit_s,
            "memory_bytes": memory_bytes, "figures": figures, "environment": dict(os.environ),
        }  # fmt: skip
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["code"]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
