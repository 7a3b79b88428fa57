"""Whether other cells of a board run, by the locks that they hold."""

from pathlib import Path

from filelock import FileLock

from fgsgl.training.cell_spec import LOCK, is_running, others_run


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


def test_a_board_of_somebody_elses_is_looked_at_and_not_written(tmp_path: Path) -> None:
    lock = tmp_path / LOCK
    assert not is_running(tmp_path) and not lock.exists()
    lock.touch()
    with FileLock(lock):
        lock.chmod(0o444)  # as other users see it; root may write nevertheless
        assert is_running(tmp_path)
    assert not is_running(tmp_path)
    lock.unlink()
    lock.symlink_to("/etc/hostname")
    assert not is_running(tmp_path), "no cell holds such a lock"
