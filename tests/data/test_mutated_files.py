"""Files with random damage: each is refused in one line that names it, or read as a table that keeps every rule."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fgsgl.data.clip_faults import clip_faults
from fgsgl.data.clip_table import COLUMNS
from fgsgl.data.datasets import csv as own_data
from fgsgl.data.datasets._release import JointTable, read_joints
from fgsgl.data.labels import read_class_names
from fgsgl.text import fgtext
from fgsgl.text.draft import blank as new
from fgsgl.util.errors import UserError
from fgsgl.util.names import unprintable

TRIED = 400
TABLE = ",".join(COLUMNS) + "\n" + "".join(
    f"{person}{label},v/{person}{label}.mp4,0,{9 * (person % 2)},{label},p{person},{split},29.97\n"
    for person, split in enumerate(("train", "train", "val", "test"))
    for label in ("left", "right")
)  # fmt: skip
PIECES = [
    b"", b",", b"\n", b"\n\n", b'"', b"'", b"\0", b"\r", b"\xff", b"\xff\xfe", b"\xc3", b"-1", b"nan", b"1e9", b";",
    b"|", "\u202e".encode(), "\u0663".encode(), b"=", b"../", b"/", b"  ", b"\t", b"[", b"{", b"}", b": ", b"- ",
    b"!!int ", b"&a ", b"*a", b"#", b"9" * 40, b"x" * 400,
]  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content after one to three pieces were cut out of it, put into it, doubled or exchanged."""
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(content) + 1)
        end = min(len(content), start + rng.choice((0, 0, 1, 1, 5, 40)))
        piece = rng.choice((*PIECES, content[start:end] * 2))
        content = content[:start] + piece + content[end:]
    return content


def table(path: Path) -> None:
    found = own_data.load(path, "all", 0)
    assert len(found.classes) >= 2 and not clip_faults(found.clips, found.classes)
    assert all(clip.label is not None or clip.split == "test" for clip in found.clips)


def class_file(path: Path) -> None:
    names = read_class_names(path)
    assert len({name.casefold() for name in names}) == len(names) >= 2 and not any(map(unprintable, names))


def fg_text(path: Path) -> None:
    text = fgtext.load(path)
    assert fgtext.parse(fgtext.dump(text)) == text


def skeleton(path: Path) -> None:
    form = JointTable(first_column=0, joints=2, values=3, wanted=(0, 1))
    assert read_joints(path, 1, 3, form).shape == (2, 2, 3)


SENTENCES = new("my", ["left", "right"])
for dimension in fgtext.DIMENSIONS:
    SENTENCES = SENTENCES.replace(f"  {dimension}: []", f"  {dimension}: [one {dimension}, two, three]")


@pytest.mark.parametrize(
    ("read", "name", "content"),
    [
        (table, "my.csv", TABLE),
        (class_file, "my.classes.txt", "left\nright\nup and down\n"),
        (fg_text, "my.yaml", SENTENCES),
        (skeleton, "skeleton.csv", "1,2,3,4,5,6\n" * 4),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_damaged_file_is_refused_or_read_by_the_rules(
    tmp_path: Path, read: Callable[[Path], None], name: str, content: str
) -> None:
    rng, ended = random.Random(21), Counter[str]()
    for _ in range(TRIED):
        (tmp_path / name).write_bytes(damaged(content.encode(), rng))
        try:
            read(tmp_path / name)
            ended["read"] += 1
        except UserError as error:
            assert name in str(error) and len(str(error)) < 3_000, error
            ended["refused"] += 1
    assert ended["refused"] > TRIED / 5 and ended.total() == TRIED, ended
