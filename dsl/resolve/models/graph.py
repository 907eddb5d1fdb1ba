"""The graph while it grows: operators, tensors, readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from dsl import spec
from dsl.resolve.binding import BoundKind
from dsl.resolve.kinds import KindDef
from dsl.resolve.models.layers import divide
from dsl.resolve.models.tree import Node
from dsl.resolve.report import RejectedError, Reporter
from dsl.span import Span

MAX_DEPTH = 300
"""Models and blocks inside each other; far beyond any model."""

LARGEST_GRAPH = 100_000
"""Operators after unrolling. Far beyond any model; a slip in a count stops here."""


@dataclass(slots=True)
class GraphBuilder:
    """Collects the graph of all model instances. Units are filled in at the end.

    `kinds` and `bound` keep what was worked out once: kinds by declaration, bindings by kind and
    indices, which all layers share. `failed`: some item was rejected.
    """

    report: Reporter
    precision: spec.Precision
    mesh: spec.Mesh | None
    roots: list[Node] = field(default_factory=list)
    operators: list[spec.Operator] = field(default_factory=list)
    tensors: dict[str, spec.Tensor] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    kinds: dict[Span, KindDef] = field(default_factory=dict)
    bound: dict[object, BoundKind] = field(default_factory=dict)
    unrolled: int = 0
    failed: bool = False
    _depth: int = 0
    _is_endless: bool = False

    def add_tensor(self, tensor: spec.Tensor) -> spec.Tensor:
        """Take a tensor into the graph."""
        self.tensors[tensor.name] = tensor
        return tensor

    @contextmanager
    def deeper(self, span: Span) -> Iterator[None]:
        """Note one level more of models and blocks; error MMP113 beyond measure."""
        if self._is_endless:  # said already; two such blocks in one model would double every time
            raise RejectedError("endless")
        if self._depth >= MAX_DEPTH:
            self._is_endless = True
            message = f"models are nested more than {MAX_DEPTH} deep; does one contain itself?"
            raise self.report.error("MMP113", message, span)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def unroll(self, count: int, span: Span) -> None:
        """Count operators and iterations to come; error MMP206 beyond measure."""
        self.unrolled += count
        if self.unrolled > LARGEST_GRAPH:
            message = f"the model unrolls to more than {LARGEST_GRAPH} operators"
            raise self.report.error("MMP206", message, span)

    @property
    def is_full(self) -> bool:
        """Whether `unroll` refused, so that walking on is pointless."""
        return self.unrolled > LARGEST_GRAPH

    def read(self) -> set[str]:
        """The names of tensors some operator reads."""
        return {use.tensor for operator in self.operators for use in operator.inputs}

    def finish(self) -> spec.Graph:
        """The finished graph, every operator with its unit."""
        names = [operator.name for operator in self.operators]
        units = tuple(unit for root in self.roots for unit in divide(root, names))
        home = {name: unit.name for unit in units for name in unit.operators}
        operators = tuple(replace(o, unit=home[o.name]) for o in self.operators)
        return spec.Graph(operators, self.tensors, units, tuple(self.outputs))
