"""What msgspec refuses is told in one line that says where."""

import msgspec
import pytest
from msgspec import Struct

from fgsgl.util.decode_errors import fault, located


class Inner(Struct, forbid_unknown_fields=True):
    values: list[int]
    by_name: dict[str, list[int]] = {}


class Outer(Struct):
    inner: Inner


@pytest.mark.parametrize(
    ("whole", "places", "line"),
    [
        ({"inner": {"values": [1, "b"]}}, ["inner", "values", "1"], "inner.values.1 is 'b'; expected `int`, got `str`"),
        ({"inner": {}}, ["inner"], "inner.values is missing"),
        (
            {"inner": {"values": [], "by_name": {"a": [1, None]}}},
            ["inner", "by_name", "*", "1"],
            "inner.by_name.*.1 is {'a': [1, None]}; expected `int`, got `null`",
        ),
        (
            {"inner": {"values": [], "by_name": {7: []}}},
            ["inner", "by_name"],
            "inner.by_name is {7: []}; expected `str`, got `int`",
        ),
        ([], [], "Expected `object`, got `array`"),
    ],
)
def test_a_fault_says_where_what_came_and_what_was_expected(whole: object, places: list[str], line: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(whole, Outer)
    assert located(caught.value)[1] == places
    assert fault(caught.value, whole) == line
