"""A cell: protocol x variant x seed. Its id is a hash over everything that changes the result, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fgsgl.methods.method import Method, Settings
from fgsgl.methods.registry import get
from fgsgl.records.identity import canonical, digest_of_parts, identity
from fgsgl.records.plan_file import PlannedCell
from fgsgl.records.protocol import Protocol
from fgsgl.records.row_key import FULL
from fgsgl.text.fgtext import fingerprint


@dataclass(frozen=True, kw_only=True)  # no slots: its cached identity is shared by the cells of all seeds
class Variant:
    """A method with some of its settings changed."""

    method: str
    name: str = FULL
    """``full``, or what was changed, such as ``w/o fgsa``."""
    changes: Settings = field(default_factory=dict)

    def identity(self, protocol: Protocol, text: str) -> dict[str, Any]:
        """The part of a cell's id that all seeds of a row share: method, protocol, weights and text.

        It is cached: a file of weights counts as it was when a command first asked.
        """
        return self._shared(protocol, text)[0]

    def identity_parts(self, protocol: Protocol, text: str) -> dict[str, str]:
        """The values of :meth:`identity`, each as canonical JSON."""
        return self._shared(protocol, text)[1]

    def _shared(self, protocol: Protocol, text: str) -> tuple[dict[str, Any], dict[str, str]]:
        if (protocol, text) not in self._kept:
            method = get(self.method)
            shared = {
                "method": method.name,
                **method.identity(self.changes),
                "pretraining": method.pretraining(protocol, method.resolve(self.changes)),
                "protocol": identity(protocol),
                "text": fingerprint(text) if method.reads_text else None,
            }
            self._kept[protocol, text] = shared, {name: canonical(value) for name, value in shared.items()}
        return self._kept[protocol, text]

    @cached_property
    def _kept(self) -> dict[tuple[Protocol, str], tuple[dict[str, Any], dict[str, str]]]:
        return {}


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
    skeletons: str = ""
    """Fingerprint of the skeleton files (:func:`fgsgl.data.joint_cache.skeleton_fingerprint`); methods that read frames
    do not depend on it."""

    @property
    def method(self) -> Method:
        """The method it runs."""
        return get(self.variant.method)

    @property
    def pretraining(self) -> str:
        """Name and hash of the weights that it starts from."""
        return str(self.variant.identity(self.protocol, self.text)["pretraining"])

    @cached_property
    def cell_id(self) -> str:
        """16 hex digits; equal for equal work, independent of the variant's name."""
        shared = self.variant.identity_parts(self.protocol, self.text)
        own = {"seed": canonical(self.seed), "data": canonical(self.fingerprint)}
        if self.skeletons and self.method.modality == "skeleton":
            own["skeletons"] = canonical(self.skeletons)
        return digest_of_parts({**shared, **own})

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
        )
