"""Searches to put behind the command: brute force in the place of the engine, and bad ends."""

from __future__ import annotations

import ctypes
import math
import os
import threading
from pathlib import Path

from solver.cpsat import Limits
from solver.engine.evaluate import value
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Problem, as_selection
from solver.events import Document, Emit, Incumbent, Options
from solver.instance.search import Work, solve_by
from tests.engine.random_problems import brute_force

WAITS = "MMP_TEST_WAITS"
"""The environment variable that names the file which a search makes when it waits."""


def by_brute_force(problem: Problem, limits: Limits, report: Report) -> Outcome:
    """First any selection, as good as it may be, then the best one."""
    first = as_selection([node.size - 1 for node in problem.nodes])
    report(Outcome(None, math.inf, -math.inf))
    if math.isfinite(worth := value(problem, first)):
        report(Outcome(first, worth, -1e9))
    best, selection = brute_force(problem)
    return Outcome(selection, best, best)


def _waiting(problem: Problem, limits: Limits, report: Report) -> Outcome:
    found = by_brute_force(problem, limits, report)
    assert found.selection is not None
    known = Outcome(found.selection, found.value, found.value - 10.5)
    report(known)
    Path(os.environ[WAITS]).touch()
    assert limits.stop.wait(60)
    return known


def _waiting_for_a_first(problem: Problem, limits: Limits, report: Report) -> Outcome:
    Path(os.environ[WAITS]).touch()
    assert limits.stop.wait(60)
    return Outcome(None, math.inf, 3.0)


def _finding_nothing(problem: Problem, limits: Limits, report: Report) -> Outcome:
    return Outcome(None, math.inf, 3.0)


def _crashing(problem: Problem, limits: Limits, report: Report) -> Outcome:
    found = by_brute_force(problem, limits, report)
    report(Outcome(found.selection, found.value, -math.inf))
    report(Outcome(None, math.inf, found.value - 1.0))
    ctypes.string_at(0)
    raise AssertionError("unreachable")


def solves(work: Work, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return solve_by(by_brute_force, work, options, emit, stop)


def waits(work: Work, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return solve_by(_waiting, work, options, emit, stop)


def waits_without(work: Work, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return solve_by(_waiting_for_a_first, work, options, emit, stop)


def finds_nothing(work: Work, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return solve_by(_finding_nothing, work, options, emit, stop)


def crashes(work: Work, options: Options, emit: Emit, stop: threading.Event) -> Document:
    return solve_by(_crashing, work, options, emit, stop)


def lies_at_last(work: Work, options: Options, emit: Emit, stop: threading.Event) -> Document:
    found = solves(work, options, emit, stop)
    objective = found["objective"] | {"value": found["objective"]["value"] - 1}
    emit(Incumbent(found))
    return found | {"objective": objective}
