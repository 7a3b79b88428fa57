"""Whether other cells of a board run, by the locks that they hold."""

from pathlib import Path

from filelock import FileLock

from fgsgl.training.cell_spec import LOCK, others_run


def test_another_cell_of_the_board_runs_while_it_holds_its_lock(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
        (folder / LOCK).touch()
    (tmp_path / "notes.txt").touch()
    with FileLock(own / LOCK):
        assert not others_run(own)
        with FileLock(other / LOCK):
            assert others_run(own)
        assert not others_run(own)
