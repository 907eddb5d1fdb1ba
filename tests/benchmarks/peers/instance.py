"""A public sharding instance in plain Python lists, for the peers: read it, and its live sets.

Shares no code with what it is compared with. The format is described in solver/README.md.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

FORBIDDEN = 10**18
"""A strategy or pair that costs this much or more must not be chosen."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One problem: node i lives in `intervals[i]` = [start, end), its strategy s costs
    `costs[i][s]` and takes `usages[i][s]` while it lives. Edge e joins the nodes `edges[e]` = (u,
    v) and costs `tables[e]`, row-major over (strategy of u, strategy of v). At every time point at
    most `limit` may be taken (infinity: any amount)."""

    intervals: list[tuple[int, int]]
    costs: list[list[int]]
    usages: list[list[int]]
    edges: list[tuple[int, int]]
    tables: list[list[int]]
    limit: float

    def rows(self, edge: int) -> list[list[int]]:
        """The cost table of an edge: a row for every strategy of its first node."""
        table, width = self.tables[edge], len(self.costs[self.edges[edge][1]])
        return [table[at : at + width] for at in range(0, len(table), width)]


def read(path: Path) -> Instance:
    """The instance in a `.json` or `.json.gz` file."""
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    problem = json.loads(text)["problem"]
    nodes, edges = problem["nodes"], problem["edges"]
    return Instance(
        [(start, end) for start, end in nodes["intervals"]],
        nodes["costs"],
        nodes["usages"],
        [(u, v) for u, v in edges["nodes"]],
        edges["costs"],
        problem.get("usage_limit", float("inf")),
    )


def live_sets(intervals: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Every maximal set of nodes that live at one time point, in order of time.

    A set is maximal exactly when something has begun since the last end: then nothing of the sets
    before contains it, and the end that follows takes a member from every set after it.
    """
    lives = [(start, end, node) for node, (start, end) in enumerate(intervals) if start < end]
    begins = sorted(lives)
    ends = sorted((end, node) for _, end, node in lives)
    alive: dict[int, None] = {}
    at = 0
    for end, node in ends:
        has_grown = False
        while at < len(begins) and begins[at][0] < end:
            alive[begins[at][2]] = None
            at += 1
            has_grown = True
        if has_grown:
            yield list(alive)
        del alive[node]


def value_of(instance: Instance, solution: Sequence[int]) -> int:
    """What a solution costs. Raises ValueError, with the reason, when it is not allowed."""
    if len(solution) != len(instance.costs):
        raise ValueError(f"{len(solution)} strategies for {len(instance.costs)} nodes")
    paid = []
    for node, (costs, k) in enumerate(zip(instance.costs, solution, strict=True)):
        if not 0 <= k < len(costs):
            raise ValueError(f"node {node} has no strategy {k}")
        paid.append(costs[k])
    for (u, v), table in zip(instance.edges, instance.tables, strict=True):
        paid.append(table[solution[u] * len(instance.costs[v]) + solution[v]])
    if max(paid, default=0) >= FORBIDDEN:
        raise ValueError("something forbidden is chosen")
    over = _peak(instance, solution) - instance.limit
    if over > 0:
        raise ValueError(f"memory is {over} over the limit")
    return sum(paid)


def _peak(instance: Instance, solution: Sequence[int]) -> int:
    """The most memory taken at any time point."""
    steps: dict[int, int] = {}
    for (start, end), usages, k in zip(instance.intervals, instance.usages, solution, strict=True):
        if start < end:
            steps[start] = steps.get(start, 0) + usages[k]
            steps[end] = steps.get(end, 0) - usages[k]
    return max(accumulate(steps[at] for at in sorted(steps)), default=0)
