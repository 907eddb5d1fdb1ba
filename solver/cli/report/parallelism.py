"""How the work is divided: degrees, and the cuts and storage of every group of operators."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from solver.cli.report.degrees import degrees
from solver.cli.report.names import fold
from solver.cli.report.table import INDENT, heading, lines, table
from solver.cli.report.view import View
from solver.cli.report.words import count

_GAPS = 4  # columns between the three of the table
_NARROWEST = 36  # columns for the names of operators
_LEVELS = {1: "ZeRO-1", 2: "ZeRO-2", 3: "ZeRO-3"}


def parallelism(view: View) -> Iterator[RenderableType]:
    """One line of degrees, then one line per group of operators that are treated alike."""
    found = degrees(view)
    microbatches = count(view.microbatches, "micro-batch").replace("batchs", "batches")
    yield heading("Parallelism", f"{found.text()}, {microbatches}")
    groups = []
    for name, treatment in fold((name, _treatment(view, name)) for name in view.operators):
        assert isinstance(treatment, tuple)
        groups.append((name, *treatment))
    others = sum(max(len(group[place]) for group in groups) for place in (1, 2))
    room = max(_NARROWEST, view.width - INDENT - _GAPS - others)
    rows = [(lines(name, room), cuts, stored) for name, cuts, stored in groups]
    yield table(("operators", "cuts", "stored"), rows, left=3)


def _treatment(view: View, operator: str) -> tuple[str, str]:
    """Cuts and storage of an operator in words, `b/node, f/gpu` and `ZeRO-1 over node,gpu`."""
    cuts = [f"{index}/{view.axes(parts)}" for index, parts in view.cuts(operator).items() if parts]
    variant = view.document["operators"][operator].get("variant")
    if variant is not None and len(view.operators[operator].variants) > 1:
        cuts.insert(0, f"as {variant}")
    return ", ".join(cuts) or "-", _storage(view, operator)


def _storage(view: View, operator: str) -> str:
    """How the parameters that this operator is the first to read are stored beyond their use."""
    tensors = view.spec.graph.tensors
    words: dict[str, None] = {}
    for use in view.operators[operator].inputs:
        is_own = view.first_reader[use.tensor] == operator
        if tensors[use.tensor].role == "parameter" and is_own:
            words.setdefault(_levels(view, use.tensor))
    return "; ".join(word for word in words if word)


def _levels(view: View, parameter: str) -> str:
    levels: dict[str, int] = view.document["parameters"][parameter]["levels"]
    by_level: dict[int, list[str]] = {}
    for axis in view.spec.mesh.axes:
        level = levels.get(axis.name, 0)
        if level:
            by_level.setdefault(level, []).append(axis.name)
    return ", ".join(
        f"{_LEVELS[level]} over {','.join(by_level[level])}" for level in sorted(by_level)
    )
