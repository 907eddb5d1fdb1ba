"""One chunk of a plan on some ranks: F, B and W of a micro-batch, as the plan's layouts say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dsl.spec import Operator, Unit
from solver.execution.ranks import kernels, kernels_experts, kernels_sequences
from solver.execution.ranks.collectives import Line, Why
from solver.execution.ranks.digits import Digits
from solver.execution.ranks.flight import Flight, Keeping, Key, NotKeptError
from solver.execution.ranks.moves import Movement
from solver.execution.ranks.piece import Kept, Kernel, Piece
from solver.execution.ranks.weights import Weights, sums_of
from solver.verify.figures import Phase
from solver.verify.layouts import Layout, whole_sums
from solver.verify.movement import keep_sums
from solver.verify.plan import Plan
from solver.verify.wiring import Read, Write

if TYPE_CHECKING:
    from torch import Tensor

KERNELS: dict[str, Kernel] = {
    **kernels.KERNELS,
    **kernels_sequences.KERNELS,
    **kernels_experts.KERNELS,
}

Watch = Callable[[str, Operator, str, "Tensor", Layout], None]
"""Called with ("read" | "made" | "gradient", operator, tensor, piece, layout)."""


@dataclass(slots=True)
class Program:
    """The plan on some ranks. `inputs` gives a model input in a layout, `ones` the gradient of an
    output in one."""

    plan: Plan
    line: Line
    digits: Digits
    weights: Weights
    inputs: Callable[[str, Layout, int], Tensor]
    ones: Callable[[str, Layout], Tensor]
    watch: Watch | None = None
    late: dict[str, Tensor] = field(default_factory=dict)

    @property
    def movement(self) -> Movement:
        """How tensors change their layout."""
        return Movement(self.line, self.digits, self.plan.frame.parts)

    def piece(self, operator: Operator) -> Piece:
        """An operator's place."""
        sharding = self.plan.shardings[operator.name]
        return Piece(operator, sharding, self.plan.frame, self.line, self.digits, self.late)

    def move(self, why: Why, tensor: Tensor, before: Layout, after: Layout) -> Tensor:
        """A tensor in another layout."""
        name = why.tensor or ""
        dims = range(len(self.plan.spec.graph.tensors[name].dims))
        with self.line.purpose(why):
            return self.movement.move(
                [self.digits.of(name, at) for at in dims], tensor, before, after
            )

    def seen(self, what: str, operator: Operator, name: str, piece: Tensor, layout: Layout) -> None:
        """Tell the watcher."""
        if self.watch is not None:
            self.watch(what, operator, name, piece, layout)


@dataclass(slots=True)
class Forward:
    """The forward of units in turn. `values` are tensors at hand: as made, or shared."""

    program: Program
    microbatch: int
    values: dict[Key, Tensor] = field(default_factory=dict)

    def unit(self, unit: Unit, flight: Flight) -> None:
        """Run a unit; keep what it keeps."""
        _gather(self.program, unit, "F")
        if self.program.plan.recomputed[unit.name]:
            self.operators(unit, Flight())
            self._keep_outside(unit, flight)
        else:
            self.operators(unit, flight)
        _release(self.program, unit)

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
        _gather(program, unit, "B")
        if program.plan.recomputed[unit.name]:
            flight = self._again(unit, flight)
        for operator in reversed(program.plan.operators_of(unit)):
            self._operator(operator, flight)
        _release(program, unit)

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


def _gather(program: Program, unit: Unit, phase: Phase) -> None:
    """Gather the parameters of a unit, which a runtime does for all of them together."""
    for operator in program.plan.operators_of(unit):
        for use in operator.inputs:
            if program.plan.spec.graph.tensors[use.tensor].role == "parameter":
                program.weights.gather(use.tensor, phase)


def _release(program: Program, unit: Unit) -> None:
    readers = program.plan.wiring.readers
    names = {use.tensor for op in program.plan.operators_of(unit) for use in op.inputs}
    program.weights.release([n for n in names if len(readers[n]) == 1])
