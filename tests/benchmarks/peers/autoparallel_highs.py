"""Peer: the integer program with sums per row and column, through scipy, solved by HiGHS.

As autoparallel (meta-pytorch) writes it: a variable per pair of an edge, and equalities that make
both ends of every edge agree on one strategy:

    sum s_v = 1;  sum over row k of e_uv = s_u[k];  sum over column j of e_uv = s_v[j];
    at every live set, the sum of the memory of the chosen strategies <= limit.

With s whole, the pairs are whole by themselves, so only s is declared integer, which is easier for
the solver. Forbidden strategies and pairs are fixed to 0 by their bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from tests.benchmarks.peers.instance import FORBIDDEN, Instance, live_sets
from tests.benchmarks.peers.protocol import chosen, run, say, seconds_left


@dataclass(slots=True)
class Rows:
    """A sparse matrix in the making: row, column and coefficient of every entry."""

    count: int = 0
    rows: list[np.ndarray] = field(default_factory=list)
    columns: list[np.ndarray] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def add(self, columns: np.ndarray, coefficients: np.ndarray) -> None:
        """One more row."""
        self.rows.append(np.full(len(columns), self.count, dtype=np.int32))
        self.columns.append(columns)
        self.values.append(coefficients)
        self.count += 1

    def matrix(self, width: int) -> csr_array:
        """All rows, over `width` columns."""
        entries = np.concatenate(self.values)
        places = (np.concatenate(self.rows), np.concatenate(self.columns))
        return csr_array(coo_array((entries, places), shape=(self.count, width)))


def solve(instance: Instance, until: float) -> None:
    """Build, solve until the end of the time, say what was found."""
    costs = np.array([x for row in instance.costs + instance.tables for x in row], dtype=float)
    first = _starts([len(row) for row in instance.costs])
    strategies = first[-1]
    constraints = [_choices(instance, first, len(costs))]
    if instance.limit != math.inf:
        constraints.append(_memory(instance, first, len(costs)))
    is_allowed = costs < FORBIDDEN
    is_whole = np.arange(len(costs)) < strategies
    say(built=True)

    left = seconds_left(until)
    if left == 0:
        say(failed="no time left to solve")
        return
    found = milp(
        np.where(is_allowed, costs, 0.0),
        integrality=is_whole,
        bounds=Bounds(0, is_allowed),
        constraints=constraints,
        options={"disp": True, "time_limit": left, "mip_rel_gap": 0.0},
    )
    if found.mip_dual_bound is not None and math.isfinite(found.mip_dual_bound):
        say(bound=found.mip_dual_bound)
    if found.x is None:
        say(failed=found.message)
        return
    parts = np.split(found.x[:strategies], first[1:-1])
    say(value=found.fun, solution=chosen([part.tolist() for part in parts]))


def _starts(sizes: list[int]) -> np.ndarray:
    """Where each of consecutive blocks begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(sizes)])


def _choices(instance: Instance, first: np.ndarray, width: int) -> LinearConstraint:
    """One strategy per node; the pairs of an edge agree with both of its ends."""
    made = Rows()
    for start, stop in pairwise(first):
        made.add(np.arange(start, stop), np.ones(stop - start))
    starts = first[-1] + _starts([len(table) for table in instance.tables])
    for (u, v), start, stop in zip(instance.edges, starts[:-1], starts[1:], strict=True):
        pairs = np.arange(start, stop).reshape(first[u + 1] - first[u], first[v + 1] - first[v])
        for node, lines in ((u, pairs), (v, pairs.T)):
            for strategy, line in enumerate(lines, first[node]):
                coefficients = np.append(np.ones(len(line)), -1.0)
                made.add(np.append(line, strategy), coefficients)
    right = np.zeros(made.count)
    right[: len(instance.costs)] = 1.0
    return LinearConstraint(made.matrix(width), right, right)


def _memory(instance: Instance, first: np.ndarray, width: int) -> LinearConstraint:
    made = Rows()
    usages = [np.array(row, dtype=float) for row in instance.usages]
    for live in live_sets(instance.intervals):
        columns = [np.arange(first[node], first[node + 1]) for node in live]
        made.add(np.concatenate(columns), np.concatenate([usages[node] for node in live]))
    return LinearConstraint(made.matrix(width), -np.inf, instance.limit)


if __name__ == "__main__":
    run(solve)
