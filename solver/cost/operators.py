"""Tables of one operator over its strategies: layouts, times, saved bytes, working memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dsl.spec import Graph, Operator, Use
from solver.cost.collectives import Floats
from solver.cost.compute import Rates, evaluate, phase_seconds
from solver.cost.quantities import COUNT, Quantity
from solver.cost.wires import NONE, PARTIAL, States, Wires

Assigned = npt.NDArray[np.int8]  # [strategy, sub-axis] -> position in Operator.indices, or -1


@dataclass(frozen=True, slots=True)
class Costing:
    """What every table needs: the graph, one device's rates, the wires, the micro-batch count."""

    graph: Graph
    rates: Rates
    wires: Wires
    microbatches: int

    def elements(self, tensor: str) -> float:
        """Elements of a tensor in one micro-batch, before any cut."""
        total = 1.0
        for dim in self.graph.tensors[tensor].dims:
            total *= dim.size / self.microbatches if dim.batch else dim.size
        return total

    def whole_bytes(self, tensor: str) -> float:
        """Bytes of a tensor in one micro-batch, before any cut."""
        declared = self.graph.tensors[tensor]
        if declared.opaque_bytes is not None:
            return declared.opaque_bytes
        return self.elements(tensor) * declared.element_bytes


class OperatorStates:
    """The layouts that each strategy of an operator gives its operands and results."""

    def __init__(self, op: Operator, assigned: Assigned) -> None:
        self.op, self.assigned = op, assigned
        position = {index.name: i for i, index in enumerate(op.indices)}
        drivers = {name: [position[d] for d in to] for name, to in op.ties}
        self._cut = {
            name: np.isin(assigned, drivers[name]) if name in drivers else assigned == i
            for name, i in position.items()
        }
        self._sums = np.isin(assigned, [position[name] for name in op.sums])

    def cut(self, index: str) -> npt.NDArray[np.bool_]:
        """Which sub-axes cut this index, [strategy, sub-axis]."""
        return self._cut[index]

    def _dims(self, use: Use) -> States:
        states = np.full(self.assigned.shape, NONE, dtype=np.int8)
        for dim in range(len(use.indices) - 1, -1, -1):  # the first of two dimensions counts
            states[self._cut[use.indices[dim]]] = dim
        return states

    def as_read(self, number: int) -> States:
        """Layout of input `number` as the operator reads it."""
        return self._dims(self.op.inputs[number])

    def as_produced(self, number: int) -> States:
        """Layout of result `number`; `PARTIAL` where a summed index is cut."""
        states = self._dims(self.op.results[number])
        states[self._sums & (states == NONE)] = PARTIAL
        return states

    def needed_gradient(self, number: int) -> States:
        """Layout in which the backward needs the gradient of result `number`."""
        return self._dims(self.op.results[number])

    def gradient(self, number: int) -> States:
        """Layout of the gradient of input `number`; `PARTIAL` where the work is cut over a sub-axis
        that does not cut the input."""
        states = self._dims(self.op.inputs[number])
        states[(self.assigned >= 0) & (states == NONE)] = PARTIAL
        return states

    def local_sizes(self, wires: Wires, microbatches: int) -> dict[str, Floats]:
        """Local size of every index in a micro-batch, per strategy."""
        return {
            index.name: (index.size / microbatches if index.batch else index.size)
            / np.prod(np.where(self._cut[index.name], wires.sizes, 1), axis=-1)
            for index in self.op.indices
        }

    def divisible(self, wires: Wires, counts: Sequence[int]) -> npt.NDArray[np.bool_]:
        """Strategies whose degrees divide every index, with one of some micro-batch counts."""
        found = np.zeros(len(self.assigned), dtype=bool)
        for microbatches in counts:
            fine = np.ones(len(self.assigned), dtype=bool)
            for index in self.op.indices:
                size = index.size // microbatches if index.batch else index.size
                degree = np.prod(np.where(self._cut[index.name], wires.sizes, 1), axis=-1)
                fine &= size % degree == 0
            found |= fine
        return found


def weight_gradient(op: Operator, graph: Graph) -> bool:
    """Whether the operator computes a gradient of a parameter."""
    return any(graph.tensors[op.inputs[g.operand].tensor].role == "parameter" for g in op.gradients)


def has_gradient(op: Operator, number: int) -> bool:
    """Whether the operator computes the gradient of input `number`."""
    return any(g.operand == number for g in op.gradients)


def compute_table(states: OperatorStates, costing: Costing) -> Floats:
    """[quantity, strategy]: compute, `across` collectives, saved results and extras."""
    op, graph = states.op, costing.graph
    sizes = states.local_sizes(costing.wires, costing.microbatches)
    table = np.zeros((COUNT, len(states.assigned)))
    device = costing.rates
    table[Quantity.FORWARD] += phase_seconds(op, None, graph, sizes, device)
    for gradient in op.gradients:
        role = graph.tensors[op.inputs[gradient.operand].tensor].role
        phase = Quantity.WEIGHT_GRAD if role == "parameter" else Quantity.INPUT_GRAD
        table[phase] += phase_seconds(op, gradient, graph, sizes, device)
    for index, formula in op.across:
        members = states.cut(index)
        cost = costing.wires.seconds("reduce", members, evaluate(formula, sizes))
        table[Quantity.FORWARD] += cost
        if op.gradients:
            table[Quantity.INPUT_GRAD] += cost
    table[Quantity.AGAIN] = table[Quantity.FORWARD]
    for number, use in enumerate(op.results):
        if use.saved:
            whole = costing.whole_bytes(use.tensor)
            produced = states.as_produced(number)
            table[Quantity.SAVED_B] += costing.wires.local_elements(produced, whole)
    table[Quantity.SAVED_B] += evaluate(op.saved_extra, sizes)
    return table


def covering_seconds(states: OperatorStates, costing: Costing, number: int) -> Floats:
    """[strategy, (F, B, W)] compute beside which collectives of the parameter that is input
    `number` can run: its share of F and of B, by its part of the parameters read, and its own part
    of W."""
    op, graph = states.op, costing.graph
    read = [u.tensor for u in op.inputs if graph.tensors[u.tensor].role == "parameter"]
    share = costing.elements(op.inputs[number].tensor) / sum(costing.elements(t) for t in read)
    sizes = states.local_sizes(costing.wires, costing.microbatches)
    table = np.zeros((len(states.assigned), 3))
    table[:, 0] = share * phase_seconds(op, None, graph, sizes, costing.rates)
    for gradient in op.gradients:
        spent = phase_seconds(op, gradient, graph, sizes, costing.rates)
        if gradient.operand == number:
            table[:, 2] += spent
        elif graph.tensors[op.inputs[gradient.operand].tensor].role != "parameter":
            table[:, 1] += share * spent
    return table


def measured_table(op: Operator) -> Floats:
    """[quantity, variant] of a measured operator."""
    table = np.zeros((COUNT, len(op.variants)))
    for k, variant in enumerate(op.variants):
        table[Quantity.FORWARD, k] = variant.forward
        table[Quantity.AGAIN, k] = variant.recompute_forward or 0.0
        table[Quantity.INPUT_GRAD, k] = variant.input_grad
        table[Quantity.WEIGHT_GRAD, k] = variant.weight_grad
        table[Quantity.SAVED_B, k] = variant.released_by_input_grad
        table[Quantity.SAVED_W, k] = variant.saved_bytes - variant.released_by_input_grad
        table[Quantity.KEPT, k] = variant.recompute_saved_bytes
        table[Quantity.STATIC, k] = variant.static_bytes
    return table


def working_bytes(states: OperatorStates, costing: Costing) -> Floats:
    """Bytes an operator needs while it runs: value inputs once, results twice (with gradient)."""
    op, wires = states.op, costing.wires
    if op.variants:
        return np.array([v.workspace_bytes for v in op.variants], dtype=np.float64)
    total = np.zeros(len(states.assigned))
    for number, use in enumerate(op.inputs):
        if costing.graph.tensors[use.tensor].role == "value":
            total += wires.local_elements(states.as_read(number), costing.whole_bytes(use.tensor))
    for number, use in enumerate(op.results):
        whole = costing.whole_bytes(use.tensor)
        total += 2 * wires.local_elements(states.as_produced(number), whole)
    return total
