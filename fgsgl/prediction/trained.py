"""A trained cell as a value: everything that its recognizer is rebuilt from, without the data set."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import fgsgl.util.cured_stack

import msgspec
from mmaction.registry import MODELS
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from safetensors.torch import save_file
from torch import Tensor

import fgsgl.mmaction  # noqa: F401 (registers the recognizers)
from fgsgl.methods.cell import Variant
from fgsgl.methods.method import Classes, Method
from fgsgl.methods.registry import get
from fgsgl.models.baselines.seen_heads import close_heads
from fgsgl.models.precision import native
from fgsgl.models.towers.checkpoint import load_of_other_classes
from fgsgl.models.towers.weights_facts import KEY as FACTS
from fgsgl.models.towers.weights_facts import Facts
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Done
from fgsgl.text import fgtext
from fgsgl.training.cell_spec import FILE, CellSpec
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.checkpoint_file import read_checkpoint
from fgsgl.util.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A recognizer after its training: its settings, its classes and its weights."""

    variant: Variant
    protocol: Protocol
    seed: int
    classes: tuple[str, ...]
    """Names, by class id."""
    train_clips: tuple[int, ...]
    """Training clips of each class; empty where scores are not corrected by them."""
    text: str | None
    """FG-Text as YAML; None where the method reads none."""
    origin: str
    """What it is called in messages: ``FG-SGL, seed 0 of results/demo``."""
    by_text: bool = False
    """Whether it was trained on other classes, and knows these by their text alone."""
    state: Mapping[str, Tensor] = field(repr=False)
    """``state_dict`` of the recognizer; empty where nothing is trained."""
    tower: Mapping[str, Tensor] = field(default_factory=dict, repr=False)
    """Weights of the pretrained tower by open_clip's names; empty where they are found by the protocol's name."""
    facts: Facts = field(default_factory=Facts)
    """Facts that are needed to use :attr:`tower`."""

    def __post_init__(self) -> None:
        if len(self.train_clips) not in (0, len(self.classes)):
            raise UserError(
                f"{self.origin} has counts of {len(self.train_clips)} classes and names of {len(self.classes)}; "
                "expected as many"
            )

    @property
    def method(self) -> Method:
        """The method that was trained."""
        return get(self.variant.method)

    def build(self, device: str) -> BaseModel:
        """The recognizer in evaluation mode.

        Args:
            device: ``cpu``, ``cuda`` or ``cuda:N``.

        Raises:
            UserError: if the weights are not those of a recognizer with these settings.
        """
        init_default_scope("mmaction")
        with tempfile.TemporaryDirectory(prefix="fgsgl-") as folder:
            text, protocol = Path(folder) / "text.yaml", self.protocol
            if self.text is not None:
                text.write_text(self.text, encoding="utf-8")
            if self.tower:
                weights = Path(folder) / "tower.safetensors"
                save_file(dict(self.tower), weights, metadata={FACTS: msgspec.json.encode(self.facts).decode()})
                protocol = replace(protocol, pretrained=str(weights))
            config = build_config(
                self.method, self.variant.changes, protocol, self.seed,
                classes=Classes.of(self.classes, str(text), protocol), root=Path(), work_dir=Path(),
            )["model"]  # fmt: skip
            model = MODELS.build({**config, "autocast": native(device)})
        close_heads(model, len(self.classes), protocol.regime.held_out(self.classes))
        if self.method.recipe:
            try:
                load_of_other_classes(model, self.state) if self.by_text else model.load_state_dict(dict(self.state))
            except RuntimeError as error:
                what = " ".join(str(error).split())[:300]
                raise UserError(f"the weights of {self.origin} do not fit {self.method.display_name}: {what}") from None
        return model.to(device).eval()


def trained_cell(folder: Path, record: Done) -> Trained:
    """A finished cell of a board, with the weights of its last epoch.

    Args:
        folder: the board's.
        record: the cell's.

    Raises:
        UserError: for a cell that sees no frames, whose checkpoint is gone, or that this version would train otherwise.
    """
    spec, work_dir = _spec(folder, record), folder / "work" / record.cell_id
    cell, method = spec.cell, get(record.method)
    if method.model is None or method.modality != "rgb":
        raise UserError(f"{method.display_name} sees no video, so it names nothing in one; name another row")
    if cell.cell_id != record.cell_id:
        raise UserError(
            f"cell {record.cell_id} was trained with other settings, weights or text than this version has (which "
            f"would be cell {cell.cell_id}); go back to commit {record.environment.git_commit}, or run it anew"
        )
    by_text = bool(record.data.trained_classes)
    if cell.protocol.logit_adjustment and not record.data.train_clips:
        raise UserError(
            f"cell {record.cell_id} corrects its scores by the training split's classes (--logit-adjustment), which "
            "its older record does not hold; run it anew with another --out"
        )
    state: Mapping[str, Tensor] = {}
    if method.recipe:
        path = work_dir / f"epoch_{cell.epochs}.pth"
        if not path.is_file():
            raise UserError(
                f"no checkpoint at {path}; run the cell anew with another --out, and with --keep-checkpoints last"
            )
        state = read_checkpoint(path)["state_dict"]
    return Trained(
        variant=cell.variant,
        protocol=cell.protocol,
        seed=cell.seed,
        classes=tuple(record.data.classes),
        train_clips=() if by_text else tuple(record.data.train_clips),
        by_text=by_text,
        text=fgtext.dump(fgtext.load(cell.text)) if method.reads_text else None,
        origin=f"{record.config.display_name}, seed {record.seed} of {folder}",
        state=state,
    )


def data_root(folder: Path, record: Done) -> Path:
    """The data set's folder when the cell ran.

    Raises:
        UserError: if the cell's work folder is gone.
    """
    return _spec(folder, record).root


def _spec(folder: Path, record: Done) -> CellSpec:
    work_dir = folder / "work" / record.cell_id
    spec = CellSpec.find(work_dir)
    if spec is None:
        raise UserError(
            f"no {work_dir / FILE}: the cell's checkpoint is gone with its work folder; run it anew with another --out"
        )
    return spec
