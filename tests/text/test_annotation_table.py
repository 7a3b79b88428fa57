"""The annotators' table: exact both ways, safe in a spreadsheet, and clear about what it refuses."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from fgsgl.text.annotation_table import COLUMNS, export_csv, import_csv
from fgsgl.text.draft import blank
from fgsgl.text.fgtext import DIMENSIONS, FGText, dump, load, parse, shipped
from fgsgl.util.errors import UserError

SMG = load("smg")


def edited(tmp_path: Path, edit) -> FGText:
    """SMG exported, each row changed by ``edit`` (None: taken out), and imported."""
    path = tmp_path / "smg.csv"
    export_csv(SMG, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in map(edit, csv.DictReader(file)) if row is not None]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return import_csv(path, SMG)


def at(row: dict, class_id: int, kind: str, index: int | None = None) -> bool:
    return (row["class_id"], row["kind"]) == (str(class_id), kind) and index in (None, int(row["index"]))


@pytest.mark.parametrize("name", shipped())
def test_round_trip_is_exact(name: str, tmp_path: Path):
    text = load(name)
    export_csv(text, tmp_path / "text.csv")
    assert import_csv(tmp_path / "text.csv", text) == text


@pytest.mark.parametrize(
    "hostile", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "'=1", "''=x", "'tis a hand", "\t=1"]
)
def test_a_formula_is_made_harmless_and_comes_back(hostile: str, tmp_path: Path):
    entry = SMG.classes[0]
    cell = (hostile, 'He said "up, down".', "naïve café")
    text = replace(SMG, classes=(replace(entry, sentences={**entry.sentences, "part": cell}), *SMG.classes[1:]))
    export_csv(text, tmp_path / "text.csv")
    with (tmp_path / "text.csv").open(encoding="utf-8-sig", newline="") as file:
        assert not [
            cell for row in csv.reader(file) for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        ]
    assert import_csv(tmp_path / "text.csv", text) == text


def test_an_edited_sentence_arrives_and_an_emptied_one_goes(tmp_path: Path):
    def edit(row: dict) -> dict:
        if at(row, 0, "onset", 2):
            row["sentence"] = "The start is new."
        return {**row, "index": "3"} if at(row, 0, "onset", 0) else row

    first, second, _ = SMG.classes[0].sentences["onset"]
    assert edited(tmp_path, edit).classes[0].sentences["onset"] == (second, "The start is new.", first)
    with pytest.raises(UserError, match=r"class 0 .* has 2 sentence\(s\) in 'onset'"):
        edited(tmp_path, lambda row: {**row, "sentence": " "} if at(row, 0, "onset", 0) else row)


def test_a_stage_stays_shared_or_is_left_openly(tmp_path: Path):
    with pytest.raises(UserError, match="the part stage 'one_hand' has other sentences in class"):
        edited(tmp_path, lambda row: {**row, "sentence": "A palm moves."} if at(row, 5, "part", 0) else row)

    def leave(row: dict) -> dict:
        changed = {"stage": "", "sentence": f"A palm moves, {row['index']}."}
        return {**row, **changed} if at(row, 5, "part") else row

    text = edited(tmp_path, leave)
    assert "part" not in text.classes[5].stages
    assert text.classes[1] == SMG.classes[1]
    assert parse(dump(text)) == text


@pytest.mark.parametrize(
    ("class_id", "change", "message"),
    [
        (3, {"class_id": "x"}, "class_id and index are 'x'"),
        (3, {"class_id": "17"}, "class 17 is"),
        (3, {"class_name": "Waving"}, "class 3 is 'Waving', but 'Touching or covering suprasternal notch'"),
        (3, {"kind": "onste"}, "unknown kind 'onste'; did you mean onset"),
        (3, {"index": "1"}, "class 3 has a second outcome of index 1"),
        (3, {"stage": "held"}, "class 3 for outcome name different stages"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, class_id: int, change: dict, message: str):
    with pytest.raises(UserError, match=message) as caught:
        edited(tmp_path, lambda row: {**row, **change} if at(row, class_id, "outcome", 0) else row)
    assert f"{tmp_path / 'smg.csv'}, line " in str(caught.value)


def test_what_is_no_table_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="no table at"):
        import_csv(tmp_path / "gone.csv", SMG)
    (tmp_path / "semicolons.csv").write_text(";".join(COLUMNS), encoding="utf-8")
    with pytest.raises(UserError, match="lacks the column"):
        import_csv(tmp_path / "semicolons.csv", SMG)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00class")
    with pytest.raises(UserError, match="is UTF-16, not UTF-8"):
        import_csv(tmp_path / "binary.csv", SMG)


def test_a_new_text_is_refused_until_it_is_filled_in():
    skeleton = blank("my set", ["wave: slowly", "- nod", "yes"])
    with pytest.raises(UserError, match=r"class 0 \(wave: slowly\).*0 sentence\(s\) in 'part'.*11 more such cell"):
        parse(skeleton)
    for dimension in DIMENSIONS:
        skeleton = skeleton.replace(f"  {dimension}: []", f"  {dimension}: [one, two, three]")
    text = parse(skeleton)
    assert [entry.name for entry in text.classes] == ["wave: slowly", "- nod", "yes"]
    assert all(any(entry.name in prompt for prompt in entry.prompts) for entry in text.classes)
