"""JSON for people: what it says is what `json` reads back, and innermost values take one line."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.json_text import dumps

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_it_reads_back(value: object) -> None:
    assert json.loads(dumps(value)) == value


def test_innermost_values_take_a_line() -> None:
    value = {"a": {"x": 1, "y": [2, 3]}, "rows": [{"s": 0, "t": 1.5}, {}], "none": [], "name": "ä"}
    assert dumps(value) == (
        '{\n "a": {\n  "x": 1,\n  "y": [2, 3]\n },\n "rows": [\n  {"s":0,"t":1.5},\n  {}\n ],\n'
        ' "none": [],\n "name": "ä"\n}\n'
    )


def test_infinities_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps({"a": {"b": [math.inf]}})
