"""The record: one typed, versioned JSON for a cell that finished, failed or was pruned.

This module is the schema: what a run writes and what a board reads (:mod:`fgsgl.records.reading`). Imports neither
torch nor NumPy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct, field

from fgsgl.data.clip_table import Split
from fgsgl.records.curve import Epoch
from fgsgl.records.identity import sha256_16
from fgsgl.records.protocol import Protocol
from fgsgl.records.row_key import RowKey
from fgsgl.stats.scores import Scores, UnseenScores
from fgsgl.util.files import write_whole

if TYPE_CHECKING:
    import numpy as np

SCHEMA: Literal[1] = 1
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Amount = Annotated[float, Meta(ge=0, le=1e18)]
Kind = Literal["method", "floor", "ceiling"]
"""``method``; ``floor`` (needs no training) or ``ceiling`` (knows the truth)."""
Status = Literal["done", "failed", "pruned"]
FailureClass = Literal[
    "bad_data", "unwritable", "out_of_memory", "nan", "time_limit", "killed", "infrastructure", "error"
]
FAILURES: tuple[FailureClass, ...] = get_args(FailureClass)
INFRASTRUCTURE = ("killed", "infrastructure")
"""Failures that say nothing about the cell: it is tried again."""
RESULTS = ("out_of_memory", "nan", "time_limit", "error")
"""Failures that are the cell's result: the same command does not run it again, ``fgsgl retry`` does."""


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a cell did not finish."""

    kind: FailureClass = field(name="class")
    message: str
    """One line."""


class MethodConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The method of a cell as it ran."""

    display_name: str
    settings: dict[str, Any] = {}
    """Every setting of the method with its value; which there are, the method says."""
    recipe: dict[str, float | str] | None = {}
    """None: nothing was trained."""


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"mmcv_lite": "mmcv-lite"}):
    """Versions and code of a run; None where a record does not say."""

    fgsgl: str | None = None
    python: str | None = None
    torch: str | None = None
    torchvision: str | None = None
    mmengine: str | None = None
    mmcv_lite: str | None = None
    mmaction2: str | None = None
    open_clip_torch: str | None = None
    timm: str | None = None
    numpy: str | None = None
    av: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    """Whether files differed from the commit."""


class Hardware(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine of a run, and how it was used: what may change a result by rounding alone."""

    device: str | None = None
    cpu: str | None = None
    cores: Positive | None = None
    memory_gib: Amount | None = None
    gpu: str | None = None
    threads: Positive | None = None
    """CPU threads of a process."""
    autocast: Literal["bf16", "none"] = "none"
    devices: Positive = 1
    """Processes that trained the cell."""
    compiled: bool = False
    """Whether the visual tower was compiled."""
    unrepeatable: list[str] = []
    """Operations of a GPU that have no repeatable form (:mod:`fgsgl.training.determinism`)."""


class SplitCounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A count for each split; a record of a board has at least that of the test split."""

    train: Count | None = None
    val: Count | None = None
    test: Count


class Audit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of things that stand in more than one split, and of sentences that give their class away.

    Made by :func:`fgsgl.data.audit.audit`.
    """

    clip_ids: Count
    subjects: Count
    videos: Count
    sentences: Count | None
    """None: the method reads no text."""


class SkippedClip(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A clip that ``--skip-bad`` left out."""

    clip_id: str
    split: Split
    reason: str


class DataIdentity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which data a cell ran on."""

    fingerprint: str
    """Over the clip table and the contents of its videos (:meth:`fgsgl.data.clip_table.ClipTable.fingerprint`)."""


class DataFacts(DataIdentity, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The data of a finished cell: counts over the clips that were used."""

    classes: list[str]
    n_clips: SplitCounts
    n_subjects: SplitCounts
    majority: Share
    """Share of the scored split's largest class."""
    split_sha256: str
    """Over the sorted clip ids of the scored split (:func:`scored_sha256`)."""
    split_labels_sha256: str | None = None
    """Over these ids with their labels (:func:`labels_sha256`). This and the next are None in older records."""
    split_content_sha256: str | None = None
    """Over these ids with their frame ranges and the SHA-256 of their videos."""
    skipped: list[SkippedClip] = []
    audit: Audit | None = None
    """None in records that are older than the audit."""
    caveats: list[str] = []
    """Sentences that belong under the board."""
    checked: str | None = None
    """Fingerprint of the ``fgsgl data check`` that was made before."""
    name: str | None = None
    """Name of the user's own table; None for any other data, and in older records."""
    train_clips: list[Count] = []
    """Training clips of each class that was trained on, by class id; empty in older records."""
    trained_classes: list[str] = []
    """Names of the classes that were trained on, where these are others than :attr:`classes`."""
    parts: list[str] = []
    """Where the protocol names other data to train on: the fingerprint of these, and that of the data that are tested
    on. ``fingerprint`` is over both."""


class Cost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Cost of using a recognizer (:func:`fgsgl.training.cost.measure`)."""

    gflops: Amount | None = None
    latency_ms: Amount | None = None
    clips_per_s: Amount | None = None
    measured_alone: bool | None = None
    """Whether no other cell of the board ran when training began and while times were measured; else there are no
    times, but in older records. None: not known, as in records that do not say."""


class Metrics(Scores, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Metrics of the combined score, and of every further score."""

    by_score: dict[str, Scores] = field(default_factory=dict)
    """``category`` and ``fine``, where the method has them."""
    group_top1: Share | None = None
    """The next three are of data sets whose classes form groups (:func:`fgsgl.stats.metrics.grouped_metrics`)."""
    group_macro_f1: Share | None = None
    f1_mean: Share | None = None
    fine_pairs: Share | None = None
    """Of data sets that declare pairs of classes (:func:`fgsgl.stats.metrics.pair_accuracy`); chance is 0.5. Pairs with
    a class that was held out do not count."""
    unseen: dict[str, UnseenScores] = field(default_factory=dict)
    """By score (``combined``, and ``category`` and ``fine`` where the method has them), where the protocol held classes
    out of training and the test split was scored."""
    scored_sha256: str | None = None
    """Over the ids of the clips that were scored; equal to ``split_sha256`` of the data."""


METRICS = ("top1", "top5", "mean_class", "macro_f1")
"""Metrics of every record that boards and comparisons show, in their order."""
MORE_METRICS = ("group_top1", "f1_mean", "fine_pairs")
"""Further ones, which only some data sets have."""


class Readout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Retrieval of the true sentence among all sentences of a dimension (:func:`fgsgl.stats.retrieval.first_hits`)."""

    r1: Share
    sentences: Annotated[int, Meta(ge=1)]
    largest: Share
    """Share of the most frequent sentence: what always answering it would score."""


class Localisation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a recognizer looks, held against the true motion (:func:`fgsgl.training.localisation.localise`)."""

    n_clips: int
    clips_sha256: str | None = None
    """None in records of older versions."""
    pointing: dict[str, Share]
    """By map: share of the clips whose largest value lies inside the true motion."""
    energy: dict[str, Share]
    """By map: share of the map's sum inside the true motion."""
    readout: dict[str, dict[str, Readout]] | None = None
    """By embedding (``local``, ``video``), then by dimension."""


class NoMetrics(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metrics of a cell that was not scored."""


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="status"):
    """Facts about a cell that ended; one of :class:`Done`, :class:`Failed` and :class:`Pruned`."""

    schema: Literal[1] = SCHEMA
    cell_id: str
    """16 hex digits over what changes the result."""
    failure: Failure | None = None
    attempts: Annotated[int, Meta(ge=1)] = 1
    """How often the command started the cell: more than once after failures of the infrastructure."""
    method: str
    """Name of the file in ``baselines/``, or ``fgsgl``."""
    variant: str
    """``full``, or what was changed, such as ``w/o fgsa`` or ``w/o fgsa, text=names``."""
    kind: Kind
    seed: Count
    protocol: Protocol
    protocol_hash: str
    budget_epochs: Positive | None = None
    """Epochs that an equal-compute budget gives the cell; None: those of the protocol, or nothing is trained."""
    config: MethodConfig
    data: DataIdentity
    pretraining: str
    """Name and hash of the weights the method starts from, or ``none``."""
    text: str | None = None
    """Fingerprint of the FG-Text that the method reads, or ``none``; None in older records, which do not say."""
    skeletons: str | None = None
    """Fingerprint of the skeleton files that the method reads, or ``none``; None in older records."""
    environment: Environment
    hardware: Hardware
    started_utc: str
    test_openings: Count | None = None
    """How often the cell's processes opened the test split: once, again after a kill in the evaluation, never in a
    search. None in records that did not count."""
    unfit_checkpoints: list[str] | None = None
    """Damaged checkpoints that the cell could not go on from, and what it went on from instead, a sentence each. None
    in records that did not look."""
    times_s: dict[str, Amount] = {}
    """Seconds by phase: ``import``, ``data``, ``build``, ``train``, ``evaluate``, ``total``."""
    peak_memory_mib: Amount | None = None
    params: Count | None = None
    trainable_params: Count | None = None
    cost: Cost = Cost()
    curve: list[Epoch] = []
    selection: dict[str, float] = {}
    """Values chosen on the validation split: ``epoch``, ``beta``, temperatures."""
    predictions_sha256: str | None = None
    content_sha256: str | None = None
    """Over everything else in the file, as :meth:`write` left it; None in records that are older than it."""
    localisation: Localisation | None = None
    """None where the recognizer is not built on the tower, or the data set has no masks."""

    @property
    def status(self) -> Status:
        """``done``, ``failed`` or ``pruned``."""
        return self.__struct_config__.tag  # type: ignore[return-value]

    @property
    def epochs(self) -> int:
        """The epochs of the cell's training."""
        return self.budget_epochs or self.protocol.epochs

    @property
    def row(self) -> RowKey:
        """The row of a board that the record belongs to."""
        return RowKey(
            self.method, self.variant, self.protocol.dataset, self.protocol.preset, self.protocol_hash, self.kind
        )

    def write(self, folder: Path) -> Path:
        """Writes ``<folder>/<cell_id>.json`` whole: temporary name, flush, rename.

        A finished record is never replaced by one that is not.

        Raises:
            UserError: for a record in the way that cannot be read.
        """
        from fgsgl.records.reading import read_record  # which knows what a record is from here

        path = folder / f"{self.cell_id}.json"
        if self.status != "done" and path.exists() and read_record(path).status == "done":
            return path
        content = msgspec.to_builtins(self)
        content["content_sha256"] = content_sha256(content)
        text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
        write_whole(path, text + "\n")
        return path


class Done(Record, frozen=True, kw_only=True, tag="done"):
    """A finished cell."""

    data: DataFacts
    metrics: Metrics


class Failed(Record, frozen=True, kw_only=True, tag="failed"):
    """A cell that did not finish."""

    failure: Failure
    metrics: NoMetrics = NoMetrics()


class Pruned(Record, frozen=True, kw_only=True, tag="pruned"):
    """A trial of a search that its pruner ended early: its curve and times, and no metrics."""

    metrics: NoMetrics = NoMetrics()


def content_sha256(content: Mapping[str, Any]) -> str:
    """Digest of a record's JSON, but for the digest itself: it shows an edit by hand, whichever value it changed."""
    rest = {name: value for name, value in content.items() if name != "content_sha256"}
    return hashlib.sha256(msgspec.json.encode(rest, order="sorted")).hexdigest()


def scored_sha256(clip_ids: Iterable[str] | np.ndarray) -> str:
    """Identity of a set of clip ids; equal for a split and for its predictions when each clip is scored once."""
    return _ids_sha256(tuple(map(str, clip_ids)))


@lru_cache(16)  # cells of one split scored the same clips
def _ids_sha256(clip_ids: tuple[str, ...]) -> str:
    return sha256_16("\n".join(sorted(clip_ids)))


def labels_sha256(clip_ids: Sequence[str] | np.ndarray, labels: Sequence[int] | np.ndarray) -> str:
    """Identity of a set of clip ids with their labels; equal for a split and for its predictions."""
    return scored_sha256(f"{clip_id} {label}" for clip_id, label in zip(clip_ids, labels, strict=True))
