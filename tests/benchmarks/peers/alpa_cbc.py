"""Peer: the integer program of Alpa, in PuLP, solved by CBC.

Zheng et al., "Alpa: Automating Inter- and Intra-Operator Parallelism for Distributed Deep
Learning", OSDI 2022, section 4.2, equation 1, with the linearisation of its appendix as Alpa's
solver writes it: binary s per strategy, binary e per pair of an edge, and

    sum s_v = 1;  sum e_uv = 1;  sum over a row or column of e_uv <= the s of that row or column;
    at every live set, the sum of the memory of the chosen strategies <= limit.

A node with one strategy is a constant, and an edge with such an end uses the other end's s.
Forbidden pairs are fixed to 0 instead of given a large cost.
"""

from __future__ import annotations

from typing import TypeAlias

import pulp

from tests.benchmarks.peers.instance import FORBIDDEN, Instance, live_sets
from tests.benchmarks.peers.protocol import WORKERS, chosen, run, say, seconds_left

Term: TypeAlias = pulp.LpVariable | int
"""A variable, or 1 where there is no choice."""


def solve(instance: Instance, until: float) -> None:
    """Build, solve until the end of the time, say what was found."""
    program = pulp.LpProblem("sharding", pulp.LpMinimize)
    s = [_binaries(f"s{node}", len(costs)) for node, costs in enumerate(instance.costs)]
    e = [_pairs(edge, s[u], s[v]) for edge, (u, v) in enumerate(instance.edges)]
    terms = [_priced(s[node], costs) for node, costs in enumerate(instance.costs)]
    terms += [_priced(e[edge], costs) for edge, costs in enumerate(instance.tables)]
    program += pulp.lpSum(terms)
    _constrain(program, instance, s, e)
    say(built=True, constant=program.objective.constant)

    left = seconds_left(until)
    if left == 0:
        say(failed="no time left to solve")
        return
    program.solve(pulp.PULP_CBC_CMD(msg=True, timeLimit=left, threads=WORKERS))
    _say_result(program, s)


def _binaries(name: str, count: int) -> list[Term]:
    if count == 1:
        return [1]
    return list(pulp.LpVariable.matrix(name, (range(count),), cat="Binary"))


def _pairs(edge: int, s_u: list[Term], s_v: list[Term]) -> list[Term]:
    if len(s_u) == 1:
        return s_v
    if len(s_v) == 1:
        return s_u
    return _binaries(f"e{edge}", len(s_u) * len(s_v))


def _priced(terms: list[Term], costs: list[int]) -> pulp.LpAffineExpression:
    """The cost of what is chosen; fixes what is forbidden.

    Raises ValueError where that leaves nothing.
    """
    for term, cost in zip(terms, costs, strict=True):
        if cost >= FORBIDDEN:
            if isinstance(term, int):
                raise ValueError("infeasible: something forbidden has no alternative")
            term.upBound = 0
    return pulp.lpDot(terms, [0 if cost >= FORBIDDEN else cost for cost in costs])


def _constrain(
    program: pulp.LpProblem, instance: Instance, s: list[list[Term]], e: list[list[Term]]
) -> None:
    for terms in s:
        if len(terms) > 1:
            program += pulp.lpSum(terms) == 1
    if instance.limit != float("inf"):
        for live in live_sets(instance.intervals):
            program += pulp.lpSum(pulp.lpDot(s[i], instance.usages[i]) for i in live) <= (
                instance.limit
            )
    for terms, (u, v) in zip(e, instance.edges, strict=True):
        width = len(s[v])
        if len(s[u]) == 1 or width == 1:
            continue
        program += pulp.lpSum(terms) == 1
        for row, s_u in enumerate(s[u]):
            program += pulp.lpSum(terms[row * width : (row + 1) * width]) <= s_u
        for column, s_v in enumerate(s[v]):
            program += pulp.lpSum(terms[column::width]) <= s_v


def _say_result(program: pulp.LpProblem, s: list[list[Term]]) -> None:
    if program.sol_status not in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible):
        say(failed=pulp.LpSolution[program.sol_status].lower())
        return
    value = pulp.value(program.objective)
    if program.sol_status == pulp.LpSolutionOptimal:
        say(bound=value)
    say(value=value, solution=chosen([[pulp.value(x) or 0.0 for x in row] for row in s]))


if __name__ == "__main__":
    run(solve)
