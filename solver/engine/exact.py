"""Solves a `Problem` by one CP-SAT model (`solver.engine.exact_model`)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from solver.cpsat import Answer, Limits, Setting, run
from solver.engine.evaluate import value
from solver.engine.exact_model import ExactModel
from solver.engine.outcome import Outcome
from solver.engine.problem import Bools, Problem, Selection
from solver.engine.reduce.pipeline import PASSES, reduce
from solver.engine.reduce.step import Infeasible, Pass
from solver.engine.scaling import Scale, allowed_strategies, cost_scale

LITTLE_PRESOLVE: dict[str, Setting] = {
    "cp_model_probing_level": 0,
    "symmetry_level": 0,
    "max_presolve_iterations": 1,
}
"""Probing thousands of booleans that exclude each other costs seconds and finds nothing."""

LINEAR_PROGRAM: dict[str, Setting] = LITTLE_PRESOLVE | {
    "linearization_level": 2,
    "add_lp_constraints_lazily": False,
    "root_lp_iterations": 1_000_000,
}
"""Where choices cost something, the search is led by the linear relaxation of the whole model,
which is nearly integral, with one worker. Measured on real compiler graphs: the optimum of one
with 66,000 cells is proved in 3 s (by default not in 60 s), neighbourhoods of 800 strategies in
0.3 s (not in 2 s), one with 238,000 cells and a cutoff in 93 s (with a second worker not in
150 s)."""

CLAUSES: dict[str, Setting] = LITTLE_PRESOLVE | {"linearization_level": 0}
"""Where only feasibility, pins or an overflow count: thousands of clauses are no linear program."""


def solve_exact(
    problem: Problem, limits: Limits, hint: Selection | None = None, cutoff: float = math.inf
) -> Outcome:
    """The best selection of value below `cutoff`, and a bound on the value of every selection.

    The bound is at most `cutoff` when there is one: then (None, infinity, cutoff) says that nothing
    is below it. `hint` is a selection to start from, and is returned if nothing better is found.
    """
    known = _known(problem, hint, cutoff)
    allowed = allowed_strategies(problem)
    if not all(mask.any() for mask in allowed):
        return Outcome(None, math.inf, cutoff)
    scale = _scale(problem, allowed, cutoff, known.value)
    if scale.most is not None and scale.most < 0:
        return _best(known, known, min(cutoff, known.value))
    model = ExactModel(problem, allowed, scale)
    if hint is not None and all(m[k] for m, k in zip(allowed, hint, strict=True)):
        model.hint(hint)
    doubt = math.isinf(cutoff) and known.selection is None
    if model.has_costs:
        answer = run(model.rows.model, replace(limits, workers=1), LINEAR_PROGRAM, confirm=doubt)
    else:
        answer = run(model.rows.model, limits, CLAUSES, confirm=doubt)
    found = known
    if answer.has_solution:
        selection = model.selection(np.array(list(answer.solver.response_proto.solution)))
        found = Outcome(selection, value(problem, selection), -math.inf)
    return _best(known, found, _bound(answer, scale, min(cutoff, known.value)))


def solve_reduced(problem: Problem, limits: Limits, passes: tuple[Pass, ...] = PASSES) -> Outcome:
    """As `solve_exact`, after exact reductions; what these prove needs no solver."""
    try:
        step = reduce(problem, passes)
    except Infeasible:
        return Outcome(None, math.inf, math.inf)
    outcome = solve_exact(step.problem, limits)
    if outcome.selection is None:
        return outcome
    selection = step.restore(outcome.selection)
    return Outcome(selection, value(problem, selection), outcome.bound)


def _scale(problem: Problem, allowed: list[Bools], below: float, upto: float) -> Scale:
    """The scale; strategies that alone are too expensive are taken from `allowed`."""
    while True:
        scale = cost_scale(problem, allowed, below, upto)
        if scale.most is None or scale.most < 0:
            return scale
        before = sum(int(mask.sum()) for mask in allowed)
        for node, mask in zip(problem.nodes, allowed, strict=True):
            mask[mask] = np.isfinite(scale.ticks(node.costs[mask]))
        if before == sum(int(mask.sum()) for mask in allowed):
            return scale


def _known(problem: Problem, hint: Selection | None, cutoff: float) -> Outcome:
    """What the hint gives: itself, if it is feasible and below the cutoff."""
    if hint is not None:
        worth = value(problem, hint)
        if worth < cutoff:
            return Outcome(hint, worth, -math.inf)
    return Outcome(None, math.inf, -math.inf)


def _bound(answer: Answer, scale: Scale, known: float) -> float:
    """The bound that an answer proves, given that only values below `known` were asked for."""
    if answer.status == "infeasible":
        return known
    if not math.isfinite(answer.bound):
        return -math.inf
    return min(known, scale.value(answer.bound))


def _best(known: Outcome, found: Outcome, bound: float) -> Outcome:
    best = found if found.value < known.value else known
    return Outcome(best.selection, best.value, min(bound, best.value))
