"""`mmp schema plan` describes what `mmp solve --json` writes: nothing missing, nothing unknown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from solver.plan.schema import schema_text

HERE = Path(__file__).parent
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCHEMA: dict[str, Any] = json.loads(schema_text())


def closed(schema: Any) -> Any:
    """The schema with no field allowed but those that it describes."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if inner.get("type") == "object" and "properties" in inner:
        inner["additionalProperties"] = False
    return inner


def solve(spec: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "solver.cli.main", "solve", str(spec), "--json"]
    done = subprocess.run(
        [*command, "--time-limit", "3", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 10, 11), done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def complaints(document: Any, schema: dict[str, Any]) -> list[str]:
    found = jsonschema.Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


@pytest.fixture(scope="module")
def plan() -> dict[str, Any]:
    return solve(HERE / "small_plan.mmp")


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_plan_is_described(plan: dict[str, Any]) -> None:
    assert complaints(plan, closed(SCHEMA)) == []
    assert complaints({**plan, "more": 1}, SCHEMA) == []  # fields may be added


def test_other_documents_are_not(plan: dict[str, Any]) -> None:
    assert complaints({**plan, "format": "mmp-plan/2"}, SCHEMA)
    assert complaints({**plan, "step_time_s": "1 s"}, SCHEMA)
    for name in ("operators", "memory", "pins", "outcome"):
        assert complaints({key: value for key, value in plan.items() if key != name}, SCHEMA)


def test_without_a_plan_there_is_less() -> None:
    document = {"format": "mmp-plan/1", "outcome": {"stopped": "limit", "plan": "none"}}
    assert complaints(document, SCHEMA) == []
    assert complaints({**document, "outcome": {"stopped": "limit", "plan": "feasible"}}, SCHEMA)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["measured_v", "infeasible", "mixed_mesh", "overlap", "soft_pin"])
def test_documents_of_examples_are_described(name: str) -> None:
    assert complaints(solve(EXAMPLES / f"{name}.mmp"), closed(SCHEMA)) == []


@pytest.mark.slow
def test_prices_are_described() -> None:
    document = solve(HERE / "small_plan.mmp", "--prices")
    assert document["prices"]
    assert complaints(document, closed(SCHEMA)) == []
