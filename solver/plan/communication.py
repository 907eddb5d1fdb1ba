"""Every collective of a plan, as the document lists them (solver/README.md section 9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dsl.spec import Operator
from solver.cost.collectives import Kind
from solver.cost.compute import evaluate
from solver.cost.operators import OperatorStates, has_gradient
from solver.cost.quantities import Quantity
from solver.cost.redistribution import COLLECTIVE_NAMES, redistribute
from solver.cost.wires import NONE, PARTIAL, Bools, States, Wires
from solver.sharding.problem import Selection, ShardingProblem
from solver.stages.pattern import Pattern

PHASES = {"F": Quantity.FORWARD, "B": Quantity.INPUT_GRAD, "W": Quantity.WEIGHT_GRAD}
"""Where a parameter's collectives of a micro-batch are charged; it charges nothing else there."""


@dataclass(frozen=True, slots=True)
class Call:
    """One collective: kind, sub-axes, bytes of a call and seconds of a call; `exposed`: those that
    compute does not hide, where overlap is scheduled."""

    collective: str
    axes: tuple[str, ...]
    bytes: float
    seconds: float
    exposed: float | None = None


@dataclass
class Communication:
    """Walks the graph of one plan; `entries` is the document's list."""

    problem: ShardingProblem
    selection: Selection
    pattern: Pattern
    entries: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.costing = self.problem.costing
        self.sizes = self.costing.wires.sizes
        self.names = [part.name for part in self.problem.split.sharding]
        self.m = self.problem.split.microbatches
        units = self.problem.spec.graph.units
        self.unit_number = {unit.name: i for i, unit in enumerate(units)}
        self._moves: dict[object, tuple[Call, ...]] = {}

    def collect(self) -> list[dict[str, Any]]:
        """All entries, in program order of tensors, then operators, then parameters."""
        for tensor, reads in self.problem.wiring.reads.items():
            role = self.problem.spec.graph.tensors[tensor].role
            if role == "parameter":
                if len(reads) > 1:
                    self._shared_parameter(tensor)
            elif len(reads) > 1:
                self._shared(tensor)
            elif role == "value":
                self._direct(tensor)
        for op in self.problem.spec.graph.operators:
            self._across(op)
        for tensor in self.problem.store_of_parameter:
            self._parameter(tensor)
        return self.entries

    # ---- layouts of this plan --------------------------------------------------------------

    def _row(self, operator: str) -> OperatorStates:
        number = self.problem.node_of_operator[operator]
        states = self.problem.nodes[number].operator_states
        assert states is not None
        return states

    def _pick(self, operator: str, states: States) -> States:
        row: States = states[self._strategy(operator)]
        return row

    def _strategy(self, operator: str) -> int:
        return self.selection.strategies[self.problem.node_of_operator[operator]]

    def _hub(self, tensor: str) -> States:
        number = self.problem.node_of_tensor[tensor]
        states = self.problem.nodes[number].states
        assert states is not None
        return np.asarray(states[self.selection.strategies[number]])

    # ---- entries ---------------------------------------------------------------------------

    def _add(self, operator: str, tensor: str | None, phase: str, count: int, c: Call) -> None:
        self.entries.append(
            {
                "operator": operator,
                "tensor": tensor,
                "phase": phase,
                "collective": c.collective,
                "axes": list(c.axes),
                "bytes": c.bytes,
                "count": count,
                "seconds": c.seconds,
                **({} if c.exposed is None else {"exposed_s": c.exposed}),
            }
        )

    def _kind(self, unit: str) -> int:
        """The kind of the devices that a unit is on."""
        return self.problem.split.kinds[self.pattern.stage_of[self.unit_number[unit]]]

    def _wires(self, unit: str) -> Wires:
        return self.problem.costings[self._kind(unit)].wires

    def _forward(
        self, op: Operator, tensor: str | None, calls: Iterable[Call], kept: bool = False
    ) -> None:
        """Calls in F, and again in B where the unit is recomputed and has not kept the result."""
        again = self.pattern.again[self.unit_number[op.unit]] and not kept
        for c in calls:
            self._add(op.name, tensor, "F", self.m, c)
            if again:
                self._add(op.name, tensor, "B", self.m, c)

    def _move(self, source: States, target: States, tensor: str, unit: str) -> tuple[Call, ...]:
        whole, wires = self.costing.whole_bytes(tensor), self._wires(unit)
        key = (source.tobytes(), target.tobytes(), whole, id(wires))
        if key not in self._moves:
            steps = redistribute(source, target, whole, wires)
            self._moves[key] = tuple(
                Call(
                    name,
                    tuple(n for a, n in enumerate(self.names) if steps.members[k] >> a & 1),
                    float(steps.volume[k]),
                    float(steps.seconds[k]),
                )
                for k, name in COLLECTIVE_NAMES.items()
                if steps.members[k]
            )
        return self._moves[key]

    def _back(self, op: Operator, tensor: str, phase: str, calls: Iterable[Call]) -> None:
        for c in calls:
            self._add(op.name, tensor, phase, self.m, c)

    def _direct(self, tensor: str) -> None:
        read = self.problem.wiring.reads[tensor][0]
        made, result = self.problem.wiring.producer[tensor]
        op = self.problem.wiring.operator[read.operator]
        source, reader = self._row(made), self._row(op.name)
        produced = self._pick(made, source.as_produced(result))
        as_read = self._pick(op.name, reader.as_read(read.position))
        kept = self.problem.wiring.is_kept(tensor, op.unit)
        self._forward(op, tensor, self._move(produced, as_read, tensor, op.unit), kept)
        if self._flows(tensor) and has_gradient(op, read.position):
            gradient = self._pick(op.name, reader.gradient(read.position))
            needed = self._pick(made, source.needed_gradient(result))
            self._back(op, tensor, "B", self._move(gradient, needed, tensor, op.unit))

    def _flows(self, tensor: str) -> bool:
        return self.problem.spec.graph.tensors[tensor].needs_gradient

    def _shared(self, tensor: str) -> None:
        reads = self.problem.wiring.reads[tensor]
        hub = self._hub(tensor)
        whole = np.where(hub == PARTIAL, NONE, hub).astype(np.int8)
        first = self.problem.wiring.operator[reads[0].operator]
        uses = [(self.problem.wiring.operator[r.operator], r.position) for r in reads]
        made = self.problem.wiring.producer.get(tensor)
        if made is not None:
            source = self._row(made[0])
            produced = self._pick(made[0], source.as_produced(made[1]))
            kept = self.problem.wiring.is_kept(tensor, first.unit)
            self._forward(first, tensor, self._move(produced, whole, tensor, first.unit), kept)
            if self._flows(tensor) and any(has_gradient(op, n) for op, n in uses):
                needed = self._pick(made[0], source.needed_gradient(made[1]))
                self._back(first, tensor, "B", self._move(hub, needed, tensor, first.unit))
        for op, number in uses:
            reader = self._row(op.name)
            as_read = self._pick(op.name, reader.as_read(number))
            self._forward(op, tensor, self._move(whole, as_read, tensor, op.unit))
            if self._flows(tensor) and has_gradient(op, number):
                gradient = self._pick(op.name, reader.gradient(number))
                self._back(op, tensor, "B", self._move(gradient, hub, tensor, op.unit))

    def _shared_parameter(self, tensor: str) -> None:
        hub = self._hub(tensor)
        used = np.where(hub == PARTIAL, NONE, hub).astype(np.int8)
        for read in self.problem.wiring.reads[tensor]:
            op = self.problem.wiring.operator[read.operator]
            reader = self._row(op.name)
            as_read = self._pick(op.name, reader.as_read(read.position))
            self._forward(op, tensor, self._move(used, as_read, tensor, op.unit))
            if has_gradient(op, read.position):
                gradient = self._pick(op.name, reader.gradient(read.position))
                kept = (gradient == PARTIAL) & (used == NONE)
                target = np.where(kept, PARTIAL, used).astype(np.int8)
                self._back(op, tensor, "W", self._move(gradient, target, tensor, op.unit))

    def _across(self, op: Operator) -> None:
        if not op.across:
            return
        states = self._row(op.name)
        k = self._strategy(op.name)
        wires = self._wires(op.unit)
        local = states.local_sizes(wires, self.m)
        sizes = {name: np.asarray(values[k]) for name, values in local.items()}
        for index, formula in op.across:
            members: Bools = states.cut(index)[k]
            if not members.any():
                continue
            volume = evaluate(formula, sizes)
            seconds = wires.seconds("reduce", members, volume)
            c = Call("all_reduce", self._axes(members), float(volume), float(seconds))
            self._forward(op, None, [c])
            if op.gradients:
                self._add(op.name, None, "B", self.m, c)

    def _axes(self, members: Bools) -> tuple[str, ...]:
        return tuple(n for n, there in zip(self.names, members, strict=True) if there)

    # ---- parameters ------------------------------------------------------------------------

    def _parameter(self, tensor: str) -> None:
        number = self.problem.store_of_parameter[tensor]
        store = self.problem.stores[number]
        label = int(store.labels[self.selection.strategies[store.node]])
        z = self.selection.storage[number]
        sets = {k: members[label, z] for k, members in store.costs.sets.items()}
        reduced = store.costs.reduced[label]
        train = self.problem.spec.train
        local = float(store.costs.local[label])
        weights, gradient = (
            local * train.precision.parameter_bytes,
            local * train.optimizer.gradient_bytes,
        )
        left: dict[str, float] = {}
        if train.overlap == "scheduled":
            column, kind = store.costs.table[:, label, z], self._kind(self._first_unit(tensor))
            rows = {phase: self.problem.kinds.row(q, kind) for phase, q in PHASES.items()}
            left = {phase: float(column[row]) for phase, row in rows.items()}
        if sets[3].any():
            for phase in ("F", "B"):
                self._bucket(tensor, phase, "all_gather", sets[3], weights, left.get(phase))
        if not store.costs.trained:
            return
        if sets[2].any():
            scattered = reduced & sets[2]
            self._bucket(tensor, "W", "reduce_scatter", scattered, gradient, left.get("W"))
        only = sets[1] & ~sets[2]
        volume = gradient / self._size(sets[2])
        self._bucket(tensor, "step", "reduce_scatter", reduced & only, volume)
        volume /= self._size(only)
        self._bucket(tensor, "step", "all_reduce", reduced & ~sets[1], volume)
        kept = weights / self._size(sets[3])
        self._bucket(tensor, "step", "all_gather", sets[1] & ~sets[3], kept)
        self._exchange(tensor, gradient / self._size(sets[1]))

    def _first_unit(self, tensor: str) -> str:
        first = self.problem.wiring.reads[tensor][0].operator
        return self.problem.wiring.operator[first].unit

    def _size(self, members: Bools) -> float:
        return float(np.prod(np.where(members, self.sizes, 1)))

    def _bucket(
        self,
        tensor: str,
        phase: str,
        collective: str,
        members: Bools,
        volume: float,
        exposed: float | None = None,
    ) -> None:
        if not members.any():
            return
        wires = self._wires(self._first_unit(tensor))
        kind: Kind = "reduce" if collective == "all_reduce" else "scatter"
        seconds = float(wires.bucketed(kind, members, np.asarray(volume)))
        c = Call(collective, self._axes(members), volume, seconds, exposed)
        self._add(tensor, tensor, phase, 1 if phase == "step" else self.m, c)

    def _exchange(self, tensor: str, volume: float) -> None:
        reads = self.problem.wiring.reads[tensor]
        units = [self.problem.wiring.operator[r.operator].unit for r in reads]
        stage_of = self.pattern.stage_of
        stages = {stage_of[self.unit_number[u]] for u in units}
        holders, link = len(stages), self.problem.split.link_between(stages)
        if holders > 1 and link is not None:
            seconds = 2 * (holders - 1) / holders * volume / link.bandwidth
            axes = tuple(part.name for part in self.problem.split.pipeline)
            self._add(tensor, tensor, "step", 1, Call("all_reduce", axes, volume, seconds))
