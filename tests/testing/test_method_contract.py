"""Every method keeps the contract, each knob of the protocol reaches it, and the contract notices what breaks it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from fgsgl.methods.method import Classes, Method
from fgsgl.methods.registry import get, scan
from fgsgl.records.protocol import default_protocol
from fgsgl.testing.finding import BrokenPromise
from fgsgl.testing.method_contract import BATCHES, CHECKS, BuiltMethod, examine, other_classes, scores_of
from fgsgl.training.mmengine_config import build_config
from fgsgl.util.errors import UserError

METHODS = [name for name, method in scan().items() if method.model is not None]
IN_EVERY_RUN = {"fgsgl", "linear_probe", "zero_shot_names", "tsn"}
"""One method of each way of training: the whole contract of the others takes minutes."""
TRIED = Classes(count=5, text="smg")


@pytest.fixture(autouse=True)
def quiet() -> None:
    MMLogger.get_current_instance().setLevel("ERROR")
    init_default_scope("mmaction")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in IN_EVERY_RUN else pytest.mark.slow) for name in METHODS]
)
def test_every_method_keeps_the_contract(name: str) -> None:
    broken = [f"{outcome.check}: {outcome.detail}" for outcome in examine(get(name), "quick") if not outcome.ok]
    assert not broken


@pytest.mark.parametrize("name", METHODS)
def test_frames_image_size_and_classes_are_one_knob_each(name: str, tmp_path: Path) -> None:
    method = get(name)
    classes = Classes(count=17, text="smg") if method.reads_text else TRIED
    protocol = default_protocol("synmg", num_frames=16, image_size=96)
    config = build_config(method, {}, protocol, 0, classes=classes, root=tmp_path, work_dir=tmp_path)
    model = MODELS.build({**config["model"], "autocast": "none"})
    model.init_weights()
    scores_BC = scores_of(model, BATCHES[method.modality](protocol)["inputs"][:2])
    assert scores_BC.shape == (2, classes.count)
    assert torch.allclose(scores_BC.sum(1), torch.ones(2), atol=1e-4)


@MODELS.register_module()
class Breaking(nn.Module):
    """A wrapper around TSM that breaks one promise."""

    def __init__(self, how: str, autocast: str, **inner: Any) -> None:
        super().__init__()
        self.inner, self.how = MODELS.build({**inner, "type": "AutocastRecognizer2D", "autocast": autocast}), how
        self.idle = nn.Parameter(torch.rand(3)) if how == "idle" else None
        self.data_preprocessor, self.parse_losses = self.inner.data_preprocessor, self.inner.parse_losses

    def init_weights(self) -> None:
        self.inner.init_weights()

    def forward(self, inputs: Tensor, data_samples: Any, mode: str) -> Any:
        losses = self.inner(inputs, data_samples, mode=mode)
        if self.how == "stuck":
            nothing = 0 * self.inner.cls_head.fc_cls.bias.sum()
            return {name: value.detach() + nothing for name, value in losses.items()}
        return losses

    def test_step(self, data: dict[str, Any]) -> Any:
        labels = [sample.get("gt_label") for sample in data["data_samples"]]
        samples = self.inner.test_step(data)
        for index, (sample, label) in enumerate(zip(samples, labels, strict=True)):
            score_C = sample.pred_score.clone()
            if self.how == "order":
                score_C = score_C.roll(index)
            if self.how == "peek" and label is not None:
                score_C = score_C.roll(int(label))
            if self.how == "sum":
                score_C = 2 * score_C
            sample.set_field(score_C, "pred_score")
        return samples


@pytest.mark.parametrize(
    ("how", "check", "says"),
    [
        ("order", "batch_independence", "in another order"),
        ("peek", "label_blindness", "change with the labels"),
        ("sum", "probabilities", "sums are"),
        pytest.param("idle", "learning", "no gradient reaches 1 parameter.* idle", marks=pytest.mark.slow),
        pytest.param("stuck", "learning", "no gradient reaches", marks=pytest.mark.slow),
    ],
)
def test_the_contract_notices_what_breaks_it(how: str, check: str, says: str) -> None:
    def model(*given: Any) -> dict[str, Any]:
        return {**get("tsm").model(*given), "type": "Breaking", "how": how}

    method: Method = dataclasses.replace(get("tsm"), name="breaking", model=model)
    outcome = next(outcome for outcome in examine(method, "quick") if outcome.check == check)
    assert not outcome.ok and re.search(says, outcome.detail)


def test_a_layer_with_a_row_a_class_is_found_where_classes_are_to_be_known_by_text() -> None:
    own = get("fgsgl")
    linear = dataclasses.replace(own, settings={**own.settings, "head": "linear"})
    assert not linear.knows_by_text({}) and own.knows_by_text({}) and not own.knows_by_text({"head": "linear"})
    silent = BuiltMethod(dataclasses.replace(linear, rows=None), default_protocol("synmg", "quick"))
    with pytest.raises(BrokenPromise, match=r"the shape of linear\.1\.bias, linear\.1\.weight follows the classes"):
        other_classes(silent)
    assert "fit 17 and 26 classes" in other_classes(BuiltMethod(own, default_protocol("synmg", "quick")))


def test_what_has_no_recognizer_is_not_checked() -> None:
    with pytest.raises(UserError, match="majority is a floor and has no recognizer"):
        next(iter(examine(get("majority"), "quick")))
    with pytest.raises(UserError, match=r"tin cannot run here: needs mmcv\.ops"):
        next(iter(examine(get("tin"), "quick")))


def test_untrained_methods_skip_what_is_about_training() -> None:
    names = [outcome.check for outcome in examine(get("zero_shot_names"), "quick")]
    assert names == [function.__name__ for function, trained in CHECKS if not trained]
