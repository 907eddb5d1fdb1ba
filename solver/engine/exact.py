"""Solves a `Problem` by one CP-SAT model (`solver.engine.exact_model`)."""

from __future__ import annotations

import math

import numpy as np

from solver.cpsat import Answer, Limits, run
from solver.engine.evaluate import value
from solver.engine.exact_model import ExactModel
from solver.engine.outcome import Outcome
from solver.engine.problem import Problem, Selection
from solver.engine.reduce.pipeline import reduce
from solver.engine.reduce.step import Infeasible
from solver.engine.scaling import Scale, allowed_strategies, cost_scale

QUICK: dict[str, int | bool] = {
    "linearization_level": 2,
    "add_lp_constraints_lazily": False,
    "root_lp_iterations": 100_000,
    "cp_model_probing_level": 0,
    "symmetry_level": 0,
    "max_presolve_iterations": 1,
}
"""The whole model as one linear program from the start, and little presolve.

"""

THOROUGH: dict[str, int | bool] = QUICK


def solve_exact(
    problem: Problem,
    limits: Limits,
    hint: Selection | None = None,
    cutoff: float = math.inf,
    quick: bool = False,
) -> Outcome:
    """The best selection of value below `cutoff`, and a bound on the value of every selection.

    The bound is at most `cutoff` when there is one: then (None, infinity, cutoff) says that nothing
    is below it. `hint` is a selection to start from, and is returned if nothing better is found.
    `quick` spends less on simplifying the model: for neighbourhoods with a second or so to solve.
    """
    known = _known(problem, hint, cutoff)
    allowed = allowed_strategies(problem)
    if not all(mask.any() for mask in allowed):
        return Outcome(None, math.inf, cutoff)
    scale = cost_scale(problem, allowed, cutoff, known.value)
    if scale.most is not None and scale.most < 0:
        return _best(known, known, min(cutoff, known.value))
    for node, mask in zip(problem.nodes, allowed, strict=True):
        mask[mask] = np.isfinite(scale.ticks(node.costs[mask]))
    model = ExactModel(problem, allowed, scale)
    if hint is not None and all(m[k] for m, k in zip(allowed, hint, strict=True)):
        model.hint(hint)
    doubt = math.isinf(cutoff) and known.selection is None
    answer = run(model.rows.model, limits, QUICK if quick else THOROUGH, confirm=doubt)
    found = known
    if answer.has_solution:
        selection = model.selection(np.array(list(answer.solver.response_proto.solution)))
        found = Outcome(selection, value(problem, selection), -math.inf)
    return _best(known, found, _bound(answer, scale, min(cutoff, known.value)))


def solve_reduced(problem: Problem, limits: Limits, quick: bool = False) -> Outcome:
    """As `solve_exact`, with the exact reductions first; they are part of the proof."""
    try:
        step = reduce(problem)
    except Infeasible:
        return Outcome(None, math.inf, math.inf)
    outcome = solve_exact(step.problem, limits, quick=quick)
    if outcome.selection is None:
        return outcome
    selection = step.restore(outcome.selection)
    return Outcome(selection, value(problem, selection), outcome.bound)


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
