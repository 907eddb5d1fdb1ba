"""Operator strategies as degrees, in the JSON that MindSpore loads and saves."""

from __future__ import annotations

import math
from typing import Any

from dsl.spec import Operator
from solver.export.named_axes import Axes, input_axes
from solver.export.saved import SavedPlan


def strategies(saved: SavedPlan) -> dict[str, Any]:
    """Per operator its stage, and per input the number of pieces of every dimension."""
    plan = saved.plan
    sizes = {part.name: part.size for part in plan.frame.parts}
    return {
        "current_stage": 0,
        "parallel_strategy_item": {
            operator.name: {
                "stage": plan.decisions.operators[operator.name].stage,
                "parallel_strategy": [
                    [math.prod(sizes[name] for name in names) for names in axes]
                    for axes in input_axes(plan, operator)
                ],
            }
            for operator in saved.spec.graph.operators
        },
        "parallel_layout_item": {},
    }


def ambiguous(saved: SavedPlan) -> tuple[str, ...]:
    """Operators whose degrees do not determine devices.

    MindSpore lays devices along the cut dimensions in the order of an operator's inputs, the first
    one outermost. Where some sub-axes repeat an operator, kinds of operators differ in where they
    stand, so then no sub-axis may be cut.
    """
    return tuple(o.name for o in saved.spec.graph.operators if not _is_clear(saved, o))


def _is_clear(saved: SavedPlan, operator: Operator) -> bool:
    parts = [part.name for part in saved.plan.frame.parts]
    order = _in_order(operator, input_axes(saved.plan, operator))
    return not order or order == parts


def _in_order(operator: Operator, inputs: list[Axes]) -> list[str]:
    """The sub-axes that cut an operator, index after index as its inputs have them."""
    cuts: dict[str, tuple[str, ...]] = {}
    for use, axes in zip(operator.inputs, inputs, strict=True):
        for index, names in zip(use.indices, axes, strict=True):
            cuts.setdefault(index, names)
    return list(dict.fromkeys(name for names in cuts.values() for name in names))
