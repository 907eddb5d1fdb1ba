"""Who makes and who reads each tensor of a graph, in program order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsl.spec import Graph, Operator, Use


@dataclass(frozen=True, slots=True)
class Read:
    """Input number `operand` of `operator`."""

    operator: Operator
    operand: int

    @property
    def use(self) -> Use:
        """The tensor as the operator names its dimensions."""
        return self.operator.inputs[self.operand]

    @property
    def has_gradient(self) -> bool:
        """True when the operator computes the gradient of this input."""
        return any(g.operand == self.operand for g in self.operator.gradients)


@dataclass(frozen=True, slots=True)
class Write:
    """The operator that makes a tensor, and the tensor as it names it."""

    operator: Operator
    use: Use


@dataclass(frozen=True, slots=True)
class Wiring:
    """Readers in program order (an operator that reads a tensor twice is there twice), producers,
    and the tensors with a shared layout: inputs and values that are read more than once."""

    graph: Graph
    operators: Mapping[str, Operator]
    readers: Mapping[str, tuple[Read, ...]]
    producers: Mapping[str, Write]

    def is_shared(self, tensor: str) -> bool:
        """True for an input or value that is read more than once."""
        is_parameter = self.graph.tensors[tensor].role == "parameter"
        return not is_parameter and len(self.readers.get(tensor, ())) > 1

    @property
    def shared(self) -> tuple[str, ...]:
        """All tensors with a shared layout, in the graph's order."""
        return tuple(name for name in self.graph.tensors if self.is_shared(name))

    @property
    def parameters(self) -> tuple[str, ...]:
        """All parameters that an operator reads, in the graph's order."""
        tensors = self.graph.tensors
        return tuple(
            name for name in tensors if tensors[name].role == "parameter" and name in self.readers
        )


def wire(graph: Graph) -> Wiring:
    """The wiring of a graph."""
    readers: dict[str, list[Read]] = {}
    producers: dict[str, Write] = {}
    for operator in graph.operators:
        for operand, use in enumerate(operator.inputs):
            readers.setdefault(use.tensor, []).append(Read(operator, operand))
        for use in operator.results:
            producers[use.tensor] = Write(operator, use)
    return Wiring(
        graph=graph,
        operators={operator.name: operator for operator in graph.operators},
        readers={name: tuple(reads) for name, reads in readers.items()},
        producers=producers,
    )
