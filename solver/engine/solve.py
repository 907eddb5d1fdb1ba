"""Solve a `Problem`: reduce, split, then per part prove it or come near.

Problem --reduce--> core --split--> parts --+--> small: one CP-SAT model
                                            +--> large: prices and messages, annealing,
                                                 neighbourhoods, CP-SAT on what is left
Outcome <--restore-- selection <--join------+
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from solver.cpsat import Limits
from solver.engine.clock import Clock
from solver.engine.evaluate import value
from solver.engine.exact import solve_exact
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Problem
from solver.engine.reduce.components import Part, join, split
from solver.engine.reduce.pins import pins
from solver.engine.reduce.pipeline import reduce
from solver.engine.reduce.step import Infeasible, Step

SMALL = 3_000  # strategies and cells of tables that CP-SAT takes without any preparation
LEAST_S = 2.0  # for a part, where there is time: small ones are worth proving


def solve(problem: Problem, limits: Limits, report: Report) -> Outcome:
    """The best selection within the limits and a bound on all; `report` sees every better one."""
    clock = Clock(limits.deterministic)
    end = clock.now() + limits.seconds
    try:
        step = reduce(problem)
    except Infeasible:
        return Outcome(None, math.inf, math.inf)
    parts = sorted(split(step.problem), key=lambda part: part.problem.size)
    whole = _Whole(problem, step, parts, report)
    rest = sum(part.problem.size for part in parts)
    for part in parts:
        left = max(0.05, end - clock.now())
        share = part.problem.size / max(1, rest)
        rest -= part.problem.size
        seconds = max(share * left, min(LEAST_S, 0.1 * left))
        outcome = _solve_part(part.problem, replace(limits, seconds=seconds), clock, whole.listen)
        if outcome.is_infeasible:
            return outcome
        whole.outcomes.append(outcome)
    return whole.outcome()


@dataclass(slots=True)
class _Whole:
    """Joins what is known of the parts: the last one is the largest, and reports as it goes."""

    problem: Problem
    step: Step
    parts: list[Part]
    report: Report
    outcomes: list[Outcome] = field(default_factory=list)

    def listen(self, outcome: Outcome) -> None:
        """Report what a part that is being solved has found, if it completes a selection."""
        if len(self.outcomes) == len(self.parts) - 1:
            self.report(self.outcome(outcome))

    def outcome(self, *more: Outcome) -> Outcome:
        """The parts' outcomes as one of the whole problem."""
        outcomes = [*self.outcomes, *more]
        bound = math.fsum(outcome.bound for outcome in outcomes)
        selections = [x.selection for x in outcomes if x.selection is not None]
        if len(selections) < len(self.parts):
            return Outcome(None, math.inf, bound)
        selection = self.step.restore(join(self.parts, selections))
        found = value(self.problem, selection)
        return Outcome(selection, found, min(bound, found))


def _solve_part(problem: Problem, limits: Limits, clock: Clock, report: Report) -> Outcome:
    if problem.size <= SMALL:
        outcome = solve_exact(problem, limits)
        clock.count_model(problem.size, limits.seconds, outcome.is_closed)
        return outcome
    from solver.engine.large import solve_large

    made = pins(problem) or Step(problem, lambda selection: selection)

    def restored(outcome: Outcome) -> Outcome:
        if outcome.selection is None:
            return outcome
        return replace(outcome, selection=made.restore(outcome.selection))

    return restored(solve_large(made.problem, limits, clock, lambda found: report(restored(found))))
