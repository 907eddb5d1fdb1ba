"""Which wishes cannot hold together: a minimal set of hard pins and hard resources.

Costs and all soft things are left out, so most edges have nothing to say and the exact reductions
decide most questions alone; CP-SAT decides the rest. The set is found by QuickXplain (Junker,
AAAI 2004), resources after pins: a resource is in the conflict only where the pins alone could
hold together, and then a pin only where it is needed beside the resources. Every selection found
on the way answers all later questions about wishes that it fulfils.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from solver.cpsat import Limits
from solver.engine.evaluate import broken, overflows
from solver.engine.exact import solve_reduced
from solver.engine.problem import Edge, Floats, Node, Problem, Selection

Guard = tuple[Literal["pin", "resource"], int]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Hard pins and hard resources (numbers in the problem) that cannot hold together.

    With `complete`, dropping any one of them makes the others feasible, and none at all means that
    the forbidden costs alone leave no selection. Otherwise time ended: the set holds a conflict,
    but perhaps more than one (and none at all means that nothing was found out).
    """

    pins: tuple[int, ...]
    resources: tuple[int, ...]
    complete: bool


def find_conflict(problem: Problem, limits: Limits) -> Conflict:
    """A minimal conflict of an infeasible problem.

    Raises ValueError when the problem has a selection.
    """
    pins: list[Guard] = [("pin", k) for k, pin in enumerate(problem.pins) if pin.is_hard]
    resources: list[Guard] = [
        ("resource", k) for k, resource in enumerate(problem.resources) if resource.is_hard
    ]
    oracle = _Oracle(problem, limits)
    whole = oracle.is_feasible([*pins, *resources])
    if whole is True:
        raise ValueError("the problem has a selection, so there is no conflict")
    if whole is None:
        return Conflict((), (), False)
    found = _minimal(oracle, pins, True, resources)
    found += _minimal(oracle, found, True, pins)
    return Conflict(
        tuple(sorted(k for kind, k in found if kind == "pin")),
        tuple(sorted(k for kind, k in found if kind == "resource")),
        oracle.complete,
    )


def only_feasibility(problem: Problem) -> Problem:
    """The problem without costs and soft things: every feasible selection has the value 0.

    Nodes, pins and resources keep their numbers (a soft pin breaks nothing any more, a soft
    resource has no uses); edges without forbidden pairs and uses are dropped.
    """
    soft = [not resource.is_hard for resource in problem.resources]
    edge_uses = tuple(use for use in problem.edge_uses if not soft[use.resource])
    used = {use.edge for use in edge_uses}
    kept = [
        number
        for number, edge in enumerate(problem.edges)
        if number in used or np.isinf(edge.table).any()
    ]
    place = {number: k for k, number in enumerate(kept)}
    return Problem(
        tuple(Node(node.name, _forbidden(node.costs)) for node in problem.nodes),
        tuple(_forbidden_pairs(problem.edges[number]) for number in kept),
        problem.resources,
        tuple(use for use in problem.node_uses if not soft[use.resource]),
        tuple(replace(use, edge=place[use.edge]) for use in edge_uses),
        tuple(pin if pin.is_hard else replace(pin, breaks={}) for pin in problem.pins),
    )


def _forbidden(costs: Floats) -> Floats:
    return np.where(np.isfinite(costs), 0.0, math.inf)


def _forbidden_pairs(edge: Edge) -> Edge:
    return replace(edge, table=_forbidden(edge.table))


@dataclass(slots=True, eq=False)
class _Oracle:
    """Answers whether some of the guards can hold together; `complete` while it could answer."""

    problem: Problem
    limits: Limits
    complete: bool = True
    _end: float = 0.0
    _fulfilled: list[set[Guard]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.problem = only_feasibility(self.problem)
        self._end = time.monotonic() + self.limits.seconds

    def is_feasible(self, guards: Sequence[Guard]) -> bool | None:
        """Whether these can hold together; None when time ended."""
        if any(fulfilled.issuperset(guards) for fulfilled in self._fulfilled):
            return True
        seconds = self._end - time.monotonic()
        if seconds <= 0 or self.limits.stop.is_set():
            self.complete = False
            return None
        limits = replace(self.limits, seconds=seconds)
        outcome = solve_reduced(restricted(self.problem, guards), limits, quick=True)
        if outcome.selection is not None:
            self._fulfilled.append(self._holding(outcome.selection))
            return True
        if outcome.is_infeasible:
            return False
        self.complete = False
        return None

    def _holding(self, selection: Selection) -> set[Guard]:
        """All guards that a selection fulfils."""
        pins = broken(self.problem, selection)
        excess = overflows(self.problem, selection)
        holding: set[Guard] = {("pin", k) for k, is_broken in enumerate(pins) if not is_broken}
        return holding | {("resource", k) for k, over in enumerate(excess) if over == 0}


def restricted(problem: Problem, guards: Sequence[Guard]) -> Problem:
    """The problem with these hard pins and resources only."""
    kept = set(guards)
    place: dict[int, int] = {}
    for number in range(len(problem.resources)):
        if ("resource", number) in kept:
            place[number] = len(place)
    return replace(
        problem,
        resources=tuple(problem.resources[number] for number in place),
        node_uses=tuple(
            replace(use, resource=place[use.resource])
            for use in problem.node_uses
            if use.resource in place
        ),
        edge_uses=tuple(
            replace(use, resource=place[use.resource])
            for use in problem.edge_uses
            if use.resource in place
        ),
        pins=tuple(pin for number, pin in enumerate(problem.pins) if ("pin", number) in kept),
    )


def _minimal(
    oracle: _Oracle, background: list[Guard], is_new: bool, candidates: list[Guard]
) -> list[Guard]:
    """The least part of the candidates that cannot hold together with the background.

    `is_new`: whether the background may be a conflict by itself. Where time ended, candidates stay.
    """
    if not candidates or (is_new and oracle.is_feasible(background) is False):
        return []
    if len(candidates) == 1:
        return candidates
    half = (len(candidates) + 1) // 2
    first, second = candidates[:half], candidates[half:]
    from_second = _minimal(oracle, background + first, True, second)
    from_first = _minimal(oracle, background + from_second, bool(from_second), first)
    return from_first + from_second
