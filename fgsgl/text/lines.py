"""Lines of an FG-Text file: where the prompt or sentence stands that breaks a rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fgsgl.text.fgtext import FGText, read_file
from fgsgl.text.rules import Fault, Tokenizer, check

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def line_of(yaml_text: str, fault: Fault) -> int:
    """The line of a fault, from 1; that of the nearest place above it where the sentence itself has none.

    Args:
        yaml_text: a text that :func:`fgsgl.text.fgtext.parse` takes.
        fault: found in it.
    """
    root = yaml.compose(yaml_text, _Loader)
    held = _get(root, "classes")
    entry = held.value[fault.class_id]
    node = _get(entry, "prompts" if fault.kind == "prompt" else fault.kind) if fault.kind else entry
    if fault.kind and node.id == "scalar":  # the key of a stage
        node = _get(_get(_get(root, "stages"), fault.kind), node.value)
    if fault.index is not None and node.id == "sequence":
        node = node.value[fault.index]
    return int(node.start_mark.line) + 1


def located_faults(name_or_path: str | Path, text: FGText, tokenizer: Tokenizer) -> list[str]:
    """The faults of a text under a tokenizer, a line each: ``my.yaml, line 14: class 3 (...), part: ...``.

    Args:
        name_or_path: of the text: that of a shipped one, or its YAML file.
        text: as it was loaded from there.
        tokenizer: of the text tower that reads it.
    """
    faults = check(text, tokenizer)
    yaml_text = read_file(name_or_path) if faults else ""
    return [f"{name_or_path}, line {line_of(yaml_text, fault)}: {fault}" for fault in faults]


def _get(mapping: Any, key: str) -> Any:
    return next(value for name, value in mapping.value if name.value == key)
