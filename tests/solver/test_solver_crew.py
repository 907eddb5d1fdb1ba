"""Splits bounded by other processes: the same answers, on this machine and on a Dask cluster."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from distributed import LocalCluster

from dsl.spec import Spec
from solver.events import Options
from solver.search import crew
from solver.search.crew import bound_splits, crew_for
from solver.search.frame import make_frame
from solver.search.goal import goal_of
from solver.search.split import SplitSearch
from solver.space.mesh import splits
from tests.solver.solving import GRAIN, plan
from tests.solver.specs import Draft

DRAFT = Draft("layers", gpus=4, train="microbatches 1..2 pipeline 1..2 stages recompute auto")


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crew for every spec, however small."""
    monkeypatch.setattr(crew, "FEW", 0)
    monkeypatch.setattr(crew, "SHORT", 0.0)


@pytest.fixture(scope="module")
def spec() -> Spec:
    return DRAFT.spec()


@pytest.fixture(scope="module")
def alone(spec: Spec) -> dict[str, object]:
    """The plan found without a crew."""
    return plan(spec)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_tasks_give_the_bounds_of_this_process(spec: Spec) -> None:
    payload = pickle.dumps((spec, False, False))
    frame, goal = make_frame(spec), goal_of(spec)
    found = splits(spec, frame.named)
    far = bound_splits(payload, "prepare", range(len(found)), 1.0, 1.0, 60.0)
    assert [each.numbers for each in far] == [(n,) for n in range(len(found))]
    for each, split in zip(far, found, strict=True):
        near = SplitSearch(frame, split, goal)
        near.glance(1.0)
        if not near.closed:
            near.prepare(1.0)
        assert each.bound == near.bound
        assert each.closed == near.closed


@pytest.mark.usefixtures("always")
def test_a_pool_of_processes_helps(spec: Spec, alone: dict[str, object]) -> None:
    options = Options(time_limit_s=60.0, workers=2)
    count = len(splits(spec, make_frame(spec).named))
    with crew_for(spec, options, count) as found:
        assert found is not None
        found.ask("glance", range(count), 1.0, 1.0, 60.0)
        heard = found.heard(60.0)
        assert sorted(each.numbers for each in heard) == [(n,) for n in range(count)]
    _agrees(plan(spec, workers=2), alone)


@pytest.mark.usefixtures("always")
def test_a_cluster_helps(spec: Spec, alone: dict[str, object], address: str) -> None:
    options = Options(time_limit_s=60.0, workers=1, cluster=address)
    with crew_for(spec, options, 6) as found:
        assert found is not None
        assert found.places == 2
    _agrees(plan(spec, cluster=address), alone)


@pytest.mark.usefixtures("always")
def test_runs_that_must_repeat_have_none(spec: Spec) -> None:
    with crew_for(spec, Options(reproducible=True), 1000) as found:
        assert found is None


@pytest.mark.usefixtures("always")
def test_a_dead_worker_costs_its_tasks_only(spec: Spec) -> None:
    with crew_for(spec, Options(workers=2), 1000) as found:
        assert found is not None
        found.pending[found.executor.submit(_die)] = (0,)
        for _ in range(100):
            found.heard(1.0)
            if found.is_gone:
                break
        assert found.is_gone
        assert not found.pending
        assert not found.has_room


def _die() -> list[crew.Bounded]:
    import os

    os._exit(1)


def _agrees(document: dict[str, object], other: dict[str, object]) -> None:
    one, two = document["objective"], other["objective"]
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert one["value"] == pytest.approx(two["value"], rel=GRAIN)
    assert document["outcome"] == other["outcome"]
