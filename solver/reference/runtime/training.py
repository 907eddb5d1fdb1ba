"""What a step of training needs: inputs, losses, gradients; and the whole model on one device."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from solver.reference.runtime.layouts import groups
from solver.reference.runtime.model import ChunkModule, path
from solver.reference.runtime.program import (
    WHOLE,
    Chunk,
    Layout,
    Operator,
    Port,
    Program,
    Value,
    Weight,
)
from solver.reference.runtime.sources import Sources
from solver.reference.runtime.wires import Wires

Batch = Mapping[str, torch.Tensor]
"""The inputs of a micro-batch by name, whole."""


def random_batch(program: Program, microbatch: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Inputs of a micro-batch, the same on every device."""
    made = {}
    for value in program.values.values():
        if value.is_input:
            seed = zlib.crc32(f"{value.name} {microbatch}".encode())
            made[path(value.name)] = _random(value, torch.Generator().manual_seed(seed), dtype)
    return made


def _random(value: Value, random: torch.Generator, dtype: torch.dtype) -> torch.Tensor:
    shape = tuple(dim.size for dim in value.dims)
    if value.is_number:
        return torch.randint(value.below, shape, generator=random)
    return torch.randn(shape, generator=random).to(dtype)


def loss_share(outputs: tuple[torch.Tensor, ...], program: Program) -> torch.Tensor:
    """What this device's part of the outputs adds to the loss: their mean over all samples."""
    total = outputs[0].new_zeros(())
    for name, x in zip(program.outputs, outputs, strict=True):
        elements = math.prod(dim.size for dim in program.values[name].dims)
        total = total + x.sum() / (elements * program.microbatches)
    return total


def whole_loss(shares: torch.Tensor, program: Program, wires: Wires) -> torch.Tensor:
    """The loss, from the shares of all devices of the last stage."""
    layout = Sources(program).made(program.outputs[0]).layout
    copies = math.prod(size for size, at in zip(wires.sizes, layout, strict=True) if at == WHOLE)
    axes = tuple(range(len(wires.sizes)))
    return wires.all_reduce(shares.detach() / copies, axes) if axes else shares.detach()


def meetings(program: Program) -> list[tuple[int, ...]]:
    """The sets of axes that a step communicates over, on any stage, in a fixed order."""
    sources = Sources(program)
    found = [tuple(range(len(program.axes)))] if program.axes else []
    for operator in program.operators.values():
        for port in operator.reads:
            source = sources.of(port.tensor)
            found += groups((source.layout, port.layout))
            if source.gradient is not None and port.gradient is not None:
                found += groups((port.gradient, source.gradient))
        if operator.kind == "cross_entropy":
            index = operator.reads[0].indices[-1]
            found.append(tuple(a for a, names in enumerate(operator.cuts) if index in names))
    for name, shared in program.shared.items():
        made = sources.made(name)
        found += groups((made.layout, shared.layout))
        if made.gradient is not None:
            found += groups((shared.gradient, made.gradient))
    for weight in program.weights.values():
        found += _weight_meetings(weight, len(program.axes))
    return sorted({axes for axes in found if axes})


def _weight_meetings(weight: Weight, count: int) -> list[tuple[int, ...]]:
    def summands(layout: Layout) -> Layout:
        return tuple(
            -2 if axis in weight.summed and at == WHOLE else at for axis, at in enumerate(layout)
        )

    return groups(
        (weight.stored, weight.used),
        (summands(weight.used), summands(weight.gradient)),
        (summands(weight.gradient), weight.optimizer),
        (weight.optimizer, weight.stored),
        (weight.stored, (WHOLE,) * count),
    )


def undivided(program: Program) -> Program:
    """The same model on one device: nothing is cut, stored in pieces or run again."""
    count = len(program.axes)
    whole: Layout = (WHOLE,) * count

    def port(old: Port) -> Port:
        return replace(old, layout=whole, gradient=None if old.gradient is None else whole)

    def operator(old: Operator) -> Operator:
        reads, writes = tuple(map(port, old.reads)), tuple(map(port, old.writes))
        return replace(old, reads=reads, writes=writes, cuts=((),) * count)

    def weight(old: Weight) -> Weight:
        return replace(old, used=whole, stored=whole, gradient=whole, optimizer=whole, summed=())

    units = tuple(unit for chunk in program.chunks for unit in chunk.units)
    return replace(
        program,
        operators={name: operator(old) for name, old in program.operators.items()},
        weights={name: weight(old) for name, old in program.weights.items()},
        shared={},
        units={name: replace(unit, recompute=False) for name, unit in program.units.items()},
        chunks=(Chunk(0, units, (), program.outputs),),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of training made: the loss, and the gradients of parameters, summed over all
    devices, in the layout in which their optimizer state is stored."""

    loss: float
    gradients: Mapping[str, torch.Tensor]


def train_undivided(program: Program, device: torch.device, dtype: torch.dtype) -> Step:
    """One step of the whole model on this device."""
    alone = undivided(program)
    wires = Wires([axis.name for axis in alone.axes], [axis.size for axis in alone.axes])
    model = ChunkModule(alone.chunks[0], alone, wires)
    model.materialize(device, dtype)
    loss = 0.0
    for microbatch in range(program.microbatches):
        batch = random_batch(program, microbatch, dtype)
        outputs = model(**on(batch, device))
        share = loss_share(outputs, alone)
        share.backward()
        loss += share.item()
    return Step(loss, gradients_of(model))


def gradients_of(model: ChunkModule) -> dict[str, torch.Tensor]:
    """The gradients of the step, reduced over devices."""
    found = {}
    for name, weight in model.weights().items():
        gradient = weight.reduced()
        if gradient is not None:
            found[name] = gradient
    return found


def on(batch: Batch, device: torch.device) -> dict[str, torch.Tensor]:
    """The inputs of a micro-batch on a device."""
    return {name: x.to(device) for name, x in batch.items()}
