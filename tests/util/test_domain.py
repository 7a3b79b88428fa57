"""Numbers of a domain: a whole number where a float is expected is that float."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import msgspec
import pytest

from fgsgl.methods.method import TUNABLE, Recipe
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.records.identity import digest, identity
from fgsgl.records.protocol import Protocol
from fgsgl.running.execution import Limits
from fgsgl.util.domain import Numbers, domains_of, require
from fgsgl.util.errors import UserError

NEEDED: list[tuple[type, dict[str, Any]]] = [
    (Protocol, {"dataset": "synmg", "preset": "smoke", "epochs": 1}),
    (Recipe, {"lr": 1, "source": "a test"}),
    (FGSGLConfig, {"num_classes": 2}),
    (Limits, {}),
]
FLOATS = [
    (cls, needed, field.name)
    for cls, needed in NEEDED
    for field in dataclasses.fields(cls)
    if field.name not in ("since_s", "stage")  # no whole number is a stage's share, which is below a half
    and "float" in str(field.type).removeprefix("tuple[")
]


@pytest.mark.parametrize(("cls", "needed", "name"), FLOATS, ids=[f"{cls.__name__}.{name}" for cls, _, name in FLOATS])
def test_a_whole_number_in_a_field_of_floats_is_a_float(cls: type, needed: dict[str, Any], name: str) -> None:
    """Else an id would be another one after a record's way through JSON."""
    given: Any = {"dimension_weights": (1, 2, 1, 1), "logit_scale_max": 100}.get(name)
    if given is None:
        domain = TUNABLE[name] if cls is Recipe else domains_of(cls)[name][2]
        given = int(domain.holds(1))
    as_floats = tuple(map(float, given)) if isinstance(given, tuple) else float(given)
    made, expected = (cls(**{**needed, name: value}) for value in (given, as_floats))
    assert repr(getattr(made, name)) == repr(as_floats) != repr(given)
    assert cls is Limits or digest(identity(made)) == digest(identity(expected))


def test_there_are_such_fields() -> None:
    assert {(cls.__name__, name) for cls, _, name in FLOATS} >= {
        ("Protocol", "long_tail"), ("Protocol", "flip"), ("Recipe", "lr"), ("Limits", "max_hours"),
        ("FGSGLConfig", "lora_alpha"), ("FGSGLConfig", "dimension_weights"),
    }  # fmt: skip


def test_an_identity_outlives_json() -> None:
    protocol = Protocol(dataset="synmg", preset="smoke", epochs=1, flip=1, long_tail=50, logit_adjustment=1)
    read = msgspec.json.decode(msgspec.json.encode(protocol), type=Protocol)
    assert read.hash() == protocol.hash()
    assert json.dumps(read.as_dict()) == json.dumps(protocol.as_dict())
    assert protocol.hash() == dataclasses.replace(protocol, flip=1.0, long_tail=50.0, logit_adjustment=1.0).hash()


def test_what_stays_a_whole_number() -> None:
    protocol = Protocol(dataset="synmg", preset="smoke", epochs=1)
    wholes = [name for name, (kind, _, _) in domains_of(Protocol).items() if kind is int]
    assert "epochs" in wholes and all(type(getattr(protocol, name)) is int for name in wholes)
    assert Limits().max_hours is None
    assert repr(require("x", 2, int, Numbers(0, 3))) == "2" and repr(require("x", 2, float, Numbers(0, 3))) == "2.0"
    for value in (True, "1", 4, float("nan")):
        with pytest.raises(UserError, match=r"x is .*, expected 0 to 3"):
            require("x", value, float, Numbers(0, 3))
