"""The `mmp-plan/1` document of a plan (solver/README.md section 9)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsl.spec import Limit, Spec
from solver.cost.wires import NONE, PARTIAL, Bools
from solver.events import Document
from solver.plan.bill import Row, bill
from solver.plan.communication import Communication
from solver.plan.pipeline import Pipeline, peak_activations
from solver.schedule.problem import Action
from solver.sharding.problem import Selection, ShardingProblem
from solver.space.pins import STORED_LEVEL, PinMasks
from solver.stages.figures import StageFigures, figures
from solver.stages.pattern import Pattern, counts


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was decided, with the timed schedule."""

    problem: ShardingProblem
    selection: Selection
    pattern: Pattern
    actions: tuple[Action, ...]
    step_time: float
    broken: tuple[bool, ...]  # per pin of the spec
    pins: tuple[PinMasks, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known about the plan: a lower bound on the objective, and why the search stopped."""

    bound: float
    stopped: str


def memory_limit(spec: Spec) -> Limit | None:
    """The memory limit that binds: of those that must hold the one with the least value after its
    reserve, the first among equals. None: the device's own memory binds."""
    limits = [x for x in spec.limits if x.quantity == "memory" and x.weight is None]
    return min(limits, key=lambda x: x.value - x.reserve) if limits else None


def limits_of_kinds(spec: Spec) -> tuple[float, ...]:
    """Bytes that the peak may reach on the devices of every kind: the limit's, or else their own;
    where there are several kinds, the lesser of both."""
    limit, own = memory_limit(spec), [device.memory_bytes for device in spec.mesh.kinds]
    if limit is None:
        return tuple(own)
    return (limit.value,) if len(own) == 1 else tuple(min(limit.value, x) for x in own)


def capacities(spec: Spec) -> tuple[float, ...]:
    """Bytes that a plan may use on the devices of every kind beside the reserve."""
    limit = memory_limit(spec)
    return tuple(x - (limit.reserve if limit else 0.0) for x in limits_of_kinds(spec))


def document(plan: Plan, proof: Proof) -> Document:
    """The whole document, without the run's own data (versions, sources, wall time)."""
    builder = _Builder(plan)
    return builder.build(proof)


def worth(plan: Plan) -> float:
    """The objective's value of a plan, with what is paid for broken pins and exceeded limits."""
    return _Builder(plan).worth()


class _Builder:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.problem = plan, plan.problem
        self.spec = plan.problem.spec
        self.figures: StageFigures = figures(plan.problem, plan.selection, plan.pattern)
        self.names = [part.name for part in plan.problem.split.sharding]
        self.unit_number = {u.name: i for i, u in enumerate(self.spec.graph.units)}

    def worth(self) -> float:
        memory = self._memory()
        return self._spent(memory) + _penalty(self._bill(memory))

    def build(self, proof: Proof) -> Document:
        memory = self._memory()
        pins = self._bill(memory)
        objective = self._objective(proof, self._spent(memory), _penalty(pins))
        proved = proof.stopped == "proved" and objective["gap"] <= 1e-4
        return {
            "format": "mmp-plan/1",
            "outcome": {"stopped": proof.stopped, "plan": "optimal" if proved else "feasible"},
            "objective": objective,
            "step_time_s": self.plan.step_time,
            "space": self.problem.space,
            "mesh": {
                "devices": self.spec.mesh.devices,
                "axes": [{"name": a.name, "size": a.size} for a in self.spec.mesh.axes],
            },
            "operators": self._operators(),
            "tensors": self._tensors(),
            "parameters": self._parameters(),
            "pipeline": self._pipeline().document(),
            "memory": memory,
            "communication": Communication(
                self.problem, self.plan.selection, self.plan.pattern
            ).collect(),
            "pins": pins,
        }

    # ---- objective -------------------------------------------------------------------------

    def _bill(self, memory: Sequence[Row]) -> list[Row]:
        return bill(self.spec, self.plan.broken, memory, self.plan.step_time)

    def _spent(self, memory: Sequence[Row]) -> float:
        if self.spec.objective[0] == "memory":
            return float(max(m["peak_bytes"] for m in memory))
        return self.plan.step_time

    def _objective(self, proof: Proof, spent: float, penalty: float) -> dict[str, Any]:
        is_memory = self.spec.objective[0] == "memory"
        value = spent + penalty
        bound = min(proof.bound, value)
        return {
            "name": self.spec.objective[0],
            "unit": "B" if is_memory else "s",
            "value": value,
            "bound": bound,
            "gap": (value - bound) / value if value else 0.0,
            "penalty": penalty,
        }

    # ---- choices ---------------------------------------------------------------------------

    def _axes(self, members: Bools) -> list[str]:
        return [n for n, there in zip(self.names, members, strict=True) if there]

    def _operators(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for op in self.spec.graph.operators:
            number = self.problem.node_of_operator[op.name]
            states = self.problem.nodes[number].operator_states
            assert states is not None
            k = self.plan.selection.strategies[number]
            row = states.assigned[k]
            cuts = {
                index.name: self._axes(row == i)
                for i, index in enumerate(op.indices)
                if (row == i).any()
            }
            unit = self.unit_number[op.unit]
            pattern = self.plan.pattern
            chunk = pattern.chunk_of[unit]
            entry: dict[str, Any] = {"cuts": cuts, "stage": pattern.placement[chunk]}
            if pattern.has_several_chunks:
                entry["chunk"] = pattern.round_of(chunk)
            entry["recompute"] = pattern.again[unit]
            if op.variants:
                entry["variant"] = op.variants[self.problem.variant_number(op.name, k)].name
            found[op.name] = entry
        return found

    def _tensors(self) -> dict[str, Any]:
        found = {}
        for tensor, number in self.problem.node_of_tensor.items():
            declared = self.spec.graph.tensors[tensor]
            if declared.role == "parameter":
                continue
            states = self.problem.nodes[number].states
            assert states is not None
            row = states[self.plan.selection.strategies[number]]
            found[tensor] = {
                "cuts": self._by_dimension(tensor, [self._axes(row == j) for j in range(14)]),
                "partial": self._axes(row == PARTIAL),
            }
        return found

    def _by_dimension(self, tensor: str, axes: Sequence[list[str]]) -> dict[str, list[str]]:
        dims = self.spec.graph.tensors[tensor].dims
        return {dim.name: axes[j] for j, dim in enumerate(dims) if axes[j]}

    def _parameters(self) -> dict[str, Any]:
        axis_names = list(dict.fromkeys(p.axis for p in self.problem.split.sharding))
        found = {}
        for tensor, number in self.problem.store_of_parameter.items():
            store = self.problem.stores[number]
            k = self.plan.selection.strategies[store.node]
            label, z = int(store.labels[k]), self.plan.selection.storage[number]
            used = self._used(tensor, k)
            cuts = [self._axes(used == j) for j in range(14)]
            sets = {level: members[label, z] for level, members in store.costs.sets.items()}
            size = float(np.prod(np.where(sets[3], self.problem.costing.wires.sizes, 1)))
            pb = self.spec.train.precision.parameter_bytes
            levels = dict(zip(axis_names, store.costs.options[z], strict=True))
            found[tensor] = {
                "used": self._by_dimension(tensor, cuts),
                "stored": self._stored(tensor, cuts, sets[STORED_LEVEL["parameters"]]),
                "gradients_stored": self._stored(tensor, cuts, sets[STORED_LEVEL["gradients"]]),
                "optimizer_stored": self._stored(tensor, cuts, sets[STORED_LEVEL["optimizer"]]),
                "levels": {axis: level for axis, level in levels.items() if level},
                "bytes_per_device": math.ceil(float(store.costs.local[label]) / size) * pb,
            }
        return found

    def _used(self, tensor: str, strategy: int) -> Any:
        reads = self.problem.wiring.reads[tensor]
        if len(reads) > 1:
            states = self.problem.nodes[self.problem.node_of_tensor[tensor]].states
            assert states is not None
            row = states[strategy]
            return np.where(row == PARTIAL, NONE, row)
        number = self.problem.node_of_operator[reads[0].operator]
        op_states = self.problem.nodes[number].operator_states
        assert op_states is not None
        return op_states.as_read(reads[0].position)[strategy]

    def _stored(
        self, tensor: str, cuts: Sequence[list[str]], members: Bools
    ) -> dict[str, list[str]]:
        """Used cuts; storage sub-axes on the first dimension they divide, else the first."""
        extra = self._axes(members)
        dims = self.spec.graph.tensors[tensor].dims
        if not extra or not dims:
            return self._by_dimension(tensor, cuts)
        size_of = {part.name: part.size for part in self.problem.split.sharding}
        degree = math.prod(size_of[name] for name in extra)
        place = 0
        for j, dim in enumerate(dims):
            local = dim.size // math.prod(size_of[name] for name in cuts[j])
            if local % degree == 0:
                place = j
                break
        merged = [list(c) for c in cuts]
        merged[place] = [n for n in self.names if n in merged[place] or n in extra]
        return self._by_dimension(tensor, merged)

    # ---- pipeline and memory ---------------------------------------------------------------

    def _pipeline(self) -> Pipeline:
        plan = self.plan
        return Pipeline(
            self.problem,
            plan.selection,
            plan.pattern,
            self.figures,
            plan.actions,
            plan.step_time,
        )

    def _memory(self) -> list[Row]:
        limit = memory_limit(self.spec)
        reserve = limit.reserve if limit else 0.0
        most = limits_of_kinds(self.spec)
        static = static_terms(self.plan)
        devices = self.spec.mesh.devices // self.plan.pattern.stages
        rows = []
        for s in range(self.plan.pattern.stages):
            terms = {
                "parameters": float(static[0][s]),
                "gradients": float(static[1][s]),
                "optimizer": float(static[2][s]),
                "activations": peak_activations(self.plan.actions, s, self.figures),
                "buffers": float(self.figures.buffers[s]),
                "reserve": reserve,
            }
            rows.append(
                {
                    "device": s,
                    "devices": devices,
                    "peak_bytes": math.fsum(terms.values()),
                    "limit_bytes": most[self.problem.split.kinds[s]],
                    "terms": terms,
                }
            )
        return rows


def _penalty(pins: Sequence[Row]) -> float:
    return math.fsum(row["paid_s"] for row in pins)


def static_terms(plan: Plan) -> tuple[Any, Any, Any]:
    """Bytes of parameters, gradients and optimizer state per stage."""
    problem = plan.problem
    units = counts(problem, plan.pattern).units
    train = problem.spec.train
    parameters = np.zeros(plan.pattern.stages)
    gradients, optimizer = parameters.copy(), parameters.copy()
    for store, z in zip(problem.stores, plan.selection.storage, strict=True):
        label = int(store.labels[plan.selection.strategies[store.node]])
        holding = units[:, list(store.holders), 0].sum(axis=1)
        times = holding if store.per_unit else (holding > 0).astype(np.float64)
        local = float(store.costs.local[label])
        size = {
            k: float(np.prod(np.where(members[label, z], problem.costing.wires.sizes, 1)))
            for k, members in store.costs.sets.items()
        }
        parameters += times * math.ceil(local / size[3]) * train.precision.parameter_bytes
        if store.costs.trained:
            gradients += times * math.ceil(local / size[2]) * train.optimizer.gradient_bytes
            optimizer += times * math.ceil(local / size[1]) * train.optimizer.state_bytes
    for node, k in zip(problem.nodes, plan.selection.strategies, strict=True):
        if node.variants:
            op = problem.wiring.operator[node.subject]
            variant = op.variants[node.variants[k]]
            parameters += units[:, node.unit_class, 0] * variant.static_bytes
    return parameters, gradients, optimizer
