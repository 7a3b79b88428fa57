"""What an oracle is given: the protocol's frames, views and prior, and no more unless it is the generous one."""

from dataclasses import replace

import numpy as np
import pytest

from fgsgl.data import clip_table
from fgsgl.data.synmg import oracle
from fgsgl.data.synmg.oracle import GENEROUS, View, fit, kept_frames
from fgsgl.methods.registry import get
from fgsgl.records.protocol import default_protocol

LABELS_N = np.array([0] * 6 + [1] * 4 + [2] * 2)
TRAIN_NKJ3, TEST_NKJ3 = (np.random.default_rng(seed).normal(size=(12, 8, 25, 3)).astype(np.float32) for seed in (0, 1))
SEEN = View(num_frames=4)


def scores(view: View, test_NKJ3: np.ndarray = TEST_NKJ3, kind: str = "motion") -> np.ndarray:
    return fit(kind, TRAIN_NKJ3, LABELS_N, test_NKJ3, 3, view, epochs=2)


def test_the_prior_is_taken_out_where_the_protocol_does() -> None:
    corrected_NC = scores(SEEN) / (np.bincount(LABELS_N) / len(LABELS_N)) ** 0.5
    np.testing.assert_allclose(
        scores(replace(SEEN, prior=0.5)), corrected_NC / corrected_NC.sum(1, keepdims=True), 1e-5
    )


def test_one_view_is_the_last_frame_of_each_segment_and_two_are_averaged() -> None:
    last = TEST_NKJ3.copy()
    last[:, ::2] = 0
    np.testing.assert_array_equal(scores(SEEN, last), scores(SEEN))
    first = TEST_NKJ3[:, [1, 0, 3, 2, 5, 4, 7, 6]]
    np.testing.assert_allclose(scores(replace(SEEN, views=2)), (scores(SEEN) + scores(SEEN, first)) / 2, atol=1e-6)


def test_kept_frames_are_those_that_recognizers_see() -> None:
    joints_TJ3 = np.zeros((50, 25, 3), np.float32)
    joints_TJ3[:, 3, 1] = np.arange(50)  # the spine base stays where it is
    kept_NKJ3 = kept_frames([joints_TJ3], 8)
    assert kept_NKJ3[0, :, 3, 1].tolist() == clip_table.cached_frames(0, 50, 8)
    assert kept_NKJ3[0, 1::2, 3, 1].tolist() == clip_table.evaluated_frames(0, 50, 8)


@pytest.mark.parametrize(("name", "kind"), [("oracle_static", "static"), ("oracle_motion", "motion")])
def test_ceilings_follow_the_protocol_and_the_generous_one_does_not(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(oracle, "fit_and_score", lambda kind, *_, seed: asked.append((kind, _[3], seed)))
    options = {"num_frames": 16, "views": 2, "logit_adjustment": 0.5, "sampling": "class_balanced"}
    protocol = default_protocol("synmg", "quick", **options)
    get(name).scores(None, [], [], 3, protocol)
    get(name).scores(None, [], [], 0, default_protocol("synmg", "quick"))
    get("oracle_generous").scores(None, [], [], 0, default_protocol("synmg", "quick"))
    assert asked[0] == (kind, View(num_frames=16, views=2, prior=0.5, balanced=True), 3)
    assert asked[1] == (kind, View(prior=1.0), 0) and asked[2] == ("motion", GENEROUS, 0)
