"""A split with its tables, ready to be searched."""

from __future__ import annotations

from dataclasses import dataclass

from solver.search.order import APART
from solver.sharding.lower.tables import Tables
from solver.sharding.problem import ShardingProblem
from solver.space.pins import PinMasks


@dataclass(frozen=True, slots=True)
class Ready:
    """The problem, pins as masks, and the tables of what the hard pins leave."""

    problem: ShardingProblem
    pins: tuple[PinMasks, ...]
    tables: Tables

    def recompute_wishes(self) -> dict[int, bool]:
        """Units whose recomputation a hard pin decides."""
        found = {}
        for pin in self.pins:
            for wish in pin.units if pin.is_hard else ():
                if wish.again is not None:
                    found[wish.unit] = wish.again != wish.inverted
        return found

    def recompute_mode(self) -> str:
        """The spec's mode; `none` instead of `auto` where the schedule family needs weight
        gradients apart, which recomputation joins."""
        train = self.problem.spec.train
        keeps_apart = train.recompute == "auto" and train.pipeline.family in APART
        return "none" if keeps_apart else train.recompute

    def layers(self) -> list[bool]:
        """Which units are layers of a repeat: recomputation is chosen for them only."""
        is_layer = {u: k.is_layer for k in self.problem.classes for u in k.units}
        return [is_layer[unit.name] for unit in self.problem.spec.graph.units]
