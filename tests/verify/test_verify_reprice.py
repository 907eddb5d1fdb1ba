"""A plan under other costs: the same decisions in the same order, every figure anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsl.spec import CutOver, Pipeline, Spec
from solver.verify.check import verify
from solver.verify.evaluate import IllegalDecisionsError
from solver.verify.reprice import reprice
from solver.verify.simulate import DeadlockError
from tests.verify.build import SPAN, Net, mesh, pin, spec, variant
from tests.verify.document import Json
from tests.verify.plans import NAMES, plan


def overlapped(problem: Spec, share: float) -> Spec:
    return replace(problem, train=replace(problem.train, overlap=share))


@pytest.mark.parametrize("name", NAMES)
def test_under_its_own_spec_a_plan_has_its_own_figures(name: str) -> None:
    problem, document = plan(name)
    figures = verify(document, problem).figures
    assert figures is not None
    assert reprice(document, problem) == figures


@pytest.mark.parametrize("name", NAMES)
def test_only_decisions_and_order_are_read(name: str) -> None:
    """Claims may be anything, and so may times that leave the order as it is."""
    problem, document = plan(name)
    wanted = reprice(document, problem)
    for claim in ("memory", "communication", "pins", "objective", "step_time_s", "outcome"):
        del document[claim]
    for action in document["pipeline"]["schedule"]:
        action["start_s"] = 3 * action["start_s"] + 1
        action["end_s"] = 3 * action["end_s"] + 1
    assert reprice(document, problem) == wanted


def test_parameter_collectives_that_nothing_hides_take_their_whole_time() -> None:
    """A step is linear in the overlap where there is one stage; what its collectives take in all is
    the slope."""
    problem, document = plan("tensor_parallel")
    steps = [reprice(document, overlapped(problem, x)).step_time for x in (0.0, 0.5, 1.0)]
    figures = reprice(document, problem)
    parameters = {n for n, t in problem.graph.tensors.items() if t.role == "parameter"}
    exposed = sum(c.seconds * c.count for c in figures.calls if c.tensor in parameters)
    assert exposed > 0
    assert steps[0] - steps[1] == pytest.approx(exposed / 2)
    assert steps[1] - steps[2] == pytest.approx(exposed / 2)


def test_operators_move_as_early_as_the_order_lets_them() -> None:
    """Two stages, forward 1, backward 2 (1.5 + 0.5 apart); a slower transfer delays both ways."""
    problem, document = plan("measured")
    slow = replace(problem, train=replace(problem.train, transfer=1.0))
    rows = {0: "F0 F1 B0 W0 B1 W1", 1: "F0 B0 F1 B1 W0 W1"}
    starts = {0: (0, 1, 5.5, 7, 8, 9.5), 1: (2, 3, 4.5, 5.5, 7, 7.5)}
    found = reprice(document, slow)
    for stage, row in rows.items():
        here = [action for action in found.schedule if action.stage == stage]
        assert " ".join(f"{a.phase}{a.microbatch}" for a in here) == row
        assert [a.start for a in here] == pytest.approx(list(starts[stage]))
    assert found.step_time == pytest.approx(10.0)


def test_a_backward_that_becomes_one_operator_takes_its_weight_gradient_along() -> None:
    """Forward 1; backward 1.5 + 0.5 apart, then 2 in one. There and back again is W behind B."""
    problem, document = plan("measured")
    operators = tuple(
        replace(
            operator, variants=tuple(replace(v, split_backward=False) for v in operator.variants)
        )
        for operator in problem.graph.operators
    )
    fused = replace(problem, graph=replace(problem.graph, operators=operators))
    found = reprice(document, fused)
    ran = [(a.stage, f"{a.phase}{a.microbatch}", a.start) for a in found.schedule]
    assert ran[:4] == [(0, "F0", 0.0), (0, "F1", 1.0), (0, "B0", 4.25), (0, "B1", 7.25)]
    assert ran[4:] == [(1, "F0", 1.125), (1, "B0", 2.125), (1, "F1", 4.125), (1, "B1", 5.125)]
    document["pipeline"]["schedule"] = [
        action for action in document["pipeline"]["schedule"] if action["phase"] != "W"
    ]
    split = [a for a in reprice(document, problem).schedule if a.stage == 0]
    assert " ".join(f"{a.phase}{a.microbatch}" for a in split) == "F0 F1 B0 W0 B1 W1"


def chunked(rows: dict[int, str]) -> tuple[Spec, Json]:
    """Four measured operators (F 1, B 2 s) in two chunks on each of two stages; an action of a row
    is its phase, micro-batch and chunk."""
    net = Net({})
    for at in range(4):
        net.measured(f"m{at}", f"t{at}", f"t{at + 1}", (variant(1, 2, 0, split=False),), 16.0)
    wish = Pipeline(2, 2, None, None, SPAN, chunks=2)
    problem = spec(net, mesh(gpu=2), transfer=0.5, pipeline=wish)
    operators = {
        f"m{at}": {"stage": at % 2, "chunk": at // 2, "recompute": False, "variant": "plain"}
        for at in range(4)
    }
    schedule = [
        {
            "stage": stage,
            "device": stage,
            "phase": word[0],
            "microbatch": int(word[1]),
            "chunk": int(word[2]),
            "start_s": float(at),
            "end_s": float(at + 1),
        }
        for stage, row in rows.items()
        for at, word in enumerate(row.split())
    ]
    return problem, {
        "mesh": {"axes": [{"name": "gpu", "size": 2}]},
        "operators": operators,
        "tensors": {},
        "parameters": {},
        "pipeline": {"axes": ["gpu.0"], "microbatches": 1, "family": None, "schedule": schedule},
    }


def test_chunks_of_a_stage_wait_for_each_other_and_for_messages() -> None:
    problem, document = chunked({0: "F00 F01 B01 B00", 1: "F00 F01 B01 B00"})
    found = reprice(document, problem)
    ran = [(a.stage, a.phase, a.turn, a.start) for a in found.schedule]
    assert ran == [
        (0, "F", 0, 0.0),
        (0, "F", 1, 3.0),
        (0, "B", 1, 8.0),
        (0, "B", 0, 13.0),
        (1, "F", 0, 1.5),
        (1, "F", 1, 4.5),
        (1, "B", 1, 5.5),
        (1, "B", 0, 10.5),
    ]
    assert found.step_time == 15.0


def test_pins_of_the_other_spec_are_billed() -> None:
    problem, document = plan("free_order")
    wish = pin(CutOver("up0", "f", ("gpu.1",)))
    figures = reprice(document, replace(problem, pins=(wish,)))
    assert not figures.bills[0].satisfied
    assert len(figures.bills) == 1 + len(problem.limits)


def test_an_order_in_which_stages_wait_for_each_other_is_refused() -> None:
    problem, document = chunked({0: "F00 B00 F01 B01", 1: "F00 F01 B01 B00"})
    with pytest.raises(DeadlockError):
        reprice(document, problem)


def test_a_mesh_of_other_axes_is_refused() -> None:
    problem, document = plan("free_order")
    with pytest.raises(IllegalDecisionsError, match="mesh of other axes"):
        reprice(document, replace(problem, mesh=mesh(gpu=8)))


def test_decisions_that_do_not_fit_are_refused() -> None:
    problem, document = plan("one_f_one_b")
    other = replace(problem, train=replace(problem.train, recompute="none"))
    with pytest.raises(IllegalDecisionsError, match="recompute"):
        reprice(document, other)
    document["pipeline"]["schedule"].pop()
    with pytest.raises(IllegalDecisionsError, match="instead of once"):
        reprice(document, problem)
    del document["pipeline"]["axes"]
    with pytest.raises(IllegalDecisionsError, match=r"pipeline\.axes"):
        reprice(document, problem)
