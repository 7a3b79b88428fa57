"""Pointing game and energy inside: by hand, and on planted attention."""

import numpy as np
import pytest

from fgsgl.stats.localise import centre_TP, cover_TP, energy_inside, pointing_hit, saliency_TP


@pytest.fixture
def mask_THW() -> np.ndarray:
    """Two frames of 4 x 6 pixels: a 2 x 2 block in the first, nothing in the second."""
    mask_THW = np.zeros((2, 4, 6), dtype=bool)
    mask_THW[0, 1:3, 2:4] = True
    return mask_THW


def test_cover_is_the_share_of_each_patch(mask_THW: np.ndarray) -> None:
    expected_TP = np.zeros((2, 4))
    expected_TP[0] = [1 / 6, 1 / 6, 1 / 6, 1 / 6]
    np.testing.assert_allclose(cover_TP(mask_THW, 2), expected_TP)
    assert cover_TP(mask_THW, 2).sum() * 6 == pytest.approx(mask_THW.sum())
    with pytest.raises(ValueError, match="4 x 6 pixels"):
        cover_TP(mask_THW, 3)


def test_attention_on_the_mask_is_all_inside_and_beside_it_none() -> None:
    mask_THW = np.zeros((3, 8, 8), dtype=bool)
    mask_THW[1, 4:8, 0:4] = True  # the whole of patch 2 of frame 1
    covered_TP = cover_TP(mask_THW, 2)
    on_TP, beside_TP = np.zeros((3, 4)), np.zeros((3, 4))
    on_TP[1, 2] = beside_TP[2, 2] = 0.7
    assert pointing_hit(on_TP, covered_TP) and energy_inside(on_TP, covered_TP) == 1
    assert not pointing_hit(beside_TP, covered_TP) and energy_inside(beside_TP, covered_TP) == 0
    assert energy_inside(np.ones((3, 4)), covered_TP) == pytest.approx(mask_THW.mean())
    assert energy_inside(3 * on_TP + beside_TP, covered_TP) == pytest.approx(0.75)


def test_saliency_is_the_largest_channel_without_its_sign() -> None:
    gradient_TCHW = np.zeros((2, 3, 4, 4))
    gradient_TCHW[1, 0, 0, 0], gradient_TCHW[1, 2, 0, 0] = 1.0, -4.0  # the same pixel of the first patch
    gradient_TCHW[1, 1, 3, 3] = 2.0
    expected_TP = np.zeros((2, 4))
    expected_TP[1] = [1.0, 0, 0, 0.5]
    np.testing.assert_allclose(saliency_TP(gradient_TCHW, 2), expected_TP)
    assert energy_inside(saliency_TP(np.zeros((2, 3, 4, 4)), 2), expected_TP) == pytest.approx(expected_TP.mean())


@pytest.mark.parametrize(("frames", "side"), [(8, 7), (5, 4), (1, 1)])
def test_the_centre_is_the_same_from_every_side_and_largest_in_the_middle(frames: int, side: int) -> None:
    centre_THW = centre_TP(frames, side).reshape(frames, side, side)
    for axis in range(3):
        np.testing.assert_allclose(np.flip(centre_THW, axis), centre_THW)
    t, h, w = np.unravel_index(centre_THW.argmax(), centre_THW.shape)
    assert (t, h, w) == ((frames - 1) // 2, (side - 1) // 2, (side - 1) // 2)
    assert side == 1 or centre_THW[t, h, w] > 2 * centre_THW[t, 0, 0]
