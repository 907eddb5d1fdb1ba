"""Solves an instance: what runs in the child process (`solver.isolate`)."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from solver.cpsat import Limits
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Problem
from solver.events import Document, Emit, Incumbent, Options, Progress
from solver.instance.document import FORMAT, document, proven
from solver.instance.explain import explain
from solver.instance.instance import Instance
from solver.instance.lower import lower

LEAST_S = 0.1  # of a solve: reading may have taken all of the time limit
EXPLAIN_S = 2.0  # the least for finding out why there is nothing


@dataclass(frozen=True, slots=True)
class Work:
    """An instance, and when work on it began: the time limit counts from there.

    `began` is of time.monotonic(), which is one clock for all processes of a machine.
    """

    instance: Instance
    began: float


Engine = Callable[[Problem, Limits, Report], Outcome]


def solve(work: Work, options: Options, emit: Emit, stop: threading.Event) -> Document:
    """The best plan within the limits, as a document; or why there is none."""
    from solver.engine.solve import solve as engine

    return solve_by(engine, work, options, emit, stop)


def solve_by(
    engine: Engine, work: Work, options: Options, emit: Emit, stop: threading.Event
) -> Document:
    """`solve` by the given engine."""
    instance = work.instance
    emit(Progress(None, None, "building the problem"))
    problem = lower(instance)
    emit(Progress(None, None, "searching"))
    outcome = engine(problem, _limits(work, options, stop, LEAST_S), _Listener(instance, emit))
    ending = "interrupted" if stop.is_set() else "limit"
    if outcome.selection is not None:
        return document(instance, outcome.selection, outcome.bound, ending)
    if not outcome.is_infeasible:
        return {"format": FORMAT, "outcome": {"stopped": ending, "plan": "none"}}
    emit(Progress(None, None, "explaining why there is no plan"))
    why = explain(instance, problem, _limits(work, options, stop, EXPLAIN_S))
    return {"format": FORMAT, "outcome": {"stopped": "proved", "plan": "none"}, **why}


def _limits(work: Work, options: Options, stop: threading.Event, least: float) -> Limits:
    """What is left of the time. Work that must repeat exactly is not measured in seconds."""
    seconds = options.time_limit_s
    if not options.reproducible:
        seconds = max(least, seconds - (time.monotonic() - work.began))
    return Limits(seconds, options.workers, options.seed, options.reproducible, stop)


@dataclass(slots=True)
class _Listener:
    """Turns what the engine reports into events."""

    instance: Instance
    emit: Emit
    value: float = math.inf

    def __call__(self, outcome: Outcome) -> None:
        if outcome.selection is not None and outcome.value < self.value:
            self.value = outcome.value
            found = document(self.instance, outcome.selection, outcome.bound, "limit")
            self.emit(Incumbent(found))
            return
        value = None if math.isinf(self.value) else self.value
        bound = proven(outcome.bound, value, self.instance.is_integral)
        self.emit(Progress(value, bound, "searching"))
