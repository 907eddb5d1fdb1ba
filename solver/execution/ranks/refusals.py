"""What cannot be run, as diagnostics at the plan's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dsl.diagnostic import DiagnosticError
from solver.execution.ranks.digits import IndivisibleError
from solver.execution.ranks.flight import NotKeptError
from solver.execution.ranks.program import KERNELS
from solver.execution.ranks.types import NoTypeError
from solver.execution.ranks.weights import UnevenError
from solver.export.saved import SavedPlan


def refuse(saved: SavedPlan) -> None:
    """Raise DiagnosticError for operators without arithmetic."""
    found = [
        saved.finding(
            "MMP745",
            f"`{operator.name}` is of kind `{operator.kind}`, whose arithmetic is not known",
            ("operators", operator.name),
            "only the kinds of the standard library are run",
        )
        for operator in saved.spec.graph.operators
        if operator.kind not in KERNELS or operator.variants
    ]
    if found:
        raise DiagnosticError(found[:1])


@contextmanager
def refusing(saved: SavedPlan) -> Iterator[None]:
    """Pieces that no rank can hold become diagnostics."""
    try:
        yield
    except (IndivisibleError, UnevenError, NoTypeError, NotKeptError) as error:
        help = "other cuts, storage or types would run; `--level static` checks the schedule alone"
        raise DiagnosticError(
            [saved.finding("MMP746", str(error), ("operators",), help)]
        ) from error
