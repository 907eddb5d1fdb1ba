"""Fixed schedule families: each gives the operator order of every device, never times.

One module per family with three names: `FUSED` (whether B and W run as one operator),
`refusal(problem)` (why the family is not defined for a problem, or None) and `order(operators)`.
"""

from __future__ import annotations

from types import ModuleType

from solver.schedule.families import (
    dualpipe,
    dualpipe_v,
    gpipe,
    interleaved,
    one_f_one_b,
    v_half,
    v_min,
    zb_h1,
    zb_h2,
    zb_v,
)
from solver.schedule.operators import Operators, Order
from solver.schedule.problem import ScheduleProblem

FAMILIES: dict[str, ModuleType] = {
    "gpipe": gpipe,
    "one_f_one_b": one_f_one_b,
    "interleaved": interleaved,
    "zb_h1": zb_h1,
    "zb_h2": zb_h2,
    "zb_v": zb_v,
    "v_half": v_half,
    "v_min": v_min,
    "dualpipe": dualpipe,
    "dualpipe_v": dualpipe_v,
}


def refusal(problem: ScheduleProblem, family: str) -> str | None:
    """Why `family` cannot order `problem`, in words, or None when it can."""
    module = FAMILIES.get(family)
    if module is None:
        return f"unknown schedule family `{family}`; there are {', '.join(FAMILIES)}"
    if any(chunk.stream for chunk in problem.chunks):
        return f"`{family}` takes one stream per device"
    if not module.FUSED and not problem.split_backward:
        return f"`{family}` needs the weight gradient apart from the input gradient"
    reason: str | None = module.refusal(problem)
    return reason


def is_fused(family: str) -> bool:
    """Whether `family` runs B and W as one operator."""
    return bool(FAMILIES[family].FUSED)


def family_order(operators: Operators, family: str) -> Order:
    """The order of `family`; the problem must not be refused."""
    order: Order = FAMILIES[family].order(operators)
    return order
