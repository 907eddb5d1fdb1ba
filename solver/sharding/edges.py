"""Pairwise tables: what a redistribution costs and saves, for every pair of distinct layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsl.spec import Operator
from solver.cost.collectives import Floats
from solver.cost.operators import Costing, has_gradient, weight_gradient
from solver.cost.quantities import Quantity
from solver.cost.redistribution import NONE, PARTIAL, States, same_cuts, seconds_between
from solver.cost.storage import Bools
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


Layers = dict[Quantity, Floats]
"""[label, label] of every quantity that is not zero everywhere."""


@dataclass
class EdgeBuilder:
    """Walks the real graph, so that every edge knows which units of its class pay for it."""

    costing: Costing
    wiring: Wiring
    nodes: Sequence[Node]
    node_of_operator: dict[str, int]
    node_of_tensor: dict[str, int]
    place: dict[str, tuple[int, int, int]]
    class_sizes: Sequence[int]
    unit_number: dict[str, int]

    def build(self) -> tuple[tuple[Edge, ...], tuple[Send, ...]]:
        """All edges and all unit-to-unit sends."""
        self._tables: dict[tuple[object, ...], tuple[_Side, _Side, Layers]] = {}
        self._paid: dict[tuple[object, ...], list[int]] = {}
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

    def _note(self, key: tuple[object, ...], payer: Operator) -> bool:
        """Remember that the unit of `payer` pays for edge `key`; True when its table is new."""
        c, unit, _ = self.place[payer.name]
        full = (*key, c)
        self._paid.setdefault(full, []).append(unit)
        return full not in self._tables

    def _edge(self, key: tuple[object, ...]) -> Edge:
        u, v, c = key[0], key[1], key[-1]
        assert isinstance(u, int)
        assert isinstance(v, int)
        assert isinstance(c, int)
        left, right, table = self._tables[key]
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
        layers = tuple(q for q in Quantity if q in table and table[q].any())
        kept = np.array([table[q] for q in layers])
        shape = (len(layers), len(left.forward), len(right.forward))
        return Edge(u, v, Group(c, part), left.labels, right.labels, layers, kept.reshape(shape))

    # ---- the four kinds of edge ------------------------------------------------------------

    def _direct(self, tensor: str, read: Read) -> None:
        made, result = self.wiring.producer[tensor]
        reader = self.wiring.operator[read.operator]
        u, v = self.node_of_operator[made], self.node_of_operator[read.operator]
        key = (u, v, result, read.position)
        if self._note(key, reader):
            left = self._produced(made, result)
            right = self._read(reader, read.position)
            table = self._move(tensor, left, right, has_gradient(reader, read.position))
            if reader.inputs[read.position].saved:
                held = self._producer_saves(made, result)
                same = same_cuts(left.forward[:, None], right.forward[None])
                self._save(table, tensor, right.forward[None], [reader], same & held)
            self._tables[*key, self.place[reader.name][0]] = (left, right, table)

    def _shared(self, tensor: str, reads: Sequence[Read]) -> None:
        hub = self.node_of_tensor[tensor]
        states = self.nodes[hub].states
        assert states is not None
        middle = _side(np.where(states == PARTIAL, NONE, states).astype(np.int8), states)
        readers = [self.wiring.operator[r.operator] for r in reads]
        uses = list(zip(readers, reads, strict=True))
        savers = [op for op, r in uses if op.inputs[r.position].saved]
        made = self.wiring.producer.get(tensor)
        if made is not None:
            u = self.node_of_operator[made[0]]
            key: tuple[object, ...] = (u, hub, made[1], -1)
            if self._note(key, readers[0]):
                left = self._produced(*made)
                backward = any(has_gradient(op, r.position) for op, r in uses)
                table = self._move(tensor, left, middle, backward)
                if savers:
                    held = self._producer_saves(*made)
                    same = same_cuts(left.forward[:, None], middle.forward[None])
                    self._save(table, tensor, middle.forward[None], savers, same & held)
                self._tables[*key, self.place[readers[0].name][0]] = (left, middle, table)
        for op, r in uses:
            v = self.node_of_operator[op.name]
            key = (hub, v, -1, r.position)
            if self._note(key, op):
                right = self._read(op, r.position)
                table = self._move(tensor, middle, right, has_gradient(op, r.position))
                if op.inputs[r.position].saved:
                    same = same_cuts(middle.forward[:, None], right.forward[None])
                    self._save(table, tensor, right.forward[None], [op], same)
                self._tables[*key, self.place[op.name][0]] = (middle, right, table)

    def _parameter(self, tensor: str, reads: Sequence[Read]) -> None:
        base = self.node_of_tensor[tensor]
        states = self.nodes[base].states
        assert states is not None
        left = _side(np.where(states == PARTIAL, NONE, states).astype(np.int8), states)
        whole = self.costing.whole_bytes(tensor)
        for read in reads:
            op = self.wiring.operator[read.operator]
            key = (base, self.node_of_operator[op.name], -2, read.position)
            if not self._note(key, op):
                continue
            right = self._read(op, read.position)
            wires = self.costing.wires
            seconds = seconds_between(left.forward, right.forward, whole, wires)
            table: Layers = {Quantity.FORWARD: seconds, Quantity.AGAIN: seconds}
            if has_gradient(op, read.position):
                back = seconds_between(
                    right.backward, left.forward, whole, wires, keep_partial=True
                )
                kept = (right.backward[None] == PARTIAL) & (left.forward[:, None] == NONE)
                # The layout must own up to every sub-axis that its gradient is summed over.
                hidden = (kept & (left.backward[:, None] != PARTIAL)).any(axis=-1)
                table[Quantity.WEIGHT_GRAD] = np.where(hidden, np.inf, back.T)
            self._tables[*key, self.place[op.name][0]] = (left, right, table)

    def _send(self, tensor: str, reads: Sequence[Read]) -> None:
        made, result = self.wiring.producer[tensor]
        producer = self.wiring.operator[made]
        source = self.unit_number[producer.unit]
        node = self.node_of_operator[made]
        targets: list[int] = []
        for read in reads:
            target = self.unit_number[self.wiring.operator[read.operator].unit]
            if target != source and target not in targets:
                targets.append(target)
        if targets:
            states = self.nodes[node].operator_states
            assert states is not None
            whole = self.costing.whole_bytes(tensor)
            volume = self.costing.wires.local_elements(states.as_produced(result), whole)
            self._sends += [Send(tensor, node, source, t, volume) for t in targets]

    # ---- ends and costs --------------------------------------------------------------------

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

    def _move(self, tensor: str, left: _Side, right: _Side, backward: bool) -> Layers:
        whole, wires = self.costing.whole_bytes(tensor), self.costing.wires
        seconds = seconds_between(left.forward, right.forward, whole, wires)
        table = {Quantity.FORWARD: seconds, Quantity.AGAIN: seconds}
        if backward and self.costing.graph.tensors[tensor].needs_gradient:
            back = seconds_between(right.backward, left.backward, whole, wires)
            table[Quantity.INPUT_GRAD] = back.T
        return table

    def _save(
        self, table: Layers, tensor: str, states: States, savers: Sequence[Operator], held: Bools
    ) -> None:
        """Add what is saved for the backward; the bytes depend on the right end alone."""
        local = self.costing.wires.local_elements(states, self.costing.whole_bytes(tensor))
        by_weight = any(weight_gradient(op, self.costing.graph) for op in savers)
        table[Quantity.SAVED_W if by_weight else Quantity.SAVED_B] = np.where(held, 0.0, local)
