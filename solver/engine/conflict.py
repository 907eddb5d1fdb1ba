"""Which wishes cannot hold together: a minimal set of hard pins and hard resources.

Costs and all soft things are left out, so most edges have nothing to say. A first set comes from
QuickXplain (Junker, AAAI 2004) with propagation as its only means of proof, which answers in
milliseconds, or, where propagation proves nothing, from the assumptions that CP-SAT's own proof
needs. Then every member whose removal leaves a conflict is removed, by CP-SAT. Resources are
removed before pins, since a pin can be changed by the one who wrote it. Every selection found on
the way answers all later questions about wishes that it fulfils.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from solver.cpsat import Limits, run
from solver.engine.evaluate import broken, overflows
from solver.engine.exact import LITTLE_PRESOLVE, solve_reduced
from solver.engine.exact_model import ExactModel
from solver.engine.problem import Edge, Floats, Node, Problem, Selection
from solver.engine.reduce.constants import constants
from solver.engine.reduce.equal_layouts import equal_layouts
from solver.engine.reduce.live_sets import live_sets
from solver.engine.reduce.propagate import propagate
from solver.engine.reduce.step import Infeasible
from solver.engine.scaling import allowed_strategies, cost_scale

Guard = tuple[Literal["pin", "resource"], int]

FAST_PASSES = (propagate, constants, equal_layouts, live_sets)
"""Without the reductions that compare costs: here there are none."""


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
    guards: list[Guard] = [("pin", k) for k, pin in enumerate(problem.pins) if pin.is_hard]
    guards += [("resource", k) for k, res in enumerate(problem.resources) if res.is_hard]
    oracle = _Oracle(problem, limits)
    if oracle.is_refuted(guards):
        found = _minimal(oracle, [], guards)
    else:
        feasible = oracle.is_feasible(guards)
        if feasible is True:
            raise ValueError("the problem has a selection, so there is no conflict")
        if feasible is None:
            return Conflict((), (), False)
        found = oracle.core(guards)
    for guard in reversed(found):
        others = [other for other in found if other != guard]
        if oracle.is_feasible(others) is False:
            found = others
    return Conflict(
        tuple(k for kind, k in found if kind == "pin"),
        tuple(k for kind, k in found if kind == "resource"),
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

    def is_refuted(self, guards: Sequence[Guard]) -> bool:
        """Whether propagation alone shows that these cannot hold together."""
        try:
            propagate(restricted(self.problem, guards))
        except Infeasible:
            return True
        return False

    def is_feasible(self, guards: Sequence[Guard]) -> bool | None:
        """Whether these can hold together; None when time ended."""
        if any(fulfilled.issuperset(guards) for fulfilled in self._fulfilled):
            return True
        if self.is_refuted(guards):
            return False
        limits = self._rest()
        if limits is None:
            self.complete = False
            return None
        outcome = solve_reduced(restricted(self.problem, guards), limits, FAST_PASSES)
        if outcome.selection is not None:
            self._fulfilled.append(self._holding(outcome.selection))
            return True
        if outcome.is_infeasible:
            return False
        self.complete = False
        return None

    def core(self, guards: list[Guard]) -> list[Guard]:
        """Those of the guards, which cannot hold together, that CP-SAT's proof needs."""
        limits = self._rest()
        core = None if limits is None else infeasible_core(self.problem, limits)
        if core is None:
            return guards
        named = [guard for guard in guards if guard in core]
        return named if self.is_feasible(named) is False else guards

    def _rest(self) -> Limits | None:
        """The limits of the next solve (None: time has ended)."""
        seconds = self._end - time.monotonic()
        if seconds <= 0 or self.limits.stop.is_set():
            return None
        return replace(self.limits, seconds=seconds)

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


def _minimal(oracle: _Oracle, background: list[Guard], candidates: list[Guard]) -> list[Guard]:
    """The candidates needed for propagation to refute them with the background."""
    if not candidates or oracle.is_refuted(background):
        return []
    if len(candidates) == 1:
        return candidates
    half = (len(candidates) + 1) // 2
    first, second = candidates[:half], candidates[half:]
    from_second = _minimal(oracle, background + first, second)
    from_first = _minimal(oracle, background + from_second, first)
    return from_first + from_second


def infeasible_core(problem: Problem, limits: Limits) -> set[Guard] | None:
    """The guards that CP-SAT's proof of infeasibility needs (None: no proof in time).

    With one worker and without an objective: otherwise CP-SAT names every guard.
    """
    allowed = allowed_strategies(problem, with_pins=False)
    if not all(mask.any() for mask in allowed):
        return set()
    scale = cost_scale(problem, allowed, math.inf, math.inf)
    model = ExactModel(problem, allowed, scale, guarded=True)
    guards: dict[int, Guard] = {literal: ("pin", k) for k, literal in model.pin_guards.items()}
    guards |= {literal: ("resource", k) for k, literal in model.resource_guards.items()}
    model.rows.assume(list(guards))
    answer = run(model.rows.model, replace(limits, workers=1), LITTLE_PRESOLVE, confirm=False)
    if answer.status != "infeasible":
        return None
    named = answer.solver.sufficient_assumptions_for_infeasibility()
    return {guards[literal] for literal in named if literal in guards}
