"""Files are known by their content: hashed once, again when they change, and never taken for what they were."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from fgsgl.data.cache import contents as module
from fgsgl.data.cache.contents import contents


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are hashed, as they are."""
    seen: list[str] = []
    hash_file = module.sha256_of
    monkeypatch.setattr(module, "sha256_of", lambda path: seen.append(path.name) or hash_file(path))
    return seen


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files, settled for long."""
    monkeypatch.setattr(module, "SETTLED_NS", -(10**18))
    for name in "ab":
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_file_is_hashed_once_until_it_changes(root: Path, hashed: list[str]) -> None:
    told: list[tuple[int, int]] = []
    first = contents(root, "ab", workers=2, progress=lambda *count: told.append(count))
    assert first == {name: sha256(name.encode()).hexdigest() for name in "ab"} == contents(root, "ab")
    assert sorted(hashed) == ["a", "b"] and told == [(1, 2), (2, 2)]
    (root / "a").write_text("A")
    assert contents(root, "ab") == first | {"a": sha256(b"A").hexdigest()}
    assert sorted(hashed) == ["a", "a", "b"]


def in_place(path: Path) -> None:
    path.write_text("B")


def by_another(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("B")
    other.replace(path)


@pytest.mark.parametrize("change", [in_place, by_another])
def test_a_change_that_keeps_size_and_time_is_seen(root: Path, change: Callable[[Path], None]) -> None:
    before, found = contents(root, "b"), (root / "b").stat()
    time.sleep(0.02)  # a tick of the file system's clock
    change(root / "b")
    os.utime(root / "b", ns=(found.st_atime_ns, found.st_mtime_ns))
    assert contents(root, "b") == {"b": sha256(b"B").hexdigest()} != before


def test_a_file_that_has_just_changed_is_not_remembered(root: Path, hashed: list[str], monkeypatch) -> None:
    """Two changes within one tick of the clock look alike."""
    monkeypatch.setattr(module, "SETTLED_NS", 10**10)
    contents(root, "a"), contents(root, "a")
    assert hashed == ["a", "a"]


def test_a_file_that_is_gone_is_known_as_it_was_and_an_unknown_one_has_no_content(root: Path) -> None:
    before = contents(root, "a")
    (root / "a").unlink()
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    assert contents(root, ["a", "never", "folder", "pipe"]) == before | {"never": "", "folder": "", "pipe": ""}


@pytest.mark.parametrize("damage", ["torn", "zeroed", "foreign", "link"])
def test_what_is_remembered_may_be_damaged(root: Path, damage: str, hashed: list[str]) -> None:
    right = contents(root, "ab")
    known = module._known_path(root)
    content = known.read_bytes()
    known.unlink()
    if damage == "link":
        known.symlink_to(root / "a")
    else:
        known.write_bytes(
            {"torn": content[:-30], "zeroed": bytes(len(content)), "foreign": b'["a",[1],"x"]\n[\n{}\n7'}[damage]
        )
    assert contents(root, "ab") == right == contents(root, "ab")
    assert (root / "a").read_text() == "a", "nothing is written through a link"


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(root: Path, hashed: list[str]) -> None:
    known = module._known_path(root)
    known.mkdir(parents=True)  # as root, permissions stop nobody
    assert contents(root, "a") == contents(root, "a")
    assert hashed == ["a", "a"]


def test_another_folder_is_another_folder_by_whatever_path(root: Path, hashed: list[str], tmp_path_factory) -> None:
    right = contents(root, "a")
    link = tmp_path_factory.mktemp("link") / "here"
    link.symlink_to(root)
    assert contents(link, "a") == right and hashed == ["a"]
    copy = Path(shutil.copytree(root, tmp_path_factory.mktemp("copy") / "data"))
    (copy / "a").write_text("other")
    assert contents(copy, "a") != right == contents(root, "a")
