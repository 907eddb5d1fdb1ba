"""The solution document `mmp-sharding/1` (`solver/README.md` describes it)."""

from __future__ import annotations

import math

from solver.engine.problem import Selection
from solver.events import Document
from solver.instance.figures import ROUNDING, Figures, Number, figures, whole
from solver.instance.instance import Instance
from solver.instance.lower import strategies

FORMAT = "mmp-sharding/1"


def document(instance: Instance, selection: Selection, least: float, stopped: str) -> Document:
    """A document that holds a selection; `least` is the engine's lower bound on all values.

    `stopped` is why the search ended; where the bound meets the value, that is `proved`.
    """
    found = figures(instance, selection)
    bound = proven(least, found.value, instance.is_integral)
    is_proved = bound == found.value
    limit = whole(instance.limit) if math.isfinite(instance.limit) else None
    memory = found.memory
    return {
        "format": FORMAT,
        "outcome": {
            "stopped": "proved" if is_proved else stopped,
            "plan": "optimal" if is_proved else "feasible",
        },
        "objective": {"value": found.value, "bound": bound, "gap": gap(found.value, bound)},
        "memory": {"peak": memory.peak, "at": memory.at, "limit": limit, "paid": memory.paid},
        "pins": _pins(instance, found),
        "solution": strategies(selection),
    }


def proven(least: float, value: Number | None, is_integral: bool) -> Number | None:
    """The bound to report: None where there is none, the value where the two meet.

    Where all values are whole numbers, the least of them that is not below `least` is a bound. But
    `least` is a sum of floats and may be too high by rounding: only what exceeds a whole number
    by more than a relative 1e-9 counts as being beyond it.
    """
    if not math.isfinite(least):
        return None
    bound: Number = math.ceil(least - ROUNDING * abs(least)) if is_integral else least
    if value is None:
        return bound
    slack = 0.0 if is_integral else ROUNDING * abs(value)
    return value if max(bound, least) >= value - slack else bound


def gap(value: Number, bound: Number | None) -> float | None:
    """Distance of value and bound relative to the value; None where that means nothing."""
    if bound is None or (value == 0 and bound != 0):
        return None
    return (value - bound) / abs(value) if value else 0.0


def _pins(instance: Instance, found: Figures) -> list[Document]:
    return [
        {
            "text": pin.name,
            "kind": "hard" if math.isinf(pin.weight) else "soft",
            "satisfied": not is_broken,
            "weight": None if math.isinf(pin.weight) else whole(pin.weight),
            "paid": whole(pin.weight) if is_broken else 0,
        }
        for pin, is_broken in zip(instance.pins, found.broken, strict=True)
    ]
