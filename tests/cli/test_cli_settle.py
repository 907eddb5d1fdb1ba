"""Which plan the user gets, and with which exit code, for every way a run can end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from small_spec import small_spec

from solver.cli.exit_codes import ExitCode
from solver.cli.settle import Settled, settle
from solver.cli.tasks.spec import task_of
from solver.events import Document, Options
from solver.isolate.run import Failure, Result
from solver.verify.report import Report, Violation


def _plan(value: float, stopped: str = "limit", plan: str = "feasible") -> Document:
    return {
        "format": "mmp-plan/1",
        "outcome": {"stopped": stopped, "plan": plan},
        "objective": {"value": value},
    }


def _none(stopped: str) -> Document:
    return {"format": "mmp-plan/1", "outcome": {"stopped": stopped, "plan": "none"}}


def _result(final: Document | None = None, *incumbents: Document, **others: Any) -> Result:
    given = {"asked": "no", "failure": None, "bound": None, "wall_s": 1.5, **others}
    return Result(final=final, incumbents=incumbents, **given)


def _accept(*values: float) -> Any:
    """A verifier that accepts exactly the plans of these values."""

    def check(document: Document) -> Report:
        if document["objective"]["value"] in values:
            return Report((), None)
        return Report((Violation("cut-divides", "8 does not divide 3", "operators.x"),), None)

    return check


def _settle(result: Result, *accepted: float) -> Settled:
    task = replace(task_of(small_spec()), verify=_accept(*accepted))
    return settle(result, task, Options(seed=3))


CRASH = Failure("it was killed by SIGSEGV", "")


@pytest.mark.parametrize(
    ("result", "code", "stopped", "value"),
    [
        (_result(_plan(1, "proved", "optimal"), _plan(2)), ExitCode.DONE, "proved", 1),
        (_result(_plan(1, "limit"), _plan(2)), ExitCode.DONE, "limit", 1),
        (_result(_plan(1, "limit"), asked="interrupt"), ExitCode.DONE, "interrupted", 1),
        (_result(_plan(1, "limit"), asked="limit"), ExitCode.DONE, "limit", 1),
        (
            _result(_plan(1, "proved", "optimal"), asked="interrupt"),
            ExitCode.DONE,
            "proved",
            1,
        ),
        (_result(None, _plan(2), _plan(1), asked="interrupt"), ExitCode.DONE, "interrupted", 1),
        (_result(None, _plan(2), _plan(1), asked="limit"), ExitCode.DONE, "limit", 1),
        (_result(None, _plan(2), _plan(1), failure=CRASH), ExitCode.SOLVER_FAILED, "failed", 1),
        (_result(_none("limit"), _plan(1)), ExitCode.DONE, "limit", 1),
        (_result(_none("proved"), _plan(1)), ExitCode.SOLVER_FAILED, "failed", 1),
    ],
)
def test_a_plan(result: Result, code: ExitCode, stopped: str, value: float) -> None:
    settled = _settle(result, 1, 2)
    assert settled.code == code
    assert settled.document is not None
    assert settled.document["outcome"]["stopped"] == stopped
    assert settled.document["objective"]["value"] == value


@pytest.mark.parametrize(
    ("result", "code", "stopped"),
    [
        (_result(_none("proved")), ExitCode.INFEASIBLE, "proved"),
        (_result(_none("limit")), ExitCode.LIMIT, "limit"),
        (_result(_none("limit"), asked="interrupt"), ExitCode.INTERRUPTED, "interrupted"),
        (_result(None, asked="interrupt"), ExitCode.INTERRUPTED, "interrupted"),
        (_result(None, asked="limit"), ExitCode.LIMIT, "limit"),
        (_result(None, failure=CRASH), ExitCode.SOLVER_FAILED, "failed"),
    ],
)
def test_no_plan(result: Result, code: ExitCode, stopped: str) -> None:
    settled = _settle(result)
    assert settled.code == code
    assert settled.document is not None
    assert settled.document["outcome"] == {"stopped": stopped, "plan": "none"}


def test_a_rejected_plan_gives_way_to_the_newest_accepted_one() -> None:
    final = _plan(1, "proved", "optimal")
    settled = _settle(_result(final, _plan(4), _plan(3), _plan(2)), 4, 3)
    assert settled.document is not None
    assert settled.document["objective"]["value"] == 3
    assert settled.document["outcome"] == {"stopped": "failed", "plan": "feasible"}
    assert settled.code == ExitCode.SOLVER_FAILED
    assert any("cut-divides operators.x: 8 does not divide 3" in line for line in settled.notes)


def test_when_every_plan_is_rejected_none_is_given() -> None:
    settled = _settle(_result(_plan(1), _plan(2)))
    assert (settled.document, settled.code) == (None, ExitCode.INTERNAL)
    assert "no plan passed verification" in settled.notes[-1]


@pytest.mark.parametrize(
    ("known", "proven", "bound", "gap"),
    [(1.0, 3.0, 3.0, 0.25), (None, 3.0, 3.0, 0.25), (3.5, 3.0, 3.5, None), (1.0, 5.0, 1.0, None)],
)
def test_an_incumbent_gets_the_bound_proven_after_it(
    known: float | None, proven: float, bound: float, gap: float | None
) -> None:
    plan = _plan(4.0)
    plan["objective"] |= {"bound": known, "gap": None}
    settled = _settle(_result(None, plan, failure=CRASH, bound=proven), 4.0)
    assert settled.document is not None
    assert settled.document["objective"] == {"value": 4.0, "bound": bound, "gap": gap}


def test_the_document_says_where_it_comes_from() -> None:
    settled = _settle(_result(_plan(1)), 1)
    assert settled.document is not None
    assert settled.document["sources"] == [{"path": "spec.mmp", "sha256": "0" * 64}]
    assert settled.document["solver"] == {
        "seed": 3,
        "workers": 2,
        "time_limit_s": 20.0,
        "reproducible": False,
        "wall_s": 1.5,
    }
    assert list(settled.document["versions"]) == ["mmp", "ortools"]
    assert settled.document["overrides"] == {}
    assert list(settled.document)[:2] == ["format", "sources"]


def test_a_crash_is_told_with_its_details() -> None:
    settled = _settle(_result(None, _plan(1), failure=Failure("it exited", "stack\n")), 1)
    (note,) = settled.notes
    assert note.startswith("the solver process failed: it exited; details are in ")
    with open(note.rpartition(" ")[2], encoding="utf-8") as saved:  # noqa: PTH123 - one read
        assert saved.read() == "stack\n"
