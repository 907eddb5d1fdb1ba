"""What a plan chooses in one split of a small spec, stages and schedule aside, as verified plans.

A node is an operator or the shared layout of a tensor; its options are those of
`tests.solver.space`. Any assignment of options is a `solver.verify` plan, so whatever it costs can
be asked of the verifier.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dsl.spec import Operator, Spec, SubAxis, Unit
from solver.verify.decisions import (
    Cuts,
    Decisions,
    OperatorChoice,
    ParameterChoice,
    TensorChoice,
)
from solver.verify.layouts import Layout, shard
from solver.verify.plan import Plan, join
from solver.verify.proposal import propose
from solver.verify.storage import free_parts, used_layout
from tests.solver.space import Space, operator_cuts

Levels = tuple[tuple[str, int], ...]
Assignment = Mapping[str, int]
"""Node -> number of its option; nodes that are not named take the first."""


def layout_of(tensor: str) -> str:
    """The node of a tensor's shared layout (operators may have the name of their result)."""
    return f"layout of {tensor}"


@dataclass(frozen=True)
class Choices:
    """The nodes of a split with their options: `operators` by name, `layouts` by `layout_of`."""

    spec: Spec
    space: Space
    pipeline: tuple[SubAxis, ...]
    microbatches: int
    operators: Mapping[str, tuple[Cuts, ...]]
    layouts: Mapping[str, tuple[TensorChoice, ...]]

    @property
    def stages(self) -> int:
        """How many pipeline stages there are."""
        found = 1
        for part in self.pipeline:
            found *= part.size
        return found

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units of the graph, in program order."""
        return self.spec.graph.units

    def options(self, node: str) -> int:
        """How many options a node has."""
        return len(self.operators.get(node) or self.layouts[node])

    @property
    def nodes(self) -> tuple[str, ...]:
        """Operators, then tensors."""
        return (*self.operators, *self.layouts)

    def reader(self, parameter: str) -> Operator:
        """The one reader of a parameter."""
        (read,) = self.space.wiring.readers[parameter]
        return read.operator

    @cached_property
    def base(self) -> Plan:
        """The plan of first options, with all units on stage 0 and nothing stored cut."""
        return join(propose(self.decisions({}, {}, {}, {}), self.spec))

    def plan(self, chosen: Assignment, levels: Mapping[str, Levels] | None = None) -> Plan:
        """The base plan with these options and storage levels of parameters."""
        base = self.base
        shardings = dict(base.shardings)
        tensors = dict(base.decisions.tensors)
        for name in base.wiring.shared:
            node = layout_of(name)
            tensors[name] = self.layouts[node][chosen.get(node, 0)]
        for name, option in chosen.items():
            if name in self.operators:
                operator = base.wiring.operators[name]
                shardings[name] = shard(operator, self.operators[name][option], base.frame)
        parameters = dict(base.decisions.parameters)
        for name, row in (levels or {}).items():
            parameters[name] = ParameterChoice((), row)
        decided = replace(base.decisions, tensors=tensors, parameters=parameters)
        return replace(base, shardings=shardings, decisions=decided)

    def decisions(
        self,
        chosen: Assignment,
        levels: Mapping[str, Levels],
        stage_of: Mapping[str, int],
        recomputed: Mapping[str, bool],
    ) -> Decisions:
        """All decisions but the schedule; units that are not named are on stage 0 and recompute
        where they must."""
        may = {unit.name: self.space.may_recompute(unit)[0] for unit in self.units}
        cuts = {name: options[chosen.get(name, 0)] for name, options in self.operators.items()}
        return Decisions(
            operators={
                op.name: OperatorChoice(
                    cuts[op.name],
                    stage_of.get(op.unit, 0),
                    recomputed.get(op.unit, may[op.unit]),
                )
                for op in self.spec.graph.operators
            },
            tensors={
                name: self.layouts[layout_of(name)][chosen.get(layout_of(name), 0)]
                for name in self.space.wiring.shared
            },
            parameters={
                name: ParameterChoice(self._used(name, cuts), levels.get(name, ()))
                for name in self.space.wiring.parameters
            },
            pipeline=tuple(part.name for part in self.pipeline),
            microbatches=self.microbatches,
            family=self.spec.train.pipeline.family,
            schedule=(),
        )

    def _used(self, parameter: str, cuts: Mapping[str, Cuts]) -> Cuts:
        reader = self.reader(parameter)
        (read,) = self.space.wiring.readers[parameter]
        chosen = dict(cuts[reader.name])
        dims = [dim.name for dim in self.spec.graph.tensors[parameter].dims]
        pairs = zip(dims, read.use.indices, strict=True)
        return tuple((dim, chosen[index]) for dim, index in pairs if index in chosen)

    def storages(self, parameter: str, option: int) -> list[Levels]:
        """The storage levels of a parameter whose reader takes an option: 0 to 3 on every mesh axis
        with a sub-axis that is free."""
        plan = self.plan({self.reader(parameter).name: option})
        used: Layout = used_layout(plan, parameter)
        axes = dict.fromkeys(part.axis for part in free_parts(plan, used))
        rows = itertools.product(range(4), repeat=len(axes))
        return [tuple((a, n) for a, n in zip(axes, row, strict=True) if n) for row in rows]


def choices_of(spec: Spec) -> list[Choices]:
    """The splits of a spec that have a stage map: pipeline sub-axes x micro-batch counts."""
    space = Space(spec)
    if any(len(space.wiring.readers[name]) > 1 for name in space.wiring.parameters):
        raise ValueError("parameters with several readers are not part of the joint model")
    found = (
        _choices(space, pipeline, count)
        for pipeline in space.pipelines()
        for count in space.microbatch_counts()
    )
    return [one for one in found if one.stages <= len(spec.graph.units)]


def _choices(space: Space, pipeline: tuple[SubAxis, ...], count: int) -> Choices:
    spec = space.spec
    free: Sequence[SubAxis] = [part for part in spec.mesh.parts if part not in pipeline]
    operators = {op.name: tuple(operator_cuts(op, free, count)) for op in spec.graph.operators}
    layouts = {
        layout_of(name): tuple(TensorChoice(*row) for row in space.layouts(name, free, count))
        for name in space.wiring.shared
    }
    return Choices(spec, space, pipeline, count, operators, layouts)
