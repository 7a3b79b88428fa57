import math

import pytest

from fgsgl.report.drawing.labels import plus_minus
from fgsgl.report.formatting import number, percent


@pytest.mark.parametrize(
    "value, digits, sign, text",
    [
        (-0.04, 1, "", "0.0"),
        (-0.04, 1, "+", "+0.0"),
        (0.04, 1, "+", "+0.0"),
        (-0.04, 2, "+", "−0.04"),
        (-0.06, 1, "", "−0.1"),
        (-0.0, 0, "", "0"),
        (math.nan, 1, "+", "–"),
        (None, 1, "", "–"),
    ],
)
def test_what_rounds_to_zero_has_no_minus(value, digits, sign, text):
    assert number(value, digits, sign) == text


def test_every_way_to_a_number_writes_the_same_zero():
    assert percent(-0.0004) == "0.0"
    assert plus_minus(-0.04, 0.3, "+") == "+0.0 ± 0.3"
    assert plus_minus(-0.16, None, "+") == "−0.2"
