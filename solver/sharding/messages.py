"""Lower bounds and selections for an `Energy` by sequential message passing.

Tree-reweighted message passing, Kolmogorov, "Convergent Tree-Reweighted Message Passing for Energy
Minimization", 2006 (TRW-S).
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
        self.bound = self.marginal_bound = -math.inf
        self.excess = [np.zeros(len(theta)) for theta in self.energy.unary]
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

    def sweep(self) -> float:
        """One forward and one backward pass; the lower bound after them.

        The bound is what the backward pass subtracts to bring every belief and every message to a
        minimum of zero (Kolmogorov 2006, section 3.3); it never falls from sweep to sweep.
        """
        count = len(self.energy.unary)
        self._pass(range(count), forward=True)
        before = self.bound
        found = self._pass(range(count - 1, -1, -1), forward=False)
        # A belief's excess holds against the bound of the moment it was formed, and that is no
        # less than the bound of the sweep before.
        self.marginal_bound = before
        self.bound = max(before, found)
        return self.bound

    def run(self, sweeps: int, tolerance: float = 1e-4) -> None:
        """Sweep, at least twice, until the bound gains a share below `tolerance`."""
        for done in range(max(sweeps, 2)):
            before = self.bound
            after = self.sweep()
            if done and after - before <= tolerance * abs(after):
                return

    def _pass(self, order: range, forward: bool) -> float:
        total: list[float] = []
        for node in order:
            belief = self.belief(node)
            least = float(belief.min())
            total.append(least)
            belief -= least
            if not forward:
                self.excess[node] = belief
            for edge in self.at[node]:
                if (self._other(edge, node) > node) == forward:
                    total.append(self._send(edge, node, belief))
        return math.fsum(total)

    def _send(self, edge: int, node: int, belief: Floats) -> float:
        labels, theta, here, there = self._view(edge, node)
        own = self.share[node] * _label_minima(belief, labels, len(here)) - here
        message = (theta + own[:, None]).min(axis=0)
        least = float(message.min())
        there[:] = message - least
        return least

    def marginals(self) -> list[Floats]:
        """For every node a lower bound with each strategy fixed; needs two sweeps."""
        return [self.marginal_bound + excess for excess in self.excess]

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
