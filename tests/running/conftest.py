"""What the tests of running share."""

import shutil
from pathlib import Path

import pytest
from whole_cells import records


@pytest.fixture
def with_bounds(board: Path, tmp_path: Path) -> Path:
    """A folder for a board of 3 epochs whose floors and ceilings are done."""
    out = tmp_path / "out"
    (out / "ledger").mkdir(parents=True)
    for record in records(board).values():
        if record["kind"] != "method":
            for path in (board / "ledger").glob(f"{record['cell_id']}.*"):
                shutil.copy(path, out / "ledger")
    return out
