from __future__ import annotations

from collections.abc import Iterator

import pytest

from solver.search import frame


@pytest.fixture(scope="module", autouse=True)
def _folding(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small specs are not folded by default; here they are, as exhaustive search folds them too,
    except in modules that say UNFOLDED."""
    if getattr(request.module, "UNFOLDED", False):
        yield
        return
    before, frame.SMALL = frame.SMALL, 0
    yield
    frame.SMALL = before
