"""What choices cost, as tables over one node and over two, measured by the verifier.

For one micro-batch, every quantity of every unit is a sum of terms that depend on one node or on
two neighbours (the producer or shared layout of a tensor and its reader). So with the first options
as base `0`, exactly,

    f(x) = f(0) + sum over nodes n of [f(x_n) - f(0)]
         + sum over neighbours u, v of [f(x_u, x_v) - f(x_u) - f(x_v) + f(0)],

where f of some options means that all other nodes keep the base. Storage of parameters comes on
top: it depends on the option of the reader and on the levels.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from dsl.spec import Operator
from solver.verify.compute import operator_charges
from solver.verify.layouts import local_bytes
from solver.verify.movement import tensor_charges
from solver.verify.plan import Plan
from solver.verify.saved import kept_inputs, saved
from solver.verify.stage_time import stage_times
from solver.verify.storage import Holding, hold, microbatch_charges
from solver.verify.wiring import Read, Write
from tests.solver.joint.choices import Choices, Levels, layout_of

Floats = npt.NDArray[np.float64]


class Quantity(IntEnum):
    """Seconds of a micro-batch (AGAIN: the forward that recomputation repeats) and the bytes it
    saves: until B and until W, or KEPT where the unit is recomputed."""

    F = 0
    B = 1
    W = 2
    AGAIN = 3
    SAVED_B = 4
    SAVED_W = 5
    KEPT = 6


PHASES = {"F": Quantity.F, "B": Quantity.B, "W": Quantity.W}


@dataclass(frozen=True, slots=True)
class Storage:
    """Storage levels of a parameter and what they cost: seconds of a micro-batch per phase, seconds
    of a step, bytes held and bytes that a gather needs."""

    levels: Levels
    seconds: tuple[float, float, float]
    tail: float
    held: float
    gathered: float


@dataclass(frozen=True, slots=True)
class Tables:
    """`constant` is [unit, quantity], `unary[node]` [option, unit, quantity], `pairs[u, v]` [option
    of u, option of v, unit, quantity]; `work[operator]` bytes per option; `storages[parameter]`
    for every option of its reader."""

    constant: Floats
    unary: dict[str, Floats]
    pairs: dict[tuple[str, str], Floats]
    work: dict[str, Floats]
    storages: dict[str, tuple[tuple[Storage, ...], ...]]


def price_choices(choices: Choices) -> Tables:
    """The tables of a split."""
    measure, storages = _Measure(choices), _Storages(choices)
    unary = {node: measure.unary(node) for node in choices.nodes}
    return Tables(
        constant=measure.everything(),
        unary=unary,
        pairs={pair: measure.pair(*pair) for pair in measure.neighbours()},
        work={name: measure.work(name) for name in choices.operators},
        storages={
            name: tuple(
                tuple(
                    storages.of(name, option, levels) for levels in choices.storages(name, option)
                )
                for option in range(choices.options(choices.reader(name).name))
            )
            for name in choices.space.wiring.parameters
        },
    )


class _Measure:
    """The verifier's charges and bytes, restricted to what some nodes can change."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.wiring = choices.space.wiring
        self.number = {unit.name: i for i, unit in enumerate(choices.units)}
        self.ends: dict[str, list[str]] = {}
        tensors = choices.spec.graph.tensors
        for name in tensors:
            readers = [read.operator.name for read in self.wiring.readers.get(name, ())]
            write = self.wiring.producers.get(name)
            if tensors[name].role != "parameter" and readers:
                made = [write.operator.name] if write else []
                shared = [layout_of(name)] if choices.space.wiring.is_shared(name) else []
                self.ends[name] = [*made, *shared, *readers]

    def neighbours(self) -> list[tuple[str, str]]:
        """Pairs of nodes with terms of their own."""
        found: dict[tuple[str, str], None] = {}
        for name, ends in self.ends.items():
            is_shared = self.wiring.is_shared(name)
            center = layout_of(name) if is_shared else ends[0]
            found |= {(center, node): None for node in ends if node != center}
        return list(found)

    def everything(self) -> Floats:
        """The base plan."""
        plan = self.choices.plan({})
        found = self._moved(plan, self.ends)
        for operator in self.choices.spec.graph.operators:
            found += self._computed(plan, operator)
        return found

    def unary(self, node: str) -> Floats:
        """What the options of a node add to the base."""
        tensors = [name for name, ends in self.ends.items() if node in ends]
        rows = []
        for option in range(self.choices.options(node)):
            plan = self.choices.plan({node: option})
            row = self._moved(plan, tensors, [node])
            if node in self.choices.operators:
                row += self._computed(plan, self.wiring.operators[node])
            rows.append(row)
        return np.array(rows) - rows[0]

    def pair(self, u: str, v: str) -> Floats:
        """What two options add together beyond what each adds alone."""
        tensors = [name for name, ends in self.ends.items() if u in ends and v in ends]
        shape = (self.choices.options(u), self.choices.options(v))
        full = np.array(
            [
                [self._moved(self.choices.plan({u: i, v: j}), tensors) for j in range(shape[1])]
                for i in range(shape[0])
            ]
        )
        return np.asarray(full - full[:, :1] - full[:1] + full[:1, :1])

    def _moved(self, plan: Plan, tensors: Iterable[str], nodes: Iterable[str] = ()) -> Floats:
        """Redistributions of tensors, and what the units at their ends save."""
        found = np.zeros((len(self.number), len(Quantity)))
        operators = set(nodes) & set(self.choices.operators)
        for name in tensors:
            operators |= set(self.ends[name]) & set(self.choices.operators)
            for charge in tensor_charges(plan, name):
                found[self.number[charge.unit], PHASES[charge.phase]] += charge.seconds
                if charge.repeats:
                    found[self.number[charge.unit], Quantity.AGAIN] += charge.seconds
        touched = {self.wiring.operators[name].unit for name in operators}
        for unit in self.choices.units:
            if unit.name in touched:
                row = found[self.number[unit.name]]
                here = saved(plan, unit)
                row[Quantity.SAVED_B] += here.until_input_grad
                row[Quantity.SAVED_W] += here.until_weight_grad
                row[Quantity.KEPT] += kept_inputs(plan, unit).total
        return found

    def _computed(self, plan: Plan, operator: Operator) -> Floats:
        found = np.zeros((len(self.number), len(Quantity)))
        for charge in operator_charges(plan, operator):
            found[self.number[charge.unit], PHASES[charge.phase]] += charge.seconds
            if charge.repeats:
                found[self.number[charge.unit], Quantity.AGAIN] += charge.seconds
        return found

    def work(self, name: str) -> Floats:
        """Bytes that an operator needs while it runs (README section 7)."""
        operator = self.wiring.operators[name]
        tensors = self.choices.spec.graph.tensors
        found = []
        for option in range(self.choices.options(name)):
            plan = self.choices.plan({name: option})
            total = 0.0
            for operand, use in enumerate(operator.inputs):
                if tensors[use.tensor].role == "value":
                    layout = plan.read_layout(Read(operator, operand))
                    total += local_bytes(tensors[use.tensor], layout, plan.frame)
            for use in operator.results:
                layout = plan.produced(Write(operator, use))
                total += 2 * local_bytes(tensors[use.tensor], layout, plan.frame)
            found.append(total)
        return np.array(found)


class _Storages:
    """What parameters cost by how they lie on the devices; many lie alike."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.known: dict[Hashable, Storage] = {}

    def of(self, parameter: str, option: int, levels: Levels) -> Storage:
        """The cost of a parameter whose reader takes an option."""
        reader = self.choices.reader(parameter).name
        plan = self.choices.plan({reader: option}, {parameter: levels})
        held = hold(plan, parameter)
        key = (held.elements, held.weights, held.gradients, held.optimizer, held.reduced)
        if key not in self.known:
            self.known[key] = self._priced(plan, held, levels)
        return replace(self.known[key], levels=levels)

    def _priced(self, plan: Plan, held: Holding, levels: Levels) -> Storage:
        train = self.choices.spec.train
        seconds = [0.0, 0.0, 0.0]
        for charge in microbatch_charges(plan, held):
            seconds[PHASES[charge.phase]] += charge.seconds
        width = train.precision.parameter_bytes
        return Storage(
            levels=levels,
            seconds=(seconds[0], seconds[1], seconds[2]),
            tail=stage_times(plan, (held,)).stages[held.stages[0]].tail,
            held=held.weight_elements() * width
            + held.gradient_elements() * train.optimizer.gradient_bytes
            + held.optimizer_elements() * train.optimizer.state_bytes,
            gathered=held.elements * width if held.weights else 0.0,
        )
