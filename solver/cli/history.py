"""How a search got on, for the plan document: its best value and its bound over time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from solver.events import Document, Event, Incumbent, Progress

KEPT = 200  # moments; of more, the middle ones are thinned out

Moment = dict[str, Any]


@dataclass(slots=True)
class History:
    """Hears events on their way to `then`, and notes when the value or the bound got better.

    `spent_s` is how much time was gone when this was made. Seconds; values in the objective's unit.
    """

    then: Callable[[Event], None]
    spent_s: float = 0.0
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def take(self, event: Event) -> None:
        """Note what is new and pass the event on."""
        match event:
            case Progress(value, bound, _):
                self._note(value, bound)
            case Incumbent(document):
                objective = document.get("objective", {})
                self._note(objective.get("value"), objective.get("bound"))
        self.then(event)

    def _note(self, value: float | None, bound: float | None) -> None:
        last = self.moments[-1] if self.moments else {"value": None, "bound": None}
        best = _better(min, value, last["value"]), _better(max, bound, last["bound"])
        if best != (last["value"], last["bound"]):
            wall_s = round(self.spent_s + self.clock() - self.started, 3)
            self.moments.append({"wall_s": wall_s, "value": best[0], "bound": best[1]})

    def written(self, document: Document) -> Document:
        """A copy of a plan document with `solver.progress`, which ends with the plan itself.

        A reproducible search gives the same bytes in every run, so it has none.
        """
        solver, objective = document["solver"], document.get("objective")
        if solver["reproducible"] or objective is None:
            return document
        end = {"wall_s": solver["wall_s"], "value": objective["value"], "bound": objective["bound"]}
        progress = [*thinned([m for m in self.moments if m["wall_s"] <= end["wall_s"]]), end]
        return {**document, "solver": {**solver, "progress": progress}}


def thinned(moments: list[Moment]) -> list[Moment]:
    """At most `KEPT` moments, the first and the last among them, spread evenly over their order."""
    if len(moments) <= KEPT:
        return moments
    step = (len(moments) - 1) / (KEPT - 1)
    return [moments[round(number * step)] for number in range(KEPT)]


def _better(
    choose: Callable[[float, float], float], new: float | None, old: float | None
) -> float | None:
    if new is None or old is None:
        return old if new is None else new
    return choose(new, old)
