"""The pipeline: what each stage holds, how long it takes, and the order as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from solver.cli.report.names import fold
from solver.cli.report.table import heading, lines, table
from solver.cli.report.timeline import timeline
from solver.cli.report.view import View
from solver.cli.report.words import percent, seconds

_NUMBERS = 62  # columns of the stage table's other cells
_NARROWEST = 24  # columns for the layers of a stage


def pipeline(view: View) -> Iterator[RenderableType]:
    """Stages with their layers and times; a timeline where there is more than one stage."""
    found = view.document["pipeline"]
    several = len(view.stages) > 1
    chunks = f", {found['chunks']} chunks {found['placement']}" if "chunks" in found else ""
    family = f", {found['family']}" if several and found["family"] else ""
    bubble = f", bubble {percent(found['bubble'])}" if several else ""
    yield heading("Stages", f"{len(view.stages)}{chunks}{family}{bubble}")
    again = [_recomputed(view, stage) for stage in view.stages]
    room = max(_NARROWEST, view.width - _NUMBERS - max(map(len, again)))
    rows = [_row(view, stage, room) for stage in view.stages]
    columns = ("stage", "layers", "recomputed", "forward", "backward", "weight grad", "per step")
    yield table(columns, rows, left=3)
    if several:
        yield from timeline(view)


def _row(view: View, stage: dict[str, Any], room: int) -> tuple[str, ...]:
    is_fused = view.document["pipeline"]["fused"][stage["stage"]]
    return (
        str(stage["stage"]),
        lines(f"{len(stage['units'])}: {_folded(stage['units'])}", room),
        _recomputed(view, stage),
        seconds(stage["forward_s"]),
        seconds(stage["input_grad_s"]),
        "in backward" if is_fused else seconds(stage["weight_grad_s"]),
        seconds(stage["tail_s"]),
    )


def _recomputed(view: View, stage: dict[str, Any]) -> str:
    recomputed = frozenset(view.recomputed)
    again = [name for name in stage["units"] if name in recomputed]
    return "all" if len(again) == len(stage["units"]) else _folded(again) or "none"


def _folded(names: list[str]) -> str:
    return ", ".join(name for name, _ in fold((name, None) for name in names))
