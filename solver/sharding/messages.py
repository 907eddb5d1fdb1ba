"""Lower bounds and selections for an `Energy` by sequential message passing.

Tree-reweighted message passing, Kolmogorov, "Convergent Tree-Reweighted Message Passing for Energy
Minimization", 2006 (TRW-S). Any messages give a valid bound: they only move cost between unary
and pairwise terms, so `sum of node minima + sum of edge minima` never exceeds the minimum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.sharding.energy import Energy
from solver.sharding.problem import Labels


def _label_minima(values: Floats, labels: Labels, count: int) -> Floats:
    least = np.full(count, np.inf)
    np.minimum.at(least, labels, values)
    return least


@dataclass
class Messages:
    """The state of message passing over one energy."""

    energy: Energy

    def __post_init__(self) -> None:
        pairs = self.energy.pairs
        self.to_u = [np.zeros(p.theta.shape[0]) for p in pairs]
        self.to_v = [np.zeros(p.theta.shape[1]) for p in pairs]
        self.at: list[list[int]] = [[] for _ in self.energy.unary]
        for number, pair in enumerate(pairs):
            self.at[pair.u].append(number)
            self.at[pair.v].append(number)
        self.share = []
        for node, touching in enumerate(self.at):
            later = sum(1 for e in touching if self._other(e, node) > node)
            self.share.append(1.0 / max(later, len(touching) - later, 1))

    def _other(self, edge: int, node: int) -> int:
        pair = self.energy.pairs[edge]
        return pair.v if pair.u == node else pair.u

    def _view(self, edge: int, node: int) -> tuple[Labels, Floats, Floats, Floats]:
        """Labels of `node`, theta with `node` in front, messages to `node` and to the other."""
        pair = self.energy.pairs[edge]
        if pair.u == node:
            return pair.labels_u, pair.theta, self.to_u[edge], self.to_v[edge]
        return pair.labels_v, pair.theta.T, self.to_v[edge], self.to_u[edge]

    def belief(self, node: int) -> Floats:
        """Unary costs plus all that the messages brought."""
        total = self.energy.unary[node].copy()
        for edge in self.at[node]:
            labels, _, here, _ = self._view(edge, node)
            total += here[labels]
        return total

    def sweep(self) -> None:
        """One forward and one backward pass."""
        count = len(self.energy.unary)
        for order in (range(count), range(count - 1, -1, -1)):
            forward = order.step > 0
            for node in order:
                self._send(node, forward)

    def _send(self, node: int, forward: bool) -> None:
        belief = self.belief(node)
        for edge in self.at[node]:
            if (self._other(edge, node) > node) != forward:
                continue
            labels, theta, here, there = self._view(edge, node)
            own = self.share[node] * _label_minima(belief, labels, len(here)) - here
            message = (theta + own[:, None]).min(axis=0)
            there[:] = message - message.min()

    def _reduced(self, edge: int) -> Floats:
        pair = self.energy.pairs[edge]
        return pair.theta - self.to_u[edge][:, None] - self.to_v[edge][None]

    def bound(self) -> float:
        """A lower bound on the least energy."""
        nodes = [float(self.belief(n).min()) for n in range(len(self.energy.unary))]
        edges = [float(self._reduced(e).min()) for e in range(len(self.energy.pairs))]
        return math.fsum(nodes) + math.fsum(edges)

    def marginals(self) -> tuple[float, list[Floats]]:
        """The bound, and for every node a lower bound on the energy with each strategy fixed."""
        beliefs = [self.belief(n) for n in range(len(self.energy.unary))]
        total = math.fsum(float(b.min()) for b in beliefs)
        excess = [b - b.min() for b in beliefs]
        for number, pair in enumerate(self.energy.pairs):
            reduced = self._reduced(number)
            least = float(reduced.min())
            total += least
            excess[pair.u] += (reduced.min(axis=1) - least)[pair.labels_u]
            excess[pair.v] += (reduced.min(axis=0) - least)[pair.labels_v]
        return total, [total + e for e in excess]

    def decode(self) -> list[int]:
        """A selection: nodes in order, each given the earlier ones and the later ones' messages."""
        chosen: list[int] = []
        for node in range(len(self.energy.unary)):
            cost = self.energy.unary[node].copy()
            for edge in self.at[node]:
                labels, theta, here, _ = self._view(edge, node)
                other = self._other(edge, node)
                if other < node:
                    theirs = self._view(edge, other)[0][chosen[other]]
                    cost += theta[labels, theirs]
                else:
                    cost += here[labels]
            chosen.append(int(np.argmin(cost)))
        return chosen

    def improve(self, chosen: Sequence[int], sweeps: int = 20) -> list[int]:
        """Iterated conditional modes: better single choices until none is left."""
        best = list(chosen)
        for _ in range(sweeps):
            changed = False
            for node in range(len(best)):
                cost = self.energy.unary[node].copy()
                for edge in self.at[node]:
                    labels, theta, _, _ = self._view(edge, node)
                    other = self._other(edge, node)
                    cost += theta[labels, self._view(edge, other)[0][best[other]]]
                k = int(np.argmin(cost))
                if cost[k] < cost[best[node]] - 1e-15:
                    best[node], changed = k, True
            if not changed:
                break
        return best
