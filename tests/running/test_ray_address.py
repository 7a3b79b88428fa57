"""Which Ray cluster a command joins: one that it was told of, or one that this user has started here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fgsgl.running.executors.ray_address import address_file, address_here
from fgsgl.util.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The address that a `ray start` of ours has left; Ray opens its folder to everyone."""
    found = address_file({"RAY_TMPDIR": str(tmp_path)})
    found.parent.mkdir()
    found.parent.chmod(0o777)
    found.write_text("127.0.0.1:6379\n")
    found.chmod(0o644)
    return found


def test_the_cluster_of_this_user_is_joined(path: Path) -> None:
    assert address_here(path) == "127.0.0.1:6379"
    path.write_text("")
    assert address_here(path) is None
    path.unlink()
    assert address_here(path) is None
    assert address_here(path.parent / "none" / "ray_current_cluster") is None


def test_without_a_folder_for_ray_it_lies_below_tmp() -> None:
    assert address_file({}) == Path("/tmp/ray/ray_current_cluster")


def link(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def link_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("other"))
    path.parent.symlink_to("other")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "spoil",
    [link, link_folder, fifo, folder, lambda path: path.chmod(0o664), lambda path: path.chmod(0o646)],
    ids=["link", "linked folder", "fifo", "folder", "group may write", "all may write"],
)
def test_what_others_could_have_left_is_refused(path: Path, spoil) -> None:
    spoil(path)
    with pytest.raises(UserError, match=r"may be another user's.*set RAY_ADDRESS=host:port.*RAY_ADDRESS=local"):
        address_here(path)


@pytest.mark.parametrize("which", ["file", "folder"])
def test_another_users_file_or_folder_is_refused(path: Path, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.getuid() + 1
    try:
        os.chown(path if which == "file" else path.parent, other, -1)
    except PermissionError:  # not root: seen the other way round, with this process as the other user
        monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(UserError, match="may be another user's"):
        address_here(path)
