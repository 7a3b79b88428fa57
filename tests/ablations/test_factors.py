"""Every factor changes losses, gradients or scores of one fixed batch; what changes nothing is refused."""

import dataclasses

import pytest

from ablations.check import changes_computation, refuse_no_op
from ablations.factors import FACTORS, variant, variant_of_settings
from fgsgl.bench.cell import Variant
from fgsgl.bench.methods import get
from fgsgl.bench.protocol import default_protocol
from fgsgl.errors import UserError
from fgsgl.models.config import FGSGLConfig

PROTOCOL = dataclasses.replace(default_protocol("synmg", "quick"), num_frames=2)


@pytest.mark.parametrize("name", FACTORS)
def test_each_factor_changes_the_computation(name: str) -> None:
    assert changes_computation("fgsgl", dict(variant([name]).changes), PROTOCOL, "smg")


def test_a_setting_that_is_not_connected_is_refused_before_training() -> None:
    idle = Variant(method="fgsgl", name="text_seed=5", changes={"text_seed": 5})  # read by the text controls alone
    with pytest.raises(UserError, match="text_seed=5 changes nothing"):
        refuse_no_op(idle, PROTOCOL, "smg")


def test_settings_under_which_nothing_is_trained_are_refused() -> None:
    with pytest.raises(UserError, match="nothing to train"):
        refuse_no_op(variant(["fgsa", "loss.category"]), PROTOCOL, "smg")


def test_factors_add_up_and_name_the_variant() -> None:
    both = variant(["fgsa", "cpa", "text=names", "dim.part", "dim.onset"])
    assert both.name == "w/o fgsa, w/o cpa, text=names, w/o dim.part, w/o dim.onset"
    assert both.changes["dimensions"] == ["trajectory", "outcome"]
    assert both.changes["fgsa"] is False and both.changes["cpa"] is False


def test_every_switch_of_the_recognizer_has_its_factor() -> None:
    switches = {field.name for field in dataclasses.fields(FGSGLConfig) if field.type == "bool"}
    reached = set().union(*(FACTORS[name].apply(get("fgsgl").settings) for name in FACTORS))
    assert switches <= reached


def test_settings_may_be_given_as_they_are() -> None:
    given = variant_of_settings(["loss_fine=3", "dimensions=[part, onset]"])
    assert given.name == "loss_fine=3, dimensions=[part, onset]"
    assert given.changes == {"loss_fine": 3, "dimensions": ["part", "onset"]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("loss_fine", "takes NAME=VALUE"),
        ("los_fine=1", "has no setting 'los_fine'; did you mean"),
        ("loss_fine=-1", "loss_fine=-1 is not valid"),
        ("dimensions=[part", "takes NAME=VALUE"),
    ],
)
def test_settings_that_cannot_be_are_refused(words: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        variant_of_settings([words])
