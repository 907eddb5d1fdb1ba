"""`planned("llama3_8b")`: an example's plan, solved once a run, within the seconds of its row."""

from __future__ import annotations

import pytest

from tests.examples.expected import EXPECTED
from tests.examples.planning import EXAMPLES, Planned, Solved, solve


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    done: dict[str, Solved] = {}

    def plan(name: str) -> Solved:
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            done[name] = solve(EXAMPLES / f"{name}.mmp", folder, EXPECTED[name].seconds)
        return done[name]

    return plan
