"""Compute time of operators on local sizes: roofline with a launch floor (README section 5).

Williams, Waterman & Patterson, "Roofline: an insightful visual performance model", 2009.
"""

from __future__ import annotations

import functools
import operator as arithmetic
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dsl.formula import Constant, Extent, Formula
from dsl.spec import Device, Operator, Precision
from solver.cost.collectives import Floats


@dataclass(frozen=True, slots=True)
class Rates:
    """What one device does: FLOP/s at the training precision, bytes/s of memory, launch seconds."""

    flops: float
    memory_bandwidth: float
    launch: float


def rates(device: Device, precision: Precision) -> Rates:
    """The rates of a device; a precision it has no rate for is a KeyError (checked by `dsl`)."""
    return Rates(device.flops[precision.computes], device.memory_bandwidth, device.launch)


def evaluate(formula: Formula, sizes: Mapping[str, Floats]) -> Floats:
    """A formula over arrays of local sizes, one entry per strategy."""
    if isinstance(formula, Constant):
        return np.asarray(formula.value, dtype=np.float64)
    if isinstance(formula, Extent):
        factors = [sizes[i] for i in formula.indices]
        return functools.reduce(np.multiply, factors, np.asarray(formula.scale, dtype=np.float64))
    values = [evaluate(a, sizes) for a in formula.arguments]
    match formula.operator:
        case "+":
            return functools.reduce(np.add, values)
        case "-":
            return -values[0] if len(values) == 1 else values[0] - values[1]
        case "*":
            return functools.reduce(arithmetic.mul, values)
        case "/":
            return values[0] / values[1]
        case "min":
            return functools.reduce(np.minimum, values)
        case "max":
            return functools.reduce(np.maximum, values)
        case "ceil":
            return np.asarray(np.ceil(values[0]))
        case "floor":
            return np.asarray(np.floor(values[0]))
        case unknown:
            raise ValueError(f"unknown formula operator {unknown!r}")


def seconds(op: Operator, flops: Floats, traffic: Floats, device: Rates) -> Floats:
    """Time of one phase of `op`: the slowest of the matrix unit, the memory and the launch."""
    moved = traffic / device.memory_bandwidth
    if op.engine == "tensor":
        moved = np.maximum(moved, flops / (device.flops * op.efficiency))
    idle = (flops == 0) & (traffic == 0)
    return np.where(idle, 0.0, np.maximum(moved, device.launch))
