"""Redistributions: from any layout to any other, the elements are the right ones."""

from __future__ import annotations

import itertools
from typing import cast

import pytest
import torch

from solver.reference.runtime.layouts import relayout
from solver.reference.runtime.program import PARTIAL, WHOLE, Axis, Dim, Layout, Program, moves
from solver.reference.runtime.wires import Wires
from tests.execution.team import Team

AXES = (Axis("a", 2), Axis("b", 3), Axis("c", 2))
DIMS = (Dim("x", 24, (0, 1, 2)), Dim("y", 36, (0, 1, 2)))
WHOLLY: Layout = (WHOLE,) * 3
LAYOUTS = tuple(itertools.product((WHOLE, PARTIAL, 0, 1), repeat=3))
TENSOR = torch.arange(24.0 * 36.0, dtype=torch.float64).reshape(24, 36)


def _program() -> Program:
    return Program(AXES, 1, {}, {}, {}, {}, {}, (), (), ())


def _start(layout: Layout, wires: Wires) -> torch.Tensor:
    """The device's part of TENSOR; of summands, a share by its place along the axis."""
    x = TENSOR
    for axis, at in enumerate(layout):
        if at == PARTIAL:
            size = wires.sizes[axis]
            x = x * (wires.coordinate(axis) + 1) / (size * (size + 1) / 2)
    cut = tuple(WHOLE if at == PARTIAL else at for at in layout)
    return relayout(x, DIMS, WHOLLY, cut, wires)


@pytest.mark.parametrize("after", LAYOUTS[:: len(LAYOUTS) // 9])
def test_from_every_layout(after: Layout) -> None:
    def work(wires: Wires) -> float:
        worst = 0.0
        for before in LAYOUTS:
            moved = relayout(_start(before, wires), DIMS, before, after, wires)
            whole = relayout(moved, DIMS, after, WHOLLY, wires)
            worst = max(worst, float((whole - TENSOR).abs().max()))
        return worst

    found = cast("dict[object, float]", Team(_program()).run(work))
    assert len(found) == 12
    assert max(found.values()) < 1e-9


def test_one_step_for_each_way_in_the_order_of_the_rules() -> None:
    found = moves((0, PARTIAL, WHOLE), (WHOLE, 1, 0))
    assert [(move.way, move.axes) for move in found] == [
        ("slice", (2,)),
        ("reduce_scatter", (1,)),
        ("all_gather", (0,)),
    ]
