"""Prediction: a trained recognizer says of a video what its cell said, from its board and from one file elsewhere."""

from __future__ import annotations

import csv
import io
import json
import pickle
import re
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from mmaction.registry import MODELS
from PIL import Image
from safetensors.torch import load_file, save_file

import fgsgl
from fgsgl.cli.main import main
from fgsgl.data.clip_table import read_clips
from fgsgl.data.video.video_file import write_h264
from fgsgl.methods.method import Classes
from fgsgl.models.towers.synmg_tiny import weights_path
from fgsgl.prediction.choice import best_cell
from fgsgl.prediction.model_file import KEY, SHA256, read_model, write_model
from fgsgl.prediction.recognizer import Recognizer
from fgsgl.prediction.trained import trained_cell
from fgsgl.prediction.windows import windows_of
from fgsgl.records.ledger import Ledger
from fgsgl.records.predictions import read_predictions
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError


@pytest.fixture(scope="module")
def recognizer(board: Path) -> Recognizer:
    return fgsgl.load_recognizer(board, device="cpu")


@pytest.fixture(scope="module")
def videos(smoke: Path) -> list[Path]:
    """Test clips, in the order of their ids."""
    clips = sorted((clip for clip in read_clips(smoke / "clips.csv") if clip.split == "test"), key=lambda c: c.clip_id)
    return [smoke / clip.video for clip in clips]


@pytest.fixture(scope="module")
def model_file(board: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.safetensors"
    assert main(["export", str(board), "--out", str(path)]) == 0
    return path


def recorded(board: Path, cell_id: str) -> np.ndarray:
    """Probabilities of the cell's own predictions, in the order of clip ids."""
    predictions = read_predictions(board / "ledger", cell_id)
    return predictions.scores["combined"][np.argsort(predictions.clip_ids)]


def frames_of(video: Path) -> np.ndarray:
    """``frames_THWC`` of a whole file."""
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_a_video_gets_the_probabilities_that_its_cell_gave_it(board: Path, recognizer: Recognizer, videos) -> None:
    known_NC = recorded(board, best_cell(board).cell_id)
    for video, known_C in zip(videos[:4], known_NC, strict=False):
        found = recognizer.predict(video)
        assert found.probabilities_C == pytest.approx(known_C, abs=1e-4)
        assert found.top(1)[0][0] == recognizer.classes[int(known_C.argmax())]
        assert found.start_s == 0 and found.end_s == pytest.approx(1.2)


def test_other_methods_predict_too(board: Path, videos) -> None:
    for name in ("TSN", "Linear probe"):
        record = next(r for r in Ledger(board / "ledger").done().values() if r.config.display_name == name)
        found = fgsgl.load_recognizer(board, name, device="cpu").predict(videos[0])
        assert found.probabilities_C == pytest.approx(recorded(board, record.cell_id)[0], abs=1e-4)
        assert found.sentences == () and found.attention_DTP is None


def test_fg_sgl_says_the_sentence_of_each_dimension_and_where_it_looks(recognizer: Recognizer, videos) -> None:
    found = recognizer.predict(videos[0])
    assert [sentence.dimension for sentence in found.sentences] == ["part", "onset", "trajectory", "outcome"]
    for sentence in found.sentences:
        assert sentence.class_name in recognizer.classes and -1 <= sentence.similarity <= 1
    assert found.attention_DTP.shape == (4, 8, 49)
    assert found.attention_DTP.sum((1, 2)) == pytest.approx(np.ones(4), abs=1e-4)
    assert len(found.frame_numbers) == 8 and list(found.frame_numbers) == sorted(found.frame_numbers)


def test_frames_in_memory_are_read_like_those_of_a_file(recognizer: Recognizer, videos) -> None:
    from_file, given = recognizer.predict(videos[0]), recognizer.predict(frames_of(videos[0]))
    assert given.frame_numbers == from_file.frame_numbers
    assert given.top(1)[0][0] == from_file.top(1)[0][0]
    assert given.probabilities_C == pytest.approx(from_file.probabilities_C, abs=0.05)  # scaled by another filter


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (np.zeros((8, 32, 32, 3), np.float32), r"float32 of shape \(8, 32, 32, 3\); expected uint8"),
        (np.zeros((8, 3, 32, 32), np.uint8), r"shape \(8, 3, 32, 32\)"),
        (np.zeros((32, 32, 3), np.uint8), r"shape \(32, 32, 3\)"),
        (np.zeros((0, 32, 32, 3), np.uint8), "no frames came"),
    ],
    ids=["float", "channels first", "one frame", "none"],
)
def test_frames_of_another_kind_are_refused(recognizer: Recognizer, frames: np.ndarray, says: str) -> None:
    with pytest.raises(UserError, match=says):
        recognizer.predict(frames)


def test_a_long_recording_is_named_window_by_window(recognizer: Recognizer, videos, tmp_path: Path) -> None:
    """Two clips after each other: each window is named as its own frames are."""
    path = tmp_path / "long.mp4"
    write_h264(path, np.concatenate([frames_of(video) for video in videos[:2]]), fps=25)
    frames_THWC = frames_of(path)
    found = list(recognizer.timeline(path, window_s=1.2, stride_s=0.4))
    assert [one.start_s for one in found] == pytest.approx([0, 0.4, 0.8, 1.2]) and found[-1].end_s == pytest.approx(2.4)
    for one in found:
        start = round(one.start_s * 25)
        own = recognizer.predict(frames_THWC[start : start + 30])
        assert one.probabilities_C == pytest.approx(own.probabilities_C, abs=1e-4)
        assert one.frame_numbers == tuple(start + number for number in own.frame_numbers)


def test_windows_cover_a_recording_to_its_end(tmp_path: Path) -> None:
    write_h264(tmp_path / "v.mp4", np.zeros((60, 16, 16, 3), np.uint8), fps=10)
    found = windows_of(tmp_path / "v.mp4", 4, window_s=2.0, stride_s=1.5)
    assert [one.start_s for one in found] == pytest.approx([0, 1.5, 3, 4])
    assert [one.end_s for one in found] == pytest.approx([2, 3.5, 5, 6])
    assert [(one.start, one.end) for one in found] == [(0, 20), (15, 35), (30, 50), (40, 0)]
    assert [(one.start, one.end) for one in windows_of(tmp_path / "v.mp4", 4, window_s=9.0)] == [(0, 0)]
    assert [(one.start, one.end) for one in windows_of(tmp_path / "v.mp4", 4, 1.0, 2.0)] == [(10, 20)]
    for wrong in (
        {"window_s": 0},
        {"window_s": float("nan")},
        {"start_s": -1},
        {"start_s": 7},
        {"window_s": 1, "stride_s": -1},
    ):
        with pytest.raises(UserError):
            windows_of(tmp_path / "v.mp4", 4, **wrong)


def test_a_model_file_predicts_elsewhere_as_its_board_does(
    recognizer: Recognizer, model_file: Path, videos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the board, nor the data set, nor the current folder is needed."""
    monkeypatch.chdir(tmp_path)
    elsewhere = Recognizer(read_model(model_file), "cpu")
    for video in videos[:2]:
        one, other = recognizer.predict(video), elsewhere.predict(video)
        assert (one.probabilities_C == other.probabilities_C).all() and one.sentences == other.sentences


def test_the_tower_travels_with_the_file_where_it_does_not_ship(board: Path, videos, tmp_path: Path) -> None:
    """Weights by path: the file holds them and how their pixels are normalised, and predicts the same after both are
    gone."""
    own, beside = tmp_path / "open_clip_model.safetensors", tmp_path / "open_clip_config.json"
    half = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    beside.write_text(json.dumps({"model_cfg": {}, "preprocess_cfg": half}))
    moved = {n: value + 0.001 if value.is_floating_point() else value for n, value in load_file(weights_path()).items()}
    save_file(moved, own)
    trained = trained_cell(board, best_cell(board))
    protocol = replace(trained.protocol, pretrained=str(own))
    classes = Classes(count=len(trained.classes), text="synmg")
    config = build_config(trained.method, {}, protocol, 0, classes=classes, root=Path(), work_dir=Path())
    model = MODELS.build(config["model"])
    started = replace(trained, protocol=protocol, state=model.state_dict())
    before = Recognizer(started, "cpu").predict(videos[0])
    write_model(started, tmp_path / "m.safetensors")
    own.unlink()
    beside.unlink()
    after = Recognizer(read_model(tmp_path / "m.safetensors"), "cpu").predict(videos[0])
    assert (before.probabilities_C == after.probabilities_C).all()
    assert abs(before.probabilities_C - Recognizer(trained, "cpu").predict(videos[0]).probabilities_C).max() > 1e-4


def damaged(model_file: Path, path: Path, **changes: object) -> Path:
    """A model file with changes in the JSON of its header."""
    content = model_file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header["__metadata__"][KEY]) | changes
    header["__metadata__"][KEY] = json.dumps(about)
    del header["__metadata__"][SHA256]  # as in a file that is older than the digest
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return path


def header_alone(metadata: object) -> bytes:
    """A safetensors file without tensors."""
    text = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"variant": {"method": "os.system", "name": "full", "changes": {}}}, "unknown method 'os.system'"),
        ({"variant": {"method": "fgsgl", "name": "full", "changes": {"lora_rank": 4}}}, "lora"),
        ({"variant": {"method": "fgsgl", "name": "full", "changes": {"nope": 4}}}, "nope"),
        ({"classes": ["one"]}, "1"),
        ({"seed": "x"}, "no model file"),
        ({"surprise": 1}, "no model file"),
        ({"text": "name: ["}, "cannot be used|FG-Text"),
    ],
    ids=["method", "rank", "setting", "classes", "seed", "key", "text"],
)
def test_a_damaged_header_is_refused(
    model_file: Path, tmp_path: Path, changes: dict, says: str, videos, capsys
) -> None:
    path = damaged(model_file, tmp_path / "bad.safetensors", **changes)
    assert main(["predict", str(videos[0]), "--model", str(path), "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("error: ")
    assert re.search(says, said), said


def test_a_file_that_is_no_model_file_is_refused(model_file: Path, tmp_path: Path, videos, capsys) -> None:
    content = model_file.read_bytes()
    files = {
        "short.safetensors": content[: len(content) // 2],
        "empty.safetensors": b"", "text.safetensors": b"hello, world",
        "long.safetensors": struct.pack("<Q", 2**60), "weights.safetensors": weights_path().read_bytes(),
        "pickle.safetensors": pickle.dumps({"a": 1}),
        **{f"{kind}.safetensors": header_alone(held) for kind, held in (
            ("list", []), ("number", 5), ("null", None), ("one", {KEY: 5}), ("deep", {KEY: "[" * 9000}),
        )},
    }  # fmt: skip
    for name, written in files.items():
        (tmp_path / name).write_bytes(written)
        with pytest.raises(UserError, match=name):
            read_model(tmp_path / name)
    with pytest.raises(UserError, match=r"ends in \.safetensors"):
        write_model(read_model(model_file), tmp_path / "model.pth")


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("kind", ["zeros", "one bit"])
def test_a_model_file_with_other_bytes_than_were_written_is_refused(
    model_file: Path, tmp_path: Path, place: float, kind: str
) -> None:
    """Weights of which a disk has lost a part name something else, and nothing else tells."""
    content = bytearray(model_file.read_bytes())
    start = 8 + struct.unpack("<Q", content[:8])[0]
    at = start + int(place * (len(content) - start - 8)) if place < 1 else content.index(b"classes") + 14
    content[at : at + 8] = bytes(8) if kind == "zeros" else bytes([content[at] ^ 1, *content[at + 1 : at + 8]])
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"m\.safetensors is damaged: its sha256|no model file"):
        read_model(tmp_path / "m.safetensors")


def test_bars_json_and_csv_say_the_same(model_file: Path, videos, capsys) -> None:
    words = ["predict", *map(str, videos[:2]), "--model", str(model_file), "--device", "cpu", "--top", "3"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main([*words, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [Path(one["video"]).name for one in told] == [video.name for video in videos[:2]]
    assert [row["class"] for row in rows] == [ranked["name"] for one in told for ranked in one["top"]]
    assert len(rows) == 6 and {row["rank"] for row in rows} == {"1", "2", "3"}
    for one in told:
        assert one["top"][0]["name"] in shown and f"{100 * one['top'][0]['probability']:.1f} %" in shown
        assert all(sentence["text"] in shown for sentence in one["sentences"])


def test_a_bad_video_is_named_and_the_others_are_answered(model_file: Path, videos, tmp_path: Path, capsys) -> None:
    (tmp_path / "bad[red].mp4").write_bytes(b"no video")
    (tmp_path / "good.mp4").write_bytes(videos[0].read_bytes())
    assert main(["predict", str(tmp_path), "--model", str(model_file), "--device", "cpu"]) == 2
    said = capsys.readouterr()
    assert "good.mp4" in said.out and said.err.count("\n") == 1 and "bad[red].mp4" in said.err


def test_pictures_and_annotated_videos_are_written(model_file: Path, videos, tmp_path: Path, capsys) -> None:
    """Also into the folder of the video, which stays as it is."""
    (tmp_path / "one").mkdir()
    video = tmp_path / "one" / "v.mp4"
    video.write_bytes(videos[0].read_bytes())
    words = ["predict", str(video), "--model", str(model_file), "--device", "cpu", "--picture"]
    assert main([*words, str(tmp_path / "one")]) == 0
    assert main([*words, str(tmp_path / "many"), "--window", "0.6"]) == 0
    assert video.read_bytes() == videos[0].read_bytes()
    for folder in ("one", "many"):
        (image,) = (tmp_path / folder).glob("*.png")
        assert Image.open(image).size[0] > 800
        with av.open(str(image.with_suffix(".mp4"))) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == 30 and frames[0].shape == (256, 224, 3)
        assert frames[0][-20:].min() < 100  # the name of the class, in black


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--top", "0"], "argument --top"),
        (["--stride", "1"], "give --window"),
        (["--row", "FG-SGL"], "--row and --cell name a cell of a --board"),
        (["--window", "nan"], "argument --window"),
    ],
)
def test_nonsense_is_refused(model_file: Path, videos, capsys, words: list[str], says: str) -> None:
    try:
        code = main(["predict", str(videos[0]), "--model", str(model_file), "--device", "cpu", *words])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code == 2 and says in said and said.count("\n") == 1


def test_a_board_without_a_checkpoint_says_what_to_do(board: Path, tmp_path: Path) -> None:
    shutil.copytree(board / "ledger", tmp_path / "ledger")
    with pytest.raises(UserError, match=r"no finished cell of FG-SGL with a checkpoint"):
        fgsgl.load_recognizer(tmp_path)
    with pytest.raises(UserError, match=r"sees no video|gone with its work folder"):
        fgsgl.load_recognizer(board, "Majority class")
