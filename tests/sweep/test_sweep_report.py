"""The table and the exit code for every way in which a point can end."""

from __future__ import annotations

from typing import Any

import pytest

from dsl.diagnostic import Diagnostic
from dsl.span import Span
from solver.cli.exit_codes import ExitCode
from solver.cli.report.sweep import render
from solver.cli.sweeping import Done, exit_code
from solver.sweep.grid import Axis
from solver.sweep.outcome import Outcome, to_json

CODES = {
    "limit": ExitCode.LIMIT,
    "proved": ExitCode.INFEASIBLE,
    "interrupted": ExitCode.INTERRUPTED,
    "failed": ExitCode.SOLVER_FAILED,
}


def _plan(step_time_s: float, gib: float, stopped: str = "limit", **objective: Any) -> Any:
    own = {"name": "step_time", "value": step_time_s, "bound": step_time_s / 2, "gap": 0.5}
    return {
        "outcome": {"stopped": stopped, "plan": "feasible"},
        "objective": {**own, **objective},
        "step_time_s": step_time_s,
        "solver": {"wall_s": 30.0, "time_limit_s": 20.0, "reproducible": False},
        "memory": [{"peak_bytes": gib * 2**30}, {"peak_bytes": 0.5 * 2**30}],
    }


def _none(stopped: str, **fields: Any) -> Any:
    solver = {"wall_s": 30.0, "time_limit_s": 20.0, "reproducible": False}
    outcome = {"stopped": stopped, "plan": "none"}
    return {"format": "mmp-plan/1", "outcome": outcome, "solver": solver, **fields}


def _outcome(value: str, devices: int | None, document: Any, **fields: Any) -> Outcome:
    return Outcome((("n", value),), devices, document, **fields)


CONFLICT = [{"text": "limit memory <= room per device", "file": "a.mmp", "line": 3}]
WRONG = Diagnostic("MMP101", "error", "unknown name `x`", Span("-D", 1, 7, 1, 8))
OUTCOMES = (
    _outcome("1", 4, _plan(2.0, 8.0)),
    _outcome("2", 8, _plan(1.0, 4.0, "interrupted")),
    _outcome("3", 16, _plan(1.0, 5.0, "failed", bound=None, gap=None)),
    _outcome("4", 8, _none("proved", conflict=CONFLICT, relaxations=[{"change": "memory >= 9"}])),
    _outcome("5", 8, _none("proved")),
    _outcome("6", 8, _none("limit")),
    _outcome("7", 8, {"outcome": {"stopped": "interrupted", "plan": "none"}}),  # never ran
    _outcome("8", 8, _none("failed")),
    _outcome("9", 8, None, failure="KilledWorker: it is gone"),
    _outcome("x", None, None, diagnostics=(WRONG,)),
)


def test_every_end_has_its_words() -> None:
    lines = render("a.mmp", [Axis("n", ())], OUTCOMES).splitlines()
    rows = [[cell for cell in line.split("  ") if cell] for line in lines]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert lines[0].endswith("3 with a plan, 2 on the Pareto front of time, memory and devices")
    assert cells[2:13] == [
        ["n", "outcome", "devices", "step time", "bound", "gap", "peak GiB", "front"],
        ["1", "limit", "4", "2.000 s", "1.000 s", "50.0 %", "8.00", "*"],
        ["2", "interrupted", "8", "1.000 s", "500.0 ms", "50.0 %", "4.00", "*"],
        ["3", "solver failed", "16", "1.000 s", "none", "5.00"],
        ["4", "no plan", "8"],
        ["5", "no plan", "8"],
        ["6", "none found", "8"],
        ["7", "interrupted", "8"],
        ["8", "solver failed", "8"],
        ["9", "solver failed", "8"],
        ["x", "rejected"],
    ]
    assert cells[14:22] == [
        ["Without a plan"],
        ["n=4", "limit memory <= room per device (a.mmp:3); a way out: memory >= 9"],
        ["n=5", "no pin or limit is to blame: mesh, memory, batch and `train` alone leave none"],
        ["n=6", "the time was up; whether there is a plan is not known"],
        ["n=7", "interrupted before a plan was found"],
        ["n=8", "the solver process failed before it found a plan"],
        ["n=9", "KilledWorker: it is gone"],
        ["n=x", "-D:1:7: unknown name `x`"],
    ]
    assert cells[23:] == [
        ["Best"],
        ["fastest", "1.000 s", "n=2"],
        ["least memory", "4.000 GiB", "n=2"],
        ["fewest devices", "4 devices, 2.000 s", "n=1"],
    ]


def test_a_search_with_time_left_has_nothing_left_to_try() -> None:
    solver = {"wall_s": 3.0, "time_limit_s": 20.0, "reproducible": False}
    ended = _outcome("1", 4, _none("limit") | {"solver": solver})
    assert "nothing left to try" in render("a.mmp", [Axis("n", ())], [ended])


def test_another_objective_has_a_column_of_its_own() -> None:
    plan = _plan(2.0, 8.0, name="memory", value=3 * 2.0**30, bound=2.0**30)
    table = render("a.mmp", [Axis("n", ())], [_outcome("1", 4, plan)])
    assert "2.000 s  3.000 GiB  1.000 GiB  50.0 %" in table


def test_json_says_why_there_is_no_plan() -> None:
    points = to_json("a.mmp", [Axis("n", ())], OUTCOMES)["points"]
    assert points[3]["conflict"] == CONFLICT
    assert points[8]["failure"] == "KilledWorker: it is gone"
    assert points[9]["outcome"] == {"stopped": "rejected", "plan": "none"}
    assert points[9]["diagnostics"][0]["column"] == 7


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (("proved", "proved"), ExitCode.INFEASIBLE),
        (("proved", "limit"), ExitCode.LIMIT),
        (("limit", "interrupted", "proved"), ExitCode.INTERRUPTED),
        (("limit", "failed"), ExitCode.SOLVER_FAILED),
        (("proved", "rejected"), ExitCode.REJECTED),
    ],
)
def test_without_a_plan_only_proofs_for_all_are_a_proof(
    ends: tuple[str, ...], code: ExitCode
) -> None:
    done = [
        Done(_outcome("x", None, None, diagnostics=(WRONG,)), ExitCode.REJECTED)
        if end == "rejected"
        else Done(_outcome("1", 8, _none(end)), CODES[end])
        for end in ends
    ]
    assert exit_code(done) is code
    planned = Done(_outcome("2", 8, _plan(1.0, 1.0)), ExitCode.DONE)
    assert exit_code([*done, planned]) is ExitCode.DONE
