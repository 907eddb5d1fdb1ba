"""The forward of the units of a chunk, and what it keeps of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsl.spec import Operator, Unit
from solver.execution.ranks.collectives import Why
from solver.execution.ranks.flight import Flight, Keeping, Key, NotKeptError
from solver.execution.ranks.program import KERNELS, Program, gather, release
from solver.verify.wiring import Read, Write

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(slots=True)
class Forward:
    """The forward of units in turn. `values` are tensors at hand: as made, or shared."""

    program: Program
    microbatch: int
    values: dict[Key, Tensor] = field(default_factory=dict)

    def unit(self, unit: Unit, flight: Flight) -> None:
        """Run a unit; keep what it keeps."""
        gather(self.program, unit, "F")
        if self.program.plan.recomputed[unit.name]:
            self.operators(unit, Flight())
            self._keep_outside(unit, flight)
        else:
            self.operators(unit, flight)
        release(self.program, unit)

    def operators(self, unit: Unit, flight: Flight) -> None:
        """Run the operators of a unit whose parameters are there."""
        for operator in self.program.plan.operators_of(unit):
            self._operator(operator, flight)

    def again(self, unit: Unit, flight: Flight) -> None:
        """Take what a recomputed unit kept."""
        plan = self.program.plan
        for name, read in Keeping(plan).outside(unit).items():
            key: tuple[str, ...] = ("read", read.operator.name, str(read.operand))
            found = flight.find(("outside", *key))
            if plan.wiring.is_shared(name):
                key, found = ("shared", name), flight.find(("shared", name))
            if found is None and plan.spec.graph.tensors[name].role != "input":
                raise NotKeptError(f"`{unit.name}` runs again, and `{name}` is not kept")
            if found is not None:
                self.values[key] = found

    def _keep_outside(self, unit: Unit, flight: Flight) -> None:
        plan = self.program.plan
        for name, read in Keeping(plan).outside(unit).items():
            if not plan.wiring.is_shared(name):
                key = ("read", read.operator.name, str(read.operand))
                flight.keep(("outside", *key), self.values[key], False)
            elif plan.wiring.readers[name][0].operator.unit == unit.name:
                flight.keep(("shared", name), self.values["shared", name], False)

    def _operator(self, operator: Operator, flight: Flight) -> None:
        program, plan, keeping = self.program, self.program.plan, Keeping(self.program.plan)
        inputs = []
        for operand, use in enumerate(operator.inputs):
            read = Read(operator, operand)
            tensor = self._read(read, flight)
            program.seen("read", operator, use.tensor, tensor, plan.read_layout(read))
            if keeping.reads(operator, operand):
                key = ("read", operator.name, str(operand))
                flight.keep(key, tensor, keeping.until_w(operator))
            inputs.append(tensor)
        made = KERNELS[operator.kind].forward(program.piece(operator), tuple(inputs))
        (use,) = operator.results
        self.values["made", use.tensor] = made.result
        layout = plan.produced(Write(operator, use))
        program.seen("made", operator, use.tensor, made.result, layout)
        if use.saved:
            flight.keep(("made", use.tensor), made.result, False)
        for number, extra in enumerate(made.extra):
            flight.keep(("extra", operator.name, str(number)), extra, False)

    def _read(self, read: Read, flight: Flight) -> Tensor:
        program, plan = self.program, self.program.plan
        name = read.use.tensor
        why = Why(read.operator.name, name, "F")
        if plan.spec.graph.tensors[name].role == "parameter":
            whole = program.weights.gather(name, "F")
            used = program.weights.stored[name].holding.used
            return program.move(why, whole, used, plan.read_layout(read))
        key = ("read", read.operator.name, str(read.operand))
        known = self.values.get(key)
        if known is not None:
            return known
        if plan.wiring.is_shared(name):
            tensor = self._shared(read, flight)
            tensor = program.move(why, tensor, plan.shared_layout(name), plan.read_layout(read))
        elif name in plan.wiring.producers:
            layout = plan.produced(plan.wiring.producers[name])
            tensor = program.move(why, self._made(name), layout, plan.read_layout(read))
        else:
            tensor = program.inputs(name, plan.read_layout(read), self.microbatch)
        if plan.recomputed[read.operator.unit]:
            self.values[key] = tensor
        return tensor

    def _shared(self, read: Read, flight: Flight) -> Tensor:
        program, plan, keeping = self.program, self.program.plan, Keeping(self.program.plan)
        name = read.use.tensor
        if ("shared", name) not in self.values:
            shared = plan.shared_layout(name)
            if name in plan.wiring.producers:
                before = plan.produced(plan.wiring.producers[name])
                why = Why(plan.wiring.readers[name][0].operator.name, name, "F")
                made = program.move(why, self._made(name), before, shared)
            else:
                made = program.inputs(name, shared, self.microbatch)
            self.values["shared", name] = made
        found = self.values["shared", name]
        savers = keeping.shares(name)
        is_first = plan.wiring.readers[name][0] == read
        if savers and is_first:
            late = any(keeping.until_w(saver.operator) for saver in savers)
            flight.keep(("shared", name), found, late)
        return found

    def _made(self, name: str) -> Tensor:
        if ("made", name) not in self.values:
            raise NotKeptError(f"`{name}` is read again, and is not kept")
        return self.values["made", name]
