"""The backward of the units of a chunk: input gradients, weight gradients, recomputation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dsl.spec import Operator, Unit
from solver.execution.ranks.collectives import Why
from solver.execution.ranks.flight import Flight, Keeping
from solver.execution.ranks.forward import Forward
from solver.execution.ranks.piece import Kept
from solver.execution.ranks.program import KERNELS, Program, gather, release
from solver.execution.ranks.weights import sums_of
from solver.verify.layouts import whole_sums
from solver.verify.movement import keep_sums
from solver.verify.wiring import Read, Write

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(slots=True)
class Backward:
    """The backward of units in turn, last first. `made` are gradients as producers need them,
    `shared` those gathered at shared layouts, `sums` those of parameters with several readers."""

    program: Program
    microbatch: int
    is_fused: bool
    made: dict[str, Tensor] = field(default_factory=dict)
    shared: dict[str, Tensor] = field(default_factory=dict)
    sums: dict[str, Tensor] = field(default_factory=dict)

    def unit(self, unit: Unit, flight: Flight) -> None:
        """Input gradients of a unit, and those of its weights where the backward is whole."""
        program = self.program
        gather(program, unit, "B")
        if program.plan.recomputed[unit.name]:
            flight = self._again(unit, flight)
        for operator in reversed(program.plan.operators_of(unit)):
            self._operator(operator, flight)
        release(program, unit)

    def _again(self, unit: Unit, flight: Flight) -> Flight:
        """Run the forward of a unit once more; what it keeps."""
        program, rebuilt = self.program, Flight()
        forward = Forward(program, self.microbatch)
        forward.again(unit, flight)
        program.line.phase = "B"
        forward.operators(unit, rebuilt)
        program.line.phase = None
        return rebuilt

    def weights(self, operator: Operator, dy: Tensor, flight: Flight) -> None:
        """The gradients of an operator's parameters."""
        program, plan = self.program, self.program.plan
        kept = self._kept(operator, flight)
        for gradient in operator.gradients:
            name = operator.inputs[gradient.operand].tensor
            if plan.spec.graph.tensors[name].role == "parameter":
                piece = program.piece(operator)
                found = KERNELS[operator.kind].gradient(piece, gradient.operand, kept, dy)
                self._parameter(Read(operator, gradient.operand), found)

    def _operator(self, operator: Operator, flight: Flight) -> None:
        program, plan = self.program, self.program.plan
        (use,) = operator.results
        dy = self._towards(operator)
        if operator.gradients and dy is not None:
            layout = whole_sums(plan.produced(Write(operator, use)))
            program.seen("gradient", operator, use.tensor, dy, layout)
            kept = self._with_weights(operator, flight)
            for gradient in operator.gradients:
                read = Read(operator, gradient.operand)
                if plan.spec.graph.tensors[read.use.tensor].role != "parameter":
                    piece = program.piece(operator)
                    found = KERNELS[operator.kind].gradient(piece, gradient.operand, kept, dy)
                    self._input(read, found)
            if self.is_fused:
                self.weights(operator, dy, flight)
            elif Keeping(plan).until_w(operator):
                flight.waiting.append((operator, dy))
        for operand in range(len(operator.inputs)):
            self._finish(Read(operator, operand))

    def _towards(self, operator: Operator) -> Tensor | None:
        """The gradient of an operator's result."""
        plan, name = self.program.plan, operator.results[0].tensor
        if name not in self.made and name in plan.spec.graph.outputs:
            write = plan.wiring.producers[name]
            return self.program.ones(name, whole_sums(plan.produced(write)))
        return self.made.pop(name, None)

    def _kept(self, operator: Operator, flight: Flight) -> Kept:
        """What an operator kept, and model inputs that are read again."""
        program, plan = self.program, self.program.plan
        kept = flight.kept(operator)
        inputs = list(kept.inputs)
        for operand, use in enumerate(operator.inputs):
            if use.saved and Keeping(plan).is_read_again(operator, operand):
                layout = plan.shared_layout(use.tensor)
                inputs[operand] = program.inputs(use.tensor, layout, self.microbatch)
        return replace(kept, inputs=tuple(inputs))

    def _with_weights(self, operator: Operator, flight: Flight) -> Kept:
        """The same with its parameters."""
        program, plan = self.program, self.program.plan
        kept = self._kept(operator, flight)
        inputs = list(kept.inputs)
        for operand, use in enumerate(operator.inputs):
            name = use.tensor
            is_alone = len(plan.wiring.readers[name]) == 1
            if plan.spec.graph.tensors[name].role == "parameter" and (use.saved or is_alone):
                whole = program.weights.gather(name, "B")
                used = program.weights.stored[name].holding.used
                why, wanted = Why(operator.name, name, "B"), Read(operator, operand)
                inputs[operand] = program.move(why, whole, used, plan.read_layout(wanted))
        return replace(kept, inputs=tuple(inputs))

    def _input(self, read: Read, gradient: Tensor) -> None:
        program, plan = self.program, self.program.plan
        name = read.use.tensor
        write = plan.wiring.producers.get(name)
        if write is None:
            return
        is_shared = plan.wiring.is_shared(name)
        target = plan.shared_gradient(name) if is_shared else whole_sums(plan.produced(write))
        why = Why(read.operator.name, name, "B")
        moved = program.move(why, gradient, plan.read_gradient(read), target)
        if is_shared:
            before = self.shared.get(name)
            self.shared[name] = moved if before is None else before + moved
        else:
            self.made[name] = moved

    def _finish(self, read: Read) -> None:
        """After the first reader in program order, a shared gradient goes to its producer."""
        program, plan = self.program, self.program.plan
        name = read.use.tensor
        if plan.wiring.readers[name][0] != read or name not in self.shared:
            return
        write = plan.wiring.producers[name]
        why = Why(read.operator.name, name, "B")
        wanted = whole_sums(plan.produced(write))
        gradient = self.shared.pop(name)
        self.made[name] = program.move(why, gradient, plan.shared_gradient(name), wanted)

    def _parameter(self, read: Read, gradient: Tensor) -> None:
        program, plan = self.program, self.program.plan
        name = read.use.tensor
        held = program.weights.stored[name].holding
        made = plan.read_gradient(read)
        target = keep_sums(made, held.used)
        moved = program.move(Why(read.operator.name, name, "W"), gradient, made, target)
        for part, is_sum in sums_of(plan, held, target).items():
            if not is_sum:
                moved = program.movement.first(moved, part)
        before = self.sums.get(name)
        self.sums[name] = moved if before is None else before + moved
        if len(plan.wiring.readers[name]) == 1:
            program.weights.accumulate(name, self.sums.pop(name))

    def settle(self) -> None:
        """Accumulate parameters with several readers, once all readers here are done."""
        for name in tuple(self.sums):
            self.program.weights.accumulate(name, self.sums.pop(name))
