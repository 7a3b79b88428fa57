"""What differs between two cells: planted in their settings, data, code, scores, and found again."""

import dataclasses
import json
from pathlib import Path

import made
import numpy as np
import pytest
from msgspec import structs

from fgsgl.cli.main import main
from fgsgl.data import datasets
from fgsgl.records.predictions import read_predictions, write_predictions
from fgsgl.records.record import Environment
from fgsgl.report.diff import differences, find, prediction_change
from fgsgl.report.formatting import number
from fgsgl.training.cell_metrics import metrics_of
from fgsgl.util.errors import UserError


@pytest.fixture
def pair(ledger):
    """FG-SGL and a copy of it in which six things were changed, and the scores of three clips."""
    one = ledger.add("fgsgl", 2.4, config=made.config(settings={"lora_rank": 8, "fgsa": True}))
    predictions = read_predictions(ledger.folder / "ledger", one.cell_id)
    predictions.scores["combined"][:3] = np.roll(predictions.scores["combined"][:3], 1, axis=1)
    other = structs.replace(
        one,
        seed=1,
        config=made.config(settings={"lora_rank": 4, "fgsa": True}),
        protocol=ledger.protocol(num_frames=16),
        data=structs.replace(one.data, fingerprint="other"),
        environment=Environment(torch="2.16.0", git_commit="d" * 40),
        hardware=structs.replace(one.hardware, cores=4),
        metrics=metrics_of(predictions, datasets.get("synmg")),
    )
    return one, ledger.put(other, predictions)


def test_every_planted_difference_is_found_and_nothing_else(pair) -> None:
    found = {(d.group, d.name): (d.one, d.other) for d in differences(*pair)}
    assert found == {
        ("cell", "seed"): (0, 1),
        ("config", "settings.lora_rank"): (8, 4),
        ("protocol", "num_frames"): (8, 16),
        ("data", "fingerprint"): ("ab12cd34ef56ab78", "other"),
        ("versions", "torch"): ("2.15.0", "2.16.0"),
        ("code", "git_commit"): ("c" * 40, "d" * 40),
        ("hardware", "cores"): (2, 4),
    }
    assert differences(pair[0], pair[0]) == ()


def test_changed_answers_are_counted_clip_by_clip(ledger, pair) -> None:
    folder = ledger.folder / "ledger"

    def change(one: str, other: str):
        return prediction_change(read_predictions(folder, one), one, read_predictions(folder, other), other)

    found = change(pair[0].cell_id, pair[1].cell_id)
    mine, theirs = (read_predictions(folder, record.cell_id).scores["combined"] for record in pair)
    assert (found.n, found.changed, found.identical) == (240, 3, False)
    assert found.largest == np.abs(mine - theirs).max() > 0
    assert change(pair[0].cell_id, pair[0].cell_id).identical
    part = read_predictions(folder, pair[0].cell_id)
    order = np.arange(120)[::-1]  # half the clips, in another order
    half = dataclasses.replace(
        part, clip_ids=part.clip_ids[order], subjects=part.subjects[order], labels=part.labels[order],
        scores={name: table[order] for name, table in part.scores.items()},
    )  # fmt: skip
    write_predictions(folder, "1" * 16, half)
    found = change(pair[0].cell_id, "1" * 16)
    assert (found.n, found.changed, found.largest, found.identical) == (120, 0, 0, False)
    other = dataclasses.replace(half, clip_ids=np.char.add(half.clip_ids, "x"))
    write_predictions(folder, "2" * 16, other)
    with pytest.raises(UserError, match="no clip was scored by both cell 1111111111111111 and cell 2222"):
        change("1" * 16, "2" * 16)


def test_the_command_prints_them(ledger, pair, capsys) -> None:
    one, other = pair
    assert main(["diff", one.cell_id[:6], other.cell_id[:6], "--folder", str(ledger.folder)]) == 0
    said = capsys.readouterr().out
    assert f"cell {other.cell_id}, FG-SGL, seed 1" in said and "settings.lora_rank" in said
    assert (
        number(100 * (other.metrics.top1 - one.metrics.top1), 2, sign="+") in said
        and "3 of 240 clips changed their prediction" in said
    )
    path = str(ledger.folder / "ledger" / f"{pair[0].cell_id}.json")
    assert main(["diff", path, path]) == 0
    assert "identical: every score of all 240 clips is the same" in capsys.readouterr().out
    Path(path).with_suffix(".npz").unlink()
    assert main(["diff", path, path]) == 2
    said = capsys.readouterr()
    assert "top1 %" in said.out and said.err.startswith("error: answers not compared: ") and "npz cannot" in said.err


def test_a_failed_cell_has_no_answers(ledger, pair, capsys) -> None:
    failed = ledger.add_failed("tsm", "full", 0, "nan", "loss is nan")
    assert main(["diff", pair[0].cell_id, failed.cell_id, "--folder", str(ledger.folder)]) == 0
    said = capsys.readouterr().out
    assert "failure.class" in said and "loss is nan" in said and "clips" not in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "3 cells in .* begin with ''; give more of the id|3 cells in .* begin with '': .*give more of the id"),
        ("xyz", "no cell in .* begins with 'xyz'; it has 3: "),
        ("../ledger/0", "no cell in .* begins with '../ledger/0'"),
        ("nowhere.json", "no record at nowhere.json; give the file"),
    ],
)
def test_what_is_no_cell_is_told(ledger, pair, name: str, told: str) -> None:
    ledger.add("tsm", 1.0)
    with pytest.raises(UserError, match=told):
        find(name, ledger.folder)


def test_a_foreign_file_is_refused(tmp_path: Path, capsys) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"schema": 1}))
    assert main(["diff", str(path), str(path)]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: the record") and len(said.splitlines()) == 1
