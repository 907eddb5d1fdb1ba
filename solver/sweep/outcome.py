"""What became of a point: the row of the table, and its object in `mmp-sweep/1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dsl.diagnostic import Diagnostic
from solver.events import Document
from solver.sweep.grid import Axis, Values
from solver.sweep.pareto import Costs, front

FORMAT = "mmp-sweep/1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A point that is done with.

    `devices` is None where the spec was rejected; `diagnostics` say why. `document` is the plan
    document, None where there is none, not even one that says that there is no plan; `failure` is
    the reason in a line. `file` is where the plan was written.
    """

    values: Values
    devices: int | None
    document: Document | None
    diagnostics: tuple[Diagnostic, ...] = ()
    failure: str = ""
    file: str | None = None

    @property
    def plan(self) -> Document | None:
        """The document, if it holds a plan."""
        document = self.document
        return None if document is None or document["outcome"]["plan"] == "none" else document

    @property
    def stopped(self) -> str:
        """Why the point ended: `outcome.stopped` of its document, `rejected` or `failed`."""
        if self.document is not None:
            return str(self.document["outcome"]["stopped"])
        return "rejected" if self.diagnostics else "failed"

    @property
    def peak_bytes(self) -> float | None:
        """The most memory that a device uses, in bytes."""
        plan = self.plan
        return None if plan is None else max(entry["peak_bytes"] for entry in plan["memory"])

    @property
    def costs(self) -> Costs | None:
        """(step time in seconds, peak bytes per device, devices), None without a plan."""
        plan, peak, devices = self.plan, self.peak_bytes, self.devices
        if plan is None or peak is None or devices is None:
            return None
        return (plan["step_time_s"], peak, float(devices))


def pareto(outcomes: Sequence[Outcome]) -> tuple[bool, ...]:
    """For every point whether it is on the front of time, memory and devices."""
    return front([outcome.costs for outcome in outcomes])


def to_json(spec: str, axes: Sequence[Axis], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The `mmp-sweep/1` document."""
    return {
        "format": FORMAT,
        "spec": spec,
        "over": [{"name": axis.name, "values": list(axis.values)} for axis in axes],
        "points": [
            _point(outcome, is_best)
            for outcome, is_best in zip(outcomes, pareto(outcomes), strict=True)
        ],
    }


def _point(outcome: Outcome, is_best: bool) -> dict[str, Any]:
    plan, document = outcome.plan, outcome.document or {}
    return {
        "values": dict(outcome.values),
        "devices": outcome.devices,
        "outcome": {
            "stopped": outcome.stopped,
            "plan": plan["outcome"]["plan"] if plan else "none",
        },
        "step_time_s": plan["step_time_s"] if plan else None,
        "objective": plan["objective"] if plan else None,
        "peak_bytes": outcome.peak_bytes,
        "pareto": is_best,
        "wall_s": document.get("solver", {}).get("wall_s"),
        "file": outcome.file,
        "conflict": document.get("conflict", []),
        "relaxations": document.get("relaxations", []),
        "diagnostics": [
            {
                "code": found.code,
                "severity": found.severity,
                "message": found.message,
                "file": found.span.file,
                "line": found.span.line,
                "column": found.span.column,
            }
            for found in outcome.diagnostics
        ],
        "failure": outcome.failure or None,
    }
