"""What goes in and out of a solve: options, events while it runs, and the plan document.

The search runs in a child process (`solver.isolate`), so everything here can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]  # a `mmp-plan/1` document, see solver/README.md section 9


@dataclass(frozen=True, slots=True)
class Options:
    """How to solve. `reproducible`: the same plan bytes in every run (deterministic limits).
    `unfold`: identical layers need not share their choices; `whole_axes`: every mesh axis is cut
    whole (both for specs only). `cluster`: the address of a Dask cluster that helps to search a
    spec."""

    time_limit_s: float = 20.0
    workers: int = 2
    seed: int = 0
    reproducible: bool = False
    unfold: bool = False
    whole_axes: bool = False
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of the search: best value so far (None: no plan yet), proven bound (None: none
    yet), both in the objective's unit, and what is being done, in words."""

    value: float | None
    bound: float | None
    activity: str


@dataclass(frozen=True, slots=True)
class Incumbent:
    """A complete plan document, better than every one before it."""

    document: Document


Event = Progress | Incumbent
Emit = Callable[[Event], None]
