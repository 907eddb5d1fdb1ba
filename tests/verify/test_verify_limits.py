"""Limits that may be exceeded: what is over, what it costs, and that nothing of it is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dsl.load import load
from dsl.spec import Limit, Spec
from solver.plan.bill import bill
from solver.verify.check import verify
from solver.verify.decisions import Decisions
from solver.verify.evaluate import evaluate
from solver.verify.figures import Figures
from tests.solver.solving import plan as solved
from tests.verify.build import SPAN, mesh, mlp, spec
from tests.verify.choose import choose, row
from tests.verify.document import Json, write
from tests.verify.plans import NAMES, plan

ORDER = [row("F0 B0 W0"), row("F0 B0 W0")]


def memory(value: float, weight: float | None, reserve: float = 0.0) -> Limit:
    return Limit(f"memory {value}", "memory", value, reserve, SPAN, weight)


def step(value: float, weight: float | None) -> Limit:
    return Limit(f"step {value}", "step_time", value, 0.0, SPAN, weight)


def case(*limits: Limit, capacity: float = 1e9) -> tuple[Spec, Decisions]:
    """Two stages of one layer on two devices, the first fuller by the embedding."""
    where = mesh(gpu=2)
    where = replace(where, kinds=(replace(where.device, memory_bytes=capacity),))
    problem = spec(mlp(layers=2), where, limits=limits)
    return problem, choose(problem, pipeline="gpu.0", stage={"u1": 1})


def price(*limits: Limit) -> Figures:
    problem, chosen = case(*limits)
    return evaluate(chosen, problem, ORDER)


def test_the_fullest_device_pays_once_for_every_byte_over() -> None:
    used = [stage.peak for stage in price().memory]
    assert used[0] > used[1] > 100
    figures = price(memory(used[1] - 100, 0.25))
    (paid,) = figures.bills
    assert (paid.satisfied, paid.weight) == (False, 0.25)
    assert (paid.over_bytes, paid.over_seconds) == (used[0] - used[1] + 100, None)
    assert paid.paid == 0.25 * (used[0] - used[1] + 100)
    assert figures.penalty == paid.paid
    assert figures.objective == figures.step_time + paid.paid


def test_every_limit_counts_its_own_reserve_and_all_are_paid() -> None:
    used = max(stage.peak for stage in price().memory)
    limits = (
        memory(used + 1000, None, reserve=600),
        memory(used, 0.5, reserve=80),
        memory(used - 30, 0.125),
        memory(used + 50, 0.5, reserve=50),
    )
    figures = price(*limits)
    assert [b.over_bytes for b in figures.bills] == [None, 80, 30, 0]
    assert [b.satisfied for b in figures.bills] == [True, False, False, True]
    assert figures.penalty == 0.5 * 80 + 0.125 * 30


def test_a_step_that_takes_too_long_pays_for_every_second() -> None:
    seconds = price().step_time
    figures = price(step(seconds - 1e-6, 2.0), step(seconds + 1e-6, 2.0), step(2 * seconds, None))
    assert [b.satisfied for b in figures.bills] == [False, True, True]
    assert [b.over_bytes for b in figures.bills] == [None, None, None]
    assert figures.bills[0].over_seconds == pytest.approx(1e-6)
    assert figures.bills[1].over_seconds == 0
    assert figures.penalty == pytest.approx(2e-6)


def test_rounding_of_sums_is_not_billed() -> None:
    used = max(stage.peak for stage in price().memory)
    (paid,) = price(memory(used * (1 - 1e-12), 1e6)).bills
    assert (paid.satisfied, paid.over_bytes, paid.paid) == (True, 0, 0)


def test_memory_rows_show_the_limit_that_must_hold() -> None:
    (first, _) = price(memory(1.0, 1e-9, reserve=0.5), memory(9e5, None, reserve=7.0)).memory
    assert (first.limit, first.reserve) == (9e5, 7.0)
    (first, _) = price(memory(1.0, 1e-9, reserve=0.5)).memory
    assert (first.limit, first.reserve) == (1e9, 0.0)


@pytest.mark.parametrize(
    ("limits", "capacity", "codes"),
    [
        ((memory(1.0, 1e-9), step(1e-9, 1.0)), 1e9, ""),
        ((memory(1.0, 1e-9), memory(2.0, None)), 1e9, "memory-limit limit"),
        ((memory(1.0, 1e-9),), 100.0, "memory-limit"),
        ((memory(1.0, 1e-9), memory(1e9, None)), 100.0, ""),
    ],
)
def test_a_soft_limit_may_be_exceeded_but_replaces_no_hard_one(
    limits: tuple[Limit, ...], capacity: float, codes: str
) -> None:
    """Without a hard limit on memory the device's own capacity is it."""
    problem, chosen = case(*limits, capacity=capacity)
    assert " ".join(verify(write(chosen, problem, ORDER), problem).codes) == codes


CHANGES: list[tuple[int, Callable[[Json], object], str]] = [
    (0, lambda p: p.update(over_bytes=0.0), "limit-over"),
    (0, lambda p: p.update(over_bytes=1.01 * p["over_bytes"]), "limit-over"),
    (0, lambda p: p.pop("over_bytes"), "limit-over"),
    (0, lambda p: p.update(over_s=p["over_bytes"]), "limit-over"),
    (0, lambda p: p.update(satisfied=True), "pin-satisfied"),
    (0, lambda p: p.update(weight_s=None), "pin-weight"),
    (0, lambda p: p.update(weight_s=2 * p["weight_s"]), "pin-weight"),
    (0, lambda p: p.update(paid_s=0.0), "pin-paid"),
    (0, lambda p: p.update(paid_s=0.99 * p["paid_s"]), "pin-paid"),
    (1, lambda p: p.update(over_s=0.0), "limit-over"),
    (1, lambda p: p.update(over_bytes=p.pop("over_s")), "limit-over"),
    (2, lambda p: p.update(over_bytes=0.0), "limit-over"),
    (2, lambda p: p.update(weight_s=1e-12), "pin-weight"),
]


@pytest.mark.parametrize(("at", "change", "code"), CHANGES)
def test_every_figure_of_the_bill_is_checked(
    at: int, change: Callable[[Json], object], code: str
) -> None:
    """The weight, in seconds per byte, is so small that only its ratio to the spec's tells."""
    problem, chosen = case(memory(2000.0, 5e-10), step(1e-5, 0.5), memory(1e9, None))
    document = write(chosen, problem, ORDER)
    assert verify(document, problem).ok
    change(document["pins"][at])
    assert verify(document, problem).codes == (code,)


@pytest.mark.parametrize("part", ["penalty", "value"])
def test_what_is_paid_is_part_of_the_objective(part: str) -> None:
    problem, chosen = case(memory(2000.0, 1e-6))
    document = write(chosen, problem, ORDER)
    document["objective"][part] -= document["pins"][0]["paid_s"]
    assert "objective" in verify(document, problem).codes


@pytest.mark.parametrize("name", NAMES)
def test_the_document_bills_as_the_verifier_does(name: str) -> None:
    """`solver.plan` and `solver.verify` share no code."""
    problem, document = plan(name)
    broken = [not entry["satisfied"] for entry in document["pins"][: len(problem.pins)]]
    made = bill(problem, broken, document["memory"], document["step_time_s"])
    assert made == document["pins"]


SPEC = """
language 1
import hardware.nvidia (h100_sxm)
model small(batch: int) {
  batch index b = batch
  index d = 1024, f = 4096
  input x[b, d]
  up[b, f] = matmul(x, param w[d, f])
  down[b, d] = matmul(up, param v[f, d])
}
mesh pod = h100_sxm[gpu: 2]
model net = small(batch: 64)
train { microbatches 1  pipeline 1 stages }
limit memory <= 1 MiB per device, reserve 0.5 MiB weight 1 ns per GiB over
minimize OBJECTIVE
"""


@pytest.mark.parametrize(("objective", "unit"), [("step_time", "ns"), ("memory", "KiB")])
def test_a_planned_spec_is_billed(objective: str, unit: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.mmp"
    path.write_text(SPEC.replace("OBJECTIVE", objective).replace("ns per", f"{unit} per"))
    document = solved(load(path))  # verified there
    (entry,) = document["pins"]
    (used,) = [m["peak_bytes"] - m["terms"]["reserve"] for m in document["memory"]]
    assert entry["over_bytes"] == used - 2**19
    assert not entry["satisfied"]
    price_of_a_byte = {"ns": 1e-9, "KiB": 1024}[unit] / 2**30
    assert entry["weight_s"] == pytest.approx(price_of_a_byte)
    assert entry["paid_s"] == pytest.approx(price_of_a_byte * entry["over_bytes"])
    spent = used if objective == "memory" else document["step_time_s"]
    assert document["objective"]["penalty"] == entry["paid_s"]
    assert document["objective"]["value"] == pytest.approx(spent + entry["paid_s"])
