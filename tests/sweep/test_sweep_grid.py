"""Values as they are written on the command line, their product, and the files of its points."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.sweep.grid import Axis, Values, axis, file_name, label, points

TEXTS = st.text(min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("nodes=1,2,4", ("1", "2", "4")),
        ("nodes = 1 , 8 Ki ", ("1", "8 Ki")),
        ("nodes=max(1, 2),3", ("max(1, 2)", "3")),
        ("nodes=[1, [2, 3]],{4, 5}", ("[1, [2, 3]]", "{4, 5}")),
        ('nodes="a,b","(",c', ('"a,b"', '"("', "c")),
        (r'nodes="a\",b",c', (r'"a\",b"', "c")),
        ("nodes=a == b,1)", ("a == b", "1)")),
        ("nodes=),1", (")", "1")),
    ],
)
def test_values_are_split_at_commas_outside_brackets(text: str, values: tuple[str, ...]) -> None:
    assert axis(text) == Axis("nodes", values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes", "expected NAME=VALUE,..., found 'nodes'"),
        ("=1", "expected NAME=VALUE,..., found '=1'"),
        ("a b=1", "expected NAME=VALUE,..., found 'a b=1'"),
        ("nodes=", "a value of `nodes` is empty in 'nodes='"),
        ("nodes=1,,2", "a value of `nodes` is empty in 'nodes=1,,2'"),
        ("nodes=1, ", "a value of `nodes` is empty in 'nodes=1, '"),
        ("nodes=1,2,1", "`nodes` has the value 1 twice"),
    ],
)
def test_wrong_axes(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        axis(text)


def test_the_last_axis_changes_fastest() -> None:
    grid = points([axis("nodes=2,1"), axis("seq=8 Ki,4 Ki")])
    assert [label(values) for values in grid] == [
        "nodes=2, seq=8 Ki",
        "nodes=2, seq=4 Ki",
        "nodes=1, seq=8 Ki",
        "nodes=1, seq=4 Ki",
    ]


def test_names_of_files() -> None:
    assert file_name((("nodes", "1"), ("room", "8 GiB"))) == "nodes=1,room=8%20GiB.json"
    assert file_name((("path", "../a,b=c"),)) == "path=..%2Fa%2Cb%3Dc.json"
    with pytest.raises(ValueError, match="too long for the name of a file"):
        file_name((("nodes", "1+" * 200 + "1"),))


@given(st.tuples(TEXTS, TEXTS), st.tuples(TEXTS, TEXTS))
def test_two_points_never_share_a_file(one: tuple[str, str], other: tuple[str, str]) -> None:
    def name(pair: tuple[str, str]) -> str | None:
        values: Values = tuple(zip(("a", "b"), pair, strict=True))
        try:
            return file_name(values)
        except ValueError:
            return None

    first, second = name(one), name(other)
    assert first is None or "/" not in first
    assert (first == second) == (one == other) or first is None
