"""The one place that runs CP-SAT for the sharding and stage models: limits, stop, status.

Workarounds that are not obvious: `value()` is read only when there is a solution (it returns
garbage otherwise); the solve runs in a thread so that a stop request is seen within 0.1 s;
INFEASIBLE is confirmed with a second configuration, since 9.15 has open reports of wrong ones
(google/or-tools issues 5274, 5295).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

Status = Literal["optimal", "feasible", "infeasible", "unknown"]
Linear = Any
"""A linear expression, a literal or a number (ortools' own union type does not support `+`)."""

Setting = int | float | bool
"""A value of a CP-SAT parameter."""
NO_PARAMETERS: Mapping[str, Setting] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how a solve may run; `deterministic` replaces the wall clock by CP-SAT's own."""

    seconds: float
    workers: int
    seed: int
    deterministic: bool
    stop: threading.Event


@dataclass(frozen=True, slots=True)
class Answer:
    """What CP-SAT said; `solver` may be asked for values only when `has_solution`."""

    status: Status
    bound: float
    solver: cp_model.CpSolver

    @property
    def has_solution(self) -> bool:
        """Whether there are values to read."""
        return self.status in ("optimal", "feasible")


def run(
    model: cp_model.CpModel,
    limits: Limits,
    parameters: Mapping[str, Setting] = NO_PARAMETERS,
    confirm: bool = True,
) -> Answer:
    """Solve, with further CP-SAT parameters by name.

    With `confirm`, a proven infeasibility is confirmed by one worker with another search.
    """
    answer = _run(model, limits, parameters, plain=False)
    if confirm and answer.status == "infeasible" and not limits.stop.is_set():
        second = _run(model, limits, parameters, plain=True)
        if second.status != "infeasible":
            return second
    return answer


def _run(
    model: cp_model.CpModel,
    limits: Limits,
    further: Mapping[str, Setting],
    plain: bool,
) -> Answer:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.random_seed = limits.seed
    parameters.catch_sigint_signal = False
    seconds = max(limits.seconds, 0.05)
    if limits.deterministic:
        parameters.num_workers = 1
        parameters.max_deterministic_time = seconds
    else:
        parameters.num_workers = 1 if plain else limits.workers
        parameters.max_time_in_seconds = seconds
    for name, setting in further.items():
        setattr(parameters, name, setting)
    if plain:
        parameters.cp_model_presolve = False
    statuses = {
        cp_model.OPTIMAL: "optimal",
        cp_model.FEASIBLE: "feasible",
        cp_model.INFEASIBLE: "infeasible",
    }
    outcome: list[object] = []

    def work() -> None:
        outcome.append(solver.solve(model))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
        if limits.stop.is_set() and thread.is_alive():
            solver.stop_search()
    if not outcome:
        raise RuntimeError("CP-SAT ended without a status")
    status: Status = statuses.get(outcome[0], "unknown")  # type: ignore[call-overload]
    if outcome[0] == cp_model.MODEL_INVALID:
        raise RuntimeError(f"CP-SAT rejected the model: {model.validate()}")
    bound = solver.best_objective_bound if model.has_objective() else 0.0
    return Answer(status, bound, solver)
