"""A plan for 16,384 devices stays small: its document, and the processes that find it."""

from __future__ import annotations

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.benchmarks.families_cases import FAMILIES
from tests.benchmarks.plan_cases import Case
from tests.benchmarks.plan_run import Measured, measure
from tests.examples.planning import Planned

DEVICES = 16_384
DOCUMENT_BYTES = 5e6
MEMORY_BYTES = 4e9


def test_document_of_a_plan_for_16384_devices_is_small(planned: Planned) -> None:
    solved = planned("llama3_405b")
    assert solved.document["mesh"]["devices"] == DEVICES
    assert solved.path.stat().st_size < DOCUMENT_BYTES


def measured_with_parent(case: Case, seconds: float) -> tuple[Measured, int]:
    """A solve, and the peak memory in bytes of the process that waits for its search."""
    found = measure(case, seconds, workers=2)
    return found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_free_plan_for_16384_devices_takes_little_memory() -> None:
    """Nothing pinned: the whole space of Llama 3.1 405B."""
    (family,) = [f for f in FAMILIES if f.devices == DEVICES]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        case = Case(family.name, "free", family.spec())
        found, parent_bytes = pool.submit(measured_with_parent, case, 90.0).result()
    assert found.verified
    assert found.devices == DEVICES
    assert found.peak_bytes + parent_bytes < MEMORY_BYTES
    assert 0 < found.document_bytes < DOCUMENT_BYTES
