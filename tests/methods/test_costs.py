"""The file of counts: complete, and refused where a row of it cannot be."""

from pathlib import Path

import pytest

from fgsgl.cli.method_counts import SETTINGS, counted
from fgsgl.methods import costs as module
from fgsgl.methods.costs import COLUMNS, SHOWN, costs
from fgsgl.methods.registry import scan
from fgsgl.util.errors import UserError


def test_everything_that_is_counted_stands_in_the_file_and_nothing_else() -> None:
    assert set(costs()) == {
        (name, setting) for name, method in scan().items() for setting in SETTINGS if counted(method, setting)
    }
    with_network = {name for name, method in scan().items() if method.model is not None}
    for setting in SHOWN.values():
        assert {name for name, one in costs() if one == setting} == with_network
        assert all(None not in costs()[name, setting][:3] for name in with_network)


@pytest.mark.parametrize("cost", ["0", "-1", "nan", "inf", "many"])
@pytest.mark.parametrize("column", ["params_m", "gflops", "train_gflops"])
def test_a_count_that_cannot_be_is_refused(
    column: str, cost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = dict.fromkeys(COLUMNS, "") | {"method": "tsm", "size": "quick", "backbone": "synmg-tiny"}
    row |= {"num_frames": "8", "image_size": "112", column: cost}
    (tmp_path / "costs.csv").write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    monkeypatch.setattr(module, "PATH", tmp_path / "costs.csv")
    with pytest.raises(UserError, match=r"expected method, size, .* with counts above 0"):
        costs.__wrapped__()
