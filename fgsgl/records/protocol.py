"""The protocol: everything that every method of a board has in common. Frozen and hashed; each row carries the hash."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from fgsgl.data import datasets
from fgsgl.data.clip_table import PER_SEGMENT, Split
from fgsgl.data.data_spec import DataSpec, preset_of
from fgsgl.data.regime import Regime
from fgsgl.data.transfer import Source
from fgsgl.records.identity import LATER, digest, identity
from fgsgl.util.domain import SEEDS, Numbers, require_domains
from fgsgl.util.errors import UserError, nearest

EVALUATION = "every clip of the test split once, one view, whole frame, last epoch's weights"
SEALED = (
    "every clip of the validation split once, one view, whole frame, last epoch's weights; the test split stays sealed"
)
"""Evaluation during a search, whose trials choose settings. The test split stays sealed."""
Size = Literal["quick", "standard"]
SIZES: tuple[Size, ...] = get_args(Size)
Sampling = Literal["plain", "class_balanced"]
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)
Budget = Literal["epochs", "compute"]
BUDGETS: tuple[Budget, ...] = get_args(Budget)


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """Settings that stay fixed while methods, factors and seeds change.

    The docstrings of the fields are the help of the command line's options.

    Raises:
        UserError: for a value that makes no sense.
    """

    dataset: str
    """Data set."""
    preset: str
    """Preset of the data set."""
    data_seed: Annotated[int, SEEDS] = 0
    """Seed of generated data, or of the drawn validation split."""
    num_frames: Annotated[int, Numbers(1, 1024)] = 8
    """Frames of a clip that a recognizer sees."""
    image_size: Annotated[int, Numbers(32, 1024, step=2)] = 112
    """Side of a frame in pixels."""
    epochs: Annotated[int, Numbers(1, 100_000)]
    """Training epochs; with an equal-compute budget those of FG-SGL."""
    batch_size: Annotated[int, Numbers(1, 65_536)] = 16
    """Clips of a training step, over all devices and accumulated parts."""
    flip: Annotated[float, Numbers(0, 1)] = 0.5
    """Probability of mirroring a training clip."""
    shift: Annotated[float, Numbers(0, 1, below=True)] = 0.06
    """Largest random translation of a training clip, as a share of the image side."""
    brightness: Annotated[float, Numbers(0, 1, below=True)] = 0.2
    """Largest relative change of brightness and contrast of a training clip."""
    backbone: str = "synmg-tiny"
    """The open_clip model of every vision-language method."""
    pretrained: str = "synmg-tiny"
    """Weights of that model: a tag of open_clip's, or a file."""
    skip_bad: bool = False
    """Leave out clips whose video cannot be read; the board counts them."""
    evaluation: str = EVALUATION
    """``EVALUATION`` or ``SEALED``."""
    size: Size = field(default="quick", metadata=LATER)
    """Size of every network: ``quick`` trains on two cores, ``standard`` is the published size, for a GPU."""
    accumulate: Annotated[int, Numbers(1, 65_536)] = field(default=1, metadata=LATER)
    """Parts that a step's batch is computed in, one after the other, where memory is short."""
    sampling: Sampling = field(default="plain", metadata=LATER)
    """Order of the training clips: ``plain`` takes each once an epoch, ``class_balanced`` draws as many, with each
    class equally likely."""
    label_smoothing: Annotated[float, Numbers(0, 1, below=True)] = field(default=0.0, metadata=LATER)
    """Share of a label that is spread evenly over all classes (arXiv 1512.00567)."""
    logit_adjustment: Annotated[float, Numbers(0, 10)] = field(default=0.0, metadata=LATER)
    """Power of the training classes' shares that test scores are divided by (arXiv 2007.07314); 0 leaves them."""
    ema: Annotated[float, Numbers(0, 1, below=True)] = field(default=0.0, metadata=LATER)
    """Decay of the moving average of the weights that is evaluated; 0 evaluates the last weights themselves."""
    views: Annotated[int, Numbers(1, PER_SEGMENT)] = field(default=1, metadata=LATER)
    """Choices of frames that a test clip is scored with; their probabilities are averaged."""
    patience: Annotated[int, Numbers(0, 100_000)] = field(default=0, metadata=LATER)
    """Epochs without a better top-1 on the validation split after which a training ends; 0 never ends it early."""
    unseen: Annotated[int, Numbers(0, 10_000)] = field(default=0, metadata=LATER)
    """Classes held out of training and validation, on which the test split is scored too."""
    fold: Annotated[int, Numbers(0, 10_000)] = field(default=0, metadata=LATER)
    """Which classes are held out; the folds share none."""
    shots: Annotated[int, Numbers(0, 1_000_000)] = field(default=0, metadata=LATER)
    """Clips of each class in training, and as many in validation, drawn by the seed; 0 takes all."""
    long_tail: Annotated[float, Numbers(0, 1_000_000)] = field(default=0.0, metadata=LATER)
    """Ratio of the most to the least frequent training class, whose clips the seed draws; 0 leaves the data as they
    are."""
    budget: Budget = field(default="epochs", metadata=LATER)
    """What trainings have in common: ``epochs``, or ``compute``, where each method trains as many epochs as cost the
    operations of FG-SGL's training."""

    transfer: str = field(default="", metadata=LATER)
    """Data to train and validate on, DATASET:PRESET or DATASET:PRESET:DATA-SEED; the test split stays that of the data
    set. Its classes may be others for methods that know them by text."""

    def __post_init__(self) -> None:
        require_domains(self)
        for name, valid in (
            ("size", SIZES),
            ("sampling", SAMPLINGS),
            ("budget", BUDGETS),
            ("evaluation", (EVALUATION, SEALED)),
        ):
            if getattr(self, name) not in valid:
                raise UserError(f"{name} is {getattr(self, name)!r}; {nearest(str(getattr(self, name)), valid)}")
        if self.batch_size % self.accumulate:
            raise UserError(
                f"accumulate is {self.accumulate}, expected a number that divides the batch of {self.batch_size} clips"
            )
        _ = self.regime, self.trained_on  # which refuse what excludes each other, and what names no data

    @property
    def scored_split(self) -> Split:
        """The split that a trained recognizer is scored on: ``test``, or ``val`` while that is sealed."""
        return "val" if self.evaluation == SEALED else "test"

    @property
    def regime(self) -> Regime:
        """What is left out of training and validation."""
        return Regime(unseen=self.unseen, fold=self.fold, shots=self.shots, long_tail=self.long_tail)

    @property
    def trained_on(self) -> Source | None:
        """The data that training and validation clips come from; None: those of the protocol itself."""
        return Source.of(self.transfer) if self.transfer else None

    @property
    def training_title(self) -> str:
        """``trained on synmg quick, 4 unseen classes``: what is unusual about the training data; the fold is not named.
        Empty for the data set's own training data, whole."""
        of_transfer = f"trained on {self.trained_on.title}" if self.trained_on else ""
        return ", ".join(filter(None, (of_transfer, self.regime.title)))

    def data_spec(self, root: Path | None, transfer_root: Path | None = None) -> DataSpec:
        """The protocol's data in folders; None: in the data set's own folder below ``$FGSGL_DATA`` or ``data/``.

        Args:
            root: of the data set.
            transfer_root: of the data that training and validation clips come from, where these are others.

        Raises:
            UserError: for an unknown data set or preset, or a folder of data to train on where there are no others.
        """
        data = DataSpec.locate(self.dataset, self.preset, self.data_seed, root)
        source = self.trained_on
        if source is None and transfer_root is not None:
            raise UserError(f"transfer_root is {transfer_root}, but no other data are trained on; leave it out")
        return dataclasses.replace(data, trained_on=source.locate(transfer_root)) if source else data

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for records and configs."""
        return dataclasses.asdict(self)

    def hash(self) -> str:
        """16 hex digits over every field that changes results."""
        return digest(identity(self))


def default_protocol(
    dataset: str,
    preset: str | None = None,
    *,
    root: Path | None = None,
    transfer_root: Path | None = None,
    **changes: Any,
) -> Protocol:
    """The data set's own protocol (from its file in ``fgsgl/data/datasets``) with the given fields changed.

    Args:
        dataset: its name.
        preset: one of its presets; None: the one that the data call for.
        root: where the data lie; None: in the data set's own place.
        transfer_root: where the data of ``transfer`` lie, whose preset need not be named; None: in their own place.
        changes: other fields.

    Raises:
        UserError: for an unknown data set, preset or field.
    """
    presets = datasets.get(dataset, preset).presets
    preset = preset or preset_of(dataset, root)
    valid = [field.name for field in dataclasses.fields(Protocol)]
    for name in changes:
        if name not in valid:
            raise UserError(f"unknown protocol field {name!r}; {nearest(name, valid)}")
    given = {name: value for name, value in changes.items() if value is not None}
    if given.get("transfer"):
        given["transfer"] = str(Source.read(given["transfer"], transfer_root))
    elif transfer_root is not None:
        raise UserError(f"transfer_root is {transfer_root}, but no data to train on are named; give transfer too")
    return Protocol(dataset=dataset, preset=preset, **{**presets[preset], **given})
