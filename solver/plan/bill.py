"""The bill of a plan: what is paid for broken pins and for soft limits that are exceeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsl.spec import Limit, Pin, Spec

ROUNDING = 1e-9
"""The share of a soft limit by which sums may be over it from rounding alone."""

Row = dict[str, Any]


def bill(spec: Spec, broken: Sequence[bool], memory: Sequence[Row], step_time: float) -> list[Row]:
    """The `pins` of the document: every pin in the order of the spec, then every limit.

    `broken` is per pin, `memory` the document's rows, `step_time` in seconds. The penalty of the
    plan is the sum of `paid_s`.
    """
    pins = [
        _row(pin, pin.kind, not is_broken, (pin.weight or 0.0) if is_broken else 0.0)
        for pin, is_broken in zip(spec.pins, broken, strict=True)
    ]
    return pins + [_limit_row(limit, memory, step_time) for limit in spec.limits]


def excess(limit: Limit, memory: Sequence[Row], step_time: float) -> float:
    """Bytes that the fullest device, or seconds that the step, is over a limit; at least 0.

    A limit on memory counts its own reserve, in place of that in the rows.
    """
    needed = step_time
    if limit.quantity == "memory":
        needed = max(m["peak_bytes"] - m["terms"]["reserve"] for m in memory) + limit.reserve
    over = needed - limit.value
    return over if over > ROUNDING * limit.value else 0.0


def _limit_row(limit: Limit, memory: Sequence[Row], step_time: float) -> Row:
    if limit.weight is None:  # the search has seen to it that it holds
        return _row(limit, "limit", True, 0.0)
    over = excess(limit, memory, step_time)
    unit = "over_bytes" if limit.quantity == "memory" else "over_s"
    return {**_row(limit, "limit", over == 0, limit.weight * over), unit: over}


def _row(item: Pin | Limit, kind: str, satisfied: bool, paid: float) -> Row:
    return {
        "text": item.text,
        "kind": kind,
        "file": item.span.file,
        "line": item.span.line,
        "satisfied": satisfied,
        "weight_s": item.weight,
        "paid_s": paid,
    }
