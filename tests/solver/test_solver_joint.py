"""The search against one joint model of everything, on random small problems; and that model
against exhaustive search."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from solver.verify.evaluate import evaluate
from tests.solver.brute import optimum
from tests.solver.cases import memory_limit
from tests.solver.joint.choices import choices_of
from tests.solver.joint.compare import compare
from tests.solver.joint.operators import PHASES
from tests.solver.joint.optimum import joint_optimum
from tests.solver.joint.problems import problem
from tests.solver.joint.tables import Quantity, price_choices
from tests.solver.specs import Draft

UNFOLDED = True

# ---- the joint model -----------------------------------------------------------------------


@pytest.mark.parametrize("family", ["", "one_f_one_b", "zb_h1"])
@pytest.mark.parametrize("body", ["branches", "diamond", "layer", "residual"])
@pytest.mark.parametrize("share", [None, 0.1])
def test_the_joint_optimum_is_that_of_all_plans(
    body: str, family: str, share: float | None
) -> None:
    """Exhaustive search tries every order; the joint model keeps micro-batches in turn."""
    train = f"microbatches 1..2 pipeline 1..2 stages {family} recompute auto"
    draft = Draft(body, sizes=(4098, 1024, 2049), gpus=2, gigabytes=600, train=train)
    draft = replace(draft, statements=memory_limit(draft, share))
    best, joint = optimum(draft.spec()), joint_optimum(draft.spec())
    assert best is not None
    assert joint is not None
    assert joint.value == pytest.approx(best.value, rel=1e-6)


@pytest.mark.parametrize(
    "statement",
    ["pin net.a : b over gpu", "forbid net.y : on stage first", "forbid net.a : stored over gpu"],
)
def test_the_joint_optimum_pays_for_pins(statement: str) -> None:
    for weight in ("", " weight 10 us", " weight 1 ms"):
        draft = Draft("products", sizes=(4098, 1024, 2049), statements=(statement + weight,))
        best, joint = optimum(draft.spec()), joint_optimum(draft.spec())
        assert best is not None
        assert joint is not None
        assert joint.value == pytest.approx(best.value, rel=1e-6)


def test_there_is_no_plan_below_the_joint_optimum() -> None:
    spec = Draft("products").spec()
    best = joint_optimum(spec)
    assert best is not None
    assert joint_optimum(spec, best.value * (1 + 1e-5)) is not None
    assert joint_optimum(spec, best.value * (1 - 1e-5)) is None


@pytest.mark.parametrize("seed", [3, 5, 9, 21])
def test_the_tables_add_up_to_what_the_verifier_says(seed: int) -> None:
    """Seconds of random choices on one stage, where every unit counts."""
    spec, dice = problem(seed).spec(), random.Random(seed)
    for choices in choices_of(spec):
        if choices.stages > 1:
            continue
        tables = price_choices(choices)
        for _ in range(10):
            chosen = {node: dice.randrange(choices.options(node)) for node in choices.nodes}
            total = tables.constant + sum(tables.unary[n][i] for n, i in chosen.items())
            total = total + sum(p[chosen[u], chosen[v]] for (u, v), p in tables.pairs.items())
            again = {unit.name: False for unit in choices.units}
            decisions = choices.decisions(chosen, {}, {}, again)
            row = [(p, j) for j in range(choices.microbatches) for p in PHASES]
            (stage,) = evaluate(decisions, spec, [row]).stages
            seconds = total.sum(axis=0)
            backward = seconds[Quantity.B] + (seconds[Quantity.W] if stage.fused else 0.0)
            assert stage.forward == pytest.approx(seconds[Quantity.F], rel=1e-9)
            assert stage.input_grad == pytest.approx(backward, rel=1e-9)
            assert np.all(seconds >= -1e-12)


# ---- the search ----------------------------------------------------------------------------

QUICK = (4, 5, 7, 8, 11, 12, 13, 16, 18, 19, 22, 31, 33, 40)
MOST_LOSS = 0.02
LEAST_EQUAL = 0.95


@pytest.mark.parametrize("seed", QUICK)
def test_the_search_finds_the_joint_optimum(seed: int) -> None:
    found = compare(problem(seed).spec(), seconds=10.0)
    assert found.is_sound, found
    assert found.is_equal, found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_search_finds_the_joint_optimum_of_most_problems() -> None:
    found = [compare(problem(seed).spec(), seconds=10.0) for seed in range(100, 250)]
    for one in found:
        assert one.is_sound, one
        assert one.loss <= MOST_LOSS, one
    assert sum(one.is_equal for one in found) >= LEAST_EQUAL * len(found)
