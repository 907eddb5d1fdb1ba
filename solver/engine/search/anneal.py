"""Annealing with moves that spread: one node changes, its neighbours answer, and theirs.

For problems whose resources are hard and used by nodes alone. Forbidden pairs cost far more than
any selection, so that a move may pass through them but never end there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver.engine.problem import Bools, Floats
from solver.engine.relaxation.arrays import Arrays, Ints
from solver.engine.search import anneal_kernels as kernels

MOST_MOVED = 40  # nodes per move
SLACK = 1e-9  # of the largest capacity, for sums of floats


def applies(data: Arrays, highest: Floats) -> bool:
    """Whether annealing knows this kind of problem."""
    return not len(data.edge_uses.owner) and not np.isfinite(highest).any()


@dataclass(slots=True)
class Annealer:
    """Annealing over one problem."""

    data: Arrays
    tables: Floats = field(init=False)
    costs: Floats = field(init=False)

    def __post_init__(self) -> None:
        far = 1e4 * self._reach()
        self.tables = np.where(np.isfinite(self.data.tables), self.data.tables, far)
        self.costs = np.where(np.isfinite(self.data.costs), self.data.costs, far)

    def _reach(self) -> float:
        """The largest finite cost of a node or edge."""
        parts = [x[np.isfinite(x)] for x in (self.data.costs, self.data.tables)]
        return max(1.0, *(float(np.abs(x).max(initial=0.0)) for x in parts))

    def run(
        self,
        chosen: Ints,
        room: Floats,
        candidates: Bools,
        moves: int,
        hot: float,
        cold: float,
        seed: int,
        most_moved: int = MOST_MOVED,
    ) -> Ints:
        """A selection near `chosen`, after so many moves from temperature `hot` to `cold`.

        `room` is [point] what is left under `chosen`; `candidates` [strategy] what may be tried.
        """
        data, g = self.data, self.data.graph
        per_node = np.add.reduceat(candidates, g.first[:-1])
        movable = np.flatnonzero(per_node > 1)
        if not len(movable):
            return chosen.copy()
        blocks = -(-len(room) // kernels.BLOCK)
        room = room.copy()
        least = np.minimum.reduceat(room, np.arange(blocks) * kernels.BLOCK) if blocks else room
        uses = data.node_uses
        found: Ints = kernels.anneal(
            seed,
            moves,
            hot,
            cold,
            most_moved,
            g.first,
            g.u,
            g.v,
            g.columns,
            g.table_at,
            g.labels_u,
            g.labels_u_at,
            g.labels_v,
            g.labels_v_at,
            g.touching,
            g.touch_at,
            self.costs,
            self.tables,
            uses.start,
            uses.stop,
            uses.amounts,
            uses.amount_at,
            uses.at,
            np.flatnonzero(candidates) - np.repeat(g.first[:-1], per_node),
            np.concatenate([[0], np.cumsum(per_node)]),
            movable,
            room,
            np.zeros(blocks),
            least,
            SLACK * float(np.abs(data.capacity).max(initial=1.0)),
            chosen.copy(),
        )
        return found
