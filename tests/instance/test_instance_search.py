"""From the engine's answers to documents and events: bounds, gaps, time, and why there is none."""

from __future__ import annotations

import json
import math
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from solver.cpsat import Limits
from solver.engine.outcome import Outcome, Report
from solver.engine.problem import Problem, as_selection
from solver.events import Document, Event, Incumbent, Options, Progress
from solver.instance.document import gap, proven
from solver.instance.read import read
from solver.instance.search import Engine, Work, solve_by
from tests.instance.searches import by_brute_force

EXAMPLE = Path(__file__).parent / "example.json"


def _work(began: float = 0.0, **changes: Any) -> Work:
    tree = json.loads(EXAMPLE.read_bytes())
    tree["problem"] |= changes
    return Work(read(json.dumps(tree).encode(), "example.json"), began)


def _solve(
    engine: Engine, work: Work, options: Options | None = None, is_stopped: bool = False
) -> tuple[Document, list[Event]]:
    events: list[Event] = []
    stop = threading.Event()
    if is_stopped:
        stop.set()
    return solve_by(engine, work, options or Options(), events.append, stop), events


@pytest.mark.parametrize(
    ("least", "value", "is_integral", "bound"),
    [
        (-math.inf, 7, True, None),
        (math.inf, None, True, None),
        (3.0, 7, True, 3),
        (3.2, 7, True, 4),
        (3.2, None, True, 4),
        (3.2, 7.5, False, 3.2),
        (6.2, 7, True, 7),
        (7.0, 7, True, 7),
        (9.0, 7, True, 7),  # an engine's rounding never puts a bound above a value
        (-3.2, 7, True, -3),
        # 3.000000001 may be 3 with rounding; so may 651833115437 be 651833115436.
        (3.000000001, 7, True, 3),
        (3.00001, 7, True, 4),
        (651833115436.9, 651833115999, True, 651833114786),
        (651833115436.0, 651833115436, True, 651833115436),
        (7.5 - 1e-12, 7.5, False, 7.5),
        (7.4, 7.5, False, 7.4),
    ],
)
def test_bounds(least: float, value: float | None, is_integral: bool, bound: float | None) -> None:
    assert proven(least, value, is_integral) == bound


@pytest.mark.parametrize(
    ("value", "bound", "expected"),
    [(8, 6, 0.25), (8, 8, 0.0), (8, None, None), (-8, -10, 0.25), (0, -1, None), (0, 0, 0.0)],
)
def test_gaps(value: float, bound: float | None, expected: float | None) -> None:
    assert gap(value, bound) == expected


def test_better_selections_are_plans_and_the_rest_is_progress() -> None:
    def engine(problem: Problem, limits: Limits, report: Report) -> Outcome:
        good = as_selection([0, 0, 2, 1, 0])
        report(Outcome(None, math.inf, 400.2))
        report(Outcome(as_selection([0, 0, 2, 0, 0]), 545.0, 400.2))
        report(Outcome(good, 445.0, 400.2))
        report(Outcome(good, 445.0, 430.2))
        return Outcome(good, 445.0, 440.0)

    found, events = _solve(engine, _work())
    assert found["outcome"] == {"stopped": "limit", "plan": "feasible"}
    assert found["objective"]["bound"] == 440
    plans = [e.document["objective"] for e in events if isinstance(e, Incumbent)]
    assert [(p["value"], p["bound"]) for p in plans] == [(545, 401), (445, 401)]
    told = [(e.value, e.bound) for e in events[2:] if isinstance(e, Progress)]
    assert told == [(None, 401), (445.0, 431)]


def test_an_early_end_is_told() -> None:
    def engine(problem: Problem, limits: Limits, report: Report) -> Outcome:
        return Outcome(None, math.inf, -math.inf)

    assert _solve(engine, _work())[0]["outcome"]["stopped"] == "limit"
    stopped, _ = _solve(engine, _work(), is_stopped=True)
    assert stopped["outcome"] == {"stopped": "interrupted", "plan": "none"}


@pytest.mark.parametrize(
    ("is_reproducible", "ago", "low", "high"),
    [(False, 3.0, 6.0, 7.0), (False, 30.0, 0.1, 0.1), (True, 3.0, 10.0, 10.0)],
)
def test_the_time_counts_from_the_start_of_the_command(
    is_reproducible: bool, ago: float, low: float, high: float
) -> None:
    given: list[Limits] = []

    def engine(problem: Problem, limits: Limits, report: Report) -> Outcome:
        given.append(limits)
        return Outcome(None, math.inf, -math.inf)

    work = _work(began=time.monotonic() - ago)
    _solve(engine, work, Options(10.0, 3, 5, is_reproducible))
    (limits,) = given
    assert low <= limits.seconds <= high
    assert (limits.workers, limits.seed, limits.deterministic) == (3, 5, is_reproducible)


CLASH = [
    {"name": "spread", "nodes": [[1, [1]], [2, [1]]]},
    {"name": "free", "nodes": [[4, [0]]]},
    {"name": "narrow", "nodes": [[1, [0]]]},
]


def test_pins_that_clash_are_named() -> None:
    found, _ = _solve(by_brute_force, _work(began=time.monotonic(), pins=CLASH))
    assert found == {
        "format": "mmp-sharding/1",
        "outcome": {"stopped": "proved", "plan": "none"},
        "conflict": [{"text": "pin `spread`"}, {"text": "pin `narrow`"}],
        # Without `narrow`, the limit is in the way: nodes 0, 1 and 2 take 10 + 25 + 20.
        "relaxations": [{"text": "pin `spread`", "change": "drop the pin"}],
        "explanation": "complete",
    }


def test_a_limit_that_is_too_low_is_named() -> None:
    pins = [CLASH[0], CLASH[1]]
    found, _ = _solve(by_brute_force, _work(began=time.monotonic(), pins=pins))
    assert found["conflict"] == [{"text": "pin `spread`"}, {"text": "usage_limit 50"}]
    assert found["relaxations"] == [
        {"text": "pin `spread`", "change": "drop the pin"},
        {"text": "usage_limit 50", "change": "usage_limit >= 55"},
    ]


def test_costs_alone_may_forbid_everything() -> None:
    costs = [[15], [1e18, 1e18], [25, 45, 35], [85, 75], [95]]
    tree = json.loads(EXAMPLE.read_bytes())
    nodes = {**tree["problem"]["nodes"], "costs": costs}
    found, _ = _solve(by_brute_force, _work(began=time.monotonic(), nodes=nodes))
    assert found["outcome"] == {"stopped": "proved", "plan": "none"}
    assert found["conflict"] == found["relaxations"] == []
