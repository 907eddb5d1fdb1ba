"""Reading instances: every `invalid/*.json` against its diagnostics, word for word."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl.codes import CODES as SYNTAX_CODES
from dsl.codes import merge
from dsl.render import render_all
from dsl.resolve.codes import CODES as SPEC_CODES
from solver.instance.codes import CODES
from solver.instance.read import InstanceError, read
from tests.conftest import Golden
from tests.instance.random_instances import random_instance

HERE = Path(__file__).parent
INVALID = sorted((HERE / "invalid").glob("*.json"))
EXAMPLE = (HERE / "example.json").read_bytes()


def _refused(data: bytes, path: str = "instance.json") -> InstanceError:
    with pytest.raises(InstanceError) as caught:
        read(data, path)
    return caught.value


@pytest.mark.parametrize("path", INVALID, ids=lambda p: p.stem)
def test_diagnostics(path: Path, golden: Golden) -> None:
    """A file shows one mistake, but those named `several_...`."""
    error = _refused(path.read_bytes(), path.name)
    golden(path.with_suffix(".txt"), render_all(error.diagnostics, error.sources.get) + "\n")
    if not path.stem.startswith("several_"):
        assert len(error.diagnostics) == 1


def test_every_code_is_shown_by_a_case() -> None:
    shown = {d.code for path in INVALID for d in _refused(path.read_bytes()).diagnostics}
    assert sorted(shown) == [row.code for row in CODES]
    tables = (SYNTAX_CODES, SPEC_CODES, CODES)
    assert len(merge(*tables)) == sum(map(len, tables))


def test_the_example_is_read() -> None:
    instance = read(EXAMPLE, "example.json")
    assert instance.sizes.tolist() == [1, 2, 3, 2, 1]
    assert instance.starts.tolist() == [0, 1, 3, 6, 8]
    assert instance.cells.tolist() == [0, 2, 5, 9, 12]
    assert instance.intervals[3].tolist() == [110, 140]
    assert (instance.limit, instance.price, instance.pins) == (50.0, np.inf, ())
    assert instance.is_integral


def test_whole_numbers_may_be_written_as_fractions() -> None:
    tree = json.loads(EXAMPLE)
    tree["problem"]["edges"]["nodes"] = [
        [float(u), v] for u, v in tree["problem"]["edges"]["nodes"]
    ]
    tree["problem"]["nodes"]["costs"][0] = [15.0]
    instance = read(json.dumps(tree).encode(), "example.json")
    assert instance.is_integral
    assert instance.ends.dtype == np.int64


@pytest.mark.parametrize(
    ("change", "is_integral"),
    [
        ({}, True),
        ({"usage_limit": 20.5}, True),
        ({"usage_limit": 20.5, "usage_price": 2}, False),
        ({"usage_price": 0.5}, False),
        ({"pins": [{"name": "a", "nodes": [[0, [0]]], "weight": 0.5}]}, False),
    ],
)
def test_what_makes_all_values_whole(change: dict[str, Any], is_integral: bool) -> None:
    tree = json.loads(EXAMPLE)
    tree["problem"] |= change
    assert read(json.dumps(tree).encode(), "example.json").is_integral == is_integral


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_nothing_to_choose_is_an_instance(mark: bytes) -> None:
    nodes = {"intervals": [], "costs": [], "usages": []}
    text = json.dumps({"problem": {"nodes": nodes, "edges": {"nodes": [], "costs": []}}})
    instance = read(mark + text.encode(), "empty.json")
    assert len(instance.sizes) == len(instance.ends) == 0
    assert instance.limit == np.inf


def test_a_place_is_found_in_text_of_one_line() -> None:
    text = EXAMPLE.replace(b"\n", b" ").replace(b"[90, 10, 20, 80]", b"[90, 10, 20]")
    (found,) = _refused(text).diagnostics
    assert found.message == "problem.edges.costs[2]: 3 numbers, expected 2 x 2"
    assert (found.span.line, found.span.end_line) == (1, 1)
    assert text[found.span.column - 1 : found.span.end_column - 1] == b"[90, 10, 20]"


@pytest.mark.parametrize("depth", range(900, 1000, 3))
def test_no_depth_is_too_deep_for_a_diagnostic(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    (found,) = _refused(EXAMPLE.replace(b'"example"', nested.encode())).diagnostics
    assert found.code in ("MMP601", "MMP605")


def test_many_wrong_places_are_counted() -> None:
    tree = json.loads(EXAMPLE)
    tree["problem"]["nodes"]["usages"] = [[-1] * n for n in (1, 2, 3, 2, 1)]
    found = _refused(json.dumps(tree).encode()).diagnostics
    assert [d.message.partition(":")[0] for d in found] == [
        "problem.nodes.usages[0][0]",
        "problem.nodes.usages[1][0]",
        "problem.nodes.usages[1][1]",
    ]
    assert [d.help for d in found] == ["", "", "the same in 6 more places"]


ODD = [None, True, -1, 0.5, 10**17, 10**400, "x", [], {}, [[]], [[0, 1, 2]], float("nan")]


@given(st.integers(0, 10**6), st.data())
@settings(max_examples=400, deadline=None)
def test_garbage_is_refused_in_words_or_read(seed: int, data: st.DataObject) -> None:
    """Any part of an instance replaced by anything: a checked instance or diagnostics."""
    tree = random_instance(seed)
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    place: Any = tree
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = rng.choice(keys)
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.2:
            break
        place = place[key]
    place[key] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    error = _error(json.dumps(tree).encode())
    assert error is None or render_all(error.diagnostics, error.sources.get)


def _error(data: bytes) -> InstanceError | None:
    try:
        read(data, "instance.json")
    except InstanceError as error:
        return error
    return None


@given(st.binary(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused(data: bytes) -> None:
    assert _refused(data).diagnostics
