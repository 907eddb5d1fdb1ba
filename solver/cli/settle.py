"""From what a run left behind to what the user gets: a verified plan, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from solver.cli.exit_codes import ExitCode
from solver.cli.stamp import stamp
from solver.cli.task import Task
from solver.events import Document, Options
from solver.isolate.run import Failure, Result
from solver.verify.report import Report

_SHOWN = 3  # violations of a rejected plan that are named
_CODES = {
    "proved": ExitCode.INFEASIBLE,
    "limit": ExitCode.LIMIT,
    "interrupted": ExitCode.INTERRUPTED,
}


@dataclass(frozen=True, slots=True)
class Settled:
    """The document to print (None: every plan found was rejected), what to say, the exit code.

    `bound`: the best bound that was reported on the way, of use where there is no plan."""

    document: Document | None
    notes: tuple[str, ...]
    code: ExitCode
    bound: float | None = None


def settle(result: Result, task: Task, options: Options) -> Settled:
    """Choose the newest plan that the verifier accepts, and say how the search ended.

    A plan that the verifier rejects is never returned. When the last plan is rejected and an
    earlier one accepted, the search has failed, though there is a plan.
    """
    stopped = _stopped(result)
    notes = list(_failure_notes(result.failure))
    candidates = _candidates(result)
    if not candidates:
        document = result.final or {"format": task.format}
        document = stamp(document, task, options, result.wall_s, stopped, "none")
        return Settled(document, tuple(notes), _code(document))
    if _claims_none(result):
        notes.append("the search ended without a plan after finding one; using that")
        stopped = "failed" if stopped == "proved" else stopped
    for candidate in candidates:
        # Only the word of a search that ended by itself is good for "optimal".
        plan = candidate.get("outcome", {}).get("plan") if stopped == "proved" else "feasible"
        document = stamp(candidate, task, options, result.wall_s, stopped, plan or "feasible")
        report = task.verify(document)
        if report.ok:
            return Settled(document, tuple(notes), _code(document))
        notes.extend(_rejection_notes(report))
        stopped = "failed"
    notes.append("no plan passed verification, so none is printed; this is a bug of mmp")
    return Settled(None, tuple(notes), ExitCode.INTERNAL)


def _claims_none(result: Result) -> bool:
    return result.final is not None and result.final["outcome"]["plan"] == "none"


def _candidates(result: Result) -> list[Document]:
    """Plans, best first: what the search returned, then its incumbents from the newest back."""
    plans = [_with_bound(plan, result.bound) for plan in reversed(result.incumbents)]
    if result.final is not None and not _claims_none(result):
        return [result.final, *plans]
    return plans


def _with_bound(plan: Document, bound: float | None) -> Document:
    """An incumbent with what was proven after it was found, if that is more than it knew."""
    objective = plan.get("objective", {})
    value, known = objective.get("value"), objective.get("bound")
    if bound is None or value is None or not (known or 0.0) < bound <= value:
        return plan
    gap = (value - bound) / value
    return {**plan, "objective": {**objective, "bound": bound, "gap": gap}}


def _stopped(result: Result) -> str:
    """Why the search stopped: its own word, unless it was asked to or gave none."""
    own: str | None = None if result.final is None else result.final["outcome"]["stopped"]
    if own == "proved":
        return own
    if result.asked == "interrupt":
        return "interrupted"
    if result.asked == "limit":
        return "limit"
    return own or "failed"


def _code(document: Document) -> ExitCode:
    stopped = document["outcome"]["stopped"]
    if stopped == "failed":
        return ExitCode.SOLVER_FAILED
    if document["outcome"]["plan"] != "none":
        return ExitCode.DONE
    return _CODES[stopped]


def _failure_notes(failure: Failure | None) -> list[str]:
    if failure is None:
        return []
    line = f"the solver process failed: {failure.summary}"
    if not failure.details:
        return [line]
    from solver.cli.files import save_aside

    return [f"{line}; details are in {save_aside(failure.details, '.txt')}"]


def _rejection_notes(report: Report) -> list[str]:
    shown = [f"  {v.code} {v.where}: {v.message}" for v in report.violations[:_SHOWN]]
    more = len(report.violations) - len(shown)
    rest = [f"  and {more} more"] if more else []
    return ["a plan of the solver failed verification and is not used:", *shown, *rest]
