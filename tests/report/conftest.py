"""A results folder of real records, whose scores are simulated: no training, everything else as a run writes it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import made
import matplotlib
import numpy as np
import pytest
from msgspec import structs

from fgsgl.data import datasets
from fgsgl.records.predictions import Predictions
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import (
    Cost,
    DataFacts,
    DataIdentity,
    Done,
    Environment,
    Failed,
    Failure,
    FailureClass,
    Hardware,
    Readout,
    SplitCounts,
    scored_sha256,
)
from fgsgl.style import STYLE
from fgsgl.training.cell_metrics import metrics_of

CLASSES = (
    "Turtling neck and shoulder",
    "Rubbing eyes and forehead",
    "Folding arms",
    "Touching or covering suprasternal notch",
    "Moving legs",
    "Touching or scratching neck",
    "Folding arms behind body",
    "Rubbing hands and crossing finger",
    "Arms akimbo",
    "Crossing legs",
    "Scratching some part of body",
    "Scratching or touching facial parts other than eyes",
    "Playing or adjusting hair",
    "Holding arms",
    "Pulling shirt collar",
    "Playing with jewelry, and manipulating other objects",
    "Illustrative hand gestures",
)
PROTOCOL = Protocol(dataset="synmg", preset="quick", epochs=12).hash()
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>')
NAMES = {"fgsgl": "FG-SGL", "tsm": "TSM", "oracle": "Motion oracle (true joints)", "majority": "Majority class"}


@dataclass
class Ledger:
    """Writes cells of one simulated data set: ``n_clips`` clips of 12 subjects, classes in turn except the absent."""

    folder: Path
    classes: tuple[str, ...] = CLASSES
    absent: tuple[int, ...] = (14,)
    n_clips: int = 240
    dataset: str = "synmg"
    written: dict[tuple, str] = field(default_factory=dict)
    """The cell of each row and seed: to add one again takes its place."""
    plain: Predictions | None = None
    """Clips and labels for :meth:`add_exact`."""

    def protocol(self, **changes: Any) -> Protocol:
        """The protocol of its cells, with some fields changed."""
        return Protocol(**{"dataset": self.dataset, "preset": "quick", "epochs": 12} | changes)

    def predictions(self, skill: float, seed: int) -> Predictions:
        """Scores that lean to the true class by ``skill``, more in the lower classes."""
        random = np.random.default_rng([seed, int(100 * skill)])
        present = [index for index in range(len(self.classes)) if index not in self.absent]
        labels_N = np.array([present[clip % len(present)] for clip in range(self.n_clips)])
        scores = {}
        for name, share in (("combined", 1.0), ("category", 0.9), ("fine", 0.7)):
            logits_NC = random.normal(size=(self.n_clips, len(self.classes)))
            logits_NC[np.arange(self.n_clips), labels_N] += share * skill * (1.3 - 0.6 * labels_N / len(self.classes))
            scores[name] = np.exp(logits_NC) / np.exp(logits_NC).sum(axis=1, keepdims=True)
        clip_ids = np.array([f"s{clip % 12:02d}_c{clip:03d}" for clip in range(self.n_clips)])
        subjects = np.array([f"s{clip % 12:02d}" for clip in range(self.n_clips)])
        return Predictions(clip_ids=clip_ids, subjects=subjects, labels=labels_N, scores=scores)

    def add(
        self,
        method: str,
        skill: float,
        variant: str = "full",
        seed: int = 0,
        kind: str = "method",
        name: str = "",
        predictions: Predictions | None = None,
        **changes: Any,
    ) -> Done:
        """One finished cell with its predictions; ``changes`` are put into the record as they are."""
        predictions = predictions or self.predictions(skill, seed)
        if kind == "floor":
            predictions.scores["combined"][:] = np.eye(len(self.classes))[0]
        if method != "fgsgl":
            predictions.scores.pop("category", None)
            predictions.scores.pop("fine", None)
        metrics = metrics_of(predictions, datasets.get(self.dataset))
        curve = [
            {"epoch": epoch, "loss": 3 * 0.85**epoch + 0.05 * seed, "val_top1": metrics.top1 * (1 - 0.7**epoch)}
            for epoch in range(1, 13)
        ]
        learns = kind == "method"
        record = Done(
            cell_id="",
            method=method,
            variant=variant,
            kind=kind,
            seed=seed,
            protocol=self.protocol(),
            protocol_hash="",
            config=made.config(name or NAMES.get(method, method), settings={"variant": variant}),
            data=DataFacts(
                fingerprint="ab12cd34ef56ab78",
                classes=list(self.classes),
                majority=float(np.bincount(predictions.labels).max() / self.n_clips),
                n_clips=SplitCounts(train=544, val=136, test=self.n_clips),
                n_subjects=SplitCounts(train=24, val=8, test=12),
                split_sha256=scored_sha256(predictions.clip_ids),
            ),
            pretraining="synmg-tiny 0a1b2c3d" if learns else "none",
            environment=Environment(torch="2.15.0", git_commit="c" * 40),
            hardware=Hardware(device="cpu", cpu="A CPU", cores=2, autocast="bf16"),
            started_utc="2025-01-01T00:00:00Z",
            times_s={"train": 60.0 + seed, "total": 70.0},
            params=4_200_000 if learns else None,
            trainable_params=310_000 if learns else None,
            peak_memory_mib=900.0 if learns else None,
            cost=Cost(gflops=1.5, latency_ms=20.0 + seed, clips_per_s=60.0, measured_alone=True) if learns else Cost(),
            curve=curve if learns else [],
            metrics=metrics,
            text="none",
        )
        return self.put(structs.replace(record, **changes), predictions)

    def put(self, record: Done, predictions: Predictions) -> Done:
        """Writes a cell as :func:`made.write_cell` does, in place of that row's and seed's."""
        new = made.write_cell(self.folder / "ledger", record, predictions)
        place = *new.row, new.seed
        if self.written.get(place, new.cell_id) != new.cell_id:
            for suffix in ("json", "npz"):
                (self.folder / "ledger" / f"{self.written[place]}.{suffix}").unlink(missing_ok=True)
        self.written[place] = new.cell_id
        return new

    def add_exact(self, method: str, top1: float, variant: str = "full", seed: int = 0) -> Done:
        """One finished cell that is right in a given share of the clips."""
        if self.plain is None:
            self.plain = self.predictions(1.0, 0)
        wrong_N = np.random.default_rng(seed).permutation(self.n_clips) >= round(top1 * self.n_clips)
        said_N = (self.plain.labels + wrong_N) % len(self.classes)
        scores = {"combined": np.eye(len(self.classes), dtype=np.float32)[said_N]}
        return self.add(method, 0, variant, seed, predictions=dataclasses.replace(self.plain, scores=scores))

    def add_failed(
        self, method: str, variant: str, seed: int, failure: FailureClass, message: str = "it failed"
    ) -> Failed:
        """One failed cell: no metrics, no predictions."""
        done = self.add(method, 0.0, variant, seed)
        gone = ("metrics", "predictions_sha256", "data", "failure")
        known = {name: value for name, value in structs.asdict(done).items() if name not in gone}
        failed = Failed(
            **known,
            failure=Failure(kind=failure, message=message),
            data=DataIdentity(fingerprint=done.data.fingerprint),
        )
        for suffix in ("json", "npz"):
            (self.folder / "ledger" / f"{done.cell_id}.{suffix}").unlink()
        failed.write(self.folder / "ledger")
        return failed

    def fill(self, seeds: int = 3) -> None:
        """FG-SGL, two variants, TSM, an oracle and the floor."""
        for seed in range(seeds):
            self.add("fgsgl", 2.4, seed=seed)
            self.add("fgsgl", 2.0, "-fgsa", seed)
            self.add("fgsgl", 2.1, "text=shuffled", seed)
            self.add("tsm", 1.6, seed=seed)
        self.add("oracle", 4.0, kind="ceiling")
        self.add("majority", 0.0, kind="floor")

    def fill_everything(self) -> None:
        """A board with a factorial design, what was localised, a failed and a planned cell, and names that would do
        harm."""
        self.fill()
        offs = ((), ("fgsa",), ("text",), ("fgsa", "text"))
        names = {("fgsa",): "-fgsa", ("text",): "text=shuffled", ("fgsa", "text"): "-fgsa, text=shuffled"}
        looks = {"part": 0.2, "saliency": 0.1, "even": 0.03}
        for seed in range(3):
            self.add("fgsgl", 1.9, names[offs[3]], seed)
            readout = {"video": {"part": Readout(r1=0.4, sentences=8, largest=0.2)}}
            self.add("fgsgl", 2.4, seed=seed, localisation=made.localisation(looks, readout=readout))
        self.add_failed("tsm", "full", 3, "nan", f"the loss is not a number {HOSTILE[0]}")
        self.add("evil", 1.0, HOSTILE[1], name=HOSTILE[0], config=made.config(HOSTILE[0], settings={"x": HOSTILE[1]}))
        protocol = self.protocol(backbone=HOSTILE[0], pretrained=HOSTILE[1])
        self.add("fgsgl", 2.0, HOSTILE[0], 0, protocol=protocol)
        arms = [{"off": list(off), "variant": names.get(off, "")} for off in offs]
        design = {"design": "factorial", "protocol_hash": PROTOCOL, "seeds": 4, "factors": ["fgsa", "text"]}
        cells = [{"cell_id": HOSTILE[1], "method": "fgsgl", "variant": "full", "seed": 3, "protocol_hash": PROTOCOL}]
        plan = {"cells": cells, "designs": [design | {"arms": arms}]}
        (self.folder / "plan.json").write_text(json.dumps(plan))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of :meth:`Ledger.fill_everything`. Read-only."""
    ledger = Ledger(tmp_path_factory.mktemp("board") / "synmg-quick", classes=(*CLASSES[:-1], HOSTILE[0]))
    ledger.fill_everything()
    return ledger.folder


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "synmg-quick")


@pytest.fixture
def figure_style() -> Iterator[None]:
    """Figures as they are written."""
    with matplotlib.rc_context(fname=STYLE):
        yield
