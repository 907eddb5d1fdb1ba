"""Plans run by hand on ranks: without values at their own sizes, and with values at tiny ones."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from dsl.diagnostic import DiagnosticError
from dsl.spec import Operator
from solver.cli.main import main
from solver.execution import fake, local
from solver.execution.orders import pipeline
from solver.execution.ranks.flight import Keeping
from solver.export.saved import SavedPlan
from solver.verify.report import Violation
from tests.execution.saved import PLANS, saved

RUN = ("experts", "fsdp", "gpt", "megatron", "mla", "ulysses", "vision")
QUICK = ("ulysses",)


def changed(name: str, **fields: Any) -> SavedPlan:
    """A plan whose document says something else."""
    found = saved(name)
    return SavedPlan(
        found.path, found.text, {**copy.deepcopy(found.document), **fields}, found.spec
    )


def codes(violations: tuple[Violation, ...]) -> set[str]:
    return {violation.code for violation in violations}


@pytest.mark.parametrize("name", RUN)
def test_what_is_counted_is_what_was_predicted(name: str) -> None:
    found = saved(name)
    outcome = fake.check(found)
    assert outcome.violations == ()
    assert len(outcome.lines) == found.plan.stages
    assert sum(sum(fake.planned(found, s).values()) for s in range(found.plan.stages)) > 0


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in RUN]
)
def test_every_tensor_is_in_its_planned_place(name: str) -> None:
    outcome = local.check(saved(name))
    assert outcome.violations == ()
    assert "largest relative error" in outcome.lines[0]


def test_a_collective_that_the_plan_does_not_list_is_found() -> None:
    listed = saved("megatron").document["communication"]
    for at in (0, len(listed) - 1):
        outcome = fake.check(changed("megatron", communication=listed[:at] + listed[at + 1 :]))
        assert codes(outcome.violations) == {"run-collectives"}
        assert listed[at]["operator"] in outcome.violations[0].message


def test_another_size_of_a_collective_is_found() -> None:
    listed = copy.deepcopy(saved("fsdp").document["communication"])
    listed[0]["bytes"] += 1
    outcome = fake.check(changed("fsdp", communication=listed))
    assert codes(outcome.violations) == {"run-collectives"}
    assert len(outcome.violations) == 2


def test_an_operator_in_another_place_is_found() -> None:
    """The plan's list of collectives is that of the cuts that it had before."""
    found = changed("megatron")
    operators = found.document["operators"]
    name = next(name for name, entry in operators.items() if "f" in entry["cuts"])
    operators[name]["cuts"] = {"b": operators[name]["cuts"].pop("f")}
    assert "run-collectives" in codes(fake.check(found).violations)


def test_sums_that_are_left_out_are_found() -> None:
    """A product over a cut index whose summands nobody adds up."""
    found = saved("megatron")
    operator = next(
        op
        for op in found.spec.graph.operators
        if op.sums and any(set(names) & set(op.sums) for names in found.plan.shardings[op.name].cut)
    )
    graph = found.spec.graph
    operators = tuple(_without_sums(op) if op is operator else op for op in graph.operators)
    spec = replace(found.spec, graph=replace(graph, operators=operators))
    wrong = SavedPlan(found.path, found.text, found.document, spec)
    assert "run-collectives" in codes(fake.check(wrong).violations)
    outcome = local.check(wrong)
    assert "run-placements" in codes(outcome.violations)
    assert operator.results[0].tensor in outcome.violations[0].message


def _without_sums(operator: Operator) -> Operator:
    return replace(operator, sums=())


def test_memory_that_the_plan_does_not_have_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keeping, "reads", lambda *_: True)
    found = saved("ulysses")
    measured = fake.measure(found.plan, pipeline(found), 0)
    assert "run-live-bytes" in {v.code for v in fake.compare(found, pipeline(found), 0, measured)}


def test_other_bytes_of_parameters_are_found() -> None:
    memory = copy.deepcopy(saved("fsdp").document["memory"])
    memory[0]["terms"]["optimizer"] += 12
    assert codes(fake.check(changed("fsdp", memory=memory)).violations) == {"run-stored-bytes"}


def test_what_has_no_arithmetic_is_refused() -> None:
    for level in (fake, local):
        with pytest.raises(DiagnosticError) as caught:
            level.check(saved("v_shaped"))
        assert caught.value.diagnostics[0].code == "MMP745"


def test_the_command_says_what_ran(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", str(PLANS / "megatron.json"), str(PLANS / "megatron.mmp")]
    assert main([*arguments, "--level", "fake"]) == 0
    assert "fake: stage 0: 86 collectives" in capsys.readouterr().out
