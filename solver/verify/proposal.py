"""Decisions beside the spec they are for, before anything about them is known to be legal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dsl.spec import Operator, Spec, SubAxis
from solver.verify.decisions import Cuts, Decisions
from solver.verify.kinds import kinds_of_stages
from solver.verify.layouts import Frame, product
from solver.verify.virtual_stages import places, with_chunks
from solver.verify.wiring import Wiring, wire


@dataclass(frozen=True, slots=True)
class Proposal:
    """Decisions, their spec, and its wiring."""

    decisions: Decisions
    spec: Spec
    wiring: Wiring

    @property
    def pipeline(self) -> tuple[SubAxis, ...]:
        """The sub-axes given to pipeline stages, in mesh order."""
        return tuple(p for p in self.spec.mesh.parts if p.name in self.decisions.pipeline)

    @property
    def stages(self) -> int:
        """How many pipeline stages there are."""
        return product(self.pipeline)

    @property
    def kinds(self) -> tuple[frozenset[int], ...]:
        """The kinds of the devices of every stage (one each, where the proposal is legal)."""
        return kinds_of_stages(self.spec.mesh, self.pipeline)

    @property
    def places(self) -> tuple[int, ...]:
        """The stage of every virtual stage."""
        return places(self.spec.train.pipeline, self.stages)

    @property
    def frame(self) -> Frame:
        """The sharding sub-axes and the number of micro-batches."""
        parts = (p for p in self.spec.mesh.parts if p.name not in self.decisions.pipeline)
        return Frame(tuple(parts), self.decisions.microbatches)

    def cuts(self, operator: Operator) -> Cuts:
        """The cuts an operator runs with: the chosen ones, or those of its measured variant."""
        choice = self.decisions.operators[operator.name]
        if choice.cuts is not None:
            return choice.cuts
        return next((v.cuts for v in operator.variants if v.name == choice.variant), ())


def propose(decisions: Decisions, spec: Spec) -> Proposal:
    """Decisions joined to their spec, in which they settle how many chunks a stage has where the
    spec allows a range."""
    turns = max((choice.turn for choice in decisions.operators.values()), default=0)
    pipeline = with_chunks(spec.train.pipeline, turns + 1)
    settled = replace(spec, train=replace(spec.train, pipeline=pipeline))
    return Proposal(decisions, settled, wire(spec.graph))
