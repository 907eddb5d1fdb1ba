"""`mmp solve INSTANCE.json`: every way to end, with brute force in the place of the engine."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from solver.cli.commands import solve
from solver.cli.exit_codes import ExitCode
from solver.cli.main import main
from solver.cli.tasks import open_task
from solver.engine.problem import as_selection
from solver.instance.document import document
from solver.instance.search import Work
from tests.cli.running import interrupt
from tests.instance.searches import WAITS

INSTANCES = Path(__file__).parents[1] / "instance"
BEST = [0, 0, 2, 1, 0]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(INSTANCES / "example.json", tmp_path)
    return tmp_path


def _solve(search: str, *given: str, path: str = "example.json") -> ExitCode:
    parser = argparse.ArgumentParser()
    solve.add(parser.add_subparsers())
    arguments = parser.parse_args(["solve", path, *given])
    return solve.run(arguments, f"tests.instance.searches:{search}")


def _read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def _change(**changes: Any) -> None:
    tree = _read("example.json")
    tree["problem"] |= changes
    Path("example.json").write_text(json.dumps(tree), encoding="utf-8")


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert _solve("solves", "--json", "--seed", "3", "-o", "solution.json") == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)
    assert found == _read("solution.json")
    assert list(found)[:2] == ["format", "sources"]
    assert found["format"] == "mmp-sharding/1"
    digest = hashlib.sha256(Path("example.json").read_bytes()).hexdigest()
    assert found["sources"] == [{"path": "example.json", "sha256": digest}]
    assert found["outcome"] == {"stopped": "proved", "plan": "optimal"}
    assert found["objective"] == {"value": 445, "bound": 445, "gap": 0.0}
    assert found["memory"] == {"peak": 50, "at": 50, "limit": 50, "paid": 0}
    assert found["solution"] == BEST
    assert found["pins"] == []
    assert found["wall_s"] == found["solver"]["wall_s"] > 0
    assert found["solver"]["seed"] == 3
    assert "overrides" not in found
    assert main(["verify", "solution.json"]) == ExitCode.DONE


def test_a_packed_instance_gives_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    Path("packed.json.gz").write_bytes(gzip.compress(Path("example.json").read_bytes()))
    assert _solve("solves", "-o", "solution.json", path="packed.json.gz") == ExitCode.DONE
    found = _read("solution.json")
    digest = hashlib.sha256(Path("packed.json.gz").read_bytes()).hexdigest()
    assert found["sources"] == [{"path": "packed.json.gz", "sha256": digest}]
    assert found["solution"] == BEST
    assert main(["verify", "solution.json"]) == ExitCode.DONE
    assert main(["verify", "solution.json", "example.json"]) == ExitCode.DONE
    assert "example.json is not what the plan was made from" in capsys.readouterr().err


def test_a_bill_of_pins_and_of_memory(capsys: pytest.CaptureFixture[str]) -> None:
    pins = [
        {"name": "cheap", "nodes": [[3, [1]]], "weight": 1},
        {"name": "dear", "nodes": [[1, [1]]], "weight": 1000},
        {"name": "must", "nodes": [[2, [0, 2]]]},
    ]
    _change(usage_limit=40, usage_price=2, pins=pins)
    assert _solve("solves", "-o", "solution.json") == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    text = "\n".join(re.sub(" +", " ", line.strip()) for line in lines)
    assert "at time 50, 125.0 % of the limit of 40, 20 paid for what is over it" in text
    assert "Pins 1 broken, 1 paid" in text
    assert "BROKEN cheap 1 1" in text
    assert "holds dear 1,000" in text
    assert "holds must must" in text
    assert main(["verify", "solution.json"]) == ExitCode.DONE


def test_a_crash_still_gives_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert _solve("crashes", "-o", "solution.json") == ExitCode.SOLVER_FAILED
    found = _read("solution.json")
    assert found["outcome"] == {"stopped": "failed", "plan": "feasible"}
    # The bound came after the plan.
    assert found["objective"] == {"value": 445, "bound": 444, "gap": 1 / 445}
    assert "it was killed by SIGSEGV" in capsys.readouterr().err
    assert main(["verify", "solution.json"]) == ExitCode.DONE


def test_a_rejected_plan_gives_way_to_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert _solve("lies_at_last", "-o", "solution.json") == ExitCode.SOLVER_FAILED
    assert "objective objective.value: the document says 444, recomputed 445" in (
        capsys.readouterr().err
    )
    assert _read("solution.json")["objective"]["value"] == 445
    assert main(["verify", "solution.json"]) == ExitCode.DONE


def test_a_search_without_a_plan_keeps_the_old_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("solution.json").write_text("old", encoding="utf-8")
    assert _solve("finds_nothing", "-o", "solution.json", "--json") == ExitCode.LIMIT
    assert Path("solution.json").read_text(encoding="utf-8") == "old"
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "mmp-sharding/1"
    assert found["outcome"] == {"stopped": "limit", "plan": "none"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("search", "code", "plan"),
    [("waits", ExitCode.DONE, "feasible"), ("waits_without", ExitCode.INTERRUPTED, "none")],
)
def test_an_interrupt(folder: Path, search: str, code: ExitCode, plan: str, number: int) -> None:
    waits = folder / "waits"
    name = f"tests.instance.searches:{search}"
    path = folder / "example.json"
    exit_code, found = interrupt(name, path, waits, number, **{WAITS: str(waits)})
    assert exit_code == code
    assert found["outcome"] == {"stopped": "interrupted", "plan": plan}
    if plan == "feasible":
        # Between 434 and 435 there is no whole number.
        assert found["objective"] == {"value": 445, "bound": 435, "gap": 10 / 445}


def test_a_change_while_solving_does_not_matter(capsys: pytest.CaptureFixture[str]) -> None:
    """What was read is what is hashed, solved and verified."""
    before = hashlib.sha256(Path("example.json").read_bytes()).hexdigest()
    task = open_task("example.json", {})
    _change(usage_limit=1)
    assert task.sources == (("example.json", before),)
    assert isinstance(task.subject, Work)
    found = document(task.subject.instance, as_selection(BEST), -math.inf, "limit")
    assert task.verify(found).ok
    Path("solution.json").write_text(json.dumps(found), encoding="utf-8")
    assert main(["verify", "solution.json", "example.json"]) == ExitCode.REJECTED
    assert "memory-limit" in capsys.readouterr().out
