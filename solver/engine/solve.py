"""Solve a `Problem`: reduce, split, then per part prove it or come near.

Problem --reduce--> core --split--> parts --+--> small: one CP-SAT model
                                            +--> large: prices and messages, annealing,
                                                 neighbourhoods, CP-SAT on what is left
Outcome <--restore-- selection <--join------+
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

from solver.cpsat import Limits
from solver.engine.evaluate import value
from solver.engine.exact import solve_exact
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Problem, Selection
from solver.engine.reduce.components import Part, join, split
from solver.engine.reduce.pins import pins
from solver.engine.reduce.pipeline import reduce
from solver.engine.reduce.step import Infeasible, Step

SMALL = 3_000  # entries of tables and costs that CP-SAT takes without any preparation


def solve(problem: Problem, limits: Limits, report: Report) -> Outcome:
    """The best selection within the limits and a bound on all; `report` sees every better one."""
    end = time.monotonic() + limits.seconds
    try:
        step = reduce(problem)
    except Infeasible:
        return Outcome(None, math.inf, math.inf)
    parts = split(step.problem)
    weights = [size(part.problem) + 1 for part in parts]
    outcomes: list[Outcome] = []
    for number, part in enumerate(parts):
        left = max(0.05, end - time.monotonic())
        share = limits.seconds if limits.deterministic else left
        share *= weights[number] / sum(weights[number:])
        is_only = len(parts) == 1
        listen = _listener(problem, step, report) if is_only else _ignore
        outcomes.append(_solve_part(part.problem, replace(limits, seconds=share), listen))
        if outcomes[-1].is_infeasible:
            return Outcome(None, math.inf, math.inf)
    return _joined(problem, step, parts, outcomes)


def size(problem: Problem) -> int:
    """Strategies and entries of tables."""
    return sum(n.size for n in problem.nodes) + sum(e.table.size for e in problem.edges)


def _solve_part(problem: Problem, limits: Limits, report: Report) -> Outcome:
    if size(problem) <= SMALL:
        return solve_exact(problem, limits)
    from solver.engine.large import solve_large

    made = pins(problem) or Step(problem, lambda selection: selection)

    def restored(outcome: Outcome) -> Outcome:
        if outcome.selection is None:
            return outcome
        return replace(outcome, selection=made.restore(outcome.selection))

    return restored(solve_large(made.problem, limits, lambda found: report(restored(found))))


def _joined(problem: Problem, step: Step, parts: list[Part], outcomes: list[Outcome]) -> Outcome:
    bound = math.fsum(outcome.bound for outcome in outcomes)
    selections = [x.selection for x in outcomes if x.selection is not None]
    if len(selections) < len(parts):
        return Outcome(None, math.inf, bound)
    selection = step.restore(join(parts, selections))
    found = value(problem, selection)
    return Outcome(selection, found, min(bound, found))


def _listener(problem: Problem, step: Step, report: Report) -> Report:
    def listen(outcome: Outcome) -> None:
        if outcome.selection is None:
            report(outcome)
            return
        selection: Selection = step.restore(outcome.selection)
        report(Outcome(selection, value(problem, selection), outcome.bound))

    return listen


def _ignore(outcome: Outcome) -> None:
    """Parts of several are not solutions of the whole."""
