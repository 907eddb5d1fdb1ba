"""Searches of alternatives: of one, or of an operator's next best cuts one after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from dsl.spec import Pin, Spec
from solver.cli.settle import Settled
from solver.cli.tasks.point import solve_twice
from solver.events import Document, Options
from solver.explain.alternatives import forbidding, with_pins
from solver.explain.answers import Answer, answer
from solver.explain.choices import Choice
from solver.explain.price_wishes import around
from solver.sweep.executors import Hearing


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked, in statements of the language, and what its searches gave."""

    text: tuple[str, ...]
    searches: tuple[Settled, ...]

    @property
    def answer(self) -> Answer | None:
        """What they say together; None where all of them failed."""
        return answer([(settled.document, settled.bound) for settled in self.searches])


def solve_changed(
    text: tuple[str, ...], whole: Spec, part: Spec | None, options: Options, hearing: Hearing
) -> tuple[Found, ...]:
    """The best plan of a changed spec; `part` as in `solve_twice`."""
    return (Found(text, solve_twice(whole, part, options, hearing)),)


def solve_chain(
    spec: Spec, choice: Choice, plan: Document, most: int, options: Options, hearing: Hearing
) -> tuple[Found, ...]:
    """Up to `most` other cuts of operators, best first: each is what is planned where the degrees
    of the plan in hand and of those before it are forbidden. The time limit is for all."""
    began = time.monotonic()
    pins: list[Pin] = []
    found: list[Found] = []
    latest = plan
    for turn in range(most):
        share = options.time_limit_s / most
        if not options.reproducible:
            share = (options.time_limit_s - (time.monotonic() - began)) / (most - turn)
        if share <= 0:
            break
        pins.append(forbidding(choice, latest, spec))
        changed = with_pins(spec, pins)
        limited = replace(options, time_limit_s=share)
        searches = solve_twice(changed, around(changed, plan), limited, hearing)
        found.append(Found(tuple(pin.text for pin in pins), searches))
        best = found[-1].answer
        if best is None or best.plan is None:
            break
        latest = best.plan
    return tuple(found)
