"""The command under a board can be pasted: it plans the linear probe on the same data, protocol and folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import made

from fgsgl.cli.main import build_parser
from fgsgl.cli.options import protocol_of, root_of
from fgsgl.records.protocol import default_protocol
from fgsgl.running.hint import probe_command


def test_the_command_means_the_same_protocol_data_and_folder(tmp_path: Path) -> None:
    table = tmp_path / "my clips.csv"
    table.touch()
    protocol = default_protocol(
        "csv", epochs=1, batch_size=8, skip_bad=True, label_smoothing=0.1, image_size=224, sampling="class_balanced"
    )
    cells = [made.a_cell("fgsgl", protocol=protocol), made.a_cell("tsm", protocol=protocol)]
    program, *words = shlex.split(probe_command(cells, 3, Path("a board"), table))
    assert program == "fgsgl"
    arguments = build_parser().parse_args(words)
    assert protocol_of(arguments) == protocol and root_of(arguments) == table
    assert arguments.methods == ["linear_probe"] and arguments.seeds == 3 and arguments.out == Path("a board")


def test_there_is_none_where_the_probe_is_planned_or_no_method_needs_one() -> None:
    assert probe_command([made.a_cell("fgsgl"), made.a_cell("linear_probe")], 1, Path("b"), None) == ""
    assert probe_command([made.a_cell("tsm"), made.a_cell("majority")], 1, Path("b"), None) == ""
    assert probe_command([made.a_cell("fgsgl")], 1, Path("b"), None).endswith("--preset quick --out b")
