"""From a JSON tree to a checked instance, with everything that is wrong with it.

Checks go on after a finding as far as they make sense: lengths are compared where the lists
themselves could be read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.engine.problem import Floats
from solver.instance.findings import Findings, Place
from solver.instance.instance import Instance, Ints, NodePin, offsets
from solver.instance.pins import pins
from solver.instance.walk import EXACT, MISSING, Rows, Walk, number

_TOP: Place = ("problem",)


@dataclass(frozen=True, slots=True, eq=False)
class _Nodes:
    intervals: Ints
    costs: Rows
    usages: Rows


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    ends: Ints
    tables: Rows


def check(tree: object, findings: Findings) -> Instance | None:
    """The instance that a tree describes; None when there are findings."""
    walk = Walk(findings)
    problem = walk.fields(
        walk.fields(tree, (), ("problem",))["problem"],
        _TOP,
        ("nodes", "edges"),
        ("name", "usage_limit", "usage_price", "pins"),
    )
    walk.text(problem.get("name", MISSING), (*_TOP, "name"))
    nodes = _nodes(walk, problem["nodes"], (*_TOP, "nodes"))
    sizes = None if nodes is None else nodes.costs.lengths
    edges = _edges(walk, problem["edges"], sizes, (*_TOP, "edges"))
    limit, price = _limit(walk, problem)
    named = pins(walk, problem.get("pins", MISSING), sizes, (*_TOP, "pins"))
    if findings.all or nodes is None or edges is None:
        return None
    made = _join(nodes, edges, limit, price, named)
    _check_sums(made, findings)
    return None if findings.all else made


def _nodes(walk: Walk, value: object, place: Place) -> _Nodes | None:
    fields = walk.fields(value, place, ("intervals", "costs", "usages"))
    intervals = _pairs(walk, fields["intervals"], (*place, "intervals"))
    costs = walk.rows(fields["costs"], (*place, "costs"), costs=True)
    usages = walk.rows(fields["usages"], (*place, "usages"))
    if costs is not None:
        walk.findings.add_each(
            "MMP606",
            np.flatnonzero(costs.lengths == 0).tolist(),
            lambda i: ((*costs.place, i), "no strategies, expected at least one"),
        )
        if intervals is not None:
            _same_count(walk, (*place, "intervals"), len(intervals), len(costs.lengths), "node")
    if usages is not None:
        walk.findings.add_each(
            "MMP607",
            np.flatnonzero(usages.flat < 0).tolist(),
            lambda i: (usages.place_of(i), f"{number(usages.flat[i])}, expected at least 0"),
        )
        if costs is not None:
            _same_lengths(walk, usages, costs.lengths)
    if intervals is None or costs is None or usages is None:
        return None
    return _Nodes(intervals, costs, usages)


def _edges(walk: Walk, value: object, sizes: Ints | None, place: Place) -> _Edges | None:
    fields = walk.fields(value, place, ("nodes", "costs"))
    ends = _pairs(walk, fields["nodes"], (*place, "nodes"))
    tables = walk.rows(fields["costs"], (*place, "costs"), costs=True)
    if ends is None or tables is None:
        return None
    _same_count(walk, tables.place, len(tables.lengths), len(ends), "edge")
    if sizes is None:
        return None
    is_outside = (ends < 0) | (ends >= len(sizes))
    walk.findings.add_each(
        "MMP607",
        np.flatnonzero(is_outside).tolist(),
        lambda i: (
            (*place, "nodes", i // 2, i % 2),
            f"{ends[i // 2, i % 2]} is no node, expected 0 to {len(sizes) - 1}",
        ),
    )
    if is_outside.any() or len(tables.lengths) != len(ends):
        return None
    first, second = sizes[ends[:, 0]], sizes[ends[:, 1]]
    walk.findings.add_each(
        "MMP606",
        np.flatnonzero(tables.lengths != first * second).tolist(),
        lambda i: (
            (*tables.place, i),
            f"{_numbers(tables.lengths[i])}, expected {first[i]} x {second[i]}",
        ),
    )
    return _Edges(ends, tables)


def _pairs(walk: Walk, value: object, place: Place) -> Ints | None:
    """[pair, 2]"""
    rows = walk.rows(value, place)
    whole = walk.whole(rows)
    if rows is None or whole is None:
        return None
    wrong = np.flatnonzero(rows.lengths != 2)
    walk.findings.add_each(
        "MMP606",
        wrong.tolist(),
        lambda i: ((*place, i), f"{_numbers(rows.lengths[i])}, expected 2"),
    )
    return None if len(wrong) else whole.reshape(-1, 2)


def _same_count(walk: Walk, place: Place, count: int, expected: int, noun: str) -> None:
    if count != expected:
        lists = "1 list" if count == 1 else f"{count} lists"
        walk.findings.add("MMP606", place, f"{lists}, expected {expected}, one per {noun}")


def _same_lengths(walk: Walk, rows: Rows, expected: Ints) -> None:
    if len(rows.lengths) != len(expected):
        _same_count(walk, rows.place, len(rows.lengths), len(expected), "node")
        return
    walk.findings.add_each(
        "MMP606",
        np.flatnonzero(rows.lengths != expected).tolist(),
        lambda i: (
            (*rows.place, i),
            f"{_numbers(rows.lengths[i])}, expected {expected[i]}, one per strategy",
        ),
    )


def _numbers(count: int) -> str:
    return "1 number" if count == 1 else f"{count} numbers"


def _limit(walk: Walk, problem: dict[str, Any]) -> tuple[float, float]:
    """The memory limit and the price of exceeding it; infinity for what is not given."""
    given = []
    for key in ("usage_limit", "usage_price"):
        found = walk.amount(problem.get(key, MISSING), (*_TOP, key))
        given.append(math.inf if found is None else found)
    if "usage_price" in problem and "usage_limit" not in problem:
        message = "this key is missing: `usage_price` is the price of exceeding it"
        walk.findings.add("MMP603", (*_TOP, "usage_limit"), message)
    return given[0], given[1]


def _join(
    nodes: _Nodes, edges: _Edges, limit: float, price: float, named: tuple[NodePin, ...]
) -> Instance:
    costs, usages, tables = nodes.costs.flat, nodes.usages.flat, edges.tables.flat
    weights = [pin.weight for pin in named]
    priced = [usages, np.array([limit, price])] if price < math.inf else []
    is_integral = all(map(_is_whole, [costs, tables, np.array(weights), *priced]))
    return Instance(
        nodes.intervals,
        nodes.costs.lengths,
        costs,
        usages,
        edges.ends,
        tables,
        limit,
        price,
        named,
        is_integral,
    )


def _is_whole(values: Floats) -> bool:
    """Whether all finite values are whole numbers."""
    return bool(((values == np.floor(values)) | np.isinf(values)).all())


def _check_sums(instance: Instance, findings: Findings) -> None:
    """Every sum over a selection must be exact, so that a plan's figures can be compared."""
    worst = [
        math.fsum(_largest(np.abs(flat), lengths))
        for flat, lengths in (
            (instance.costs, instance.sizes),
            (instance.tables, np.prod(instance.sizes[instance.ends], axis=1)),
        )
    ]
    worst += [pin.weight for pin in instance.pins if pin.weight < math.inf]
    memory = math.fsum(_largest(instance.usages, instance.sizes))
    paid = memory * instance.price if instance.price < math.inf else 0.0
    for what, total in (("costs", math.fsum([*worst, paid])), ("usages", memory)):
        if total >= EXACT:
            message = f"{what} can add up to {total:.3g}, beyond 2^53, where sums are not exact"
            findings.add("MMP607", _TOP, message)


def _largest(flat: Floats, lengths: Ints) -> Floats:
    """The largest finite number of every stretch, none of which is empty."""
    finite = np.where(np.isinf(flat), 0.0, flat)
    return np.maximum.reduceat(finite, offsets(lengths)) if len(lengths) else finite
