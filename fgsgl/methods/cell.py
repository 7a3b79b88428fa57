"""A cell: protocol x variant x seed. Its id is a hash over everything that changes the result, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fgsgl.methods.budget import budget_epochs, epochs_of
from fgsgl.methods.method import Method, Settings, config_identity
from fgsgl.methods.registry import get, has
from fgsgl.records.identity import canonical, digest_of_parts, identity
from fgsgl.records.plan_file import PlannedCell
from fgsgl.records.protocol import Protocol
from fgsgl.records.record import Record
from fgsgl.records.row_key import FULL
from fgsgl.text.fgtext import fingerprint, shipped


@dataclass(frozen=True, kw_only=True)  # no slots: its cached identity is shared by the cells of all seeds
class Variant:
    """A method with some of its settings changed."""

    method: str
    name: str = FULL
    """``full``, or what was changed, such as ``w/o fgsa``."""
    changes: Settings = field(default_factory=dict)

    def identity(self, protocol: Protocol, text: str, trained_text: str = "") -> dict[str, Any]:
        """The part of a cell's id that all seeds of a row share: method, protocol, weights and texts.

        It is cached: a file of weights counts as it was when a command first asked.
        """
        return self._shared(protocol, text, trained_text)[0]

    def identity_parts(self, protocol: Protocol, text: str, trained_text: str = "") -> dict[str, str]:
        """The values of :meth:`identity`, each as canonical JSON."""
        return self._shared(protocol, text, trained_text)[1]

    def _shared(self, protocol: Protocol, text: str, trained_text: str) -> tuple[dict[str, Any], dict[str, str]]:
        key = protocol, text, trained_text
        if key not in self._kept:
            method = get(self.method)
            shared = {
                "method": method.name,
                **method.identity(self.changes),
                "pretraining": method.pretraining(protocol, method.resolve(self.changes)),
                "protocol": identity(protocol),
                "text": _texts_read(text, trained_text) if method.reads_text else None,
            }
            if epochs := budget_epochs(method, protocol):  # they follow from counts that a later version may correct
                shared["epochs"] = epochs
            self._kept[key] = shared, {name: canonical(value) for name, value in shared.items()}
        return self._kept[key]

    @cached_property
    def _kept(self) -> dict[tuple[Protocol, str, str], tuple[dict[str, Any], dict[str, str]]]:
        return {}


def _texts_read(text: str, trained_text: str) -> str:
    """Fingerprint of the FG-Text, after that of the classes that are trained on where these are others."""
    return " ".join(fingerprint(one) for one in (trained_text, text) if one)


@dataclass(frozen=True, kw_only=True)  # no slots: its id is cached
class Cell:
    """One training and evaluation."""

    variant: Variant
    protocol: Protocol
    seed: int
    fingerprint: str
    """Fingerprint of the clip table and its videos."""
    text: str
    """The data set's FG-Text: the name of a shipped one, or a file."""
    trained_text: str = ""
    """That of the data that are trained on, where their classes are others; else empty."""
    skeletons: str = ""
    """Fingerprint of the skeleton files (:func:`fgsgl.data.cache.joint_cache.skeleton_fingerprint`); methods that read
    frames do not depend on it."""

    @property
    def method(self) -> Method:
        """The method it runs."""
        return get(self.variant.method)

    @property
    def epochs(self) -> int:
        """The epochs that it trains for.

        Raises:
            UserError: as :func:`fgsgl.methods.budget.epochs_of`.
        """
        return epochs_of(self.method, self.protocol)

    @property
    def pretraining(self) -> str:
        """Name and hash of the weights that it starts from."""
        return str(self.variant.identity(self.protocol, self.text, self.trained_text)["pretraining"])

    @property
    def text_fingerprint(self) -> str | None:
        """Fingerprint of the FG-Text, or of both; None: the method reads none."""
        found: str | None = self.variant.identity(self.protocol, self.text, self.trained_text)["text"]
        return found

    @cached_property
    def cell_id(self) -> str:
        """16 hex digits; equal for equal work, independent of the variant's name."""
        shared = self.variant.identity_parts(self.protocol, self.text, self.trained_text)
        own = {"seed": canonical(self.seed), "data": canonical(self.fingerprint)}
        if self.skeletons_read:
            own["skeletons"] = canonical(self.skeletons_read)
        return digest_of_parts({**shared, **own})

    @property
    def skeletons_read(self) -> str | None:
        """Fingerprint of the skeleton files that the method reads; None: it reads none, or the clip table determines
        them."""
        return self.skeletons if self.skeletons and self.method.modality == "skeleton" else None

    def planned(self) -> PlannedCell:
        """The cell's entry in ``plan.json``."""
        return PlannedCell(
            cell_id=self.cell_id,
            method=self.variant.method,
            variant=self.variant.name,
            kind=self.method.kind,
            seed=self.seed,
            protocol=self.protocol,
            protocol_hash=self.protocol.hash(),
            budget_epochs=budget_epochs(self.method, self.protocol),
        )


def id_is_its_own(record: Record) -> bool | None:
    """Whether a record's cell id follows from what the record holds; None: this version cannot tell.

    It cannot where it lacks the method, or where an older record does not say which FG-Text it read.

    Raises:
        UserError: for a recipe that cannot be.
    """
    if not has(record.method):
        return None
    texts: list[str | None] = [None if record.text == "none" else record.text]
    if record.text is None and get(record.method).reads_text:
        texts = [fingerprint(name) for name in shipped()]
    if any(recorded_id(record, text) == record.cell_id for text in texts):
        return True
    return None if record.text is None and get(record.method).reads_text else False


def recorded_id(record: Record, text: str | None) -> str:
    """The cell id that follows from what a record holds.

    Args:
        record: of a method that this version may lack.
        text: fingerprint of the FG-Text that the method reads, if it reads any.

    Raises:
        UserError: for a recipe that cannot be.
    """
    parts = {
        "method": record.method,
        **config_identity(record.config, get(record.method).later if has(record.method) else {}),
        "pretraining": record.pretraining,
        "protocol": identity(record.protocol),
        "text": text,
        "seed": record.seed,
        "data": record.data.fingerprint,
    }
    if record.budget_epochs is not None:
        parts["epochs"] = record.budget_epochs
    if record.skeletons not in (None, "none"):
        parts["skeletons"] = record.skeletons
    return digest_of_parts({name: canonical(value) for name, value in parts.items()})
