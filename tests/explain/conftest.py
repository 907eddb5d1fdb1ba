"""The toy and its best plan, searched once."""

from __future__ import annotations

import pytest

from dsl.load import load
from dsl.spec import Spec
from tests.explain.toy import TOY, Document
from tests.solver.solving import plan


@pytest.fixture(scope="session")
def spec() -> Spec:
    return load(TOY)


@pytest.fixture(scope="session")
def best(spec: Spec) -> Document:
    found = plan(spec)
    assert found["outcome"]["plan"] == "optimal"
    return found
