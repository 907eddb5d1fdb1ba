"""Small cases of the reductions that drop points of resources: what goes and what stays."""

import numpy as np
import pytest

from solver.engine.problem import NodeUse, Problem, Resource
from solver.engine.reduce.implied_points import implied_points
from solver.engine.reduce.live_sets import live_sets
from solver.engine.reduce.step import Infeasible
from tests.engine.small_problems import limit, nodes, takes

# Live sets


def test_a_point_with_fewer_uses_and_no_less_capacity_goes() -> None:
    problem = Problem(
        nodes([0, 0], [0, 0]),
        (),
        limit(5, 5, 6),
        (takes(0, 0, 2, 0, 4), takes(1, 1, 3, 0, 3)),
    )
    step = live_sets(problem)
    assert step is not None
    assert step.problem.resources[0].capacity.tolist() == [5]
    assert [(use.start, use.stop) for use in step.problem.node_uses] == [(0, 1), (0, 1)]
    assert live_sets(step.problem) is None


def test_a_point_with_fewer_uses_but_less_capacity_stays() -> None:
    uses = (takes(0, 0, 2, 0, 4), takes(1, 1, 3, 0, 3))
    assert live_sets(Problem(nodes([0, 0], [0, 0]), (), limit(3, 5, 2), uses)) is None


def test_a_distant_point_with_the_same_uses_goes() -> None:
    uses = (takes(0, 0, 3, 0, 9), takes(1, 1, 2, 0, 9))
    step = live_sets(Problem(nodes([0, 0], [0, 0]), (), limit(5, 9, 5), uses))
    assert step is not None
    assert step.problem.resources[0].capacity.tolist() == [5, 9]


def test_least_amounts_are_taken_from_the_capacity() -> None:
    step = live_sets(Problem(nodes([0, 0]), (), limit(5), (takes(0, 0, 1, 2, 6),)))
    assert step is not None
    assert step.problem.resources[0].capacity.tolist() == [3]
    assert step.problem.node_uses[0].amounts.tolist() == [0, 4]


def test_a_resource_that_never_binds_goes_and_the_next_takes_its_number() -> None:
    resources = (*limit(9), Resource("link", np.array([1.0]), 2.0))
    uses = (takes(0, 0, 1, 0, 9), NodeUse(1, 0, 1, 0, np.array([3.0, 0.0])))
    step = live_sets(Problem(nodes([0, 0]), (), resources, uses))
    assert step is not None
    assert [resource.name for resource in step.problem.resources] == ["link"]
    assert [use.resource for use in step.problem.node_uses] == [0]


def test_a_soft_resource_that_is_always_exceeded_alike_is_a_constant() -> None:
    step = live_sets(Problem(nodes([0, 0]), (), limit(1, 2, price=3), (takes(0, 0, 2, 4, 4),)))
    assert step is not None
    assert not step.problem.resources
    assert step.problem.constant == 9


def test_least_amounts_above_a_hard_capacity_are_infeasible() -> None:
    with pytest.raises(Infeasible, match="memory is exceeded at point 1"):
        live_sets(Problem(nodes([0, 0]), (), limit(9, 3), (takes(0, 0, 2, 4, 5),)))


def test_uses_over_the_same_points_are_summed() -> None:
    uses = (takes(0, 0, 1, 0, 4), takes(0, 0, 1, 3, 0))
    step = live_sets(Problem(nodes([0, 0]), (), limit(3), uses))
    assert step is not None
    assert [use.amounts.tolist() for use in step.problem.node_uses] == [[3, 4]]


# Implied points


def test_a_point_goes_when_every_node_takes_no_less_at_the_next() -> None:
    uses = (takes(0, 0, 1, 0, 3), takes(0, 1, 2, 1, 4), takes(1, 0, 2, 0, 5))
    step = implied_points(Problem(nodes([0, 0], [0, 0]), (), limit(6, 7), uses))
    assert step is not None
    assert step.problem.resources[0].capacity.tolist() == [7]
    assert sorted(use.amounts.tolist() for use in step.problem.node_uses) == [[0, 5], [1, 4]]


def test_a_point_stays_when_its_smaller_capacity_may_bind_first() -> None:
    uses = (takes(0, 0, 1, 0, 3), takes(0, 1, 2, 0, 6), takes(1, 0, 2, 0, 5))
    assert implied_points(Problem(nodes([0, 0], [0, 0]), (), limit(6, 8), uses)) is None


def test_a_point_goes_for_a_later_one_past_another_that_stays() -> None:
    uses = (takes(0, 0, 1, 0, 3), takes(1, 1, 2, 0, 9), takes(0, 2, 3, 0, 4))
    step = implied_points(Problem(nodes([0, 0], [0, 0]), (), limit(2, 8, 2), uses))
    assert step is not None
    assert step.problem.resources[0].capacity.tolist() == [8, 2]


def test_a_point_whose_largest_takes_fit_together_goes() -> None:
    uses = (takes(0, 0, 1, 0, 4), takes(0, 0, 1, 3, 0), takes(1, 0, 1, 0, 1))
    assert implied_points(Problem(nodes([0, 0], [0, 0]), (), limit(4), uses)) is None
    step = implied_points(Problem(nodes([0, 0], [0, 0]), (), limit(5), uses))
    assert step is not None
    assert not step.problem.resources
