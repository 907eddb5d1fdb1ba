"""Parameters, gradients and optimizer state: bytes, gathers, reductions (README section 6).

Levels per mesh axis: 0 nothing, 1 optimizer, 2 and gradients, 3 and parameters are cut over the
free sub-axes of that axis; ZeRO-1, 2, 3 of Rajbhandari et al., "ZeRO: Memory Optimizations Toward
Training Trillion Parameter Models", 2020.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.spec import Train
from solver.cost.collectives import Floats, all_reduce_seconds, degrees_of, scatter_seconds
from solver.cost.quantities import COUNT, Quantity
from solver.cost.redistribution import NONE, States, Wires

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StorageTable:
    """Costs over [used layout and reduction, storage option].

    `options[z]` gives a level per mesh axis (of those with sharding sub-axes); `table` is
    [quantity, l, z]; `legal[l, z]`; `gathered[l, z]` bytes of the whole parameter while it is
    gathered (0 when it is not); `shared[l, z]` bytes that stages holding the same parameter
    exchange. `sets[what][l, z]` are the sub-axes ([.., a]) over which parameters (3), gradients
    (2), optimizer (1) are stored; `used_cuts[l]` those that cut the used layout, `reduced[l]` those
    the gradient is partial over; `local[l]` elements on a device in the used layout.
    """

    options: tuple[tuple[int, ...], ...]
    table: Floats
    legal: Bools
    gathered: Floats
    shared: Floats
    sets: dict[int, Bools]
    used_cuts: Bools
    reduced: Bools
    local: Floats
    trained: bool


def storage_options(axes: int) -> tuple[tuple[int, ...], ...]:
    """Every combination of levels, plainest first."""
    return tuple(itertools.product(range(4), repeat=axes))


@dataclass(frozen=True, slots=True)
class StorageCosting:
    """What storage costs depend on beside the layouts."""

    wires: Wires
    axis_of: npt.NDArray[np.int64]  # sub-axis -> number of its mesh axis
    axes: int
    train: Train
    memory_bandwidth: float
    microbatches: int


def storage_table(
    used: States, reduced: Bools, elements: float, trained: bool, c: StorageCosting
) -> StorageTable:
    """Tables for rows of (used layout, sub-axes the gradient is partial over).

    `elements` are those of the whole parameter; `trained` is False when no reader computes its
    gradient (then it has neither gradients nor optimizer state).
    """
    options = storage_options(c.axes)
    levels = np.array(options, dtype=np.int64).reshape(len(options), c.axes)
    free = used == NONE  # [l, a]
    per_part = levels[:, c.axis_of] if c.axes else np.zeros((len(options), 0), dtype=np.int64)
    sets = {k: free[:, None, :] & (per_part >= k)[None] for k in (1, 2, 3)}  # [l, z, a]
    has_free = (
        np.stack([free[:, c.axis_of == axis].any(axis=-1) for axis in range(c.axes)], axis=-1)
        if c.axes
        else np.zeros((len(used), 0), dtype=bool)
    )
    legal = ~((levels[None] > 0) & ~has_free[:, None, :]).any(axis=-1)
    optimizer, precision = c.train.optimizer, c.train.precision
    local = c.wires.local_elements(used, elements)[:, None]
    size = {k: np.prod(np.where(sets[k], c.wires.sizes, 1), axis=-1) for k in (1, 2, 3)}
    table = np.zeros((COUNT, len(used), len(options)))
    table[Quantity.STATIC] = np.ceil(local / size[3]) * precision.parameter_bytes
    gathered = np.where(sets[3].any(axis=-1), local * precision.parameter_bytes, 0.0)
    shared = np.zeros_like(gathered)
    visible = 1.0 - c.train.overlap
    gather = _scatter(c.wires, sets[3], gathered) * visible
    table[Quantity.FORWARD] = gather
    table[Quantity.INPUT_GRAD] = gather
    if trained:
        table[Quantity.STATIC] += np.ceil(local / size[2]) * optimizer.gradient_bytes
        table[Quantity.STATIC] += np.ceil(local / size[1]) * optimizer.state_bytes
        gradient = local * optimizer.gradient_bytes
        over = reduced[:, None, :]
        each = _scatter(c.wires, over & sets[2], gradient) * visible
        table[Quantity.WEIGHT_GRAD] = np.where(sets[2].any(axis=-1), each, 0.0)
        table[Quantity.STEP] = _step_seconds(c, sets, size, over, gradient, local)
        shared = gradient / size[1]
    return StorageTable(
        options, table, legal, gathered, shared, sets, ~free, reduced, local[:, 0], trained
    )


def _step_seconds(
    c: StorageCosting,
    sets: dict[int, Bools],
    size: dict[int, npt.NDArray[np.int64]],
    over: Bools,
    gradient: Floats,
    local: Floats,
) -> Floats:
    """Reduction of what is left, update, gather of what the optimizer alone cuts; once per step."""
    only_optimizer = sets[1] & ~sets[2]
    volume = gradient / size[2]
    time = _scatter(c.wires, over & only_optimizer, volume)
    volume = volume / np.prod(np.where(only_optimizer, c.wires.sizes, 1), axis=-1)
    rest = degrees_of(c.wires.groups, c.wires.sizes, over & ~sets[1])
    time = time + all_reduce_seconds(c.wires.groups, rest, volume, bucketed=True)
    kept = local * c.train.precision.parameter_bytes / size[3]
    time = time + _scatter(c.wires, sets[1] & ~sets[3], kept)
    update = c.train.optimizer.traffic_bytes * local / size[1] / c.memory_bandwidth
    return np.asarray(time * (1.0 - c.train.overlap) + update)


def _scatter(wires: Wires, members: Bools, volume: Floats) -> Floats:
    degrees = degrees_of(wires.groups, wires.sizes, members)
    return scatter_seconds(wires.groups, degrees, volume, bucketed=True)
