"""The schema: what is shipped loads, and each fault in a file is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fgsgl.text.fgtext import DIMENSIONS, dump, load, parse, shipped
from fgsgl.util.errors import UserError

CLASSES = {"smg": 17, "synmg": 26, "imigue": 32, "ma52": 52}
HEADER = {"name": "mine", "author": "me", "version": "1", "licence": "CC0-1.0", "note": "none"}


def small() -> dict:
    """A valid file of two classes that share their part."""
    return {
        **HEADER,
        "stages": {"part": {"hand": ["A hand moves.", "Only a hand moves.", "One hand is in motion."]}},
        "classes": [
            {
                "id": i,
                "name": f"gesture {i}",
                "prompts": [f"gesture {i}", f"a person doing gesture {i}", f"a clip of gesture {i}"],
                "part": "hand",
                **{d: [f"{d} {i} {word}" for word in ("red", "green", "blue")] for d in DIMENSIONS[1:]},
            }
            for i in range(2)
        ],
    }


def test_all_texts_are_shipped():
    assert set(shipped()) == set(CLASSES)


@pytest.mark.parametrize(("name", "n"), CLASSES.items())
def test_shipped_text_is_whole_and_survives_dumping(name: str, n: int):
    text = load(name)
    assert (text.name, len(text.classes), text.licence) == (name, n, "CC-BY-4.0")
    assert "not the FG-Text set of the FG-SGL paper" in text.note
    assert any(entry.stages for entry in text.classes)
    assert parse(dump(text)) == text


def test_a_named_stage_is_shared_exactly():
    one, other = parse(yaml.safe_dump(small())).classes
    assert one.sentences["part"] == other.sentences["part"] == tuple(small()["stages"]["part"]["hand"])
    assert one.stages == {"part": "hand"}


def test_fingerprint_follows_the_sentences_and_not_the_header():
    text = parse(yaml.safe_dump(small()))
    renamed, reworded = small(), small()
    renamed["author"] = "someone else"
    reworded["stages"]["part"]["hand"][0] = "A palm moves."
    assert parse(yaml.safe_dump(renamed)).fingerprint() == text.fingerprint()
    assert parse(yaml.safe_dump(reworded)).fingerprint() != text.fingerprint()


def _set(raw: dict, *path_and_value: object) -> None:
    *path, last, value = path_and_value
    for step in path:
        raw = raw[step]
    raw[last] = value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("clases", []), "unknown key 'clases'; did you mean classes"),
        (("classes", 1, "trajectry", []), "unknown key 'classes.1.trajectry'; did you mean trajectory"),
        (("stages", "parts", {}), "unknown key 'stages.parts'; did you mean part"),
        (("classes", 1, "part", "hnad"), r"class 1 \(gesture 1\) names the stage 'hnad' in 'part'.*did you mean hand"),
        (
            ("classes", 1, "outcome", ["a", "b"]),
            r"class 1 \(gesture 1\).*2 sentence\(s\) in 'outcome', expected at least 3",
        ),
        (("classes", 0, "prompts", []), r"class 0 \(gesture 0\).*0 sentence\(s\) in 'prompt'"),
        (("classes", 1, "id", 0), "class ids \\[0, 0\\]; expected 0, 1, 2"),
        (("classes", 1, "name", "gesture 0"), "class name 'gesture 0' twice"),
        (("classes", 1, "name", "Gesture  0"), "class name 'Gesture  0' twice"),
        (("classes", 1, "name", ""), "the name of class 1 is blank"),
        (("classes", 1, "name", "a\x7fb"), r"the name of class 1 holds the control character U\+007F"),
        (("classes", 1, "name", "a\nb"), r"the name of class 1 holds the control character U\+000A"),
        (("classes", 1, "name", "x" * 201), "the name of class 1 has 201 characters, expected at most 200"),
        (("classes", 1, "outcome", ["a", " ", "b"]), "a sentence of class 1 in 'outcome' is blank"),
        (("classes", 1, "prompts", ["a", "b\u202e", "c"]), r"in 'prompt' holds the control character U\+202E"),
        (("name", ""), "its name is blank"),
        (("classes", 1, "onset", ["a", {"start": "b"}, "c"]), "classes.1.onset.1: expected text.*quotation marks"),
        (("version", 1.0), "version: expected text"),
        (("classes", []), r"has the class ids \[\]"),
        (("stages", "onset", {"low": ["a", "b", "c"]}), "no class uses the stage 'low' of 'onset'"),
    ],
)
def test_each_fault_is_named_with_its_place(tmp_path: Path, change: tuple, message: str):
    raw = small()
    _set(raw, *change)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_a_missing_dimension_is_named(dimension: str):
    raw = small()
    del raw["classes"][1][dimension]
    with pytest.raises(UserError, match=f"the key 'classes.1.{dimension}' is missing"):
        parse(yaml.safe_dump(raw, sort_keys=False))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file: "),
        ("name: [", "line 2: not YAML"),
        ("[" * 3000, "more than 32 deep"),
        ("name: a\nname: b\n", "line 2: the key 'name' stands twice"),
        ("name: !!python/object/apply:os.getcwd []\n", "line 1: the tag !!python/object/apply:os.getcwd"),
        ("name: !!int abc\n", "line 1: the tag !!int"),
        ("name: .nan\n", "no number that can be used"),
        ("name: 2020-99-99\n", "is missing"),
        ("name: 0x_\n", "is missing"),
    ],
)
def test_what_is_not_such_a_file_is_refused(content: str, message: str):
    with pytest.raises(UserError, match=message):
        parse(content)


def test_names_and_paths_that_do_not_exist(tmp_path: Path):
    with pytest.raises(UserError, match=r"no FG-Text named 'imigeu'.*imigue"):
        load("imigeu")
    with pytest.raises(UserError, match=r"no FG-Text file at .*gone\.yaml"):
        load(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9\xff\n")
    with pytest.raises(UserError, match=r"latin\.yaml, line 1: byte 0xe9 is not UTF-8"):
        load(tmp_path / "latin.yaml")


def test_the_text_of_another_data_set_is_refused():
    text = parse(yaml.safe_dump(small()))
    text.expect_classes(["gesture 0", "gesture 1"], "the table")
    with pytest.raises(UserError, match="class 0 is 'gesture 0' in FG-Text 'mine', but 'gesture 1' in the table"):
        text.expect_classes(["gesture 1", "gesture 0"], "the table")
    with pytest.raises(UserError, match="has 2 classes, but the table has 3"):
        text.expect_classes(["gesture 0", "gesture 1", "gesture 2"], "the table")
