"""Pairwise tables: what a redistribution costs and saves, for every pair of distinct layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dsl.spec import Operator
from solver.cost.collectives import Floats
from solver.cost.kinds import Kinds
from solver.cost.operators import Costing, has_gradient, weight_gradient
from solver.cost.quantities import Quantity
from solver.cost.redistribution import same_cuts, seconds_between
from solver.cost.wires import NONE, PARTIAL, Bools, States
from solver.sharding.problem import Edge, Group, Labels, Node, Part, Send
from solver.space.fold import Read, Wiring


@dataclass(frozen=True, slots=True)
class _Side:
    """Distinct (forward, backward) layout pairs of one end of an edge, and each strategy's pair."""

    forward: States
    backward: States
    labels: Labels


def _side(forward: States, backward: States) -> _Side:
    width = forward.shape[1]
    both, labels = np.unique(
        np.concatenate([forward, backward], axis=1), axis=0, return_inverse=True
    )
    if width == 0:
        both = both.reshape(1, 0)
        labels = np.zeros(len(forward), dtype=np.intp)
    return _Side(both[:, :width], both[:, width:], labels.reshape(-1))


Layers = dict[int, Floats]
"""[label, label] of every row that is not zero everywhere."""

LAYOUT = -1
"""In the place of a result or an input: the layout of a shared tensor or parameter."""

_Key = tuple[int, int, int, int, int]  # node, node, result, input, class of the units that pay
_Made = tuple[_Side, _Side, Layers]
_Table = tuple[Labels, Labels, tuple[int, ...], Floats]  # the last fields of an `Edge`


def _table(left: _Side, right: _Side, table: Layers) -> _Table:
    layers = tuple(row for row in sorted(table) if table[row].any())
    shape = (len(layers), len(left.forward), len(right.forward))
    kept = np.array([table[row] for row in layers]).reshape(shape)
    return left.labels, right.labels, layers, kept


@dataclass
class EdgeBuilder:
    """Walks the real graph, so that every edge knows which units of its class pay for it; edges
    between nodes that are alike share their tables."""

    kinds: Kinds
    costings: Sequence[Costing]
    wiring: Wiring
    nodes: Sequence[Node]
    node_of_operator: dict[str, int]
    node_of_tensor: dict[str, int]
    place: dict[str, tuple[int, int, int]]
    class_sizes: Sequence[int]
    unit_number: dict[str, int]

    def build(self) -> tuple[tuple[Edge, ...], tuple[Send, ...]]:
        """All edges and all unit-to-unit sends."""
        self.costing = self.costings[0]  # for sizes and bytes
        self._tables: dict[_Key, _Table] = {}
        self._paid: dict[_Key, list[int]] = {}
        self._alike: dict[_Key, _Table] = {}
        self._volumes: dict[tuple[int, int], Floats] = {}
        self._sends: list[Send] = []
        for tensor, reads in self.wiring.reads.items():
            role = self.costing.graph.tensors[tensor].role
            if role == "parameter":
                if len(reads) > 1:
                    self._parameter(tensor, reads)
            elif len(reads) > 1:
                self._shared(tensor, reads)
            elif role == "value":
                self._direct(tensor, reads[0])
            if role == "value":
                self._send(tensor, reads)
        return tuple(self._edge(key) for key in self._tables), tuple(self._sends)

    # ---- which units pay -------------------------------------------------------------------

    def _add(
        self,
        u: int,
        v: int,
        result: int,
        read: int,
        payer: Operator,
        make: Callable[[], _Made],
        kept: bool = False,
    ) -> None:
        """An edge between a result of `u` (or its layout) and an input of `v` (or its layout), for
        which the unit of `payer` pays; what a recomputed unit has `kept` is not brought again.
        `make` is called for the first of those that are alike."""
        c, unit, _ = self.place[payer.name]
        key = (u, v, result, read, c)
        self._paid.setdefault(key, []).append(unit)
        if key in self._tables:
            return
        alike = (self.nodes[u].alike, self.nodes[v].alike, result, read, int(kept))
        if alike not in self._alike:
            self._alike[alike] = _table(*make())
        self._tables[key] = self._alike[alike]

    def _edge(self, key: _Key) -> Edge:
        u, v, _, _, c = key
        units = self._paid[key]
        part: Part
        if len(units) == self.class_sizes[c]:
            part = "every"
        elif units == [0]:
            part = "first"
        elif units == list(range(1, self.class_sizes[c])):
            part = "rest"
        else:
            raise AssertionError(f"units {units} of class {c} are not alike")
        return Edge(u, v, Group(c, part), *self._tables[key])

    # ---- the kinds of edges ----------------------------------------------------------------

    def _direct(self, tensor: str, read: Read) -> None:
        made, result = self.wiring.producer[tensor]
        reader = self.wiring.operator[read.operator]

        def make() -> _Made:
            left, right = self._produced(made, result), self._read(reader, read.position)
            backward = has_gradient(reader, read.position)
            table = self._move(tensor, left, right, backward, kept)
            if reader.inputs[read.position].saved:
                held = self._producer_saves(made, result)
                same = same_cuts(left.forward[:, None], right.forward[None])
                self._save(table, tensor, right.forward[None], [reader], same & held)
            return left, right, table

        kept = self.wiring.is_kept(tensor, reader.unit)
        u, v = self.node_of_operator[made], self.node_of_operator[read.operator]
        self._add(u, v, result, read.position, reader, make, kept)

    def _shared(self, tensor: str, reads: Sequence[Read]) -> None:
        hub = self.node_of_tensor[tensor]
        uses = [(self.wiring.operator[r.operator], r.position) for r in reads]
        made = self.wiring.producer.get(tensor)
        if made is not None:
            u = self.node_of_operator[made[0]]
            kept = self.wiring.is_kept(tensor, uses[0][0].unit)
            into = partial(self._into_shared, tensor, made, uses, kept)
            self._add(u, hub, made[1], LAYOUT, uses[0][0], into, kept)
        for op, position in uses:
            v = self.node_of_operator[op.name]
            out = partial(self._out_of_shared, tensor, op, position)
            self._add(hub, v, LAYOUT, position, op, out)

    def _into_shared(
        self, tensor: str, made: tuple[str, int], uses: Sequence[tuple[Operator, int]], kept: bool
    ) -> _Made:
        left, middle = self._produced(*made), self._layout(tensor)
        backward = any(has_gradient(op, position) for op, position in uses)
        table = self._move(tensor, left, middle, backward, kept)
        savers = [op for op, position in uses if op.inputs[position].saved]
        if savers:
            held = self._producer_saves(*made)
            same = same_cuts(left.forward[:, None], middle.forward[None])
            self._save(table, tensor, middle.forward[None], savers, same & held)
        return left, middle, table

    def _out_of_shared(self, tensor: str, op: Operator, position: int) -> _Made:
        middle, right = self._layout(tensor), self._read(op, position)
        table = self._move(tensor, middle, right, has_gradient(op, position))
        if op.inputs[position].saved:
            same = same_cuts(middle.forward[:, None], right.forward[None])
            self._save(table, tensor, right.forward[None], [op], same)
        return middle, right, table

    def _parameter(self, tensor: str, reads: Sequence[Read]) -> None:
        base = self.node_of_tensor[tensor]
        for read in reads:
            op = self.wiring.operator[read.operator]
            v = self.node_of_operator[op.name]
            used = partial(self._used, tensor, op, read.position)
            self._add(base, v, LAYOUT, read.position, op, used)

    def _used(self, tensor: str, op: Operator, position: int) -> _Made:
        left, right = self._layout(tensor), self._read(op, position)
        table = self._forward(tensor, left, right)
        if has_gradient(op, position):
            back = self._seconds(tensor, right.backward, left.forward, keep_partial=True)
            kept = (right.backward[None] == PARTIAL) & (left.forward[:, None] == NONE)
            # The layout must own up to every sub-axis that its gradient is summed over.
            hidden = (kept & (left.backward[:, None] != PARTIAL)).any(axis=-1)
            gradient = [np.where(hidden, np.inf, seconds.T) for seconds in back]
            table.update(self.kinds.spread(Quantity.WEIGHT_GRAD, gradient))
        return left, right, table

    def _send(self, tensor: str, reads: Sequence[Read]) -> None:
        made, result = self.wiring.producer[tensor]
        source = self.unit_number[self.wiring.operator[made].unit]
        node = self.node_of_operator[made]
        units = [self.unit_number[self.wiring.operator[read.operator].unit] for read in reads]
        targets = [target for target in dict.fromkeys(units) if target != source]
        if targets:
            volume = self._volume(tensor, node, result)
            self._sends += [Send(tensor, node, source, t, volume) for t in targets]

    def _volume(self, tensor: str, node: int, result: int) -> Floats:
        """[strategy] bytes of a result as produced."""
        key = (self.nodes[node].alike, result)
        if key not in self._volumes:
            states = self.nodes[node].operator_states
            assert states is not None
            whole = self.costing.whole_bytes(tensor)
            produced = states.as_produced(result)
            self._volumes[key] = self.costing.wires.local_elements(produced, whole)
        return self._volumes[key]

    # ---- ends and costs --------------------------------------------------------------------

    def _layout(self, tensor: str) -> _Side:
        states = self.nodes[self.node_of_tensor[tensor]].states
        assert states is not None
        return _side(np.where(states == PARTIAL, NONE, states).astype(np.int8), states)

    def _produced(self, operator: str, result: int) -> _Side:
        states = self.nodes[self.node_of_operator[operator]].operator_states
        assert states is not None
        return _side(states.as_produced(result), states.needed_gradient(result))

    def _read(self, op: Operator, number: int) -> _Side:
        states = self.nodes[self.node_of_operator[op.name]].operator_states
        assert states is not None
        return _side(states.as_read(number), states.gradient(number))

    def _producer_saves(self, operator: str, result: int) -> bool:
        return self.wiring.operator[operator].results[result].saved

    def _move(
        self, tensor: str, left: _Side, right: _Side, backward: bool, kept: bool = False
    ) -> Layers:
        table = self._forward(tensor, left, right, kept)
        if backward and self.costing.graph.tensors[tensor].needs_gradient:
            back = self._seconds(tensor, right.backward, left.backward)
            table.update(self.kinds.spread(Quantity.INPUT_GRAD, [seconds.T for seconds in back]))
        return table

    def _forward(self, tensor: str, left: _Side, right: _Side, kept: bool = False) -> Layers:
        """Seconds of the forward, which recomputation repeats but for what it has kept."""
        seconds = self._seconds(tensor, left.forward, right.forward)
        again = {} if kept else self.kinds.spread(Quantity.AGAIN, seconds)
        return {**self.kinds.spread(Quantity.FORWARD, seconds), **again}

    def _seconds(
        self, tensor: str, sources: States, targets: States, keep_partial: bool = False
    ) -> list[Floats]:
        """[source, target] seconds on every kind of devices."""
        whole = self.costing.whole_bytes(tensor)
        return [
            seconds_between(sources, targets, whole, costing.wires, keep_partial)
            for costing in self.costings
        ]

    def _save(
        self, table: Layers, tensor: str, states: States, savers: Sequence[Operator], held: Bools
    ) -> None:
        """Add what is saved for the backward; the bytes depend on the right end alone."""
        local = self.costing.wires.local_elements(states, self.costing.whole_bytes(tensor))
        by_weight = any(weight_gradient(op, self.costing.graph) for op in savers)
        table[Quantity.SAVED_W if by_weight else Quantity.SAVED_B] = np.where(held, 0.0, local)
