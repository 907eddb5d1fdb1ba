"""Collectives of parameters beside compute, as the search sees them: what hides, what it picks."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl.load import load
from dsl.spec import Spec
from solver.cost.quantities import COUNT, Quantity
from solver.stages.hiding import exposed
from solver.stages.pattern import Pattern
from solver.verify.step_work import UnitStep, scheduled_work
from tests.solver.brute import optimum
from tests.solver.solving import GRAIN, plan
from tests.solver.specs import Draft

SECONDS = st.integers(0, 9).map(float)
UNITS = st.lists(st.tuples(*[SECONDS] * 6), min_size=1, max_size=7)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(UNITS, st.integers(1, 2), st.booleans())
def test_the_formula_is_what_the_stream_does(
    units: list[tuple[float, ...]], chunks: int, fused: bool
) -> None:
    """The largest over units (search) and the stream played unit by unit (verifier) agree."""
    chunks = min(chunks, len(units))
    rows = np.zeros((len(units), COUNT))
    for row, (forward, backward, weight, stream, reduce, gather) in zip(rows, units, strict=True):
        row[Quantity.GATHER] = row[Quantity.SCATTER] = stream / 10
        row[Quantity.FORWARD] = forward + stream / 10
        row[Quantity.INPUT_GRAD] = backward + stream / 10
        row[Quantity.WEIGHT_GRAD] = weight + stream / 10
        row[Quantity.REDUCE], row[Quantity.REGATHER] = reduce, gather
    chunk_of = tuple(u * chunks // len(units) for u in range(len(units)))
    pattern = Pattern((0,) * chunks, chunk_of, (False,) * len(units))
    found = exposed(rows, pattern, (fused,) * chunks)
    steps: list[list[UnitStep]] = [[] for _ in range(chunks)]
    for c, (forward, backward, weight, _, reduce, gather) in zip(chunk_of, units, strict=True):
        last = weight + backward if fused else weight
        steps[c].append(UnitStep(forward, last, reduce, gather))
    work = scheduled_work(steps, 0.0)
    assert found.reduce[0] == pytest.approx(work.wait)
    assert found.gather[0] == pytest.approx(work.rest)


def loaded(text: str) -> Spec:
    """The resolved spec of a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spec.mmp")
        path.write_text(text, encoding="utf-8")
        return load(path)


LAYERS = Draft(
    "layers",
    (8192, 1024, 2048),
    gpus=4,
    teraflops=20,
    gigabytes=30,
    train="microbatches 2 pipeline 1 stage recompute none",
)


def best(overlap: str) -> tuple[float, set[int]]:
    """The step time, and the storage levels of parameters, in an optimal plan of `LAYERS`."""
    document = plan(replace(LAYERS, train=f"{LAYERS.train} overlap {overlap}").spec())
    assert document["outcome"]["plan"] == "optimal"
    found = {x["levels"].get("gpu", 0) for x in document["parameters"].values()}
    return document["objective"]["value"], found


def test_storage_depends_on_what_hides() -> None:
    """Where nothing hides, no collective runs every micro-batch. Where it is scheduled, gradients
    are scattered every micro-batch: compute hides that, but not the last reduction of a step; and
    some parameters are gathered so. Where all is hidden, what makes the update small will do."""
    plain, by_nothing = best("0")
    scheduled, by_compute = best("scheduled")
    hidden, by_all = best("100 %")
    assert hidden < scheduled < plain
    assert max(by_nothing) < 2
    assert by_compute == {2, 3}
    assert 0 not in by_all


FREE = "microbatches 2 pipeline 2 stages recompute none"
FIXED = "microbatches 1..2 pipeline 1..2 stages one_f_one_b recompute auto"
APART = "microbatches 2 pipeline 2 stages zb_h1 recompute none"


@pytest.mark.parametrize(
    ("body", "train"),
    [
        ("products", FREE),
        ("products", FIXED),
        ("products", APART),
        ("tied", FREE),
        pytest.param("tied", FIXED, marks=pytest.mark.slow),
        ("residual", APART),
        pytest.param("residual", FREE, marks=pytest.mark.slow),
        pytest.param("residual", FIXED, marks=pytest.mark.slow),
    ],
)
def test_pipelines_agree_with_brute_force(body: str, train: str) -> None:
    """A chain, a graph that is none, and a parameter on two stages; slow links, so that much is
    left of collectives."""
    draft = Draft(body, (2052, 1024, 1026), gpus=4, teraflops=50, gigabytes=10)
    spec = replace(draft, train=f"{train} overlap scheduled").spec()
    wanted = optimum(spec)
    assert wanted is not None
    objective = plan(spec)["objective"]
    assert objective["value"] == pytest.approx(wanted.value, rel=GRAIN)
    assert objective["bound"] <= wanted.value * (1 + GRAIN)


def test_several_chunks_are_planned_and_verified() -> None:
    """Three layers more, so that there are units for four chunks."""
    train = "microbatches 2 pipeline 2 stages 2 chunks v recompute none overlap scheduled"
    text = replace(LAYERS, train=train).text().replace("repeat 2", "repeat 4")
    document = plan(loaded(text))
    assert [len(stage["chunks"]) for stage in document["pipeline"]["stages"]] == [2, 2]
    objective = document["objective"]
    assert 0 < objective["bound"] <= objective["value"]
    phases = [x["phase"] for x in document["pipeline"]["step_operators"]]
    assert phases == ["reduce", "reduce", "update", "gather", "gather"] * 2
