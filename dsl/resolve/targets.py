"""What a selector hits: operators, their units and their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsl import spec
from dsl.resolve.models.tree import Node


@dataclass(frozen=True, slots=True)
class Targets:
    """The operators under the matched nodes in program order, their units, and the parameters
    matched or used."""

    operators: tuple[spec.Operator, ...]
    parameters: tuple[str, ...]
    units: tuple[str, ...]
    only_parameters: bool


@dataclass(frozen=True, slots=True)
class Model:
    """The finished graph with the tree of names that selectors walk."""

    graph: spec.Graph
    roots: tuple[Node, ...]

    def targets(self, nodes: Sequence[Node]) -> Targets:
        """What these nodes cover."""
        places = {
            inner.operator
            for node in nodes
            if node.sort != "parameter"
            for inner in node.walk()
            if inner.operator is not None
        }
        operators = tuple(self.graph.operators[place] for place in sorted(places))
        parameters = [
            inner.path for node in nodes for inner in node.walk() if inner.sort == "parameter"
        ]
        used = [
            use.tensor
            for operator in operators
            for use in operator.inputs
            if self.graph.tensors[use.tensor].role == "parameter"
        ]
        return Targets(
            operators,
            tuple(dict.fromkeys([*parameters, *used])),
            tuple(dict.fromkeys(operator.unit for operator in operators)),
            all(node.sort == "parameter" for node in nodes),
        )
