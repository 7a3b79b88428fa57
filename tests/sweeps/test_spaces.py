"""Search spaces: whatever is suggested is a valid setting, and is read by the method."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from fgsgl.methods.method import Classes, Method
from fgsgl.methods.registry import get, scan
from fgsgl.methods.search_space import Param, changes_of, defaults, read_space, space_hash
from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.records.protocol import default_protocol
from fgsgl.sweeps.spaces import draw, space_of, spaces_of
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

PROTOCOL = default_protocol("synmg", "quick")
TRAINED = [name for name, method in scan().items() if method.recipe]


def build(method: Method, changes: dict) -> dict:
    where = {"classes": Classes(count=9, text="smg"), "root": Path("r"), "work_dir": Path("w")}
    return build_config(method, changes, PROTOCOL, 0, **where)


@pytest.mark.parametrize("name", TRAINED)
def test_whatever_a_space_suggests_is_a_valid_config(name: str) -> None:
    method = get(name)
    assert {"optim", "all"} <= set(spaces_of(method))
    for space in spaces_of(method).values():
        random_ = random.Random(1)
        for _ in range(200):
            changes = changes_of(space, draw(space, random_))
            config = build(method, changes)
            for part, value in changes.items():
                if part == "recipe.lr":
                    assert config["optim_wrapper"]["optimizer"]["lr"] == value
                elif not part.startswith("recipe."):
                    assert config["model"][part] == value


@pytest.mark.parametrize("space", ["components", "losses"])
def test_whatever_a_space_suggests_of_fgsgl_is_read(space: str) -> None:
    """No weight of a level that is off, no schedule of one level, no prompt of a linear head."""
    method, random_, seen = get("fgsgl"), random.Random(2), set()
    for _ in range(200):
        changes = changes_of(space_of(method, space, PROTOCOL), draw(space_of(method, space, PROTOCOL), random_))
        config = FGSGLConfig.from_dict({"num_classes": 2, **method.resolve(changes)})
        assert {name: getattr(config.effective(), name) for name in changes} == changes
        seen |= changes.items()
    assert ("loss_fine", 0.0) in seen
    assert space != "components" or {("fgsa", False), ("cpa", False), ("schedule", "joint")} <= seen


def test_every_family_is_searched_as_widely_as_another() -> None:
    widths = {
        (param.name, round(param.high / param.low, 6), param.log)
        for name in TRAINED
        for param in space_of(get(name), "optim", PROTOCOL)
    }
    assert widths == {("recipe.lr", 100.0, True), ("recipe.weight_decay", 100.0, True)}


def test_the_default_settings_lie_in_every_space_of_their_method() -> None:
    for name in TRAINED:
        method = get(name)
        for space in spaces_of(method).values():
            values = defaults(space, method.flat)
            changes = changes_of(space, values)
            assert values and method.identity(changes) == method.identity({})


def test_a_space_from_a_file_is_that_of_the_code(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(
        "fgsa: {choices: [true, false], help: the local branch}\n"
        "loss_fine: {low: 0.5, high: 2, log: true, when: {fgsa: true}}\n"
        "lora_rank: {low: 2, high: 8, integer: true}\n"
        "fine: {choices: {both: {}, v2t: {fine_t2v: false}}, when: {fgsa: true}}\n"
        "recipe.lr: {low: 1.0e-4, high: 1.0e-2, log: true}\n"
    )
    space = space_of(get("fgsgl"), str(path), PROTOCOL)
    assert space[0] == Param(name="fgsa", choices=(True, False), help="the local branch")
    without_help = (dataclasses.replace(space[0], help=""), *space[1:])
    assert space_hash(space) == space_hash(without_help) != space_hash(space[1:])
    drawn = [draw(space, random.Random(seed)) for seed in range(50)]
    assert all(("loss_fine" in values) == values["fgsa"] == ("fine" in values) for values in drawn)
    assert {values["lora_rank"] for values in drawn} == set(range(2, 9))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[fgsa]", "expected a mapping of parameters"),
        ("fgsa: [true, false]", "'fgsa' is .True, False.; expected a parameter such as"),
        ("fgsa: {choices: [true, false], wehn: {}}", "fgsa has the key 'wehn'; did you mean when"),
        ("fgsa: {choices: [true]}", "fgsa has choices .True,.; expected two or more choices"),
        ("loss_fine: {low: 0x1, high: 1}", "loss_fine has low .0x1. and high 1; expected two or more"),
        ("loss_fine: {low: 2, high: 1}", "expected .* numbers low < high"),
        ("loss_fine: {low: 0, high: 1, log: true}", "above 0 with log"),
        (
            "loss_fine: {low: 1, high: 2, when: {fgsa: true}}",
            "depends on 'fgsa', expected one of the param",
        ),
        ("loss_fein: {low: 1, high: 2}", "has no setting 'loss_fein'; did you mean loss_fine"),
        ("loss_fine: {choices: [a, b]}", "loss_fine would be 'a', expected a value such as 3.0"),
        ("recipe.lr: {low: -1, high: 1}", "recipe.lr is -.*, expected more than 0"),
        ("loss_category: {choices: [0.0, 1.0]}\nfgsa: {choices: [true, false]}", "has nothing to train"),
        ("fgsa: {choices: {on: {}, off: [fgsa]}}", "choices or when of the parameter fgsa cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_a_space_that_is_wrong_is_refused_in_a_line(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=error):
        space_of(get("fgsgl"), str(path), PROTOCOL)


def test_an_unknown_space_and_an_untrained_method_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tsm has no space 'components'; valid: optim, all"):
        space_of(get("tsm"), "components", PROTOCOL)
    with pytest.raises(UserError, match="fgsgl has no space 'losse'; did you mean losses"):
        space_of(get("fgsgl"), "losse", PROTOCOL)
    with pytest.raises(UserError, match="zero_shot_names is not trained"):
        space_of(get("zero_shot_names"), "optim", PROTOCOL)
    with pytest.raises(UserError, match=r"nowhere.yaml cannot be read"):
        read_space(tmp_path / "nowhere.yaml")
