"""Each reduction keeps the optimum, its way back reaches it, and small cases show what it does."""

import math
from functools import cache

import numpy as np
import pytest

from solver.engine.evaluate import value
from solver.engine.problem import (
    Edge,
    EdgeUse,
    Pin,
    Problem,
    as_selection,
    plain_edge,
)
from solver.engine.reduce.components import join, split
from solver.engine.reduce.dominated import dominated
from solver.engine.reduce.implied_points import implied_points
from solver.engine.reduce.leaves import leaves
from solver.engine.reduce.live_sets import live_sets
from solver.engine.reduce.series import series
from solver.engine.reduce.step import Infeasible, Pass
from tests.engine.random_problems import brute_force, random_problem
from tests.engine.small_problems import edge, limit, nodes, pin, takes

INF = math.inf
PASSES = [live_sets, implied_points, dominated, leaves, series]


@cache
def solved(seed: int) -> tuple[Problem, float]:
    """A random problem and its optimum."""
    problem = random_problem(seed, tight=seed % 4 > 0)
    return problem, brute_force(problem)[0]


def check(problem: Problem, best: float, reduction: Pass) -> bool:
    """Compare the optima with and without a pass; whether the pass did anything."""
    before = [amount.copy() for amount in arrays(problem)]
    try:
        step = reduction(problem)
    except Infeasible:
        assert best == INF
        return True
    assert all(map(np.array_equal, before, arrays(problem)))
    if step is None:
        return False
    found, selection = brute_force(step.problem)
    assert found == best
    if selection is not None:
        assert value(problem, step.restore(selection)) == best
    return True


def arrays(problem: Problem) -> list[np.ndarray]:
    return [
        *(node.costs for node in problem.nodes),
        *(edge.table for edge in problem.edges),
        *(resource.capacity for resource in problem.resources),
        *(use.amounts for use in problem.node_uses + problem.edge_uses),
    ]


@pytest.mark.parametrize("reduction", PASSES)
def test_every_pass_keeps_the_optimum(reduction: Pass) -> None:
    done = sum(check(*solved(seed), reduction) for seed in range(1000))
    assert done > 30


@pytest.mark.parametrize("reduction", PASSES)
def test_every_restored_selection_is_worth_no_more(reduction: Pass) -> None:
    rng = np.random.default_rng(0)
    for seed in range(300):
        problem = random_problem(seed, tight=False)
        try:
            step = reduction(problem)
        except Infeasible:
            continue
        if step is None:
            continue
        for _ in range(10):
            selection = as_selection([int(rng.integers(n.size)) for n in step.problem.nodes])
            worth = value(step.problem, selection)
            assert value(problem, step.restore(selection)) <= worth


def test_parts_add_up_to_the_whole() -> None:
    several = 0
    for seed in range(1000):
        problem, best = solved(seed)
        parts = split(problem)
        several += len(parts) > 1
        answers = [brute_force(part.problem) for part in parts]
        assert sum(found for found, _ in answers) == best
        if best < INF:
            whole = join(parts, [chosen for _, chosen in answers if chosen is not None])
            assert value(problem, whole) == best
    assert several > 50


# Dominated strategies


def test_a_strategy_that_costs_more_everywhere_goes() -> None:
    problem = Problem(nodes([0, 3], [0, 0]), (edge(0, 1, [4, 1], [1, 0]),))
    step = dominated(problem)
    assert step is not None
    assert [node.size for node in step.problem.nodes] == [1, 1]
    assert step.restore(as_selection([0, 0])).tolist() == [0, 1]


def test_of_equal_strategies_the_first_stays() -> None:
    step = dominated(Problem(nodes([2, 2, 2])))
    assert step is not None
    assert step.restore(as_selection([0])).tolist() == [0]


def test_a_strategy_that_is_better_beside_one_neighbour_stays() -> None:
    table = edge(0, 1, [4, 0], [0, 1])
    assert dominated(Problem(nodes([0, 3], [0, 0]), (table,))) is None


def test_forbidden_pairs_of_the_one_that_goes_do_not_count() -> None:
    table = edge(0, 1, [INF, 2], [1, 2])
    step = dominated(Problem(nodes([0, 0], [0, 9]), (table,)))
    assert step is not None
    assert step.restore(as_selection([0, 0])).tolist() == [1, 0]


def test_a_strategy_that_uses_less_stays() -> None:
    problem = Problem(nodes([0, 3]), (), limit(4), (takes(0, 0, 1, 5, 2),))
    assert dominated(problem) is None


def test_a_strategy_whose_pair_uses_less_stays() -> None:
    table = edge(0, 1, [0], [0])
    use = EdgeUse(0, 0, 1, 0, np.array([[5.0], [2.0]]))
    assert dominated(Problem(nodes([0, 3], [0]), (table,), limit(4), (), (use,))) is None


def test_a_strategy_that_keeps_a_pin_stays() -> None:
    problem = Problem(nodes([0, 3, 4]), pins=(pin(0, True, False, False),))
    step = dominated(problem)
    assert step is not None
    assert step.problem.nodes[0].costs.tolist() == [0, 3]
    assert step.problem.pins[0].breaks[0].tolist() == [True, False]


def test_labels_nobody_has_any_more_go_from_tables_and_uses() -> None:
    table = Edge(0, 1, np.array([0, 1, 1]), np.array([0]), np.array([[2.0], [0.0]]))
    use = EdgeUse(0, 0, 1, 0, np.array([[3.0], [0.0]]))
    problem = Problem(nodes([1, 0, 5], [0]), (table,), limit(2), (), (use,))
    step = dominated(problem)
    assert step is not None
    assert step.problem.edges[0].table.tolist() == [[0]]
    assert step.problem.edge_uses[0].amounts.tolist() == [[0]]
    assert step.problem.edges[0].labels_u.tolist() == [0]
    assert step.restore(as_selection([0, 0])).tolist() == [1, 0]


# Leaves


def test_a_tree_collapses_to_a_constant() -> None:
    problem = Problem(
        nodes([0, 1], [3, 0], [0, 2], [1, 1]),
        (edge(0, 1, [0, 5], [9, 0]), edge(2, 1, [0, 1], [2, 0]), edge(3, 1, [0, 7], [1, 2])),
    )
    step = leaves(problem)
    assert step is not None
    assert not step.problem.nodes
    assert step.problem.constant == brute_force(problem)[0]
    assert value(problem, step.restore(as_selection([]))) == step.problem.constant


def test_the_uses_of_a_leaf_move_to_its_neighbour() -> None:
    problem = Problem(
        nodes([0, 0], [0, 0]),
        (edge(0, 1, [0, INF], [INF, 0]),),
        limit(6, 6),
        (takes(0, 0, 1, 1, 3), takes(1, 0, 2, 4, 2)),
        (),
        (pin(1, False, False),),
    )
    step = leaves(problem)
    assert step is not None
    assert [node.name for node in step.problem.nodes] == ["n1"]
    moved = {(use.start, use.stop): use.amounts.tolist() for use in step.problem.node_uses}
    assert moved == {(0, 1): [1, 3], (0, 2): [4, 2]}
    assert step.restore(as_selection([1])).tolist() == [1, 1]


def test_the_uses_of_the_edge_of_a_leaf_move_to_its_neighbour() -> None:
    use = EdgeUse(0, 0, 1, 0, np.array([[1.0, 4.0], [5.0, 3.0]]))
    table = edge(0, 1, [0, 4], [4, 0])
    problem = Problem(nodes([0, 0], [0, 0]), (table,), limit(6), (), (use,), (pin(1, False, True),))
    step = leaves(problem)
    assert step is not None
    assert [use.amounts.tolist() for use in step.problem.node_uses] == [[1, 3]]


def test_a_leaf_whose_cheapest_answer_is_not_its_smallest_stays() -> None:
    table = edge(0, 1, [0, 1], [1, 0])
    uses = (takes(0, 0, 1, 1, 3), takes(1, 0, 1, 3, 1))
    assert leaves(Problem(nodes([0, 0], [0, 0]), (table,), limit(5), uses)) is None


def test_of_equally_cheap_answers_a_leaf_gives_the_smallest() -> None:
    step = leaves(Problem(nodes([1, 1, 2]), (), limit(5), (takes(0, 0, 1, 3, 1, 1),)))
    assert step is not None
    assert step.restore(as_selection([])).tolist() == [1]
    assert step.problem.resources[0].capacity.tolist() == [4]


def test_a_pinned_leaf_stays() -> None:
    table = edge(0, 1, [0, 1], [1, 0])
    pins = (pin(0, True, False), pin(1, True, False))
    assert leaves(Problem(nodes([0, 0], [0, 0]), (table,), pins=pins)) is None


def test_an_isolated_node_without_an_allowed_strategy_is_infeasible() -> None:
    with pytest.raises(Infeasible, match="n0"):
        leaves(Problem(nodes([INF, INF])))


# Series


def cycle(pins: tuple[Pin, ...] = (), use: tuple[float, float] = (2, 2)) -> Problem:
    """A ring of four nodes, of which the first takes some of a resource."""
    costs = nodes([0, 1], [2, 0], [0, 3], [1, 0])
    ring = [edge(k, (k + 1) % 4, [0, k + 1], [4 - k, 0]) for k in range(4)]
    return Problem(costs, tuple(ring), limit(5), (takes(0, 0, 1, *use),), (), pins)


def test_a_ring_shrinks_until_two_nodes_are_left() -> None:
    step = series(cycle())
    assert step is not None
    assert [len(step.problem.nodes), len(step.problem.edges)] == [2, 2]
    assert step.problem.resources[0].capacity.tolist() == [3]
    assert check(cycle(), brute_force(cycle())[0], series)


def test_nodes_that_are_pinned_or_whose_use_varies_stay_in_a_ring() -> None:
    step = series(cycle((pin(2, True, False),), use=(1, 2)))
    assert step is not None
    assert [node.name for node in step.problem.nodes] == ["n0", "n2"]


def test_a_node_between_uses_of_edges_stays() -> None:
    chain = (edge(0, 1, [0, 2], [3, 0]), edge(1, 2, [0, 2], [3, 0]))
    use = EdgeUse(0, 0, 1, 1, np.array([[1.0, 2.0], [5.0, 3.0]]))
    problem = Problem(nodes([0, 0], [0, 0], [0, 0]), chain, limit(5), (), (use,))
    assert series(problem) is None
    assert series(Problem(problem.nodes, chain)) is not None


def test_a_node_stays_when_its_product_would_be_larger() -> None:
    to_u, to_w = np.zeros((2, 9)), np.zeros((2, 9))
    chain = (plain_edge(0, 1, to_u.T), plain_edge(1, 2, to_w))
    assert series(Problem(nodes([0] * 9, [0, 0], [0] * 9), chain)) is None


# Components


def test_edges_pins_and_common_points_connect() -> None:
    both = Pin("p", {1: np.array([True]), 2: np.array([True])}, 1.0)
    uses = tuple(takes(node, *span, 1) for node, span in [(3, (0, 2)), (4, (1, 3)), (5, (3, 4))])
    problem = Problem(
        nodes(*([k] for k in range(6))),
        (edge(0, 1, [7]),),
        limit(9, 9, 9, 9),
        uses,
        (),
        (both,),
        4.0,
    )
    parts = split(problem)
    assert [part.nodes.tolist() for part in parts] == [[0, 1, 2], [3, 4], [5]]
    assert [part.problem.constant for part in parts] == [4, 0, 0]
    assert [len(part.problem.resources) for part in parts] == [0, 1, 1]


def test_a_soft_resource_connects_all_its_users() -> None:
    uses = (takes(0, 0, 1, 3), takes(1, 1, 2, 3))
    problem = Problem(nodes([0], [0]), (), limit(1, 1, price=2), uses)
    assert len(split(problem)) == 1
    assert split(problem)[0].problem is problem


def test_an_unused_resource_that_cannot_hold_stays_in_a_part() -> None:
    parts = split(Problem(nodes([0], [0]), (), limit(-1)))
    assert [brute_force(part.problem)[0] for part in parts] == [INF, 0]
