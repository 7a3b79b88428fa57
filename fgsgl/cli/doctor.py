"""``fgsgl doctor``: what is installed, what it runs on, and which known breakages apply here and are cured."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from fgsgl.cli.options import Commands, add_command

if TYPE_CHECKING:
    from rich.console import Group


def add_doctor_command(commands: Commands) -> None:
    """Adds ``doctor`` to the command line."""
    add_command(commands, "doctor", _doctor, "print versions, device, and which known breakages are cured here")


def _doctor(arguments: argparse.Namespace) -> int:
    from fgsgl.util.terminal import wide_console

    wide_console().print(examine())
    return 0


def examine() -> Group:
    """A printable report."""
    import torch
    from rich.console import Group
    from rich.table import Table

    from fgsgl.models.precision import cpu_has_bf16
    from fgsgl.records.environment import cpu_model, git_state, versions
    from fgsgl.util import compat

    software = Table("package", "version", title="versions")
    for name, version in versions().items():
        software.add_row(name, version)
    git = git_state()
    software.add_row("git commit", f"{git.git_commit}{' (changed)' if git.git_dirty else ''}")

    machine = Table("what", "found", title="machine")
    machine.add_row("processor", f"{cpu_model()}, {os.cpu_count()} cores")
    machine.add_row("bf16 on the processor", "native" if cpu_has_bf16() else "no: training runs in fp32")
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    machine.add_row("GPU", ", ".join(gpus) or "none: cells run on the CPU")

    applies = compat.apply()
    import mmaction.models  # noqa: F401 (the proof that the cures work)

    breakages = Table("breakage", "symptom", "here", title="known breakages of the stack")
    for breakage in compat.BREAKAGES:
        breakages.add_row(breakage.name, breakage.symptom, "cured" if applies[breakage.name] else "does not apply")
    return Group(software, machine, breakages)
