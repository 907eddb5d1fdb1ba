"""A plan document and its spec, with what several sections look up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dsl.spec import Operator, Spec
from solver.events import Document
from solver.space.mesh import kinds_of_stages


@dataclass(frozen=True)  # no slots: the look-ups below are made once, on demand
class View:
    """What a section gets. `document` holds a plan and has passed verification."""

    document: Document
    spec: Spec
    width: int

    @property
    def objective(self) -> dict[str, Any]:
        """The `objective` object."""
        found: dict[str, Any] = self.document["objective"]
        return found

    @property
    def stages(self) -> list[dict[str, Any]]:
        """The pipeline stages, first to last."""
        found: list[dict[str, Any]] = self.document["pipeline"]["stages"]
        return found

    @property
    def microbatches(self) -> int:
        """Micro-batches of a step."""
        return int(self.document["pipeline"]["microbatches"])

    @property
    def pipeline_parts(self) -> tuple[str, ...]:
        """Sub-axes that belong to the pipeline."""
        return tuple(self.document["pipeline"]["axes"])

    @cached_property
    def part_sizes(self) -> dict[str, int]:
        """Size of every prime sub-axis, in mesh order."""
        return {part.name: part.size for part in self.spec.mesh.parts}

    @cached_property
    def devices(self) -> tuple[str, ...]:
        """The name of every stage's devices; nothing where all are of one kind."""
        mesh = self.spec.mesh
        parts = tuple(part for part in mesh.parts if part.name in self.pipeline_parts)
        kinds = kinds_of_stages(mesh, parts) if len(mesh.kinds) > 1 else None
        return tuple(mesh.kinds[kind].name for kind in kinds or ())

    @cached_property
    def operators(self) -> dict[str, Operator]:
        """Operators of the spec by name."""
        return {operator.name: operator for operator in self.spec.graph.operators}

    @cached_property
    def first_reader(self) -> dict[str, str]:
        """Tensor -> name of the first operator in program order that reads it."""
        readers: dict[str, str] = {}
        for operator in self.spec.graph.operators:
            for use in operator.inputs:
                readers.setdefault(use.tensor, operator.name)
        return readers

    @cached_property
    def readers(self) -> dict[str, int]:
        """Tensor -> how many operator inputs name it."""
        return Counter(use.tensor for op in self.spec.graph.operators for use in op.inputs)

    @cached_property
    def holders(self) -> dict[str, frozenset[int]]:
        """Tensor -> stages that read it."""
        stage_of = {name: s["stage"] for s in self.stages for name in s["operators"]}
        found: dict[str, frozenset[int]] = {}
        for operator in self.spec.graph.operators:
            for use in operator.inputs:
                found[use.tensor] = found.get(use.tensor, frozenset()) | {stage_of[operator.name]}
        return found

    @cached_property
    def recomputed(self) -> tuple[str, ...]:
        """Units whose forward runs again, in program order."""
        choices = self.document["operators"]
        return tuple(
            unit.name
            for unit in self.spec.graph.units
            if any(choices[name].get("recompute") for name in unit.operators)
        )

    def cuts(self, operator: str) -> dict[str, list[str]]:
        """Index -> sub-axes that cut it, as decided for this operator (variants included)."""
        choice = self.document["operators"][operator]
        name = choice.get("variant")
        for variant in self.operators[operator].variants:
            if variant.name == name:
                return {index: list(parts) for index, parts in variant.cuts}
        found: dict[str, list[str]] = choice.get("cuts", {})
        return found

    def axes(self, parts: Iterable[str]) -> str:
        """Sub-axes in the fewest words: a whole axis by its name, in mesh order."""
        wanted = frozenset(parts)
        words: list[str] = []
        for axis in self.spec.mesh.axes:
            names = [part.name for part in axis.parts]
            chosen = [name for name in names if name in wanted]
            words.extend([axis.name] if chosen and chosen == names else chosen)
        return ",".join(words)
