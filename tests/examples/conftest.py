"""`planned("llama3_8b")`: an example's plan, solved once a run, within the seconds of its row."""

from __future__ import annotations

import fcntl
import json
import os

import pytest

from tests.examples.expected import EXPECTED
from tests.examples.planning import EXAMPLES, Planned, Solved, solve


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """The processes of a run share their plans: the first to want one makes it, others wait."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def plan(name: str) -> Solved:
        folder = shared / f"planned_{name}"
        folder.mkdir(exist_ok=True)
        path, ended = folder / "plan.json", folder / "code"
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not ended.exists():
                solved = solve(EXAMPLES / f"{name}.mmp", folder, EXPECTED[name].seconds)
                ended.write_text(str(solved.code))
        document = json.loads(path.read_text(encoding="utf-8"))
        return Solved(int(ended.read_text()), document, path)

    return plan
