"""From one layout of a tensor to another (`solver/README.md`, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dsl.spec import SubAxis, Tensor
from solver.verify.collectives import Collective
from solver.verify.layouts import NONE, PARTIAL, Frame, Layout, local_bytes, product

Row = Literal["widen", "slice", "all_gather", "reduce_scatter", "all_reduce", "all_to_all"]


@dataclass(frozen=True, slots=True)
class Step:
    """One collective of a redistribution: its sub-axes in mesh order and the bytes of a call."""

    collective: Collective
    parts: tuple[SubAxis, ...]
    bytes: float


def redistribute(tensor: Tensor, before: Layout, after: Layout, frame: Frame) -> tuple[Step, ...]:
    """The collectives that bring a tensor from `before` to `after`, in the order they run."""
    if before == after:
        return ()
    rows: dict[Row, list[SubAxis]] = {}
    for part, old, new in zip(frame.parts, before, after, strict=True):
        row = _row(old, new)
        if row is not None:
            rows.setdefault(row, []).append(part)
    current = local_bytes(tensor, before, frame)
    current *= product(rows.get("widen", ()))
    current /= product(rows.get("slice", ()))
    steps: list[Step] = []
    order: tuple[Collective, ...] = ("reduce_scatter", "all_reduce", "all_to_all", "all_gather")
    for collective in order:
        parts = tuple(rows.get(collective, ()))
        if not parts:
            continue
        if collective == "all_gather":
            current *= product(parts)
        steps.append(Step(collective, parts, current))
        if collective == "reduce_scatter":
            current /= product(parts)
    return tuple(steps)


def _row(old: int, new: int) -> Row | None:
    """What one sub-axis needs; None where nothing is to be done or moved."""
    if old == new:
        return None
    if new == PARTIAL:
        return "widen" if old >= 0 else None
    if old == NONE:
        return "slice"
    if old == PARTIAL:
        return "all_reduce" if new == NONE else "reduce_scatter"
    return "all_gather" if new == NONE else "all_to_all"
