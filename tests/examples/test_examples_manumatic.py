"""ManuMatic's cases: the pinned plan wins on the machine, and what the reports say of it is so."""

from __future__ import annotations

import functools
import re

import pytest

from solver.cli.report.view import View
from solver.verify.check import verify
from tests.benchmarks import manumatic_changes as changes
from tests.benchmarks.manumatic import README, entered
from tests.benchmarks.manumatic_cases import CASES, FOLDER, MACHINE, ROOT, Case, Planned, solve
from tests.benchmarks.manumatic_report import Results, report, row
from tests.examples.planning import mmp

AT_LEAST = 1.2
"""How many times faster the pinned plan has to be on the machine."""
PIN = re.compile(r"pin |apply |import strategies|//")

mixtral, llama, qwen = CASES
quick_or_slow = pytest.mark.parametrize(
    "case",
    [llama, *(pytest.param(case, marks=pytest.mark.slow) for case in (mixtral, qwen))],
    ids=lambda case: case.name,
)


@functools.cache
def planned(case: Case, is_pinned: bool) -> Planned:
    return solve(case.path(is_pinned), case.seconds)


def results(case: Case) -> Results:
    """The plan from the right figure is not needed here; the unpinned one stands in for it."""
    unpinned, pinned = planned(case, False), planned(case, True)
    return Results(case, unpinned, pinned, unpinned)


@quick_or_slow
@pytest.mark.parametrize("is_pinned", [False, True], ids=["unpinned", "pinned"])
def test_plans_are_those_of_mmp_solve_and_verified(case: Case, is_pinned: bool) -> None:
    plan = planned(case, is_pinned)
    checked = verify(plan.document, plan.spec)
    assert checked.ok, checked.violations
    assert all(entry["satisfied"] for entry in plan.document["pins"])
    assert bool(changes.named_operators(plan.spec)) is is_pinned
    believed = plan.spec.train.overlap
    assert plan.on(believed).step_time == pytest.approx(plan.document["step_time_s"])


@quick_or_slow
def test_the_pins_cost_by_belief_and_pay_on_the_machine(case: Case) -> None:
    found = results(case)
    unpinned, pinned = found.times(found.believed)
    assert unpinned <= pinned
    assert found.factor(MACHINE) >= AT_LEAST


@quick_or_slow
def test_the_pins_change_what_they_do_not_name(case: Case) -> None:
    plans = planned(case, False), planned(case, True)
    before, after = (View(plan.document, plan.spec, 0) for plan in plans)
    assert any(change.is_named for change in changes.operators(before, after))
    assert changes.parameters(before, after)
    assert changes.tensors(before, after)
    old, new = (
        changes.traffic(view, plan.on(MACHINE))
        for view, plan in zip((before, after), plans, strict=True)
    )
    assert _of_parameters(new) < _of_parameters(old) / 2


def _of_parameters(traffic: dict[changes.Kind, changes.Traffic]) -> float:
    """Bytes of gathers and reductions of parameters and gradients."""
    return sum(found.bytes for (_, of, _), found in traffic.items() if of == "parameters")


def test_a_report_lists_every_change() -> None:
    found = results(llama)
    text = report(found)
    before, after = (View(p.document, p.spec, 0) for p in (found.unpinned, found.pinned))
    named = changes.named_operators(after.spec)
    assert f"{len(named)} of {len(after.operators)} operators" in text
    for kind in (changes.operators, changes.parameters, changes.tensors):
        for change in kind(before, after):
            names = ", ".join(f"`{name}`" for name in change.names)
            assert f"{names} | {change.before} | {change.after} |" in text
    listed = {tuple(line[2:].split(" | ")[:3]) for line in text.splitlines()}
    assert set(changes.traffic(before, found.unpinned.on(MACHINE))) <= listed


def test_the_report_of_a_proven_case_has_the_figures_of_this_run() -> None:
    """Both plans of Llama are proven optimal, so the believed times are the same in every run."""
    believed = re.search(r"^\| 99.9 %.*?\| (.*?) s \| (.*?) s \|", llama.report.read_text(), re.M)
    assert believed is not None
    for is_pinned, time in ((False, believed[1]), (True, believed[2])):
        document = planned(llama, is_pinned).document
        assert document["outcome"]["plan"] == "optimal"
        assert document["step_time_s"] == pytest.approx(float(time), rel=1e-3)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_report_and_its_row_in_the_readme_agree(case: Case) -> None:
    text = case.report.read_text(encoding="utf-8")
    line = next(x for x in README.read_text().splitlines() if x.startswith(f"| [{case.title}]"))
    machine, scheduled, published = (float(cell) for cell in line.split("|")[-4:-1])
    for words, factor in (("0 %, the machine", machine), (".*`overlap scheduled`", scheduled)):
        listed = re.search(rf"^\| {words} \|.*\| (.*) \|$", text, re.M)
        assert listed is not None
        assert float(listed[1]) == factor
    assert machine >= AT_LEAST
    assert published == case.published


def test_a_new_row_takes_the_place_of_the_old_one() -> None:
    old = README.read_text(encoding="utf-8")
    line = row(results(llama))
    new = entered(old, line).splitlines()
    assert [x for x in new if x.startswith("| [Llama")] == [line]
    assert [x for x in new if x != line] == [
        x for x in old.splitlines() if not x.startswith("| [Llama")
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_specs_of_a_pair_differ_by_their_pins_only(case: Case) -> None:
    """Of Qwen the pipeline too."""
    texts = [case.path(is_pinned).read_text().splitlines() for is_pinned in (False, True)]
    free, pinned = (
        [x for x in text if x and not PIN.match(x) and not x.startswith("  pipeline ")]
        for text in texts
    )
    assert free == pinned
    pipelines = {x for text in texts for x in text if x.startswith("  pipeline ")}
    assert len(pipelines) == (2 if case is qwen else 1)
    assert len([x for x in texts[1] if x.startswith(("pin ", "apply "))]) == 1


def test_the_specs_pass_check_and_fmt() -> None:
    paths = [str(path.relative_to(ROOT)) for path in sorted(FOLDER.glob("*.mmp"))]
    assert len(paths) == 2 * len(CASES)
    assert mmp("check", *paths).err == f"{len(paths)} files checked: 0 errors, 0 warnings\n"
    assert mmp("fmt", "--check", *paths).code == 0
