import dataclasses
import subprocess
import sys

import pytest

from fgsgl.models.fgsgl.config import FGSGLConfig
from fgsgl.util.errors import UserError


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"lora_ranks": 8}, "did you mean lora_rank"),
        ({"lora_rank": 0}, "lora_rank is 0, expected a whole number, 1 to"),
        ({"lora_rank": "8"}, "whole number"),
        ({"cpa": "no"}, "type bool"),
        ({"schedule": "fine"}, "coarse_to_fine"),
        ({"tap": "first"}, "early"),
        ({"tap": 0}, "block number"),
        ({"dimensions": ["part", "speed"]}, "'speed'"),
        ({"dimensions": []}, "at least one"),
        ({"dimension_weights": [1.0]}, "4 numbers"),
        ({"lora_targets": ["q", "w"]}, "'w'"),
        ({"loss_category": 0.0, "fgsa": False}, "nothing to train"),
        ({"loss_category": 0.0, "fine_v2t": False, "fine_t2v": False}, "nothing to train"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(wrong: dict, told: str) -> None:
    with pytest.raises(UserError) as caught:
        FGSGLConfig.from_dict({"num_classes": 17, **wrong})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_number_of_classes_is_needed() -> None:
    with pytest.raises(UserError, match="num_classes"):
        FGSGLConfig.from_dict({})


def test_plain_values_make_the_same_config_again() -> None:
    config = FGSGLConfig(num_classes=17, dimensions=("part", "outcome"), dimension_weights=(1.0, 2.0))
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(config).items()}
    assert FGSGLConfig.from_dict(plain) == config


def test_reading_settings_does_not_import_torch() -> None:
    code = "import sys, fgsgl.models.fgsgl.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("settings", "same_as"),
    [
        ({}, {}),
        ({"fgsa": False, "loss_fine": 0.0, "tap": "late", "text_control": "random"}, {"fgsa": False}),
        ({"guidance": False, "fine_v2t": False, "fine_t2v": False}, {"fgsa": False}),
        ({"loss_fine": 0.0, "dimension_weights": (1.0, 2.0, 1.0, 1.0)}, {"loss_fine": 0.0}),
        ({"head": "linear", "context_tokens": 2}, {"cpa": False}),
        ({"lora": False, "lora_rank": 4}, {"lora": False}),
        ({"loss_category": 0.0, "schedule": "joint", "stage": 0.3}, {"loss_category": 0.0}),
        ({"schedule": "joint", "stage": 0.3}, {"schedule": "joint"}),
        (
            {"loss_category": 0.0, "fine_from_video": False, "temporal": "mean"},
            {"loss_category": 0.0, "fine_from_video": False},
        ),
    ],
)
def test_what_nothing_reads_goes_back_to_its_default(settings: dict, same_as: dict) -> None:
    effective = FGSGLConfig(num_classes=3, **settings).effective()
    assert effective == FGSGLConfig(num_classes=3, **same_as) == effective.effective()
