"""Why an instance has no plan, in its own names: fields of the solution document."""

from __future__ import annotations

import time
from dataclasses import replace

from solver.cpsat import Limits
from solver.engine.conflict import find_conflict
from solver.engine.problem import Problem
from solver.engine.relax import Relaxations, relaxations
from solver.events import Document
from solver.instance.figures import whole
from solver.instance.instance import Instance

CONFLICT_SHARE = 0.5  # of the time; what is left of it goes to the ways out as well


def explain(instance: Instance, problem: Problem, limits: Limits) -> Document:
    """The requirements that cannot hold together, and the cheapest ways out."""
    end = time.monotonic() + limits.seconds
    conflict = find_conflict(problem, replace(limits, seconds=CONFLICT_SHARE * limits.seconds))
    left = max(0.0, end - time.monotonic())
    ways = relaxations(problem, conflict, replace(limits, seconds=left))
    guilty = [_pin(instance, number) for number in conflict.pins]
    guilty += [_limit(instance) for _ in conflict.resources]
    return {
        "conflict": [{"text": text} for text in guilty],
        "relaxations": _ways_out(instance, ways),
        # Cut short, the conflict holds but may not be minimal, and ways out may be missing.
        "explanation": "complete" if conflict.complete and ways.complete else "cut short",
    }


def _ways_out(instance: Instance, ways: Relaxations) -> list[Document]:
    found = []
    if ways.pins is not None:
        names = [_pin(instance, number) for number in ways.pins.pins]
        change = "drop the pin" if len(names) == 1 else f"drop these {len(names)} pins"
        found.append({"text": ", ".join(names), "change": change})
    for more in ways.capacities:
        least = whole(instance.limit + more.amount)
        found.append({"text": _limit(instance), "change": f"usage_limit >= {least}"})
    return found


def _pin(instance: Instance, number: int) -> str:
    return f"pin `{instance.pins[number].name}`"


def _limit(instance: Instance) -> str:
    return f"usage_limit {whole(instance.limit)}"
