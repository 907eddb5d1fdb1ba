"""The ladder of proof of `mmp verify --level`: one row per level, one module each, imported when
used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from solver.execution.outcome import Outcome
    from solver.export.saved import SavedPlan


@dataclass(frozen=True, slots=True)
class Level:
    """`module` has a function `check(saved: SavedPlan) -> Outcome`.

    It raises DiagnosticError for a plan that cannot be run this way; `says` is what it proves, in
    a few words.
    """

    name: str
    module: str
    says: str

    def check(self, saved: SavedPlan) -> Outcome:
        """What this level finds."""
        run = importlib.import_module(self.module).check
        return cast("Callable[[SavedPlan], Outcome]", run)(saved)


LEVELS: tuple[Level, ...] = (
    Level("static", "solver.execution.static", "order, messages and memory of the schedule"),
    Level(
        "fake",
        "solver.execution.fake",
        "at true size without values, collectives and live bytes as planned",
    ),
    Level(
        "local",
        "solver.execution.local",
        "the devices of a stage simulated at tiny sizes, every tensor in its planned place",
    ),
    Level("gloo", "solver.execution.gloo", "up to four processes, gradients of one device"),
)
"""From the cheapest to the dearest."""


def up_to(name: str) -> tuple[Level, ...]:
    """The level of a name, after the static one, which asks nothing of the machine."""
    known = {level.name: level for level in LEVELS}
    return (LEVELS[0],) if name == LEVELS[0].name else (LEVELS[0], known[name])
