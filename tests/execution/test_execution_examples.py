"""Every example that has a plan of at most four stages trains on four processes as on one device.

Slow, two to three minutes each: `pytest -m slow -n 0 tests/execution/test_execution_examples.py`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGER = {"deepseek_v3", "llama3_405b", "measured_pipeline", "measured_zero_bubble"}
WITHOUT_A_PLAN = {"infeasible"}
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.mmp"))


def _mmp(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "solver.cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_the_exceptions_are_examples() -> None:
    assert set(EXAMPLES) >= LONGER | WITHOUT_A_PLAN


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - LONGER - WITHOUT_A_PLAN))
def test_an_example_trains_as_on_one_device(name: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    solved = _mmp("solve", f"examples/{name}.mmp", "-o", str(plan), "--time-limit", "15")
    assert solved.returncode == 0, solved.stderr
    verified = _mmp("verify", str(plan), "--level", "gloo")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "loss and gradients are those of one device" in verified.stdout
