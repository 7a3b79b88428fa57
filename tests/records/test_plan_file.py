"""The plan of a board's folder: several commands add to it at once, and what is no plan is named."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fgsgl.records.plan_file import FILE, PlanFile, PlannedCell, add_to_plan
from fgsgl.records.protocol import Protocol
from fgsgl.util.errors import UserError

PROTOCOL = Protocol(dataset="synmg", preset="quick", epochs=5)
ADD = """
import sys
from pathlib import Path
from fgsgl.records.plan_file import PlannedCell, add_to_plan
from fgsgl.records.protocol import Protocol

folder, method, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
protocol = Protocol(dataset="synmg", preset="quick", epochs=5)
print("ready", flush=True)
sys.stdin.readline()
for seed in range(count):
    cell = PlannedCell(
        cell_id=f"{method}-{seed}", method=method, variant="full", kind="method", seed=seed, protocol=protocol,
        protocol_hash=protocol.hash(),
    )
    add_to_plan(folder, [cell])
"""


def cell(method: str = "tsm", seed: int = 0) -> PlannedCell:
    return PlannedCell(
        cell_id=f"{method}-{seed}", method=method, variant="full", kind="method", seed=seed, protocol=PROTOCOL,
        protocol_hash=PROTOCOL.hash(),
    )  # fmt: skip


def test_four_commands_at_once_lose_no_cell(tmp_path: Path) -> None:
    methods, count = ("tsm", "tsn", "tin", "trn"), 15
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", ADD, tmp_path, method, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for method in methods
    ]
    for command in commands:  # all have imported what they need, so that they add at the same time
        assert command.stdout.readline() == b"ready\n"
    for command in commands:
        command.stdin.write(b"\n")
        command.stdin.flush()
    assert [command.wait() for command in commands] == [0] * 4
    for command in commands:
        command.stdin.close()
        command.stdout.close()
    found = {planned.cell_id for planned in PlanFile.read(tmp_path).cells}
    assert found == {f"{method}-{seed}" for method in methods for seed in range(count)}


ROW = {
    "cell_id": "a", "method": "tsm", "variant": "full", "kind": "method", "seed": 0, "protocol": PROTOCOL.as_dict(),
    "protocol_hash": PROTOCOL.hash(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ("null", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"cells": [', "cannot be read"),
        ('{"cells": null}', "cannot be read"),
        ('{"cells": ["tsm"]}', "cannot be read"),
        ('{"cells": [], "designs": ["x"]}', "cannot be read"),
        ('{"cells": [], "wings": []}', "unknown field `wings`"),
        ('{"cells": [{"cell_id": NaN}]}', "cannot be read"),
        (json.dumps({"cells": [ROW | {"method": ["tsm"]}]}), "method is ['tsm']"),
        (json.dumps({"cells": [ROW | {"seed": "0"}]}), "seed is '0'"),
        (json.dumps({"cells": [ROW | {"seed": -1}]}), "seed is -1"),
        (json.dumps({"cells": [ROW | {"kind": "winner"}]}), "kind is 'winner'"),
        (json.dumps({"cells": [ROW | {"wings": 2}]}), "unknown field `wings`"),
        (json.dumps({"cells": [ROW | {"protocol_hash": "0" * 16}]}), "protocol_hash is '0000000000000000'"),
        (json.dumps({"cells": [ROW | {"protocol": ROW["protocol"] | {"wings": 2}}]}), "unknown key 'wings'"),
        (json.dumps({"cells": [ROW | {"protocol": ROW["protocol"] | {"epochs": 0}}]}), "epochs is 0"),
        (json.dumps({"cells": [ROW | {"protocol": "synmg"}]}), "protocol is 'synmg'"),
    ],
)
def test_what_is_no_plan_is_named_and_kept(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / FILE
    path.write_text(text)
    for use in (lambda: PlanFile.read(tmp_path), lambda: add_to_plan(tmp_path, [cell()])):
        with pytest.raises(UserError) as caught:
            use()
        assert str(path) in str(caught.value) and says in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_text() == text


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path)])
def test_a_plan_that_is_no_regular_file_is_refused_at_once(tmp_path: Path, make) -> None:
    make(tmp_path / FILE)
    with pytest.raises(UserError, match=r"the plan .*plan\.json (is no regular file|cannot be read)"):
        PlanFile.read(tmp_path)
