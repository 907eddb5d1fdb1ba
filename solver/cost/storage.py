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
from solver.cost.collectives import Floats
from solver.cost.compute import Rates
from solver.cost.physics.overlap import exposed_seconds
from solver.cost.quantities import COUNT, Quantity
from solver.cost.wires import NONE, Bools, States, Wires


@dataclass(frozen=True, slots=True)
class StorageTable:
    """Costs over [used layout and reduction, storage option].

    `options[z]` gives a level per mesh axis (of those with sharding sub-axes); `table` is
    [quantity, l, z]; `legal[l, z]`; `gathered[l, z]` bytes of the whole parameter while it is
    gathered (0 when it is not); `shared[l, z]` bytes that stages holding the same parameter
    exchange; `reduce[k, l, z]` and `regather[k, l, z]` seconds per step on the communication stream
    of every kind of devices, what a share of overlap leaves of them (0 of a parameter that several
    operators read). `sets[what][l, z]` are the sub-axes ([.., a]) over which parameters (3),
    gradients (2), optimizer (1) are stored; `used_cuts[l]` those that cut the used layout,
    `reduced[l]` those the gradient is partial over; `local[l]` elements on a device in the used
    layout.
    """

    options: tuple[tuple[int, ...], ...]
    table: Floats
    legal: Bools
    gathered: Floats
    shared: Floats
    reduce: Floats
    regather: Floats
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
    device: Rates
    microbatches: int


@dataclass(frozen=True, slots=True)
class Cover:
    """Seconds of compute, [l], under which collectives of a parameter can hide in each phase: those
    of its only reader."""

    forward: Floats
    input_grad: Floats
    weight_grad: Floats


def storage_table(
    used: States,
    reduced: Bools,
    elements: float,
    trained: bool,
    c: StorageCosting,
    cover: Cover | None,
) -> StorageTable:
    """Tables for rows of (used layout, sub-axes the gradient is partial over).

    `elements` are those of the whole parameter; `trained` is False when no reader computes its
    gradient (then it has neither gradients nor optimizer state). `cover` is None where several
    operators read it; only scheduled overlap looks at it.
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
    if trained:
        table[Quantity.STATIC] += np.ceil(local / size[2]) * optimizer.gradient_bytes
        table[Quantity.STATIC] += np.ceil(local / size[1]) * optimizer.state_bytes
        table[Quantity.STEP] = optimizer.traffic_bytes * local / size[1] / c.device.memory_bandwidth
    times = _collectives(c, sets, size, reduced, local, trained)
    _charge(table, times, c, cover)
    return StorageTable(
        options=options,
        table=table,
        legal=legal,
        gathered=np.where(sets[3].any(axis=-1), local * precision.parameter_bytes, 0.0),
        shared=local * optimizer.gradient_bytes / size[1] * trained,
        reduce=times.reduce[None] * (cover is not None),
        regather=times.regather[None] * (cover is not None),
        sets=sets,
        used_cuts=~free,
        reduced=reduced,
        local=local[:, 0],
        trained=trained,
    )


@dataclass(frozen=True, slots=True)
class _Collectives:
    """Seconds, [l, z], of every collective of a parameter, less the share of overlap: `gather` in F
    and in B, `scatter` in W, `reduce` and `regather` once per step."""

    gather: Floats
    scatter: Floats
    reduce: Floats
    regather: Floats


def _collectives(
    c: StorageCosting,
    sets: dict[int, Bools],
    size: dict[int, npt.NDArray[np.int64]],
    reduced: Bools,
    local: Floats,
    trained: bool,
) -> _Collectives:
    parameters = local * c.train.precision.parameter_bytes
    gather = _scatter(c.wires, sets[3], parameters) * c.train.visible
    if not trained:
        none = np.zeros_like(gather)
        return _Collectives(gather, none, none, none)
    over = reduced[:, None, :]
    gradients = local * c.train.optimizer.gradient_bytes
    scatter = _scatter(c.wires, over & sets[2], gradients)
    only_optimizer = sets[1] & ~sets[2]
    volume = gradients / size[2]
    reduce = _scatter(c.wires, over & only_optimizer, volume)
    volume = volume / np.prod(np.where(only_optimizer, c.wires.sizes, 1), axis=-1)
    reduce = reduce + c.wires.bucketed("reduce", over & ~sets[1], volume)
    regather = _scatter(c.wires, sets[1] & ~sets[3], parameters / size[3])
    visible = c.train.visible
    return _Collectives(gather, scatter * visible, reduce * visible, regather * visible)


def _charge(table: Floats, times: _Collectives, c: StorageCosting, cover: Cover | None) -> None:
    """Add the collectives to [quantity, l, z]. Scheduled ones take the communication stream, and
    cost what their cover leaves; those once per step hide where the whole stage is known."""
    is_scheduled = c.train.overlap == "scheduled"
    if is_scheduled:
        table[Quantity.GATHER], table[Quantity.SCATTER] = times.gather, times.scatter
    if is_scheduled and cover is not None:
        table[Quantity.FORWARD] = _exposed(times.gather, cover.forward, c.device)
        table[Quantity.INPUT_GRAD] = _exposed(times.gather, cover.input_grad, c.device)
        table[Quantity.WEIGHT_GRAD] = _exposed(times.scatter, cover.weight_grad, c.device)
        table[Quantity.REDUCE], table[Quantity.REGATHER] = times.reduce, times.regather
    else:
        table[Quantity.FORWARD] = table[Quantity.INPUT_GRAD] = times.gather
        table[Quantity.WEIGHT_GRAD] = times.scatter
        table[Quantity.STEP] += times.reduce + times.regather


def _exposed(seconds: Floats, compute: Floats, device: Rates) -> Floats:
    """What collectives [l, z] that run beside compute [l] add to it."""
    beside = compute[:, None]
    if device.physics is None:
        return np.maximum(0.0, seconds - beside)
    return np.asarray(exposed_seconds(seconds, beside, device.physics))


def _scatter(wires: Wires, members: Bools, volume: Floats) -> Floats:
    return wires.bucketed("scatter", members, volume)
