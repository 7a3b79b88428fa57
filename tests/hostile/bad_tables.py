"""Trials: damaged tables, class files, FG-Text and settings of a data set of one's own."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from sound_inputs import COLUMNS, N_FRAMES
from trial import Trial

from fgsgl.models.fgsgl.config import FGSGLConfig

CHECK = ("fgsgl", "data", "check", "csv", "--table", "my.csv", "--workers", "1")
DRY = ("fgsgl", "run", "--dataset", "csv", "--table", "my.csv", "--methods", "majority", "--out", "out", "--dry-run")

CELLS = {
    "empty": "",
    "blank": " ",
    "nan": "nan",
    "infinity": "inf",
    "minus": "-3",
    "huge": "9" * 30,
    "half": "1.5",
    "exponent": "1e1",
    "Arabic": "٣",
    "underscore": "1_0",
    "hexadecimal": "0x1",
    "NUL": "a\0b",
    "escape": "\x1b[2J",
    "bidi": "a\u202eb",
    "newline": "a\nb",
    "tab": "a\tb",
    "several": "0;1",
    "bar": "0|1",
    "markup": "[/x]",
    "formula": "=1+1",
    "parent": "../../x.mp4",
    "absolute": "/etc/passwd",
    "url": "http://127.0.0.1:9/x.mp4",
    "protocol": "concat:videos/ann_0_0.mp4",
    "long": "y" * 5000,
    "quote": 'a"b',
    "zero": "0",
    "past the end": str(N_FRAMES + 1),
}
FINE = {
    "clip_id": {
        "nan",
        "infinity",
        "minus",
        "huge",
        "half",
        "exponent",
        "Arabic",
        "underscore",
        "hexadecimal",
        "several",
        "bar",
        "markup",
        "formula",
        "parent",
        "absolute",
        "url",
        "protocol",
        "quote",
        "zero",
        "past the end",
    },
    "start_frame": {"zero"},
    "end_frame": {"zero"},
    "label": {"zero"},
    "fps": {"zero", "half", "exponent", "past the end"},
    "split": set(),
    "video": set(),
}
FINE["subject"] = FINE["clip_id"]
"""What may stand in a column, however odd: ids are text, 0 is the first frame, an unknown rate, or the clip's end."""


def cell_trials() -> Iterator[Trial]:
    """Every column's first cell with every nonsense value."""
    for column in COLUMNS:
        for label, value in CELLS.items():
            fine = label in FINE[column]
            yield Trial(
                name=f"{column} {label}",
                argv=CHECK,
                prepare=_rows(lambda rows, column=column, value=value: _set(rows, column, value)),
                right=lambda folder, said, fine=fine: fine,
            )


def _set(rows: list[list[str]], column: str, value: str) -> None:
    rows[1][COLUMNS.index(column)] = value


def _rows(change: Callable[[list[list[str]]], Any]) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        with (folder / "my.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        change(rows)
        with (folder / "my.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)

    return prepare


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def _recode(encoding: str) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        text = (folder / "my.csv").read_text(encoding="utf-8").replace("ann", "änn")
        (folder / "my.csv").write_text(text, encoding=encoding)

    return prepare


def table_trials() -> Iterator[Trial]:
    """Tables whose form is wrong."""
    changes: dict[str, Callable[[list[list[str]]], Any]] = {
        "an extra cell": lambda rows: rows[2].append("x"),
        "a missing cell": lambda rows: rows[2].pop(),
        "a column twice": lambda rows: [row.append(row[4]) for row in rows],
        "a column twice in capitals": lambda rows: [row.append(row[4].upper()) for row in rows],
        "a column without name": lambda rows: [row.append("") for row in rows],
        "no label column": lambda rows: [row.pop(4) for row in rows],
        "no video column": lambda rows: [row.pop(1) for row in rows],
        "a row twice": lambda rows: rows.append(list(rows[1])),
        "no rows": lambda rows: rows.__delitem__(slice(1, None)),
        "no header": lambda rows: rows.pop(0),
        "a subject in two splits": lambda rows: _set(rows, "split", "test"),
        "all labels blank": lambda rows: [_blank(row) for row in rows[1:]],
        "test labels blank": lambda rows: [_blank(row) for row in rows[1:] if row[6] == "test"],
        "some labels blank": lambda rows: _blank(rows[-1]),
        "a header of 10,000 columns": lambda rows: rows[0].extend(map(str, range(10_000))),
    }
    for label, change in changes.items():
        hidden = label == "test labels blank"  # people of the training split are tested on then, and it is said
        for words in (CHECK, DRY):
            yield Trial(
                name=f"{label}: {words[1]}",
                argv=words,
                prepare=_rows(change),
                right=lambda folder, said, hidden=hidden: hidden and "drawn-test" in said,
            )
    contents = {
        "empty": b"",
        "NULs": b"\0" * 4096,
        "one line of 10 MB": b"a," * 5_000_000,
        "a quote that never ends": b'"' + b"a,b\n" * 9,
    }
    for label, content in contents.items():
        yield Trial(name=f"table of {label}", argv=CHECK, prepare=_write("my.csv", content))
    for encoding in ("utf-16", "utf-32", "latin-1"):
        yield Trial(name=f"table in {encoding}", argv=CHECK, prepare=_recode(encoding))


def _blank(row: list[str]) -> None:
    row[4] = ""


def class_file_trials() -> Iterator[Trial]:
    """Class files: ids are line numbers, so a lost or repeated line would rename classes."""
    contents = {
        "a blank line": b"moves right\n\nmoves left\n",
        "a name twice": b"moves right\nmoves right\n",
        "empty": b"",
        "one name": b"moves right\n",
        "UTF-16": "moves right\nmoves left\n".encode("utf-16"),
        "Latin-1": "moves right\nm\xf6ves left\n".encode("latin-1"),
        "NUL": b"moves\0right\nmoves left\n",
        "vertical tab": b"moves\x0bright\nmoves left\n",
        "form feed": b"moves right\x0cmoves left\n",
        "escape": b"moves \x1b[31mright\nmoves left\n",
        "bidi": "moves \u202eright\nmoves left\n".encode(),
        "a name twice but for case": b"Moves\nmoves\n",
        "a name twice but for a space": b"moves left\nmoves  left\n",
        "a million names": b"".join(b"%d\n" % index for index in range(1_000_000)),
        "numbers": b"1\n0\n",
        "blank first": b"\nmoves right\nmoves left\n",
    }
    for label, content in contents.items():
        yield Trial(name=f"class file: {label}", argv=DRY, prepare=_write("my.classes.txt", content))


YAML = {
    "empty": b"",
    "a list": b"[1, 2]",
    "a number": b"3",
    "not YAML": b"{a: [",
    "tabs": b"a:\n\t- b",
    "NUL": b"a: \0",
    "UTF-16": "a: b".encode("utf-16"),
    "Latin-1": b"a: \xe4",
    "a date": b"name: 2020-99-99",
    "a tag of Python": b"name: !!python/object/apply:os.system ['true']",
    "a wrong int": b"name: !!int abc",
    "a wrong float": b"name: !!float abc",
    "a wrong bool": b"name: !!bool abc",
    "hexadecimal": b"name: 0x_",
    "a key twice": b"name: a\nname: b",
    "an unknown alias": b"name: *x",
    "an alias of itself": b"&a [*a]",
    "a merge bomb": b"a0: &a0 {x: 1}\n"
    + b"".join(b"a%d: &a%d {<<: [%s]}\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)),
    "an alias bomb": b"a0: &a0 [x, x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)),
    "depth": b"[" * 20_000,
    "size": b"# " + b"x" * 60_000_000,
    "a list as key": b"? [a, b]\n: c",
    "two documents": b"a: b\n---\na: b",
    "infinity": b"name: .inf",
    "nan": b"name: .nan",
}


def yaml_trials() -> Iterator[Trial]:
    """YAML files that are damaged or hostile, wherever a command reads one."""
    for label, content in YAML.items():
        yield Trial(
            name=f"FG-Text: {label}", argv=("fgsgl", "text", "export", "my.yaml"), prepare=_write("my.yaml", content)
        )
        yield Trial(
            name=f"settings: {label}",
            argv=(*DRY, "--config", "settings.yaml"),
            prepare=_write("settings.yaml", content),
        )


def fg_text_trials() -> Iterator[Trial]:
    """FG-Text whose every leaf is something else."""
    others: dict[str, Any] = {
        "null": None,
        "number": 3,
        "empty": "",
        "blank": "  ",
        "list": [],
        "nested": [[["x"]]],
        "mapping": {"a": "b"},
        "escape": "a \x1b[31mb",
        "long": "word " * 5000,
        "bool": True,
        "bidi": "a\u202eb",
    }
    for path in (
        ("name",),
        ("classes",),
        ("classes", 0),
        ("classes", 0, "id"),
        ("classes", 0, "name"),
        ("classes", 0, "prompts"),
        ("classes", 0, "prompts", 0),
        ("classes", 1, "part"),
        ("classes", 1, "part", 0),
        ("classes", 1, "outcome", 1),
        ("stages",),
        ("version",),
    ):
        for label, value in others.items():
            if (path[-1], label) in {("stages", "empty"), ("stages", "null")}:
                continue
            fine = path == ("name",) and label == "long"
            yield Trial(
                name=f"FG-Text {'.'.join(map(str, path))}: {label}",
                argv=("fgsgl", "text", "export", "my.yaml"),
                prepare=lambda folder, path=path, value=value: _change_yaml(folder / "my.yaml", path, value),
                right=lambda folder, said, fine=fine: fine,
            )


def _change_yaml(file: Path, path: tuple, value: Any) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def setting_trials() -> Iterator[Trial]:
    """Every setting of FG-SGL with values of every other kind, in a file of settings and on the command line."""
    others = {
        "infinity": ".inf",
        "nan": ".nan",
        "huge": "1e300",
        "minus": "-1",
        "text": "nonsense",
        "list": "[a, b]",
        "mapping": "{a: 1}",
        "nested": "[[q]]",
        "null": "null",
        "26 digits": "1" * 26,
        "date": "2020-01-01",
    }
    fine: dict[str, set[str]] = {}
    for name in FGSGLConfig.__dataclass_fields__:
        for label, text in others.items():
            right = label in fine.get(name, set())
            yield Trial(
                name=f"{name}={label}",
                argv=("ablations/run.py", *DRY[2:6], "--out", "out", "--dry-run", "--set", f"{name}={text}"),
                right=lambda folder, said, right=right: right,
            )
