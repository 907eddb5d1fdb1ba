"""A real compiler graph of the contest: 816 operators, as published."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from solver.engine.problem import as_selection
from solver.instance.figures import figures
from solver.instance.instance import Instance
from solver.instance.lower import lower, points
from solver.instance.read import read

B = Path(__file__).parent / "B.json.gz"
DATA = gzip.decompress(B.read_bytes())


@pytest.fixture(scope="module")
def instance() -> Instance:
    return read(DATA, str(B))


def test_it_is_read(instance: Instance) -> None:
    assert (len(instance.sizes), len(instance.costs), len(instance.tables)) == (816, 10188, 236126)
    assert (instance.limit, instance.is_integral) == (14392528.0, True)
    problem = lower(instance)
    dead = int((instance.intervals[:, 0] >= instance.intervals[:, 1]).sum())
    assert (len(problem.nodes), len(problem.edges)) == (816, len(instance.ends))
    assert len(problem.node_uses) == 816 - dead == 665
    assert len(points(instance)) <= instance.intervals.max()


def test_figures_are_those_of_plain_arithmetic(instance: Instance) -> None:
    """Time by time and edge by edge, over the JSON."""
    problem = json.loads(DATA)["problem"]
    nodes, edges = problem["nodes"], problem["edges"]
    rng = np.random.default_rng(1)
    chosen = [int(rng.integers(len(costs))) for costs in nodes["costs"]]
    used = [0] * 681
    for (start, end), usages, s in zip(nodes["intervals"], nodes["usages"], chosen, strict=True):
        for time in range(start, end):
            used[time] += usages[s]
    found = figures(_without_forbidden(instance), as_selection(chosen))
    assert (found.memory.peak, found.memory.at) == (max(used), used.index(max(used)))
    own = [costs[s] for costs, s in zip(nodes["costs"], chosen, strict=True)]
    value = sum(cost for cost in own if cost < 10**18)
    for (u, v), table in zip(edges["nodes"], edges["costs"], strict=True):
        cost = table[chosen[u] * len(nodes["costs"][v]) + chosen[v]]
        value += cost if cost < 10**18 else 0
    assert found.value == value


def _without_forbidden(instance: Instance) -> Instance:
    return replace(
        instance,
        costs=np.where(np.isinf(instance.costs), 0.0, instance.costs),
        tables=np.where(np.isinf(instance.tables), 0.0, instance.tables),
    )


@pytest.mark.slow
def test_it_is_solved_to_the_optimum(tmp_path: Path) -> None:
    """532,843 is the best value published; `mmp` proves it."""
    command = [sys.executable, "-m", "solver.cli.main"]
    output = tmp_path / "solution.json"
    solve = [*command, "solve", str(B), "--time-limit", "120", "-o", str(output)]
    subprocess.run(solve, check=True, capture_output=True)
    found = json.loads(output.read_bytes())
    assert found["objective"] == {"value": 532843, "bound": 532843, "gap": 0.0}
    subprocess.run([*command, "verify", str(output)], check=True, capture_output=True)
