"""The model of a plan as modules, named as the spec names its operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from solver.reference.runtime.call import Call
from solver.reference.runtime.gathering import regathered
from solver.reference.runtime.kinds import run
from solver.reference.runtime.program import Chunk, Operator, Port, Program, Unit, local_shape
from solver.reference.runtime.sources import Source, Sources
from solver.reference.runtime.weights import StoredWeight
from solver.reference.runtime.wires import Wires

Tensors = dict[str, torch.Tensor]


class OperatorModule(nn.Module):
    """An operator. Its operands arrive as their sources leave them, and it brings them to the
    layouts that it reads."""

    def __init__(self, operator: Operator, sources: Sources) -> None:
        super().__init__()
        self.operator = operator
        self.sources: dict[str, Source] = {
            port.tensor: sources.of(port.tensor) for port in operator.reads
        }

    def forward(self, operands: tuple[torch.Tensor, ...], wires: Wires) -> tuple[torch.Tensor, ...]:
        """The local results, in the layouts that the operator writes."""
        moved = (
            self.sources[port.tensor].read(x, port, wires)
            for port, x in zip(self.operator.reads, operands, strict=True)
        )
        return run(Call(self.operator, tuple(moved), wires))


class UnitModule(nn.Module):
    """A layer: its operators, as modules under the names that the spec gives them."""

    def __init__(self, unit: Unit, sources: Sources, stored: Mapping[str, StoredWeight]) -> None:
        super().__init__()
        self.unit_spec = unit
        self.sources = sources
        self.stored = dict(stored)
        self.takes, self.leaves = sources.interface(unit)
        for name in unit.operators:
            operator = sources.program.operators[name]
            module = OperatorModule(operator, sources)
            for port in operator.reads:
                if port.tensor in stored:
                    module.add_module(port.tensor.rpartition(".")[2], stored[port.tensor])
            _attach(self, inner_path(name, unit.name), module)

    def forward(self, wires: Wires, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Tensors made elsewhere (`takes`) -> tensors that others read (`leaves`)."""
        known: Tensors = dict(zip(self.takes, inputs, strict=True))
        again = not self.unit_spec.recompute
        for name in self.unit_spec.operators:
            operator = self.sources.program.operators[name]
            module = self.get_submodule(inner_path(name, self.unit_spec.name))
            with regathered(self._weights_of(operator), again) as used:
                operands = tuple(
                    used[port.tensor] if port.tensor in used else self._take(port, known, wires)
                    for port in operator.reads
                )
                results = module(operands, wires)
            known |= {p.tensor: x for p, x in zip(operator.writes, results, strict=True)}
        return tuple(known[name] for name in self.leaves)

    def _weights_of(self, operator: Operator) -> dict[str, StoredWeight]:
        return {p.tensor: self.stored[p.tensor] for p in operator.reads if p.tensor in self.stored}

    def _take(self, port: Port, known: Tensors, wires: Wires) -> torch.Tensor:
        """The tensor where readers take it from; a shared one is brought there by the first."""
        name = port.tensor
        shared = self.sources.program.shared.get(name)
        if shared is None:
            return known[name]
        key = f"{name} (shared)"
        if key not in known:
            made = self.sources.made(name)
            known[key] = made.bring(known[name], shared.layout, shared.gradient, wires)
        return known[key]


class ChunkModule(nn.Module):
    """Layers that stand together in the pipeline. Takes what the chunk before sends, in its order,
    and model inputs by name, whole micro-batches; gives what the next chunk receives, or the
    model's outputs."""

    def __init__(self, chunk: Chunk, program: Program, wires: Wires) -> None:
        super().__init__()
        self.chunk = chunk
        self.program = program
        self.wires = wires
        read = [
            port.tensor
            for unit in chunk.units
            for name in program.units[unit].operators
            for port in program.operators[name].reads
        ]
        names = dict.fromkeys(name for name in read if name in program.weights)
        self._stored = {name: StoredWeight(program.weights[name], wires) for name in names}
        self.inputs = tuple(
            dict.fromkeys(n for n in read if n in program.values and program.values[n].is_input)
        )
        self.sources = Sources(program)
        self.units: list[UnitModule] = []
        for unit in chunk.units:
            module = UnitModule(program.units[unit], self.sources, self._stored)
            _attach(self, path(unit), module)
            self.units.append(module)

    def forward(self, *received: torch.Tensor, **inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One micro-batch."""
        known: Tensors = dict(zip(self.chunk.receives, received, strict=True))
        known |= {name: inputs[path(name)] for name in self.inputs}
        for unit in self.units:
            given = tuple(known[name] for name in unit.takes)
            if unit.unit_spec.recompute:
                made = checkpoint(unit, self.wires, *given, use_reentrant=False)
            else:
                made = unit(self.wires, *given)
            known |= dict(zip(unit.leaves, made, strict=True))
        return tuple(known[name] for name in self.chunk.sends)

    def weights(self) -> Mapping[str, StoredWeight]:
        """The parameters by the names of the spec."""
        return self._stored

    def materialize(
        self, device: torch.device, dtype: torch.dtype, summed_as: torch.dtype | None = None
    ) -> None:
        """Give every parameter its first values; gradients are `summed_as`."""
        for weight in self._stored.values():
            weight.materialize(device, dtype, summed_as)

    def metadata(self, names: Iterable[str], dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        """What passes between chunks, without values."""
        made = []
        for name in names:
            source = self.sources.made(name)
            shape = local_shape(source.dims, source.layout, self.wires.sizes)
            made.append(torch.empty(shape, dtype=dtype, device="meta"))
        return tuple(made)


def path(name: str) -> str:
    """The name of a spec as that of a module: `net.layers[0].attn` -> `net.layers.0.attn`."""
    return name.replace("[", ".").replace("]", "")


def inner_path(operator: str, unit: str) -> str:
    """An operator's name within its unit; one that is a unit of its own is `op` in it."""
    return path(operator[len(unit) :]).lstrip(".") or "op"


def _attach(root: nn.Module, where: str, module: nn.Module) -> None:
    """Put a module at a path, with plain modules on the way."""
    *above, last = where.split(".")
    for step in above:
        if not hasattr(root, step):
            root.add_module(step, nn.Module())
        root = root.get_submodule(step)
    root.add_module(last, module)
