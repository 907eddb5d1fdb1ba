"""Lower a spec and a split to a `ShardingProblem`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dsl.spec import Operator, Spec
from solver.cost.collectives import Floats
from solver.cost.compute import rates
from solver.cost.kinds import Kinds
from solver.cost.operators import (
    Assigned,
    Costing,
    OperatorStates,
    compute_table,
    covering_seconds,
    has_gradient,
    measured_table,
    weight_gradient,
    working_bytes,
)
from solver.cost.quantities import Quantity
from solver.cost.redistribution import to_states
from solver.cost.storage import Cover, StorageCosting, StorageTable, storage_table
from solver.cost.wires import NONE, PARTIAL, Bools, States, make_wires
from solver.sharding.edges import EdgeBuilder
from solver.sharding.problem import Labels, Node, ShardingProblem, Store
from solver.space.fold import UnitClass, Wiring
from solver.space.mesh import MOST_OPERATORS, Split, interchangeable, whole_axes
from solver.space.strategies import (
    assignments,
    choose_space,
    uniform_assignments,
    whole_axes_space,
)

_Likeness = tuple[int, int, int]  # class of units that are alike, operator, number of the input


class NoStrategyError(Exception):
    """An operator cannot run on this split at all; the split is to be skipped."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What all splits of a spec share.

    Units of one of `classes` share their choices; those of one of `alike`, which are no smaller,
    have the same tables. `named`: sub-axes that a pin tells apart. `whole_axes`: the others are cut
    by whole mesh axes. `stages_differ`: units of one class share only with those of their stage.
    `few_operators`: splits with very many operators are left out.
    """

    spec: Spec
    wiring: Wiring
    classes: tuple[UnitClass, ...]
    alike: tuple[UnitClass, ...]
    named: frozenset[str]
    whole_axes: bool
    stages_differ: bool
    few_operators: bool


def build(frame: Frame, split: Split, coarse: bool) -> ShardingProblem:
    """The nodes and stores of a split, without edges; NoStrategyError if a node has no strategy.

    `coarse` keeps the strategies that give all interchangeable sub-axes to one index: few enough
    to find a first plan at once.
    """
    spec = frame.spec
    costings = tuple(_costing(spec, split, kind) for kind in range(len(spec.mesh.kinds)))
    builder = _Builder(frame, split, Kinds(_shares(spec, split)), costings, coarse)
    builder.add_operators()
    builder.add_layouts()
    builder.add_stores()
    return builder.problem()


def _costing(spec: Spec, split: Split, kind: int) -> Costing:
    """What tables need on devices of a kind; of several micro-batch counts, what bounds them."""
    is_bound = bool(split.counts)
    device = rates(spec.mesh.kinds[kind], spec.train, is_bound)
    parts = [part.seen_by(kind) for part in split.sharding]
    wires = make_wires(parts, device.physics, is_bound)
    return Costing(spec.graph, device, wires, split.microbatches)


def _shares(spec: Spec, split: Split) -> tuple[float, ...]:
    """The shares of `solver.cost.kinds`, in proportion to the rate that operators compute at."""
    kinds, computes = spec.mesh.kinds, spec.train.precision.computes
    speeds = [device.flops.get(computes, 1.0) for device in kinds]
    mean = sum(speeds[kind] for kind in split.kinds) / split.stages
    return tuple(speed / mean for speed in speeds) if len(kinds) > 1 else (1.0,)


def keep_strategies(problem: ShardingProblem, kept: Sequence[Bools]) -> ShardingProblem:
    """The problem with only these strategies of every node; it must not have edges yet."""
    assert not problem.edges
    first: dict[tuple[int, bytes], Node] = {}
    nodes = []
    for number, (node, mask) in enumerate(zip(problem.nodes, kept, strict=True)):
        key = (node.alike, mask.tobytes())
        if key not in first:
            first[key] = replace(_kept(node, mask), alike=number)
        nodes.append(replace(first[key], subject=node.subject, unit_class=node.unit_class))
    stores = tuple(replace(s, labels=s.labels[kept[s.node]]) for s in problem.stores)
    return replace(problem, nodes=tuple(nodes), stores=stores)


def _kept(node: Node, mask: Bools) -> Node:
    states = node.operator_states
    return replace(
        node,
        unary=node.unary[:, mask],
        working=node.working[mask],
        operator_states=states and OperatorStates(states.op, states.assigned[mask]),
        states=None if node.states is None else node.states[mask],
        variants=tuple(v for v, there in zip(node.variants, mask, strict=False) if there),
    )


def with_edges(problem: ShardingProblem) -> ShardingProblem:
    """The problem with redistributions between producers, shared layouts and readers, and with
    what units send each other."""
    place = {}
    units = problem.spec.graph.units
    class_of = {u: (c, i) for c, k in enumerate(problem.classes) for i, u in enumerate(k.units)}
    for unit in units:
        for position, name in enumerate(unit.operators):
            place[name] = (*class_of[unit.name], position)
    edges, sends = EdgeBuilder(
        problem.kinds,
        problem.costings,
        problem.wiring,
        problem.nodes,
        problem.node_of_operator,
        problem.node_of_tensor,
        place,
        [len(c.units) for c in problem.classes],
        {unit.name: i for i, unit in enumerate(units)},
    ).build()
    return replace(problem, edges=edges, sends=sends)


@dataclass
class _Builder:
    """Nodes and stores of every class; what units that are alike need is made once."""

    frame: Frame
    split: Split
    kinds: Kinds
    costings: tuple[Costing, ...]
    coarse: bool
    nodes: list[Node] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    node_of_operator: dict[str, int] = field(default_factory=dict)
    node_of_tensor: dict[str, int] = field(default_factory=dict)
    store_of_parameter: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.spec, self.wiring = self.frame.spec, self.frame.wiring
        self.costing = self.costings[0]  # for sizes and bytes
        graph = self.spec.graph
        class_of = {u: c for c, k in enumerate(self.frame.classes) for u in k.units}
        alike_of = {u: c for c, k in enumerate(self.frame.alike) for u in k.units}
        # The class of an operator's unit, and what it has in common with those that are alike.
        self.class_of: dict[str, int] = {}
        self.likeness: dict[str, tuple[int, int]] = {}
        for unit in graph.units:
            for position, name in enumerate(unit.operators):
                self.class_of[name] = class_of[unit.name]
                self.likeness[name] = (alike_of[unit.name], position)
        largest = max(
            [len(op.cuttable) + 1 for op in graph.operators]
            + [len(t.dims) + 2 for t in graph.tensors.values() if self._is_shared(t.name)]
        )
        if self.frame.whole_axes:
            self.groups = whole_axes(self.split.sharding, self.frame.named)
            self.space = whole_axes_space(self.groups)
        else:
            self.groups = interchangeable(self.split.sharding, self.frame.named)
            distinct = {self.likeness[op.name] for op in graph.operators}
            self.space = choose_space(largest, self.groups, len(distinct))

    def _is_shared(self, tensor: str) -> bool:
        return len(self.wiring.reads.get(tensor, ())) > 1

    # ---- nodes -----------------------------------------------------------------------------

    def add_operators(self) -> None:
        """One node per operator of the first unit of each class; the others share it."""
        first: dict[tuple[int, tuple[int, int]], int] = {}
        made: dict[tuple[int, int], Node] = {}
        for op in self.spec.graph.operators:
            c, likeness = self.class_of[op.name], self.likeness[op.name]
            if (c, likeness) not in first:
                first[c, likeness] = len(self.nodes)
                if likeness not in made:
                    made[likeness] = self._operator_node(op)
                self.nodes.append(replace(made[likeness], subject=op.name, unit_class=c))
            self.node_of_operator[op.name] = first[c, likeness]

    def _operator_node(self, op: Operator) -> Node:
        kept: list[int] = []
        if op.variants:
            assigned, kept = self._variant_cuts(op)
            states = OperatorStates(op, assigned)
            table = self.kinds.stacked([measured_table(op)] * self.kinds.count)
            unary, working = table[:, kept], working_bytes(states, self.costing)[kept]
        else:
            states = OperatorStates(op, self._operator_cuts(op))
            fits = states.divisible(self.costing.wires, self.split.dividing)
            states = OperatorStates(op, states.assigned[fits])
            if not len(states.assigned):
                raise NoStrategyError(op.name)
            tables = [compute_table(states, costing) for costing in self.costings]
            unary, working = self.kinds.stacked(tables), working_bytes(states, self.costing)
        self._keep_inputs(op, states, unary)
        self._save_model_inputs(op, states, unary)
        number = len(self.nodes)
        c = self.class_of[op.name]
        return Node("operator", op.name, c, unary, working, states, None, tuple(kept), number)

    def _operator_cuts(self, op: Operator) -> Assigned:
        position = {index.name: i for i, index in enumerate(op.indices)}
        choices = sorted(position[name] for name in op.cuttable)
        rows = self._assignments(len(choices) + 1)
        return np.array([*choices, -1], dtype=np.int8)[rows]

    def _assignments(self, choices: int) -> Assigned:
        width = len(self.split.sharding)
        if self.coarse:
            return uniform_assignments(choices, width, self.groups)
        return assignments(choices, width, self.groups, self.space)

    def _variant_cuts(self, op: Operator) -> tuple[Assigned, list[int]]:
        number = {part.name: a for a, part in enumerate(self.split.sharding)}
        position = {index.name: i for i, index in enumerate(op.indices)}
        rows, kept = [], []
        for k, variant in enumerate(op.variants):
            cuts = [(position[i], part) for i, parts in variant.cuts for part in parts]
            if all(part in number for _, part in cuts):
                row = [-1] * len(number)
                for i, part in cuts:
                    row[number[part]] = i
                rows.append(row)
                kept.append(k)
        if not rows:
            raise NoStrategyError(op.name)
        return to_states(rows, len(number)), kept

    def _keep_inputs(self, op: Operator, states: OperatorStates, unary: Floats) -> None:
        """What a recomputed unit keeps of tensors that come from outside (README section 7)."""
        if op.variants:
            return
        for number, use in enumerate(op.inputs):
            role = self.spec.graph.tensors[use.tensor].role
            if role == "parameter" or self._is_shared(use.tensor):
                continue
            if self._from_outside(use.tensor, op.unit):
                whole = self.costing.whole_bytes(use.tensor)
                unary[Quantity.KEPT] += self.costing.wires.local_elements(
                    states.as_read(number), whole
                )

    def _save_model_inputs(self, op: Operator, states: OperatorStates, unary: Floats) -> None:
        phase = self._freed_by(op)
        for number, use in enumerate(op.inputs):
            role = self.spec.graph.tensors[use.tensor].role
            if use.saved and role == "input" and not self._is_shared(use.tensor):
                whole = self.costing.whole_bytes(use.tensor)
                unary[phase] += self.costing.wires.local_elements(states.as_read(number), whole)

    def _from_outside(self, tensor: str, unit: str) -> bool:
        made = self.wiring.producer.get(tensor)
        return made is None or self.wiring.operator[made[0]].unit != unit

    def _freed_by(self, op: Operator) -> Quantity:
        return Quantity.SAVED_W if weight_gradient(op, self.spec.graph) else Quantity.SAVED_B

    def add_layouts(self) -> None:
        """A node for every tensor or parameter that is read more than once."""
        first: dict[tuple[int, _Likeness], int] = {}
        made: dict[_Likeness, Node] = {}
        for tensor, reads in self.wiring.reads.items():
            if len(reads) < 2:
                continue
            c = self.class_of[reads[0].operator]
            likeness = (*self.likeness[reads[0].operator], reads[0].position)
            if (c, likeness) not in first:
                first[c, likeness] = len(self.nodes)
                if likeness not in made:
                    made[likeness] = self._layout_node(tensor, c)
                self.nodes.append(replace(made[likeness], subject=tensor, unit_class=c))
            self.node_of_tensor[tensor] = first[c, likeness]

    def _layout_node(self, tensor: str, unit_class: int) -> Node:
        declared = self.spec.graph.tensors[tensor]
        read = self.wiring.reads[tensor][0]
        reader = self.wiring.operator[read.operator]
        rank = {index.name: i for i, index in enumerate(reader.indices)}
        names = reader.inputs[read.position].indices
        order = sorted(range(len(names)), key=lambda j: rank[names[j]])
        values = [*order, NONE] + ([PARTIAL] if declared.needs_gradient else [])
        rows = self._assignments(len(values))
        states: States = np.array(values, dtype=np.int8)[rows]
        fits = np.zeros(len(states), dtype=bool)
        for microbatches in self.split.dividing:
            fine = np.ones(len(states), dtype=bool)
            for j, dim in enumerate(declared.dims):
                size = dim.size // microbatches if dim.batch else dim.size
                cut = np.prod(np.where(states == j, self.costing.wires.sizes, 1), axis=-1)
                fine &= size % cut == 0
            fits |= fine
        states = states[fits]
        unary = np.zeros((self.kinds.width, len(states)))
        if declared.role != "parameter":
            local = self.costing.wires.local_elements(states, self.costing.whole_bytes(tensor))
            if self._from_outside(tensor, reader.unit) and not reader.variants:
                unary[Quantity.KEPT] += local
            if declared.role == "input":
                self._save_shared_input(tensor, local, unary)
        return Node(
            "parameter" if declared.role == "parameter" else "tensor",
            tensor,
            unit_class,
            unary,
            np.zeros(len(states)),
            None,
            states,
            (),
            len(self.nodes),
        )

    def _save_shared_input(self, tensor: str, local: Floats, unary: Floats) -> None:
        savers = [
            self.wiring.operator[r.operator]
            for r in self.wiring.reads[tensor]
            if self.wiring.operator[r.operator].inputs[r.position].saved
        ]
        if savers:
            by_weight = any(weight_gradient(op, self.spec.graph) for op in savers)
            unary[Quantity.SAVED_W if by_weight else Quantity.SAVED_B] += local

    # ---- stores ----------------------------------------------------------------------------

    def add_stores(self) -> None:
        """Storage tables of every parameter."""
        axes = list(dict.fromkeys(p.axis for p in self.split.sharding))
        axis_of = np.array([axes.index(p.axis) for p in self.split.sharding], dtype=np.int64)
        costings = [
            StorageCosting(
                costing.wires,
                axis_of,
                len(axes),
                self.spec.train,
                costing.rates,
                self.split.microbatches,
            )
            for costing in self.costings
        ]
        first: dict[tuple[int, _Likeness], int] = {}
        made: dict[_Likeness, tuple[Labels, StorageTable]] = {}
        for tensor, reads in self.wiring.reads.items():
            if self.spec.graph.tensors[tensor].role != "parameter":
                continue
            c = self.class_of[reads[0].operator]
            likeness = (*self.likeness[reads[0].operator], reads[0].position)
            if (c, likeness) not in first:
                first[c, likeness] = len(self.stores)
                node = self._user(tensor)
                if likeness not in made:
                    made[likeness] = self._storage(tensor, node, costings)
                holders = tuple(sorted({self.class_of[r.operator] for r in reads}))
                per_unit = len({self.wiring.operator[r.operator].unit for r in reads}) == 1
                self.stores.append(Store(tensor, node, *made[likeness], holders, per_unit))
            self.store_of_parameter[tensor] = first[c, likeness]

    def _user(self, tensor: str) -> int:
        """The node that decides the used layout of a parameter."""
        reads = self.wiring.reads[tensor]
        if len(reads) > 1:
            return self.node_of_tensor[tensor]
        return self.node_of_operator[reads[0].operator]

    def _storage(
        self, tensor: str, node: int, costings: Sequence[StorageCosting]
    ) -> tuple[Labels, StorageTable]:
        reads = self.wiring.reads[tensor]
        readers = [self.wiring.operator[r.operator] for r in reads]
        if len(reads) == 1:
            states = self.nodes[node].operator_states
            assert states is not None
            used = states.as_read(reads[0].position)
            reduced = states.gradient(reads[0].position) == PARTIAL
        else:
            rows = self.nodes[node].states
            assert rows is not None
            used, reduced = np.where(rows == PARTIAL, NONE, rows).astype(np.int8), rows == PARTIAL
        trained = any(has_gradient(op, r.position) for op, r in zip(readers, reads, strict=True))
        seconds = self._cover(tensor)
        told = np.concatenate([used, reduced, *(x for x in seconds if x is not None)], axis=1)
        _, first, labels = np.unique(told, axis=0, return_index=True, return_inverse=True)
        covers = [None if x is None else Cover(*x[first].T) for x in seconds]
        elements = self.costing.elements(tensor)
        costs = [
            storage_table(used[first], reduced[first], elements, trained, costing, cover)
            for costing, cover in zip(costings, covers, strict=True)
        ]
        merged = replace(
            costs[0],
            table=self.kinds.stacked([of_kind.table for of_kind in costs]),
            reduce=np.concatenate([of_kind.reduce for of_kind in costs]),
            regather=np.concatenate([of_kind.regather for of_kind in costs]),
        )
        return labels.reshape(-1), merged

    def _cover(self, tensor: str) -> list[Floats | None]:
        """[strategy, phase] compute of every kind of devices under which collectives of a parameter
        can hide; None where several operators read it. It tells labels apart only where overlap is
        scheduled."""
        reads = self.wiring.reads[tensor]
        if len(reads) > 1:
            return [None] * self.kinds.count
        states = self.nodes[self._user(tensor)].operator_states
        assert states is not None
        if self.spec.train.overlap != "scheduled":
            return [np.zeros((len(states.assigned), 3))] * self.kinds.count
        return [covering_seconds(states, costing, reads[0].position) for costing in self.costings]

    def _space(self) -> str:
        folded = any(len(k.units) > 1 for k in self.frame.classes)
        layers = "repeated layers of a stage" if self.frame.stages_differ else "repeated layers"
        words = self.space.words + (f"; {layers} share their choices" if folded else "")
        few = f"; at most {MOST_OPERATORS:,} operators in all stages and micro-batches"
        return words + (few if self.frame.few_operators else "")

    def problem(self) -> ShardingProblem:
        """The finished value."""
        return ShardingProblem(
            self.spec,
            self.split,
            self.kinds,
            self.costings,
            self.wiring,
            self.frame.classes,
            tuple(self.nodes),
            (),
            tuple(self.stores),
            (),
            self.node_of_operator,
            self.node_of_tensor,
            self.store_of_parameter,
            self._space(),
            self.coarse or self.space.is_uniform,
        )
