"""The frameworks' own code reads every exported case (they are installed on the first run)."""

from __future__ import annotations

import pytest

from tests.export.frameworks.run import TARGETS, check, exported


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("target", TARGETS)
def test_cases(target: str) -> None:
    names = [name for taken, name in exported() if taken == target]
    assert names
    for name in names:
        ended = check(target, name)
        assert ended.returncode == 0, f"{name}: {ended.stderr}"
