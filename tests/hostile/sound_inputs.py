"""Sound inputs, small, which trials damage: a data set of one's own, and a board of committed records."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import av
import numpy as np
import yaml

from fgsgl.records.ledger import Ledger

CLASSES = ("moves right", "moves left")
SPLIT_OF_SUBJECT = {"ann": "train", "ben": "train", "cem": "val", "dee": "test", "eva": "test"}
COLUMNS = ("clip_id", "video", "start_frame", "end_frame", "label", "subject", "split", "fps")
N_FRAMES = 20
SIDE = 48
COMMITTED = Path(__file__).resolve().parents[1] / "frozen" / "synmg-1"


def make_data(folder: Path) -> None:
    """``my.csv`` of two classes, with class file, FG-Text and twenty videos of twenty frames."""
    (folder / "videos").mkdir(parents=True)
    rows = []
    for subject, split in SPLIT_OF_SUBJECT.items():
        for label in range(len(CLASSES)):
            for take in range(2):
                name = f"{subject}_{label}_{take}"
                write_video(folder / "videos" / f"{name}.mp4", label, seed=len(rows))
                rows.append((name, f"videos/{name}.mp4", 0, N_FRAMES, label, subject, split, 25))
    write_table(folder / "my.csv", rows)
    (folder / "my.classes.txt").write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")
    (folder / "my.yaml").write_text(yaml.safe_dump(fg_text(), sort_keys=False), encoding="utf-8")
    (folder / "settings.yaml").write_text("method: fgsgl\nchanges:\n  loss_fine: 0.5\n", encoding="utf-8")


def write_table(path: Path, rows: list[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def write_video(path: Path, label: int, seed: int) -> None:
    """A bright square that moves over noise of its own."""
    random = np.random.default_rng(seed)
    ground_HWC = random.integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"threads": "1", "g": "10"})
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for frame in range(N_FRAMES):
            picture_HWC = ground_HWC.copy()
            left = 4 + (frame if label == 0 else N_FRAMES - frame)
            picture_HWC[20:30, left : left + 10] = 240
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture_HWC, format="rgb24")))
        container.mux(stream.encode())


def fg_text() -> dict:
    """Three sentences of every dimension for both classes."""
    part = [
        "One hand moves while the rest of the body keeps still.",
        "A single hand is the moving part.",
        "Only one arm is in motion, led by its hand.",
    ]
    onset = [
        "The hand starts low, resting in the lap.",
        "At first the arm is down and the hand is below the waist.",
        "The motion begins from a lowered hand on the thigh.",
    ]
    classes = []
    for index, way in enumerate(("outward", "inward")):
        trajectory = [
            f"The hand goes {way} in a straight line.",
            f"It travels {way} at one height.",
            f"A slow {way} path.",
        ]
        outcome = [
            f"At the end the hand is far {way}.",
            f"It rests {way} of the start.",
            f"The arm stops {way}, empty.",
        ]
        prompts = [f"a hand that moves {way}", f"a person whose hand goes {way}", f"the {way} motion, a micro-gesture"]
        sentences = {"part": part, "onset": onset, "trajectory": trajectory, "outcome": outcome}
        classes.append({"id": index, "name": CLASSES[index], "prompts": prompts, **sentences})
    about = {"name": "my", "author": "a test", "version": "1.0", "licence": "CC0-1.0", "note": "Two made-up gestures."}
    return {**about, "stages": {}, "classes": classes}


def make_board(folder: Path) -> None:
    """``board``: FG-SGL, a variant of it and TSM with two seeds each, floors, and their plan, from the records that are
    kept from SynMG 1."""
    board = folder / "board"
    (board / "ledger").mkdir(parents=True)
    plan = json.loads((COMMITTED / "plan.json").read_text(encoding="utf-8"))
    wanted = {
        ("fgsgl", "full"),
        ("fgsgl", "w/o fgsa"),
        ("tsm", "full"),
        ("majority", "full"),
        ("stratified_random", "full"),
    }
    chosen = [cell for cell in plan["cells"] if (cell["method"], cell["variant"]) in wanted and cell["seed"] < 2]
    for cell in chosen:
        shutil.copy(COMMITTED / "ledger" / f"{cell['cell_id']}.npz", board / "ledger")
        record = Ledger(COMMITTED / "ledger").get(cell["cell_id"])
        assert record is not None
        record.write(board / "ledger")  # with the digest of its content, as records have it now
    arms = [{"off": [], "variant": ""}, {"off": ["fgsa"], "variant": "w/o fgsa"}]
    first = plan["designs"][0]
    design = {**first, "design": "one-out", "seeds": 2, "factors": ["fgsa"], "arms": arms, "aliases": []}
    (board / "plan.json").write_text(json.dumps({"cells": chosen, "designs": [design]}), encoding="utf-8")
