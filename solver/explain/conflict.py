"""The minimal set of hard pins, limits and fixed schedule that cannot hold together, and ways out.

Deletion with re-solves: constraints are dropped one by one, limits first and then pins from the
last to the first; a drop is kept when no plan exists without the constraint. What is left is
minimal: each member's removal makes a plan possible (as far as that could be decided). Limits go
first so that the pins a user wrote are blamed rather than limits (QuickXplain's preference
order, Junker 2004). A schedule family fixes the order of operators, so it counts where pins ask for
another order.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dsl.span import Span
from dsl.spec import Limit, Pin, Spec
from solver.events import Options
from solver.explain.feasible import Verdict, feasible, settled
from solver.search.order_pins import hard_orders

SECONDS = 1.0  # deterministic seconds per question and split


@dataclass(frozen=True, slots=True)
class Constraint:
    """A hard pin or a limit, by its number in the spec, or the schedule family."""

    sort: Literal["pin", "limit", "family"]
    number: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """The fixed schedule where it is written."""

    text: str
    span: Span


Item = Pin | Limit | Family


@dataclass(frozen=True, slots=True)
class Explanation:
    """Members of a minimal conflict and changes that each make a plan possible."""

    conflict: tuple[dict[str, Any], ...]
    relaxations: tuple[dict[str, Any], ...]


@dataclass
class Explainer:
    """Explains one infeasible spec; every question is a feasibility check of a weaker spec."""

    spec: Spec
    options: Options
    stop: threading.Event

    def explain(self) -> Explanation:
        """The minimal conflict and the ways out, in the spec's order."""
        members = self._constraints()
        for constraint in list(members):
            rest = [c for c in members if c != constraint]
            if self._proven(rest) is Verdict.NO:
                members = rest
        ordered = sorted(members, key=lambda c: self._item(c).span)
        ways = {tuple(row.items()): row for c in ordered for row in self._ways_out(c)}
        return Explanation(tuple(self._row(c) for c in ordered), tuple(ways.values()))

    def _constraints(self) -> list[Constraint]:
        limits = [i for i, limit in enumerate(self.spec.limits) if limit.weight is None]
        hard = [i for i, pin in enumerate(self.spec.pins) if pin.weight is None]
        asks = self.spec.train.pipeline.family is not None and hard_orders(self.spec.pins)
        return [
            *(Constraint("limit", i) for i in limits),
            *([Constraint("family")] if asks else []),
            *(Constraint("pin", i) for i in reversed(hard)),
        ]

    def _item(self, constraint: Constraint) -> Item:
        if constraint.sort == "pin":
            return self.spec.pins[constraint.number]
        if constraint.sort == "limit":
            return self.spec.limits[constraint.number]
        pipeline = self.spec.train.pipeline
        assert pipeline.family is not None
        assert pipeline.span is not None
        return Family(pipeline.family, pipeline.span)

    def _row(self, constraint: Constraint) -> dict[str, Any]:
        item = self._item(constraint)
        row = {"text": item.text, "file": item.span.file, "line": item.span.line}
        if isinstance(item, Pin) and item.via:
            row["via"] = [{"file": s.file, "line": s.line} for s in item.via]
        return row

    def _verdict(self, kept: Sequence[Constraint], limit: Limit | None = None) -> Verdict:
        """Whether the spec with only these constraints (and maybe one changed limit) has a plan."""
        return feasible(self._weaker(kept, limit), SECONDS, self.options, self.stop)

    def _proven(self, kept: Sequence[Constraint]) -> Verdict:
        """The same, by the whole search where the quick look leaves it open."""
        verdict = self._verdict(kept)
        if verdict is not Verdict.UNKNOWN or self.stop.is_set():
            return verdict
        return settled(self._weaker(kept), self.options, self.stop)

    def _weaker(self, kept: Sequence[Constraint], limit: Limit | None = None) -> Spec:
        pins = tuple(
            pin
            for i, pin in enumerate(self.spec.pins)
            if pin.weight is not None or Constraint("pin", i) in kept
        )
        limits = [
            limit
            for i, limit in enumerate(self.spec.limits)
            if limit.weight is not None or Constraint("limit", i) in kept
        ]
        if limit is not None:
            limits.append(limit)
        weaker = replace(self.spec, pins=pins, limits=tuple(limits))
        if Constraint("family") in self._constraints() and Constraint("family") not in kept:
            pipeline = replace(weaker.train.pipeline, family=None)
            weaker = replace(weaker, train=replace(weaker.train, pipeline=pipeline))
        return weaker

    # ---- ways out --------------------------------------------------------------------------

    def _ways_out(self, constraint: Constraint) -> list[dict[str, Any]]:
        """Drop the constraint, or loosen a memory limit; each is tried against the whole spec.

        A pin of a strategy goes with the `apply` in the author's file, and with all of its pins.
        """
        item = self._item(constraint)
        if isinstance(item, Pin) and item.via:
            return self._without_apply(item, item.via[-1])
        rest = [c for c in self._constraints() if c != constraint]
        row = self._row(constraint)
        if isinstance(item, Limit) and item.quantity == "memory":
            least = self._least_memory(item, rest)
            if least is None:
                return []
            return [{**row, "change": f"memory >= {least / 2**30:.1f} GiB", "bytes": least}]
        if self._verdict(rest) is not Verdict.YES:
            return []
        what = "the schedule of line" if isinstance(item, Family) else "line"
        return [{**row, "change": f"drop {what} {item.span.line}"}]

    def _without_apply(self, pin: Pin, apply: Span) -> list[dict[str, Any]]:
        rest = [c for c in self._constraints() if apply not in self._via(c)]
        if self._verdict(rest) is not Verdict.YES:
            return []
        change = f"drop line {apply.line}"
        return [{"text": pin.text, "file": apply.file, "line": apply.line, "change": change}]

    def _via(self, constraint: Constraint) -> tuple[Span, ...]:
        item = self._item(constraint)
        return item.via if isinstance(item, Pin) else ()

    def _least_memory(self, limit: Limit, rest: Sequence[Constraint]) -> float | None:
        """The least limit, to a hundredth of it, under which a plan was found."""
        step = max(limit.value / 100, 2**30 / 10)
        low = limit.value
        high = max(2 * low, *(device.memory_bytes for device in self.spec.mesh.kinds))
        if self._verdict(rest, replace(limit, value=high)) is not Verdict.YES:
            return None
        while high - low > step:
            middle = (low + high) / 2
            if self._verdict(rest, replace(limit, value=middle)) is Verdict.YES:
                high = middle
            else:
                low = middle
        tenth = 2**30 / 10  # as the change is printed
        return -(-high // tenth) * tenth
