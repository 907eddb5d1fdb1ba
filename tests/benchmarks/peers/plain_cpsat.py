"""Peer: the plain CP-SAT model, as one writes it first.

A boolean per strategy, exactly one per node; a clause per forbidden pair; a boolean per pair that
costs something, forced by the clause x_u and x_v -> pair (that is, pair >= x_u + x_v - 1); a linear
constraint per maximal live set.
"""

from __future__ import annotations

from ortools.sat.python import cp_model

from tests.benchmarks.peers.instance import FORBIDDEN, Instance, live_sets
from tests.benchmarks.peers.protocol import WORKERS, run, say, seconds_left

Choices = list[list[cp_model.IntVar]]
Priced = list[tuple[cp_model.IntVar, int]]


class Found(cp_model.CpSolverSolutionCallback):
    """Says the value of every better solution."""

    def on_solution_callback(self) -> None:
        say(value=self.objective_value)


def solve(instance: Instance, until: float) -> None:
    """Build, solve until the end of the time, say what was found."""
    model = cp_model.CpModel()
    take = [[model.new_bool_var("") for _ in row] for row in instance.costs]
    priced = _add_nodes(model, instance, take) + _add_edges(model, instance, take)
    _add_memory(model, instance, take)
    literals, weights = [literal for literal, _ in priced], [cost for _, cost in priced]
    model.minimize(cp_model.LinearExpr.weighted_sum(literals, weights))
    say(built=True)

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = WORKERS
    solver.parameters.max_time_in_seconds = seconds_left(until)
    solver.best_bound_callback = lambda bound: say(bound=bound)
    status = solver.solve(model, Found())
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        solution = [[solver.boolean_value(x) for x in row].index(True) for row in take]
        say(bound=solver.best_objective_bound, value=solver.objective_value, solution=solution)
    else:
        say(failed=solver.status_name(status).lower())


def _add_nodes(model: cp_model.CpModel, instance: Instance, take: Choices) -> Priced:
    priced = []
    for row, costs in zip(take, instance.costs, strict=True):
        model.add_exactly_one(row)
        for literal, cost in zip(row, costs, strict=True):
            if cost >= FORBIDDEN:
                model.add(literal == 0)
            elif cost:
                priced.append((literal, cost))
    return priced


def _add_edges(model: cp_model.CpModel, instance: Instance, take: Choices) -> Priced:
    priced = []
    for edge, (u, v) in enumerate(instance.edges):
        for x_u, costs in zip(take[u], instance.rows(edge), strict=True):
            for x_v, cost in zip(take[v], costs, strict=True):
                if cost >= FORBIDDEN:
                    model.add_bool_or(~x_u, ~x_v)
                elif cost:
                    priced.append((_pair(model, x_u, x_v, cost), cost))
    return priced


def _pair(
    model: cp_model.CpModel, x_u: cp_model.IntVar, x_v: cp_model.IntVar, cost: int
) -> cp_model.IntVar:
    """True when both are; where that is a gain, only then."""
    pair = model.new_bool_var("")
    model.add_bool_or(~x_u, ~x_v, pair)
    if cost < 0:
        model.add_implication(pair, x_u)
        model.add_implication(pair, x_v)
    return pair


def _add_memory(model: cp_model.CpModel, instance: Instance, take: Choices) -> None:
    if instance.limit == float("inf"):
        return
    for live in live_sets(instance.intervals):
        literals = [literal for node in live for literal in take[node]]
        amounts = [amount for node in live for amount in instance.usages[node]]
        model.add(cp_model.LinearExpr.weighted_sum(literals, amounts) <= instance.limit)


if __name__ == "__main__":
    run(solve)
