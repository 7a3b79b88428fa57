"""Primary contrasts are declared before they run, six at most, and stay as they were declared."""

from pathlib import Path

import made

from fgsgl.methods.cell import Variant
from fgsgl.records.ledger import Ledger
from fgsgl.records.plan_file import PlanFile, Primary, add_to_plan
from fgsgl.running.planning import primary_contrasts

METHODS = ("fgsgl", "tsn", "tsm", "majority", "linear_probe", "i3d", "slowonly", "stgcnpp", "actionclip")
WITHOUT = Variant(method="fgsgl", name="w/o fgsa", changes={"fine": False})
PAIR = Variant(method="fgsgl", name="w/o fgsa, w/o cpa", changes={"fine": False, "category": False})


def declared(folder: Path, variants) -> list[tuple[str, str]]:
    found = primary_contrasts(variants, made.PROTOCOL, Ledger(folder / "ledger"))
    return [row for one in found for row in one.rows]


def test_the_first_six_rows_are_declared_and_no_floor_nor_the_reference(tmp_path: Path) -> None:
    assert declared(tmp_path, [Variant(method=name) for name in METHODS]) == [
        (name, "full") for name in ("tsn", "tsm", "linear_probe", "i3d", "slowonly", "stgcnpp")
    ]
    assert declared(tmp_path, [Variant(method="fgsgl"), PAIR, WITHOUT, Variant(method="tsm")]) == [
        ("fgsgl", "w/o fgsa"), ("tsm", "full"), ("fgsgl", "w/o fgsa, w/o cpa")
    ]  # fmt: skip
    assert declared(tmp_path, [Variant(method="fgsgl")]) == []


def test_what_has_run_cannot_be_declared_any_more(tmp_path: Path) -> None:
    made.done(made.a_cell("tsn")).write(tmp_path / "ledger")
    made.failed(made.a_cell("tsm")).write(tmp_path / "ledger")
    assert declared(tmp_path, [Variant(method=name) for name in ("tsn", "tsm", "i3d")]) == [("i3d", "full")]


def test_a_later_command_does_not_change_what_was_declared(tmp_path: Path) -> None:
    first = Primary(protocol_hash="a" * 16, rows=[("tsn", "full")])
    later = Primary(protocol_hash="a" * 16, rows=[("tsm", "full")])
    other = Primary(protocol_hash="b" * 16, rows=[("tsm", "full")])
    add_to_plan(tmp_path, [], primary=[first])
    add_to_plan(tmp_path, [], primary=[later, other])
    assert {one.protocol_hash: one for one in PlanFile.read(tmp_path).primary} == {"a" * 16: first, "b" * 16: other}
