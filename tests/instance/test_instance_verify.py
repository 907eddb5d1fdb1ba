"""The verifier of solution documents: right ones pass, each change of a leaf is found."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.engine.problem import as_selection
from solver.instance.document import document
from solver.instance.read import read
from solver.verify.instance import verify

Json = dict[str, Any]
Path_ = tuple[str | int, ...]

TREE = json.loads((Path(__file__).parent / "example.json").read_bytes())
BEST = [0, 0, 2, 1, 0]


def _tree(**changes: Any) -> Json:
    return {"problem": {**copy.deepcopy(TREE["problem"]), **changes}}


PINNED = _tree(
    usage_price=3,
    usage_limit=40,
    pins=[
        {"name": "kept", "nodes": [[1, [0]], [2, [0, 2]]], "weight": 4},
        {"name": "broken", "nodes": [[3, [0]]], "weight": 5},
        {"name": "must", "nodes": [[0, [0]]]},
    ],
)
FLOATS = _tree(usage_limit=50.5)
FLOATS["problem"]["nodes"]["costs"][0] = [15.25]
FLOATS["problem"]["nodes"]["usages"][1] = [24.9, 25.1]


def _document(tree: Json, least: float = -math.inf) -> tuple[Json, bytes]:
    """A document about the best selection of the example, and the bytes of its instance."""
    data = json.dumps(tree).encode()
    found = document(read(data, "example.json"), as_selection(BEST), least, "limit")
    return json.loads(json.dumps(found)), data


CASES = {
    "bound": _document(_tree(), 250.0),
    "optimal": _document(_tree(), math.inf),
    "no_bound": _document(_tree()),
    "pinned": _document(PINNED, 200.0),
    "floats": _document(FLOATS, 200.0),
}
CASES["optimal"][0]["objective"] |= {"bound": CASES["optimal"][0]["objective"]["value"], "gap": 0.0}
CASES["optimal"][0]["outcome"] |= {"stopped": "proved", "plan": "optimal"}


@pytest.mark.parametrize("case", CASES)
def test_a_right_document_passes(case: str) -> None:
    assert verify(*CASES[case]).violations == ()


def test_the_figures_are_these() -> None:
    found = CASES["pinned"][0]
    # 15 + 55 + 35 + 75 + 95, edges 30 + 40 + 10 + 30 + 60, pin 5, 3 for each of 10 over the limit
    assert found["objective"] == {"value": 480, "bound": 200, "gap": 280 / 480}
    assert found["memory"] == {"peak": 50, "at": 50, "limit": 40, "paid": 30}
    assert [(p["kind"], p["satisfied"], p["paid"]) for p in found["pins"]] == [
        ("soft", True, 0),
        ("soft", False, 5),
        ("hard", True, 0),
    ]


def _leaves(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _leaves(item, (*path, key))
    else:
        yield path


def _others(value: Any) -> list[Any]:
    """Other values for a leaf; the words of `stopped` but `proved` say the same to a verifier."""
    if isinstance(value, bool):
        return [not value, None]
    if isinstance(value, int | float):
        return [value + 1, value - 1, value + 1e-3, value * 1.01 + 0.5, str(value), True]
    if value is None:
        return [0, 1, 50, "none"]
    words = {"optimal": ["feasible", "none"], "feasible": ["optimal", "none"]}
    words |= {"proved": ["limit", "failed"], "limit": ["proved"], "hard": ["soft"]}
    return [*words.get(value, []), value + "x", "", None]


@pytest.mark.parametrize("case", CASES)
def test_every_change_of_a_leaf_is_found(case: str) -> None:
    right, data = CASES[case]
    passed = []
    for path in _leaves(right):
        for other in _others(_at(right, path)):
            changed = copy.deepcopy(right)
            _at(changed, path[:-1])[path[-1]] = other
            if verify(changed, data).ok:
                passed.append((path, other))
    assert passed == []


@pytest.mark.parametrize("case", CASES)
def test_every_missing_part_is_found(case: str) -> None:
    right, data = CASES[case]
    passed = []
    for path in _leaves(right):
        if _at(right, path) is None:
            continue  # null and absent say the same
        for end in range(1, len(path) + 1):
            changed = copy.deepcopy(right)
            del _at(changed, path[: end - 1])[path[end - 1]]
            if verify(changed, data).ok:
                passed.append(path[:end])
    assert passed == []


@pytest.mark.parametrize(
    ("case", "change", "codes"),
    [
        ("bound", {"solution": [0, 0, 2, 1]}, ("length",)),
        ("bound", {"solution": [0, 0, 2, 1, 0, 0]}, ("length",)),
        ("bound", {"solution": [0, 0, 3, 1, 0]}, ("strategy",)),
        ("bound", {"solution": [0, 0, -1, 1, 0]}, ("strategy",)),
        ("bound", {"solution": [0, 0, 1, 1, 0]}, ("memory-limit", "memory-figure", "objective")),
        ("bound", {"objective": {"value": 445, "bound": 446, "gap": 0}}, ("bound", "gap")),
        ("no_bound", {"objective": {"value": 445, "bound": None, "gap": 0.1}}, ("gap",)),
        ("pinned", {"pins": []}, ("pin-list",)),
        ("bound", {"format": "mmp-plan/1"}, ("format",)),
        ("bound", {"outcome": {"stopped": "proved", "plan": "none"}}, ("outcome",)),
        ("bound", {"outcome": {"stopped": "proved", "plan": "optimal"}}, ("outcome",)),
        ("bound", {"solution": {}}, ("field-type",)),
        ("bound", {"solution": [0, 0, 2, 1, 0.0]}, ("field-type",)),
        ("bound", {"solution": [False, 0, 2, 1, 0]}, ("field-type",)),
        ("bound", {"memory": None}, ("field-type", "field-missing")),
    ],
)
def test_what_is_wrong_is_named(case: str, change: Json, codes: tuple[str, ...]) -> None:
    right, data = CASES[case]
    assert verify({**right, **change}, data).codes == codes


def test_forbidden_choices_are_found() -> None:
    right, _ = CASES["bound"]
    tree = _tree()
    tree["problem"]["nodes"]["costs"][2][2] = 1e18
    (found,) = verify(right, json.dumps(tree).encode()).violations
    assert (found.code, found.message) == ("forbidden", "strategy 2 of node 2 is forbidden")
    tree = _tree()
    tree["problem"]["edges"]["costs"][1][2] = 10**18
    (found,) = verify(right, json.dumps(tree).encode()).violations
    assert found.code == "forbidden"
    assert found.message == "edge 1 forbids strategies 0 and 2 of nodes 0 and 2"


def test_a_broken_must_is_found() -> None:
    tree = _tree(pins=[{"name": "must", "nodes": [[3, [0]]]}])
    pin = {"text": "must", "kind": "hard", "satisfied": False, "weight": None, "paid": 0}
    report = verify({**CASES["bound"][0], "pins": [pin]}, json.dumps(tree).encode())
    assert report.codes == ("pin-broken",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.sampled_from(list(_leaves(CASES["pinned"][0]))), st.integers(0, 3), JSON)
@settings(max_examples=300, deadline=None)
def test_garbage_never_raises(path: Path_, up: int, garbage: Any) -> None:
    right, data = CASES["pinned"]
    changed = copy.deepcopy(right)
    path = path[: max(1, len(path) - up)]
    _at(changed, path[:-1])[path[-1]] = garbage
    verify(changed, data)


def _at(value: Any, path: Path_) -> Any:
    for step in path:
        value = value[step]
    return value
