"""Compute time of operators on local sizes (README section 5).

An ideal device follows the roofline with a launch floor (Williams, Waterman & Patterson, "Roofline:
an insightful visual performance model", 2009). A described one has the kernels of
`solver.cost.physics`: products by shape, fused attention, passes over memory.
"""

from __future__ import annotations

import functools
import operator as arithmetic
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dsl.formula import Constant, Extent, Formula
from dsl.resolve.physics_names import is_described
from dsl.spec import Device, Gradient, Graph, Operator, Train
from solver.cost.collectives import Floats
from solver.cost.physics.attention import ROW, fused_seconds
from solver.cost.physics.matmul import matmul_seconds
from solver.cost.physics.parameters import DevicePhysics, physics_of
from solver.cost.physics.pointwise import pointwise_seconds
from solver.cost.physics.precisions import matmul_efficiency, peak_flop_per_s
from solver.cost.physics.quantisation import quantise_seconds
from solver.cost.shapes import core_of, extent, product_of

Sizes = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What one device does at the precision of a training: FLOP/s, bytes/s of memory, launch
    seconds; `physics` where it is described. Gradients of parameters accumulate at
    `gradient_bytes`. With `is_bound` times are bounds, concave in every size."""

    flops: float
    memory_bandwidth: float
    launch: float
    physics: DevicePhysics | None
    precision: str
    gradient_bytes: float
    is_bound: bool


def rates(device: Device, train: Train, is_bound: bool = False) -> Rates:
    """The rates of a device; a precision it has no rate for is a KeyError (checked by `dsl`)."""
    precision = train.precision.computes
    flops, bandwidth = device.flops[precision], device.memory_bandwidth
    physics = None
    if is_described(device.physics):
        physics = physics_of(device)
        name = f"matmul_efficiency_{precision}"
        if name not in physics.numbers:
            physics = physics.with_numbers(**{name: flops / physics.peak_flop_per_s(precision)})
        bandwidth = physics.memory_bandwidth_bytes_per_s * physics.number("memory_efficiency")
    gradient_bytes = train.optimizer.gradient_bytes
    return Rates(flops, bandwidth, device.launch, physics, precision, gradient_bytes, is_bound)


def evaluate(formula: Formula, sizes: Sizes) -> Floats:
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


def phase_seconds(
    op: Operator, gradient: Gradient | None, graph: Graph, sizes: Sizes, device: Rates
) -> Floats:
    """Seconds of the forward (None), or of the gradient of one operand, per strategy."""
    phase = (op.forward_flops, op.forward_traffic)
    if gradient is not None:
        phase = (gradient.flops, gradient.traffic)
    flops, traffic = evaluate(phase[0], sizes), evaluate(phase[1], sizes)
    idle = (flops == 0) & (traffic == 0)
    if device.physics is None:
        return np.where(idle, 0.0, _roofline(op, flops, traffic, device))
    spent = _kernel(op, gradient, graph, sizes, flops, traffic, device, device.physics)
    return np.where(idle, 0.0, spent)


def _roofline(op: Operator, flops: Floats, traffic: Floats, device: Rates) -> Floats:
    """The slowest of the matrix unit, the memory and the launch."""
    moved = traffic / device.memory_bandwidth
    if op.engine != "vector":
        moved = np.maximum(moved, flops / (device.flops * op.efficiency))
    return np.maximum(moved, device.launch)


def _kernel(
    op: Operator,
    gradient: Gradient | None,
    graph: Graph,
    sizes: Sizes,
    flops: Floats,
    traffic: Floats,
    device: Rates,
    physics: DevicePhysics,
) -> Floats:
    moved = np.asarray(pointwise_seconds(traffic, physics))
    if op.engine == "vector":
        return moved
    operand = None if gradient is None else gradient.operand
    if op.engine == "attention":
        fused = _attention(op, operand, flops, sizes, physics)
        if fused is not None:
            return np.asarray(np.maximum(moved, fused))
    if operand in (None, 0, 1):
        product = _product(op, operand, graph, sizes, device, physics)
        if product is not None:
            return product
    rate = peak_flop_per_s(physics, device.precision)
    rate *= matmul_efficiency(physics, device.precision) * op.efficiency
    return np.asarray(np.maximum(moved, flops / rate + physics.number("launch_s")))


def _attention(
    op: Operator, operand: int | None, flops: Floats, sizes: Sizes, physics: DevicePhysics
) -> Floats | None:
    """A fused kernel: its longest row of tiles ends alone (`physics/attention.py`)."""
    core = core_of(op)
    if core is None:
        return None
    rows, keys = extent(core.rows, sizes), extent(core.keys, sizes)
    query, value = (float(np.max(extent(names, sizes))) for names in (core.query, core.value))
    square = 2 * rows * keys * (query + value)
    kept = np.minimum(1.0, evaluate(op.forward_flops, sizes) / square)  # a causal core: half
    kept = np.where(kept > 0, kept, 1.0)
    return np.asarray(
        fused_seconds(
            flops,
            ROW * flops / (kept * rows),
            max(query, value),
            query == value,
            physics,
            "forward" if operand is None else "backward",
        )
    )


def _product(
    op: Operator,
    operand: int | None,
    graph: Graph,
    sizes: Sizes,
    device: Rates,
    physics: DevicePhysics,
) -> Floats | None:
    """A matrix product by its shape, and before it the quantisation of what comes in."""
    found = product_of(op)
    if found is None:
        return None
    m, n, k, batch = (extent(names, sizes) for names in (found.m, found.n, found.k, found.batch))
    tensor = graph.tensors[
        op.inputs[operand].tensor if operand is not None else op.results[0].tensor
    ]
    is_layer = graph.tensors[op.inputs[1].tensor].role == "parameter"
    written = tensor.element_bytes
    if operand is None:
        shape, cast = (m, n, k, batch), m * k * batch
    elif operand == 0:
        shape, cast = (m, k, n, batch), m * n * batch
    else:
        shape, cast = (k, n, m, batch), np.asarray(0.0)
        written = 2 * device.gradient_bytes if is_layer else written

    def seconds(m: Floats, n: Floats, k: Floats, batch: Floats) -> Floats:
        spent = matmul_seconds(
            m, n, k, physics, device.precision, batch, written, not device.is_bound
        )
        return np.asarray(spent)

    spent = _once_each(seconds, shape) / op.efficiency
    if is_layer and found.batch:
        spent = spent / physics.number("grouped_efficiency")
    if is_layer and operand != 1:
        spent = spent + quantise_seconds(cast, physics, device.precision)
    return spent


def _once_each(
    seconds: Callable[..., Floats], shape: tuple[Floats, Floats, Floats, Floats]
) -> Floats:
    """A function of four sizes at arrays of few different ones."""
    columns = np.broadcast_arrays(*(np.atleast_1d(size) for size in shape))
    key = np.zeros(columns[0].shape, dtype=np.int64)
    for column in columns:
        values, number = np.unique(column, return_inverse=True)
        key = key * len(values) + number.reshape(-1)
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    found = seconds(*(column[first] for column in columns))
    return found[number.reshape(-1)]
