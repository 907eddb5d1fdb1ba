"""What propagation, constants, equal layouts, parallel edges and labels do, in small cases."""

import math

import numpy as np
import pytest

from solver.engine.evaluate import value
from solver.engine.problem import (
    Edge,
    EdgeUse,
    Node,
    NodeUse,
    Pin,
    Problem,
    Resource,
    as_selection,
    plain_edge,
)
from solver.engine.reduce.constants import constants
from solver.engine.reduce.equal_layouts import equal_layouts
from solver.engine.reduce.labels import labels
from solver.engine.reduce.parallel import parallel
from solver.engine.reduce.propagate import propagate
from solver.engine.reduce.step import Infeasible

INF = math.inf
COPY = [[0, INF], [INF, 0]]


def nodes(*costs: list[float]) -> tuple[Node, ...]:
    return tuple(Node(f"n{k}", np.array(c, dtype=float)) for k, c in enumerate(costs))


def edge(u: int, v: int, table: list[list[float]]) -> Edge:
    return plain_edge(u, v, np.array(table, dtype=float))


def labelled(
    u: int, v: int, labels_u: list[int], labels_v: list[int], table: list[list[float]]
) -> Edge:
    return Edge(u, v, as_selection(labels_u), as_selection(labels_v), np.array(table, dtype=float))


def takes(node: int, start: int, stop: int, *amounts: float) -> NodeUse:
    return NodeUse(0, start, stop, node, np.array(amounts, dtype=float))


def limit(*capacity: float, price: float = INF) -> tuple[Resource, ...]:
    return (Resource("memory", np.array(capacity, dtype=float), price),)


def pin(breaks: dict[int, list[bool]], weight: float = INF) -> Pin:
    return Pin("p", {node: np.array(mask) for node, mask in breaks.items()}, weight)


def sizes(problem: Problem) -> list[int]:
    return [node.size for node in problem.nodes]


class TestPropagate:
    def test_an_infinite_cost_takes_partners_away_along_edges(self):
        edges = (edge(0, 1, COPY), edge(1, 2, [[0, 0, INF], [INF, INF, 5]]))
        step = propagate(Problem(nodes([INF, 0], [0, 0], [1, 2, 3]), edges))
        assert sizes(step.problem) == [1, 1, 1]
        assert step.problem.edges[1].table.tolist() == [[5]]
        assert step.restore(as_selection([0, 0, 0])).tolist() == [1, 1, 2]

    def test_labels_that_nobody_holds_any_more_go(self):
        shared = labelled(0, 1, [0, 1, 1, 2], [0, 1], [[0, 1], [2, 3], [4, 5]])
        step = propagate(Problem(nodes([0, INF, INF, 0], [0, 0]), (shared,)))
        assert step.problem.edges[0].labels_u.tolist() == [0, 1]
        assert step.problem.edges[0].table.tolist() == [[0, 1], [4, 5]]

    def test_a_hard_pin_becomes_dropped_strategies(self):
        step = propagate(Problem(nodes([0, 1, 2]), pins=(pin({0: [True, False, True]}),)))
        assert [node.costs.tolist() for node in step.problem.nodes] == [[1]]
        assert step.problem.pins == ()

    def test_what_cannot_fit_beside_the_least_of_the_others_goes(self):
        uses = (takes(0, 0, 2, 1, 5, 6), takes(1, 1, 3, 3, 4))
        given = Problem(nodes([0, 0, 0], [0, 0]), (), limit(9, 8, 9), uses)
        step = propagate(given)
        assert sizes(step.problem) == [2, 2]  # 6 + 3 > 8 at point 1; 5 + 3 is as much as fits
        assert step.problem.node_uses[0].amounts.tolist() == [1, 5]

    def test_it_looks_at_the_tightest_point_of_a_long_interval(self):
        capacity = [9.0] * 11
        for tight in range(11):
            some = [*capacity]
            some[tight] = 3.0
            given = Problem(nodes([0, 0]), (), limit(*some), (takes(0, 0, 11, 1, 4),))
            assert sizes(propagate(given).problem) == [1]
            aside = (takes(0, tight + 1, 11, 1, 4),) if tight < 10 else ()
            assert propagate(Problem(nodes([0, 0]), (), limit(*some), aside)) is None

    def test_what_edges_take_at_least_counts(self):
        taken = (EdgeUse(0, 0, 1, 0, np.array([[2.0, 9.0], [9.0, 2.0]])),)
        given = Problem(
            nodes([0, 0], [0, 0]), (edge(0, 1, COPY),), limit(5), (takes(0, 0, 1, 3, 4),), taken
        )
        assert sizes(propagate(given).problem) == [1, 1]

    def test_dropping_for_want_of_room_goes_on_along_edges(self):
        given = Problem(
            nodes([0, 0], [0, 0]), (edge(0, 1, COPY),), limit(3), (takes(0, 0, 1, 4, 1),)
        )
        assert sizes(propagate(given).problem) == [1, 1]

    def test_a_soft_capacity_takes_nothing_away(self):
        given = Problem(nodes([0, 0]), (), limit(1, price=2.0), (takes(0, 0, 1, 0, 9),))
        assert propagate(given) is None

    def test_a_soft_pin_shrinks_with_its_nodes(self):
        wish = pin({0: [True, False, True], 1: [True, False]}, weight=4.0)
        given = Problem(nodes([INF, 0, 0], [INF, 0]), pins=(wish,))
        kept = propagate(given).problem
        assert {v: mask.tolist() for v, mask in kept.pins[0].breaks.items()} == {0: [False, True]}
        assert kept.pins[0].weight == 4.0

    def test_a_soft_pin_that_cannot_break_goes(self):
        kept = propagate(Problem(nodes([0, 0]), pins=(pin({0: [False, False]}, 4.0),))).problem
        assert (kept.pins, kept.constant) == ((), 0.0)

    def test_a_soft_pin_that_is_surely_broken_is_paid(self):
        wish = pin({0: [True, True], 1: [False, True]}, weight=4.0)
        kept = propagate(Problem(nodes([0, 0], [0, 0]), pins=(wish,), constant=1.0)).problem
        assert (kept.pins, kept.constant) == ((), 5.0)

    @pytest.mark.parametrize(
        ("problem", "why"),
        [
            (Problem(nodes([0], [INF, INF])), "no strategy of n1 is possible"),
            (Problem(nodes([])), "no strategy of n0 is possible"),
            (
                Problem(nodes([0, 0]), pins=(pin({0: [True, False]}), pin({0: [False, True]}))),
                "no strategy of n0 is possible",
            ),
            (
                Problem(nodes([INF, 0], [0, INF]), (edge(0, 1, COPY),)),
                "no strategy of n0 is possible",
            ),
            (
                Problem(nodes([0]), (), limit(5, 2), (takes(0, 0, 2, 3),)),
                "memory is exceeded at point 1 even when everything takes the least it can",
            ),
            (Problem((), constant=INF), "the constant cost is infinite"),
        ],
    )
    def test_it_says_why_nothing_is_feasible(self, problem, why):
        with pytest.raises(Infeasible) as raised:
            propagate(problem)
        assert str(raised.value) == why

    def test_it_leaves_alone_what_has_nothing_forbidden(self):
        given = Problem(nodes([0, 1], [2, 3]), (edge(0, 1, COPY),), limit(9))
        assert propagate(given) is None


class TestConstants:
    def test_a_separable_table_moves_into_node_costs(self):
        step = constants(Problem(nodes([0, 0], [0, 0, 0]), (edge(0, 1, [[3, 1, 2], [4, 2, 3]]),)))
        assert step.problem.edges == ()
        assert [node.costs.tolist() for node in step.problem.nodes] == [[1, 2], [2, 0, 1]]

    def test_labels_lead_a_separable_table_to_strategies(self):
        shared = labelled(0, 1, [1, 0, 1], [0, 1], [[0, 0], [5, 5]])
        step = constants(Problem(nodes([0, 0, 0], [0, 0]), (shared,)))
        assert step.problem.nodes[0].costs.tolist() == [5, 0, 5]

    def test_other_tables_stay(self):
        problem = Problem(nodes([0, 0], [0, 0, 0]), (edge(0, 1, [[0, 9, 0], [0, 2, 0]]),))
        assert constants(problem) is None
        assert constants(Problem(nodes([0, 0], [0, 0]), (edge(0, 1, COPY),))) is None

    def test_a_node_with_one_strategy_goes_with_all_that_it_has(self):
        given = Problem(
            nodes([0, 0], [7], [0, 0]),
            (edge(0, 1, [[1], [INF]]), edge(1, 2, [[2, 3]]), edge(2, 0, COPY)),
            limit(9, 9),
            (takes(1, 1, 2, 4), takes(2, 0, 1, 1, 2)),
            constant=1.0,
        )
        step = constants(given)
        assert [node.name for node in step.problem.nodes] == ["n0", "n2"]
        assert [node.costs.tolist() for node in step.problem.nodes] == [[1, INF], [2, 3]]
        assert [(e.u, e.v) for e in step.problem.edges] == [(1, 0)]
        assert step.problem.resources[0].capacity.tolist() == [9, 5]
        assert [use.node for use in step.problem.node_uses] == [1]
        assert step.problem.constant == 8.0
        assert step.restore(as_selection([1, 0])).tolist() == [1, 0, 0]

    def test_a_pinned_node_stays_even_without_a_choice(self):
        given = Problem(nodes([7], [1]), pins=(pin({0: [True]}, weight=2.0),))
        step = constants(given)
        assert [node.name for node in step.problem.nodes] == ["n0"]
        assert step.problem.pins[0].breaks[0].tolist() == [True]

    def test_a_use_of_equal_amounts_comes_off_the_capacity(self):
        uses = (takes(0, 1, 3, 2, 2), takes(0, 0, 1, 2, 3))
        step = constants(Problem(nodes([0, 0]), (), limit(9, 9, 9, 9), uses))
        assert step.problem.resources[0].capacity.tolist() == [9, 7, 7, 9]
        assert [use.amounts.tolist() for use in step.problem.node_uses] == [[2, 3]]

    def test_an_edge_use_with_one_end_fixed_becomes_a_node_use(self):
        given = Problem(
            nodes([0], [0, 0]),
            (edge(0, 1, [[1, 2]]),),
            limit(9, 9),
            (),
            (EdgeUse(0, 0, 1, 0, np.array([[3.0, 5.0]])),),
        )
        step = constants(given)
        assert step.problem.edge_uses == ()
        (use,) = step.problem.node_uses
        assert (use.node, use.start, use.stop, use.amounts.tolist()) == (0, 0, 1, [3, 5])

    def test_an_edge_stays_for_a_use_that_couples_its_ends(self):
        coupled = EdgeUse(0, 0, 1, 1, np.array([[0.0, 1.0], [1.0, 0.0]]))
        summed = EdgeUse(0, 1, 2, 1, np.array([[0.0, 1.0], [2.0, 3.0]]))
        flat = [[1, 1], [1, 1]]
        given = Problem(
            nodes([0, 0], [0, 0]),
            (edge(0, 1, flat), edge(0, 1, flat)),
            limit(9, 9),
            (),
            (coupled, summed),
        )
        step = constants(given)
        assert [(use.edge, use.start) for use in step.problem.edge_uses] == [(0, 0)]
        assert len(step.problem.edges) == 1
        assert [(u.node, u.amounts.tolist()) for u in step.problem.node_uses] == [
            (0, [0, 2]),
            (1, [0, 1]),
        ]

    def test_a_cost_that_cannot_be_avoided_must_be_finite(self):
        with pytest.raises(Infeasible):
            constants(Problem(nodes([INF])))


class TestEqualLayouts:
    def test_a_function_of_another_node_moves_there_with_all_that_it_has(self):
        given = Problem(
            nodes([0, 10, 20], [1, 2], [0, 0]),
            (
                edge(0, 1, [[INF, 3], [4, INF], [INF, 5]]),
                edge(2, 1, [[6, 7], [8, 9]]),
            ),
            limit(99, 99),
            (takes(0, 0, 1, 1, 1, 2), takes(1, 0, 1, 3, 4), takes(1, 1, 2, 5, 6)),
        )
        step = equal_layouts(given)
        assert [node.name for node in step.problem.nodes] == ["n0", "n2"]
        assert step.problem.nodes[0].costs.tolist() == [0 + 3 + 2, 10 + 4 + 1, 20 + 5 + 2]
        (left,) = step.problem.edges
        assert [[left.at(i, j) for j in range(3)] for i in range(2)] == [[7, 6, 7], [9, 8, 9]]
        assert left.table.shape == (2, 2)
        assert [(use.start, use.stop, use.amounts.tolist()) for use in step.problem.node_uses] == [
            (0, 1, [5, 4, 6]),
            (1, 2, [6, 5, 6]),
        ]
        assert step.restore(as_selection([1, 0])).tolist() == [1, 0, 0]

    def test_labels_of_strategies_that_are_never_taken_go(self):
        given = Problem(
            nodes([0, 0, 0], [0, 0, 0], [0, 0]),
            (
                edge(0, 1, [[0, INF, INF], [INF, INF, 0], [INF, INF, 0]]),
                edge(1, 2, [[1, 2], [3, 9], [5, 6]]),
            ),
            edge_uses=(EdgeUse(0, 0, 1, 1, np.array([[1.0, 2.0], [3.0, 3.0], [5.0, 6.0]])),),
            resources=limit(9),
        )
        step = equal_layouts(given)
        (left,) = step.problem.edges
        assert left.table.tolist() == [[1, 2], [5, 6]]
        assert left.labels_u.tolist() == [0, 1, 1]
        assert step.problem.edge_uses[0].amounts.tolist() == [[1, 2], [5, 6]]

    def test_an_edge_between_two_that_become_one_is_a_cost_of_it(self):
        given = Problem(
            nodes([0, 0], [0, 0], [0, 0]),
            (edge(0, 1, COPY), edge(1, 2, COPY), edge(2, 0, [[3, 9], [9, 4]])),
            limit(9),
            (),
            (EdgeUse(0, 0, 1, 2, np.array([[1.0, 7.0], [7.0, 2.0]])),),
        )
        step = equal_layouts(given)
        assert [node.costs.tolist() for node in step.problem.nodes] == [[3, 4]]
        assert step.problem.edges == ()
        assert [use.amounts.tolist() for use in step.problem.node_uses] == [[1, 2]]

    def test_a_pinned_node_takes_the_others_in(self):
        wish = pin({2: [False, True]}, weight=1.0)
        given = Problem(
            nodes([0, 1], [0, 2], [0, 4]), (edge(0, 1, COPY), edge(1, 2, COPY)), pins=(wish,)
        )
        step = equal_layouts(given)
        assert [(node.name, node.costs.tolist()) for node in step.problem.nodes] == [("n2", [0, 7])]
        assert step.problem.pins[0].breaks[0].tolist() == [False, True]

    def test_two_pinned_nodes_both_stay(self):
        both = pin({0: [False, True], 1: [False, True]}, weight=1.0)
        given = Problem(nodes([0, 1], [0, 2]), (edge(0, 1, COPY),), pins=(both,))
        assert equal_layouts(given) is None

    def test_a_shared_label_leaves_a_choice(self):
        shared = labelled(0, 1, [0, 1, 1], [0, 1, 1], COPY)
        assert equal_layouts(Problem(nodes([0, 0, 0], [0, 1, 2]), (shared,))) is None

    def test_a_copy_of_groups_goes_into_the_finer_node(self):
        shared = labelled(0, 1, [0, 1], [0, 1, 1], COPY)
        step = equal_layouts(Problem(nodes([5, 6], [0, 1, 2]), (shared,)))
        assert [node.costs.tolist() for node in step.problem.nodes] == [[5, 7, 8]]
        assert step.restore(as_selection([2])).tolist() == [1, 2]


class TestParallel:
    def test_edges_in_both_directions_are_summed(self):
        given = Problem(
            nodes([0, 0], [0, 0, 0]),
            (edge(0, 1, [[1, 2, 3], [4, 5, 6]]), edge(1, 0, [[10, 20], [30, INF], [50, 60]])),
        )
        (summed,) = parallel(given).problem.edges
        assert summed.table.tolist() == [[11, 32, 53], [24, INF, 66]]

    def test_labels_are_refined_no_further_than_needed(self):
        given = Problem(
            nodes([0] * 4, [0] * 3),
            (
                labelled(0, 1, [0, 0, 1, 1], [0, 0, 0], [[1], [2]]),
                labelled(0, 1, [0, 1, 1, 1], [0, 0, 1], [[10, 20], [30, 40]]),
            ),
        )
        (summed,) = parallel(given).problem.edges
        assert summed.table.shape == (3, 2)
        assert [[summed.at(i, j) for j in range(3)] for i in range(4)] == [
            [11, 11, 21],
            [31, 31, 41],
            [32, 32, 42],
            [32, 32, 42],
        ]

    def test_uses_move_to_the_sum(self):
        amounts = np.array([[1.0, 2.0], [3.0, 4.0]])
        given = Problem(
            nodes([0, 0], [0, 0], [0, 0]),
            (edge(1, 2, COPY), edge(0, 1, COPY), edge(1, 0, COPY)),
            limit(9, 9),
            (),
            (
                EdgeUse(0, 0, 1, 0, amounts),
                EdgeUse(0, 0, 1, 1, amounts),
                EdgeUse(0, 0, 1, 2, amounts),
                EdgeUse(0, 1, 2, 2, amounts),
            ),
        )
        reduced = parallel(given).problem
        assert [(use.edge, use.start, use.amounts.tolist()) for use in reduced.edge_uses] == [
            (0, 0, [[1, 2], [3, 4]]),
            (1, 0, [[2, 5], [5, 8]]),
            (1, 1, [[1, 3], [2, 4]]),
        ]

    def test_single_edges_are_left_alone(self):
        given = Problem(
            nodes([0, 0], [0, 0], [0, 0]), (edge(0, 1, COPY), edge(1, 2, COPY), edge(2, 0, COPY))
        )
        assert parallel(given) is None


class TestLabels:
    def test_equal_rows_and_columns_become_one(self):
        given = Problem(
            nodes([0, 1, 2], [0, 0, 0]), (edge(0, 1, [[1, 5, 1], [2, 6, 2], [1, 5, 1]]),)
        )
        (joined,) = labels(given).problem.edges
        assert joined.table.tolist() == [[1, 5], [2, 6]]
        assert joined.labels_u.tolist() == [0, 1, 0]
        assert joined.labels_v.tolist() == [0, 1, 0]
        assert value(labels(given).problem, as_selection([2, 1])) == 2 + 5

    def test_infinities_and_zeros_of_either_sign_are_equal(self):
        (joined,) = labels(
            Problem(nodes([0, 0], [0, 0]), (edge(0, 1, [[0.0, INF], [-0.0, INF]]),))
        ).problem.edges
        assert joined.table.tolist() == [[0, INF]]

    def test_rows_that_a_use_tells_apart_stay_apart(self):
        table = edge(0, 1, [[1, 2], [1, 2], [1, 2]])
        apart = (EdgeUse(0, 0, 1, 0, np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])),)
        given = Problem(nodes([0, 0, 0], [0, 0]), (table,), limit(9), (), apart)
        reduced = labels(given).problem
        assert reduced.edges[0].labels_u.tolist() == [0, 1, 0]
        assert reduced.edge_uses[0].amounts.tolist() == [[0, 1], [1, 0]]

    def test_different_rows_are_left_alone(self):
        given = Problem(nodes([0, 0], [0, 0]), (edge(0, 1, [[1, 2], [2, 1]]),))
        assert labels(given) is None
