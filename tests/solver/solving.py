"""Run the search as a library and hold its document against the verifier."""

from __future__ import annotations

import threading
from typing import Any

from dsl.spec import Spec
from solver.events import Event, Options
from solver.search.solve import solve
from solver.verify.check import verify

GRAIN = 1e-4
"""The solver's documented grain (`solver/README.md`, section 9)."""


def quiet(event: Event) -> None:
    """Nobody watches."""


def plan(spec: Spec, **options: Any) -> dict[str, Any]:
    """The document of a solve that had all the time it wanted; every plan must verify."""
    chosen = Options(**{"time_limit_s": 60.0, "workers": 1, "seed": 0, **options})
    document = solve(spec, chosen, quiet, threading.Event())
    if document["outcome"]["plan"] != "none":
        report = verify(document, spec)
        assert report.ok, report.violations
    return document
