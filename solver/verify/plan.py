"""Legal decisions together with their spec: the layouts and places that follow directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dsl.spec import Link, Operator, Spec, SubAxis, Unit, Variant
from solver.verify.decisions import Decisions
from solver.verify.kinds import sending, slowest
from solver.verify.layouts import (
    PARTIAL,
    Frame,
    Layout,
    Sharding,
    as_produced,
    as_read,
    dimension_layout,
    gradient_made,
    product,
    shard,
)
from solver.verify.proposal import Proposal
from solver.verify.virtual_stages import number
from solver.verify.wiring import Read, Wiring, Write


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions that `legality` has passed, joined to the spec they decide.

    `stage_of`, `virtual_stage_of` and `recomputed` have every unit; `places` is the stage of every
    virtual stage. `kinds` are the kinds of the devices of the stages, `transfer_links` the link
    that each sends and receives over.
    """

    spec: Spec
    wiring: Wiring
    decisions: Decisions
    frame: Frame
    pipeline: tuple[SubAxis, ...]
    shardings: Mapping[str, Sharding]
    stage_of: Mapping[str, int]
    virtual_stage_of: Mapping[str, int]
    places: tuple[int, ...]
    recomputed: Mapping[str, bool]
    kinds: tuple[int, ...]
    transfer_links: tuple[Link, ...]

    @property
    def stages(self) -> int:
        """How many pipeline stages there are."""
        return product(self.pipeline)

    def seen_by(self, kind: int) -> Plan:
        """The plan as if all devices were of one kind: right for the stages that are."""
        mesh = self.spec.mesh.seen_by(kind)
        parts = {part.name: part for part in mesh.parts}
        return replace(
            self,
            spec=replace(self.spec, mesh=mesh),
            frame=Frame(tuple(parts[p.name] for p in self.frame.parts), self.frame.microbatches),
            pipeline=tuple(parts[p.name] for p in self.pipeline),
        )

    def units_on(self, stage: int) -> tuple[Unit, ...]:
        """The units of a stage, in program order."""
        return tuple(u for u in self.spec.graph.units if self.stage_of[u.name] == stage)

    def units_in(self, virtual_stage: int) -> tuple[Unit, ...]:
        """The units of a virtual stage, in program order."""
        here = self.virtual_stage_of
        return tuple(u for u in self.spec.graph.units if here[u.name] == virtual_stage)

    def operators_of(self, unit: Unit) -> tuple[Operator, ...]:
        """The operators of a unit, in program order."""
        return tuple(self.wiring.operators[name] for name in unit.operators)

    def variant(self, operator: Operator) -> Variant | None:
        """The measured variant an operator runs as, or None when formulas price it."""
        name = self.decisions.operators[operator.name].variant
        return next((v for v in operator.variants if v.name == name), None)

    def read_layout(self, read: Read) -> Layout:
        """The layout in which a reader takes its input."""
        return as_read(read.use, self.shardings[read.operator.name])

    def read_gradient(self, read: Read) -> Layout:
        """The layout of the gradient a reader makes for its input."""
        return gradient_made(read.use, self.shardings[read.operator.name])

    def produced(self, write: Write) -> Layout:
        """The layout in which a producer leaves its result."""
        return as_produced(write.operator, write.use, self.shardings[write.operator.name])

    def shared_layout(self, tensor: str) -> Layout:
        """The shared layout of a tensor in the forward, where `partial` means whole."""
        cuts = self.decisions.tensors[tensor].cuts
        return dimension_layout(self.spec.graph.tensors[tensor], cuts, self.frame)

    def shared_gradient(self, tensor: str) -> Layout:
        """The layout of the gradient at a tensor's shared layout."""
        partial = self.decisions.tensors[tensor].partial
        return tuple(
            PARTIAL if part.name in partial else at
            for part, at in zip(self.frame.parts, self.shared_layout(tensor), strict=True)
        )


def join(proposal: Proposal) -> Plan:
    """The plan that a legal proposal makes (`legality.violations` found none)."""
    graph = proposal.spec.graph
    frame = proposal.frame
    chosen = proposal.decisions.operators
    stage_of = {unit.name: chosen[unit.operators[0]].stage for unit in graph.units}
    turn_of = {unit.name: chosen[unit.operators[0]].turn for unit in graph.units}
    kinds = tuple(min(kinds) for kinds in proposal.kinds)
    across = proposal.pipeline
    links = tuple(
        slowest([sending(part.links[kind]) for part in across]) for kind in kinds if across
    )
    found = {name: number(proposal.places, stage_of[name], turn_of[name]) for name in stage_of}
    return Plan(
        spec=proposal.spec,
        wiring=proposal.wiring,
        decisions=proposal.decisions,
        frame=frame,
        pipeline=proposal.pipeline,
        shardings={o.name: shard(o, proposal.cuts(o), frame) for o in graph.operators},
        stage_of=stage_of,
        virtual_stage_of={name: chunk for name, chunk in found.items() if chunk is not None},
        places=proposal.places,
        recomputed={unit.name: chosen[unit.operators[0]].recompute for unit in graph.units},
        kinds=kinds,
        transfer_links=links,
    )
