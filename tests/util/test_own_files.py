"""What we write goes into our own files and folders, and never through a symbolic link that waits there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import made
import numpy as np
import pytest

from fgsgl.data.cache.cache_folder import cache_folder, old_caches
from fgsgl.data.video.video_file import write_h264
from fgsgl.util.errors import UserError
from fgsgl.util.files import append, new_file, open_to_append, open_to_read, own_folder, read_if_there, write_whole


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that nothing may change."""
    path = tmp_path / "outside"
    path.write_text("mine")
    return path


def make_new(path: Path) -> None:
    with new_file(path) as file:
        file.write(b"ours")


WRITERS = (
    make_new,
    lambda path: write_whole(path, b"ours"),
    lambda path: write_h264(path, np.zeros((2, 32, 32, 3), np.uint8), fps=25),
)


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_in_the_way_is_replaced(tmp_path: Path, outside: Path, write: Callable[[Path], None]) -> None:
    """Also where the link has the name of the file before it is renamed."""
    path = tmp_path / "file"
    for name in ("file", "file.tmp", f"file.{os.getpid()}.tmp"):
        (tmp_path / name).symlink_to(outside)
    write(path)
    assert outside.read_text() == "mine"
    assert path.is_file() and not path.is_symlink()


@pytest.mark.parametrize("add", [lambda path: append(path, b"ours"), open_to_append])
def test_nothing_is_added_through_a_link(tmp_path: Path, outside: Path, add: Callable[[Path], object]) -> None:
    (tmp_path / "log.txt").symlink_to(outside)
    with pytest.raises(OSError) as error:
        add(tmp_path / "log.txt")
    assert error.value.errno == errno.ELOOP and outside.read_text() == "mine"
    append(tmp_path / "new", b"one "), append(tmp_path / "new", b"two")
    assert (tmp_path / "new").read_text() == "one two"


def test_links_and_special_files_are_not_read(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder", "nothing"):
        assert read_if_there(tmp_path / name) is None
        with pytest.raises(OSError):
            open_to_read(tmp_path / name)
    assert read_if_there(outside) == b"mine"


@pytest.mark.parametrize("name", ["ledger", "work", "work/cell"])
def test_a_boards_folder_that_is_a_link_is_refused_before_a_cell_starts(tmp_path: Path, name: str) -> None:
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(elsewhere)
    spec = made.spec(made.a_cell("majority"), out / "work" / "cell", ledger=out / "ledger")
    with pytest.raises(UserError, match=rf"{name} is a symbolic link, and nothing is written through it"):
        spec.write()
    assert not list(elsewhere.iterdir())
    with pytest.raises(UserError):
        own_folder(out / name)


def test_the_cache_folder_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FGSGL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folder = cache_folder()
    assert folder == tmp_path / "xdg" / "fgsgl" and folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    with pytest.raises(UserError, match=r"others may write in the cache folder .*chmod go-w"):
        cache_folder()
    folder.chmod(0o755)
    assert cache_folder() == folder
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path / "loop"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UserError, match="cannot be made"):
        cache_folder()


def test_another_users_cache_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path))
    if os.getuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(UserError, match=r"belongs to user 12345, who could change what you compute with"):
        cache_folder()
    os.chown(tmp_path, 0, 0)


def test_caches_of_older_versions_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path / "cache"))
    assert old_caches(tmp_path / "data") == []
    for folder in (tmp_path / "data" / ".frames", tmp_path / "cache" / "ab12-8x2-112px"):
        folder.mkdir(parents=True)
        (folder / "frames.u8").touch()
    assert old_caches(tmp_path / "data") == [tmp_path / "data" / ".frames", tmp_path / "cache" / "ab12-8x2-112px"]
