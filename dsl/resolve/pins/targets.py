"""What a selector hits: operators, their units and their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.arguments import expand_axes
from dsl.resolve.mesh import sub_axes
from dsl.resolve.models.tree import Node
from dsl.resolve.report import RejectedError, Reporter
from dsl.resolve.values import Names
from dsl.span import Span


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


@dataclass(frozen=True, slots=True)
class PinContext:
    """One pin's surroundings. `targets` None: the model has errors, so only what does not depend on
    it is checked. `stages` is the largest number of stages, None when open."""

    targets: Targets | None
    selector: syntax.Selector
    mesh: spec.Mesh
    stages: int | None
    is_forbid: bool
    names: Names
    report: Reporter

    def known_targets(self) -> Targets:
        """What was hit; rejected silently when the model has errors."""
        if self.targets is None:
            raise RejectedError("model")
        return self.targets

    def operators(self, span: Span) -> Targets:
        """What was hit, for a part about operators. Error MMP418 when that is only parameters."""
        targets = self.known_targets()
        if targets.only_parameters:
            message = "only `stored over` applies to a parameter"
            label = Label(self.selector.span, "this selects parameters")
            hint = "select the operator that reads it for cuts, stages and recomputation"
            raise self.report.error("MMP418", message, span, label, hint=hint)
        return targets

    def parts(self, axes: Sequence[syntax.AxisName]) -> tuple[str, ...]:
        """The prime sub-axes that the axes (or an axes parameter) stand for."""
        return sub_axes(expand_axes(axes, self.names), self.mesh, self.report)
