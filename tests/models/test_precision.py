"""Native precision is bf16 on a GPU and on a processor that multiplies it, and reaches the computation."""

from pathlib import Path

import pytest
import torch

from fgsgl.models import precision
from fgsgl.models.autocast import computed


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch):
    """Sets the flags of the processor."""

    def set_flags(flags: str) -> None:
        read = Path.read_text
        monkeypatch.setattr(
            Path, "read_text",
            lambda path, **options: f"flags : {flags}" if str(path) == "/proc/cpuinfo" else read(path, **options),
        )  # fmt: skip
        precision.cpu_has_bf16.cache_clear()

    yield set_flags
    precision.cpu_has_bf16.cache_clear()


@pytest.mark.parametrize(
    ("flags", "expected"), [("avx2", "none"), ("avx512_bf16", "bf16"), ("avx2 amx_bf16", "bf16"), ("", "none")]
)
def test_a_processor_computes_bf16_where_it_has_it(processor, flags: str, expected: str) -> None:
    processor(flags)
    assert precision.native("cpu") == expected
    assert precision.native("cuda") == precision.native("cuda:1") == "bf16"
    product = {}
    for autocast in ("native", "bf16", "none"):
        with computed(torch.device("cpu"), autocast):
            product[autocast] = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    assert product == {
        "native": torch.bfloat16 if expected == "bf16" else torch.float32,
        "bf16": torch.bfloat16, "none": torch.float32,
    }  # fmt: skip
