"""Which cells are meant by a row's name, a row's name with a seed, or the beginning of an id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from fgsgl.records.find import Named, find_cell, find_cells, row_names
from fgsgl.util.errors import UserError

FOLDER = Path("board")


@dataclass(frozen=True)
class Cell:
    """Whatever has an id and a seed."""

    cell_id: str
    seed: int


FULL = [Cell("aa01", 0), Cell("ab02", 1)]
WITHOUT = [Cell("ba03", 0), Cell("bb04", 1)]
LOOSE = Cell("cc05", 7)
CELLS: list[Named[Cell]] = [
    *((row_names("fgsgl", "FG-SGL", "full"), cell) for cell in FULL),
    *((row_names("fgsgl", "FG-SGL", "w/o fgsa"), cell) for cell in WITHOUT),
    (row_names("fgsgl", "FG-SGL", "tuned"), FULL[0]),
    ((), LOOSE),
]


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("FG-SGL", FULL),
        ("fgsgl", FULL),
        ("FG-SGL w/o fgsa", WITHOUT),
        ("fgsgl w/o fgsa, seed 1", WITHOUT[1:]),
        ("FG-SGL tuned", FULL[:1]),
        ("ba", WITHOUT[:1]),
        ("aa01", FULL[:1]),
        ("c", [LOOSE]),
    ],
)
def test_what_is_named_is_found(what: str, found: list[Cell]) -> None:
    assert find_cells(what, CELLS, FOLDER) == found


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("a", r"2 cells in board begin with 'a': aa01 \(.*, seed 0\), ab02 \(FG-SGL, seed 1\); give more of the id"),
        ("zz", r"no cell in board begins with 'zz'; it has 5: .*cc05 \(seed 7\); and no row is called 'zz'$"),
        ("FG-SGL w/o fsga", r"and no row is called 'FG-SGL w/o fsga' \(did you mean FG-SGL w/o fgsa"),
        ("FG-SGL, seed 2", "no cell in board begins with 'FG-SGL, seed 2'"),
    ],
)
def test_what_is_not_there_is_told(what: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        find_cells(what, CELLS, FOLDER)


def test_where_one_cell_is_wanted_a_row_of_several_is_told() -> None:
    assert find_cell("FG-SGL, seed 1", CELLS, FOLDER) == FULL[1]
    assert find_cell("FG-SGL tuned", CELLS, FOLDER) == FULL[0]
    with pytest.raises(UserError, match=r"'FG-SGL' means 2 cells of board: aa01 .*, ab02 .*; name one of them"):
        find_cell("FG-SGL", CELLS, FOLDER)


def test_a_folder_without_cells_is_told() -> None:
    with pytest.raises(
        UserError, match="no cell in board begins with 'x'; it has none; expected the folder of a board"
    ):
        find_cells("x", [], FOLDER)
