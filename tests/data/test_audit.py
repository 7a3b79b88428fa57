"""The audit finds what splits share and text that gives the answer away; it reaches records and board."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path

import copies
import made
import pytest

from fgsgl.data import datasets
from fgsgl.data.audit import AuditCounts, audit
from fgsgl.data.cache import contents as module
from fgsgl.data.cache.contents import with_contents
from fgsgl.data.clip_table import ClipTable
from fgsgl.records.protocol import default_protocol
from fgsgl.text.draft import draft
from fgsgl.text.fgtext import FGText, load
from fgsgl.training.data_facts import data_facts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copies.ma52(tmp_path / "MA-52")


def audited(table: ClipTable, text: FGText | None = None) -> AuditCounts:
    return audit(table.clips, with_contents(table).contents, text)


def test_a_duplicated_video_is_found_whatever_it_is_called(root: Path) -> None:
    table = datasets.get("ma52").load(root, "subjects", 0)
    assert audited(table) == (0, 0, 0, None)
    one, same_split = table.split("train")[:2]
    shutil.copy(table.path(one), table.path(same_split))
    assert audited(table).videos == 0, "twice in one split makes no score too good"
    for split in ("val", "test"):
        shutil.copy(table.path(one), table.path(table.split(split)[0]))
    shutil.copy(table.path(table.split("train")[2]), table.path(table.split("test")[1]))
    assert audited(table) == (0, 0, 2, None)


def test_people_in_two_splits_are_counted(root: Path) -> None:
    table = datasets.get("ma52").load(root, "official", 0)
    shared = {clip.subject for clip in table.split("test")} & {
        clip.subject for split in ("train", "val") for clip in table.split(split)
    }
    assert audited(table).subjects == len(shared) == 8


def test_a_clip_id_in_two_splits_is_counted(root: Path) -> None:
    """A clip table refuses such ids, so only the count itself can be shown one."""
    table = datasets.get("ma52").load(root, "subjects", 0)
    again = dataclasses.replace(table.split("train")[0], split="test")
    known = with_contents(table).contents
    assert audit((*table.clips, again), known, None) == (1, 1, 1, None)


def test_sentences_that_say_their_class_are_counted(root: Path) -> None:
    table, text = datasets.get("ma52").load(root, "subjects", 0), load("ma52")
    assert audited(table, text).sentences == 0
    first = text.classes[0]
    sentences = {**first.sentences, "onset": (*first.sentences["onset"], f"Someone is seen {first.name.lower()}.")}
    leaking = dataclasses.replace(text, classes=(dataclasses.replace(first, sentences=sentences), *text.classes[1:]))
    assert audited(table, leaking).sentences == 1


def test_record_and_board_tell_and_no_cell_hashes_again(
    root: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = datasets.get("ma52").load(root, "official", 0)
    shutil.copy(table.path(table.split("train")[0]), table.path(table.split("test")[0]))
    time.sleep(module.SETTLED_NS / 1e9)  # what has just been written is hashed again, lest it is still being written
    out = tmp_path / "out"
    command = ("-m", "fgsgl", "run", "--dataset", "ma52", "--preset", "official", "--root", root, "--out", out)
    call(*command, "--methods", "majority")
    audits = [json.loads(path.read_text())["data"]["audit"] for path in (out / "ledger").glob("*.json")]
    assert audits == [{"clip_ids": 0, "subjects": 8, "videos": 1, "sentences": None}] * 2
    said = "Audit of ma52 official: no clip ids, 8 subjects and 1 file content (SHA-256) stand in more than one split."
    assert said in (out / "leaderboard.md").read_text()
    assert "clip_ids 0, subjects 8, videos 1" in (out / "leaderboard.csv").read_text()
    monkeypatch.setattr(module, "sha256_of", lambda path: pytest.fail(f"{path} is hashed again"))
    assert audited(table).videos == 1


def test_a_draft_of_the_text_is_told_under_the_board(root: Path, tmp_path: Path) -> None:
    table = with_contents(datasets.get("ma52").load(root, "subjects", 0))
    (tmp_path / "text.yaml").write_text(draft("mine", table.classes), encoding="utf-8")
    protocol, text = default_protocol("ma52"), str(tmp_path / "text.yaml")
    told = data_facts(made.a_cell("fgsgl", protocol=protocol, text=text), table, {}).caveats
    assert [line for line in told if "is a draft: in 208 of 208 class dimensions" in line]
    assert not any(
        "draft" in line for line in data_facts(made.a_cell("tsm", protocol=protocol, text=text), table, {}).caveats
    )
