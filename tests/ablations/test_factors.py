"""Every factor changes losses, gradients or scores of one fixed batch; what changes nothing is refused."""

import dataclasses

import pytest

from ablations.check import changes_computation, refuse_no_op
from ablations.factors import FACTORS, variant
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
