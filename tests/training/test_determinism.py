"""What is asked of PyTorch so that a GPU repeats its results, and what is told where it cannot; needs no GPU."""

from __future__ import annotations

import warnings

import pytest
import torch

from fgsgl.training.determinism import repeatable

SAID = (
    "max_pool3d_with_indices_backward_cuda does not have a deterministic implementation, but you set "
    "'torch.use_deterministic_algorithms(True, warn_only=True)'."
)


def test_an_operation_that_cannot_be_repeated_is_named_and_goes_on() -> None:
    """PyTorch says so by a warning, which stands for it here; any other warning is shown as ever."""
    with pytest.warns(UserWarning, match="something else") as seen, repeatable("cuda") as unrepeatable:
        assert torch.is_deterministic_algorithms_warn_only_enabled() and torch.backends.cudnn.deterministic
        for _ in range(2):
            warnings.warn(SAID, stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert unrepeatable == {"max_pool3d_with_indices_backward_cuda"}
    assert [str(one.message) for one in seen] == ["something else"]
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_cpu_is_left_as_it_is() -> None:
    with repeatable("cpu") as unrepeatable:
        assert not torch.are_deterministic_algorithms_enabled()
    assert not unrepeatable
