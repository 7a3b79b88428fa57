"""`fgsgl text` as a user calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fgsgl.text.fgtext import dump, load, shipped

TEXT = ("-m", "fgsgl", "text")


def test_the_shipped_texts_have_no_fault_under_the_shipped_tower(call) -> None:
    said = call(*TEXT, "check").stdout
    assert all(f"{name}: " in said for name in shipped()) and said.count(" 0 fault(s)") == len(shipped()) == 4


def test_faults_are_printed_and_end_in_exit_code_2(tmp_path: Path, call) -> None:
    yaml = dump(load("smg"))
    sentence = load("smg").classes[5].sentences["onset"][0]
    (tmp_path / "mine.yaml").write_text(yaml.replace(sentence, "The left hand rests " + "very " * 60 + "calmly."))
    answer = call(*TEXT, "check", tmp_path / "mine.yaml", expect=2)
    for fault in ("names a side (left)", "tokens, which the tower's context of", "words, more than"):
        assert fault in answer.stdout
    assert "fault(s) in FG-Text under the tokenizer of synmg-tiny" in answer.stderr


def test_a_table_goes_out_and_comes_back(tmp_path: Path, call) -> None:
    call(*TEXT, "export", "smg", "--out", tmp_path / "smg.csv")
    table = (tmp_path / "smg.csv").read_text(encoding="utf-8-sig")
    old = load("smg").classes[8].prompts[0]
    (tmp_path / "smg.csv").write_text(table.replace(old, "a new prompt of arms akimbo"))
    said = call(*TEXT, "import", tmp_path / "smg.csv", "--base", "smg", "--out", tmp_path / "new.yaml").stdout
    assert "classes that changed: 8" in said
    assert load(tmp_path / "new.yaml").classes[8].prompts[0] == "a new prompt of arms akimbo"


def test_a_class_is_shown(call) -> None:
    said = call(*TEXT, "show", "smg", "5").stdout
    assert "Touching or scratching neck" in said and "trajectory" in said
    assert "expected 0..16" in call(*TEXT, "show", "smg", "17", expect=2).stderr


def test_the_text_of_ones_own_data_is_begun_and_not_overwritten(tmp_path: Path, call) -> None:
    rows = ["clip_id,video,start_frame,end_frame,label,subject,split,fps"]
    rows += [f"c{n},v.mp4,0,0,{name},s{n},train,25" for n, name in enumerate(("wave", "nod"))]
    (tmp_path / "my.csv").write_text("\n".join(rows))
    assert "2 classes" in call(*TEXT, "new", tmp_path / "my.csv").stdout
    written = (tmp_path / "my.yaml").read_text()
    assert "name: nod" in written and "exists already" in call(*TEXT, "new", tmp_path / "my.csv", expect=2).stderr
    assert "at least 3" in call(*TEXT, "check", tmp_path / "my.yaml", expect=2).stderr
    call(*TEXT, "new", tmp_path / "my.csv", "--from-names", "--out", tmp_path / "draft.yaml")
    assert load(tmp_path / "draft.yaml").class_names == ("nod", "wave")
    assert "0. nod" in call(*TEXT, "prompt", tmp_path / "my.csv").stdout


@pytest.mark.parametrize("name", ["smg"])
@pytest.mark.slow
def test_similarity_is_drawn(name: str, tmp_path: Path, call) -> None:
    call(*TEXT, "similarity", name, "--out", tmp_path / "s.png")
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"
