"""Every factor changes losses, gradients or scores of one fixed batch; what changes nothing is refused."""

import dataclasses
from functools import cache
from itertools import combinations

import pytest

from fgsgl.ablations.factors import FACTORS, computation, simplest, variant, variant_of_settings
from fgsgl.ablations.no_op_check import CheckRequest, build, computed_values, refuse_no_op, refuse_no_op_here
from fgsgl.methods.cell import Variant
from fgsgl.methods.registry import get
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.records.protocol import default_protocol
from fgsgl.util.errors import UserError

PROTOCOL = dataclasses.replace(default_protocol("synmg", "quick"), num_frames=2, image_size=64)


@cache
def seen(*names: str) -> dict[str, float]:
    return computed_values(variant(names), PROTOCOL, "smg")


def request(*variants: Variant) -> CheckRequest:
    return CheckRequest(variants=variants, protocol=PROTOCOL, text="smg")


@pytest.mark.parametrize("name", FACTORS)
def test_each_factor_changes_the_computation(name: str) -> None:
    assert seen(name) != seen()


@pytest.mark.parametrize(
    "names",
    [
        ("fgsa", "motion-difference", "guidance", "dim.part", "tap=late"),
        ("fgsa", "schedule", "multi-positive", "text=random", "fine-at-test"),
        ("loss.fine", "schedule", "loss.fine.v2t", "text=shuffled"),
        ("loss.fine.v2t", "loss.fine.t2v"),
        ("text=names", "multi-positive"),
        ("guidance", "loss.fine"),
        ("cpa", "learned-prompts", "head=both"),
        ("loss.category", "cpa", "temporal", "guidance", "schedule", "fine-at-test"),
    ],
)
def test_what_shares_a_row_computes_the_same(names: tuple[str, ...]) -> None:
    fewest = simplest(names)
    assert len(fewest) < len(names) and seen(*fewest) == seen(*names)


@pytest.mark.slow
@pytest.mark.parametrize("pair", combinations(FACTORS, 2))
def test_pairs_compute_the_same_exactly_if_they_share_a_row(pair: tuple[str, str]) -> None:
    try:
        rows = [computation(names) for names in ((), pair[:1], pair[1:], pair)]
    except UserError:
        return  # exclude each other, or leave nothing to train
    assert [seen(*pair) == seen(*names) for names in ((), pair[:1], pair[1:])] == [row == rows[3] for row in rows[:3]]


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("fgsa", ("fgsa.", "gate_D", "fine_scale")),
        ("cpa", ("category_text.", "category_scale")),
        ("lora", ("tower.visual.",)),
        ("temporal", ("temporal.",)),
        ("guidance", ("gate_D",)),
        ("learned-prompts", ("category_text.",)),
        ("loss.fine", ("fine_scale",)),
        ("loss.category", ("category_text.", "category_scale", "gate_D")),
    ],
)
def test_what_a_factor_switches_off_is_not_built(name: str, gone: tuple[str, ...]) -> None:
    def built(*names: str) -> dict[str, int]:
        model = build("fgsgl", variant(names).changes, PROTOCOL, "smg")
        return {one: parameter.numel() for one, parameter in model.named_parameters() if parameter.requires_grad}

    full, without = built(), built(name)
    assert all(any(one.startswith(part) for one in full) for part in gone)
    assert not [one for one in without if one.startswith(gone)]
    assert sum(without.values()) < sum(full.values()) or name == "cpa"  # which builds a linear layer instead


def test_fewer_dimensions_and_no_motion_difference_are_smaller_modules() -> None:
    full, dimension, motion = (
        build("fgsgl", variant(names).changes, PROTOCOL, "smg").fgsa
        for names in ((), ("dim.part",), ("motion-difference",))
    )
    assert (len(full.query_DM), len(dimension.query_DM)) == (4, 3)
    assert full.to_motion.in_features == 2 * motion.to_motion.in_features


def test_a_setting_that_is_not_connected_is_refused_before_training() -> None:
    idle = Variant(method="fgsgl", name="text_seed=5", changes={"text_seed": 5})  # read by the text controls alone
    with pytest.raises(UserError, match="text_seed=5 changes nothing"):
        refuse_no_op(request(variant(["cpa"]), idle))


@pytest.mark.slow
def test_a_text_seed_counts_in_the_check_as_in_the_training() -> None:
    rows = [
        Variant(method="fgsgl", name=name, changes={"text_control": "random", **changes})
        for name, changes in (("drawn", {}), ("seed 5", {"text_seed": 5}), ("seed 6", {"text_seed": 6}))
    ]
    refuse_no_op_here(request(*rows))
    same = {"text_control": "random", "text_seed": 5, "text_draw": "once"}
    with pytest.raises(UserError, match="again computes the same as seed 5"):
        refuse_no_op_here(request(rows[1], Variant(method="fgsgl", name="again", changes=same)))
    unread = {"text_control": "random", "text_seed": 5, "text_draw": "cell"}
    with pytest.raises(UserError, match="text_seed=5 is not read with text_draw=cell"):
        refuse_no_op_here(request(Variant(method="fgsgl", name="unread", changes=unread)))


def test_settings_under_which_nothing_is_trained_are_refused() -> None:
    with pytest.raises(UserError, match="nothing to train"):
        refuse_no_op_here(request(variant(["fgsa", "loss.category"])))


def test_two_variants_that_compute_the_same_are_refused() -> None:
    with pytest.raises(UserError, match="w/o fgsa, w/o schedule computes the same as w/o fgsa:"):
        refuse_no_op_here(request(variant(["fgsa"]), variant(["fgsa", "schedule"])))


def test_factors_add_up_and_name_the_variant() -> None:
    both = variant(["fgsa", "cpa", "text=names", "dim.part", "dim.onset"])
    assert both.name == "w/o fgsa, w/o cpa, text=names, w/o dim.part, w/o dim.onset"
    assert both.changes["dimensions"] == ["trajectory", "outcome"]
    assert both.changes["fgsa"] is False and both.changes["cpa"] is False


def test_every_switch_of_the_recognizer_has_its_factor() -> None:
    switches = {field.name for field in dataclasses.fields(FGSGLConfig) if field.type == "bool"}
    reached = set().union(*(FACTORS[name].apply(get("fgsgl").settings) for name in FACTORS))
    assert switches - {"temporal_pretrained"} <= reached  # the tower that ships brings no temporal encoder


def test_settings_may_be_given_as_they_are() -> None:
    given = variant_of_settings(["loss_fine=3", "dimensions=[part, onset]"])
    assert given.name == "loss_fine=3, dimensions=[part, onset]"
    assert given.changes == {"loss_fine": 3, "dimensions": ["part", "onset"]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("loss_fine", "takes NAME=VALUE"),
        ("los_fine=1", "has no setting 'los_fine'; did you mean"),
        ("loss_fine=-1", "loss_fine is -1, expected 0 to"),
        ("dimensions=[part", "takes NAME=VALUE"),
    ],
)
def test_settings_that_cannot_be_are_refused(words: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        variant_of_settings([words])
