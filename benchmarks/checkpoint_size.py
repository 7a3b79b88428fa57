"""``python benchmarks/checkpoint_size.py``: how large the checkpoints of the methods on one tower are.

A recognizer with random weights and 17 classes is written as a finished cell keeps it (its weights) and as a running
one does (with both averages of AdamW), beside the size of all its weights. What the weights are of is told by their
first names: nothing of the tower but what is trained.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.registry import DefaultScope
from msgspec import to_builtins

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.methods.method import Classes
from fgsgl.methods.registry import get
from fgsgl.records.environment import git_state, versions
from fgsgl.records.protocol import default_protocol
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import run_command

METHODS = ("fgsgl", "linear_probe", "vificlip_lora", "aim", "st_adapter")
MOST_PARTS = 4


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/checkpoint_size.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--methods", nargs="+", default=METHODS, help="on a tower (default: %(default)s)")
    parser.add_argument("--backbone", default="ViT-B-16", help="of open_clip (default: %(default)s)")
    parser.add_argument("--image-size", type=int, default=224, help="in pixels (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments.methods, arguments.backbone, arguments.image_size, arguments.out))


def measure(methods: Sequence[str], backbone: str, image_size: int, out: Path) -> int:
    """Measures every method, prints the table and writes it."""
    rows = [sizes_of(name, backbone, image_size) for name in methods]
    result = {
        "backbone": backbone, "image_size": image_size, "rows": rows, "command": "python benchmarks/checkpoint_size.py",
        "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / f"checkpoints-{backbone}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    lines = [
        f"# Checkpoints on {backbone}", "",
        "Million bytes: of a finished cell (weights), of a running one (with AdamW's averages), of all weights.", "",
        "| | weights | with optimizer | all weights | largest parts of the weights |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        parts = ", ".join(f"{name} {size:.2f}" for name, size in list(row["parts_mb"].items())[:MOST_PARTS])
        sizes = " | ".join(f"{row[name]:.2f}" for name in ("weights_mb", "running_mb", "whole_mb"))
        lines.append(f"| {row['method']} | {sizes} | {parts} |")
    lines += ["", f"`{result['command']}`; torch {result['versions']['torch']}; commit {result['git_commit'][:12]}."]
    text = "\n".join(lines) + "\n"
    (out / f"checkpoints-{backbone}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def sizes_of(name: str, backbone: str, image_size: int) -> dict[str, Any]:
    """Million bytes of the files that a method's cell would write, and of the parts of its weights."""
    protocol = default_protocol("synmg", "quick", backbone=backbone, image_size=image_size, size="standard")
    classes, nowhere = Classes(count=17, text="smg"), Path()
    config = build_config(get(name), {}, protocol, 0, classes=classes, root=nowhere, work_dir=nowhere)
    with DefaultScope.overwrite_default_scope("mmaction"):
        model = MODELS.build({**config["model"], "pretrained": None, "autocast": "none"})
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained)
    for parameter in trained:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # which makes the averages
    weights = model.state_dict()
    parts: Counter[str] = Counter()
    for key, value in weights.items():
        parts[key.split(".")[0]] += value.nbytes
    whole = sum(value.nbytes for value in (*model.parameters(), *model.buffers()))
    return {
        "method": name,
        "weights_mb": _file_mb({"state_dict": weights}),
        "running_mb": _file_mb({"state_dict": weights, "optimizer": optimizer.state_dict()}),
        "whole_mb": whole / 1e6,
        "parts_mb": {part: size / 1e6 for part, size in parts.most_common()},
    }


def _file_mb(content: dict[str, Any]) -> float:
    file = io.BytesIO()
    torch.save(content, file)
    return file.tell() / 1e6


if __name__ == "__main__":
    sys.exit(main())
