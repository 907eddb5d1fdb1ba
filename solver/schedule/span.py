"""Spans: devices may start late, so that the time from their first to their last operator is short.

The span objective is the largest of (last end + tail - first start) over the devices. With first
starts fixed it is a makespan: machine m is ready at its device's first start r, and its tail is
shortened by r. Window search works on that problem (`shifted`), whose optimum is a span that can be
had; then first starts are moved again (`started_late`), which never makes it longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from solver.schedule.operators import Operators, Order
from solver.schedule.retime import retime

NEUTRAL = -float(1 << 60)
"""The tail of a link, which has no span."""


def span(operators: Operators, order: Order, starts: Sequence[float]) -> float:
    """The largest span over all devices of operators that start so."""
    firsts, lasts = _firsts(operators, order, starts), _lasts(operators, order, starts)
    return max(last - first for first, last in zip(firsts, lasts, strict=True))


def started_late(operators: Operators, order: Order, starts: Sequence[float]) -> list[float]:
    """Start times of a sound order in which no device ends later, and each starts as late as that
    allows. `starts` are its earliest."""
    early = _firsts(operators, order, starts)
    late = _firsts(operators, order, latest(operators, order, starts))
    firsts = [max(pair) for pair in zip(early, late, strict=True)]  # but for rounding the second
    return _sound(retime(_from(operators, firsts), order))


def latest(operators: Operators, order: Order, starts: Sequence[float]) -> list[float]:
    """The latest start times of a sound order in which no device ends later than it does now."""
    lasts = _lasts(operators, order, starts)
    end = max(lasts)
    mirror = replace(
        operators,
        kinds=tuple(replace(k, inputs=k.outputs, outputs=k.inputs) for k in operators.kinds),
        musts=tuple((after, before) for before, after in operators.musts),
        ready=tuple(
            end - (lasts[d] - tail) if d >= 0 else 0.0
            for d, tail in zip(operators.device_of, operators.tails, strict=True)
        ),
    )
    backwards = _sound(retime(mirror, tuple(tuple(reversed(s)) for s in order)))
    count = operators.microbatches
    return [end - time - operators.kinds[op // count].duration for op, time in enumerate(backwards)]


def shifted(operators: Operators, order: Order, starts: Sequence[float]) -> Operators:
    """The problem with first starts fixed as they are: its makespan is the largest span."""
    firsts = _firsts(operators, order, starts)
    made = _from(operators, firsts)
    tails = tuple(
        tail - firsts[d] if d >= 0 else NEUTRAL
        for d, tail in zip(operators.device_of, operators.tails, strict=True)
    )
    return replace(made, tails=tails, span=False)


def _from(operators: Operators, firsts: Sequence[float]) -> Operators:
    """With machines that are not ready before their device's first start."""
    ready = tuple(firsts[d] if d >= 0 else 0.0 for d in operators.device_of)
    return replace(operators, ready=ready)


def _firsts(operators: Operators, order: Order, starts: Sequence[float]) -> list[float]:
    """First start of every device, 0 without operators."""
    firsts: list[list[float]] = [[] for _ in operators.capacity]
    for device, sequence in zip(operators.device_of, order, strict=True):
        if device >= 0 and sequence:
            firsts[device].append(starts[sequence[0]])
    return [min(times, default=0) for times in firsts]


def _lasts(operators: Operators, order: Order, starts: Sequence[float]) -> list[float]:
    """Last end plus tail of every device, its tail without operators."""
    lasts = [operators.tails[device] for device in range(len(operators.capacity))]
    for machine, sequence in enumerate(order):
        device = operators.device_of[machine]
        if device >= 0 and sequence:
            last = sequence[-1]
            end = starts[last] + operators.kinds[last // operators.microbatches].duration
            lasts[device] = max(lasts[device], end + operators.tails[machine])
    return lasts


def _sound(starts: list[float] | None) -> list[float]:
    if starts is None:
        raise RuntimeError("spans were asked of an order that deadlocks")
    return starts
