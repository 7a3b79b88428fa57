"""``fgsgl doctor``: what is installed, what it runs on, and which known breakages apply here and are cured."""

from __future__ import annotations

import os

from rich.console import Group
from rich.table import Table

from fgsgl.models.precision import cpu_has_bf16
from fgsgl.records.environment import cpu_model, git_state, versions
from fgsgl.util import compat


def examine() -> Group:
    """A printable report."""
    import torch

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
