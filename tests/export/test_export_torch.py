"""The package for PyTorch: its text says the program; what cannot run is refused."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from dsl.diagnostic import DiagnosticError
from dsl.load import load
from dsl.render import render_all
from solver.execution.orders import pipeline
from solver.export.saved import SavedPlan
from solver.export.torch.package import export, files, runtime_files, warnings
from solver.export.torch.refusals import refusals
from solver.reference.lower import program
from solver.reference.runtime.kind_names import NAMES as KINDS
from tests.conftest import Golden
from tests.execution.saved import NAMES, saved, small

HERE = Path(__file__).parent
INVALID = sorted(path.stem for path in (HERE / "torch_invalid").glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_in_python_is_the_program(name: str, tmp_path: Path) -> None:
    found = saved(name)
    for wanted in (small(name), program(found.plan, pipeline(found))):
        made = files(wanted, "A plan.")
        (tmp_path / "schedule.csv").write_text(made["schedule.csv"])
        text = made["plan.py"].replace("from runtime.", "from solver.reference.runtime.")
        values: dict[str, object] = {"__file__": str(tmp_path / "plan.py")}
        exec(compile(text, "plan.py", "exec"), values)
        assert values["PROGRAM"] == wanted


@pytest.mark.parametrize("name", ["ulysses", "v_shaped"])
def test_golden_package(name: str, golden: Golden) -> None:
    made = export(saved(name))
    for file in ("plan.py", "schedule.csv", "README.md", "train.py"):
        golden(HERE / "torch_golden" / f"{name}.{file}.txt", made[file])


def test_a_package_needs_torch_only() -> None:
    """It runs where there is no `mmp`."""
    allowed = {"__future__", "torch", "runtime", "plan"}
    standard = {"argparse", "collections", "contextlib", "dataclasses", "json", "math", "os"}
    standard |= {"pathlib", "string", "sys", "typing", "zlib"}
    made = export(saved("ulysses"))
    for name, text in made.items():
        if name.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import):
                    modules = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    modules = [node.module or ""]
                else:
                    continue
                for module in modules:
                    assert module.split(".")[0] in allowed | standard, f"{name}: {module}"


def test_every_kind_of_the_standard_library_has_arithmetic() -> None:
    from solver.reference.runtime.kinds import KINDS as FUNCTIONS

    assert tuple(FUNCTIONS) == KINDS
    library = (HERE.parents[1] / "stdlib" / "operators.mmp").read_text()
    declared = [line.split("(")[0][5:] for line in library.splitlines() if line[:5] == "kind "]
    assert sorted(declared) == sorted(KINDS)


def _invalid(name: str) -> SavedPlan:
    folder = HERE / "torch_invalid"
    text = (folder / f"{name}.json").read_text(encoding="utf-8")
    spec = load(folder / f"{name}.mmp")
    return SavedPlan(f"{name}.json", text, json.loads(text), spec)


@pytest.mark.parametrize("name", INVALID)
def test_what_cannot_run_is_refused_at_its_place(name: str, golden: Golden) -> None:
    plan = _invalid(name)
    with pytest.raises(DiagnosticError) as raised:
        export(plan)
    text = render_all(raised.value.diagnostics, lambda _: plan.text, False)
    golden(HERE / "torch_invalid" / f"{name}.txt", text + "\n")


def test_measured_operators_are_named_in_a_warning() -> None:
    (found,) = warnings(saved("v_shaped"))
    assert (found.code, found.severity) == ("MMP736", "warning")
    assert warnings(saved("ulysses")) == ()


def test_an_order_that_hangs_cannot_be_exported() -> None:
    plan = saved("ulysses")
    order = pipeline(plan)
    first, last = order.orders
    swapped = [last[1], last[0], *last[2:]]
    assert (swapped[0].phase, swapped[1].phase) == ("B", "F")
    (found,) = refusals(plan, replace(order, orders=(first, tuple(swapped))))
    assert found.code == "MMP731"
    assert "wait for each other for ever" in found.message


def test_runtime_files_are_those_of_the_room() -> None:
    assert {"program.py", "kinds.py", "loop.py", "words.py"} <= runtime_files().keys()
