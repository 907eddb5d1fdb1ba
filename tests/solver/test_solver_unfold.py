"""Layers that make choices of their own, and mesh axes that are cut whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsl.load import load
from dsl.spec import Spec
from solver.engine.medium import message_bound
from solver.engine.reduce.restrict import restrict
from solver.search.frame import SMALL, make_frame
from solver.search.terms import bound_weights
from solver.sharding.build import build, with_edges
from solver.sharding.domain import hard_domain
from solver.sharding.lower.tables import tables
from solver.sharding.lower.weighted import weighted
from solver.sharding.problem import ShardingProblem
from solver.space.mesh import splits
from solver.space.pins import compile_pins
from tests.solver.solving import GRAIN, plan

TEXT = """
device toy {{
  compute bf16 100 TFLOP/s
  memory 16 GiB at 1 TB/s
  launch 2 us
  link bus : {gigabytes} GB/s latency 3 us
}}
model m() {{
  batch index b = 4096
  index d = 1024, f = 2048
  input x[b, d]
  repeat {layers} as layers {{
    a[b, f] = matmul(x[b, d], param w[d, f])
    h[b, f] = gelu(a)
    x[b, d] = matmul(h[b, f], param v[f, d])
  }}
}}
mesh pod = toy[{mesh}]
model net = m()
train {{ microbatches 1 pipeline 1 stage recompute none }}
{statements}
minimize step_time
"""


@dataclass(frozen=True)
class Deep:
    """Layers of three operators on a small mesh."""

    folder: Path
    layers: int = 14
    mesh: str = "gpu: 4"
    gigabytes: int = 20

    def spec(self, *statements: str) -> Spec:
        """The spec with these pins and limits."""
        text = TEXT.format(
            layers=self.layers,
            mesh=self.mesh,
            gigabytes=self.gigabytes,
            statements="\n".join(statements),
        )
        path = self.folder / "deep.mmp"
        path.write_text(text, encoding="utf-8")
        return load(path)


@pytest.fixture
def deep(tmp_path: Path) -> Deep:
    return Deep(tmp_path)


def value(document: dict[str, Any]) -> float:
    assert document["outcome"] == {"stopped": "proved", "plan": "optimal"}
    return float(document["objective"]["value"])


def lower(spec: Spec, **wishes: bool) -> ShardingProblem:
    frame = make_frame(spec, **wishes)
    return with_edges(build(frame, splits(spec, frame.named)[0], coarse=False))


# ---- unfolded ------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["", "pin net : stored over gpu", "pin net : b over gpu"])
def test_where_all_layers_are_alike_folding_loses_nothing(deep: Deep, statement: str) -> None:
    spec = deep.spec(statement)
    assert len(spec.graph.operators) > SMALL
    assert value(plan(spec, unfold=True)) == pytest.approx(value(plan(spec)), rel=GRAIN)


def test_only_the_document_of_a_folded_plan_says_that_layers_share_their_choices(
    deep: Deep,
) -> None:
    spec = deep.spec()
    assert "share" in plan(spec)["space"]
    assert "share" not in plan(spec, unfold=True)["space"]


def test_under_a_memory_limit_layers_want_to_differ(deep: Deep) -> None:
    """Folded, all layers give up what only some of them need to."""
    spec = replace(deep, gigabytes=3).spec("limit memory <= 1443 MB")
    assert value(plan(spec, unfold=True)) < value(plan(spec)) * 0.95


def test_a_pin_on_one_layer_holds_for_that_layer(deep: Deep) -> None:
    spec = deep.spec("pin net.layers[6].a : f over gpu")
    unfolded = plan(spec, unfold=True)
    assert value(unfolded) <= value(plan(spec)) * (1 + GRAIN)
    found = [x["cuts"] for name, x in unfolded["operators"].items() if name.endswith(".a")]
    assert found[6] == {"f": ["gpu.0", "gpu.1"]}
    assert found[3] != found[6]


def test_layers_that_are_alike_share_their_tables(deep: Deep) -> None:
    """What is built does not grow with the number of layers; the first one differs, since it
    reads the input of the model."""
    few, many = (lower(replace(deep, layers=n).spec(), unfold=True) for n in (14, 28))
    assert len(many.nodes) == 2 * len(few.nodes)
    assert len(many.edges) > 1.9 * len(few.edges)
    for problem in (few, many):
        assert len({id(node.unary) for node in problem.nodes}) == 6
    assert len({id(e.table) for e in many.edges}) == len({id(e.table) for e in few.edges})


def test_a_pinned_layer_has_tables_of_its_own_strategies_only(deep: Deep) -> None:
    pinned = lower(deep.spec("pin net.layers[6].a : f over gpu"), unfold=True)
    alike = [node.alike for node in pinned.nodes if node.subject.endswith(".a")]
    assert alike.count(alike[6]) == 1
    assert alike.count(alike[5]) == 5


def test_shared_tables_count_once_per_edge(deep: Deep) -> None:
    """The engine takes edges with one table as it takes edges with equal ones."""
    problem = lower(deep.spec("pin net.layers[6].a : f over gpu"), unfold=True)
    pins = compile_pins(problem)
    domain = hard_domain(problem, pins)
    assert domain is not None
    shared = weighted(tables(problem, domain, pins), bound_weights(problem)[0], {})
    assert len({id(edge.table) for edge in shared.edges}) < len(shared.edges) / 2
    dearest = {id(edge.table): edge.table.max() for edge in shared.edges}
    changed = {
        id(edge.table): np.where(edge.table < dearest[id(edge.table)], edge.table, np.inf)
        for edge in shared.edges
        if edge.table.min() < dearest[id(edge.table)]
    }
    edges = tuple(replace(e, table=changed.get(id(e.table), e.table)) for e in shared.edges)
    forbidding = replace(shared, edges=edges)
    odd = {n: np.arange(0, node.size, 2) for n, node in enumerate(shared.nodes[3:9], 3)}
    for one in (shared, forbidding, restrict(shared, odd).problem):
        own = tuple(replace(edge, table=edge.table.copy()) for edge in one.edges)
        assert np.isfinite(message_bound(one, 5))
        assert message_bound(one, 5) == message_bound(replace(one, edges=own), 5)


# ---- whole axes ----------------------------------------------------------------------------


@pytest.fixture
def two_axes(tmp_path: Path) -> Deep:
    return Deep(tmp_path, layers=2, mesh="node: 2, gpu: 4")


def cuts(document: dict[str, Any]) -> list[set[str]]:
    return [set(axes) for x in document["operators"].values() for axes in x["cuts"].values()]


@pytest.mark.parametrize(
    "statement", ["", "limit memory <= 120 MB", "pin net : d over node weight 1 ms"]
)
def test_whole_axes_are_never_better_and_are_cut_whole(two_axes: Deep, statement: str) -> None:
    spec = two_axes.spec(statement)
    whole = plan(spec, whole_axes=True)
    assert value(plan(spec)) <= value(whole) * (1 + GRAIN)
    assert whole["space"].startswith("every mesh axis is cut whole")
    for axes in cuts(whole):
        assert len(axes & {"gpu.0", "gpu.1"}) != 1


def test_parts_that_a_pin_names_stay_parts(two_axes: Deep) -> None:
    whole = plan(two_axes.spec("pin net.layers[0].a : f over gpu.1"), whole_axes=True)
    assert whole["outcome"]["plan"] == "optimal"
    assert "gpu.1" in whole["operators"]["net.layers[0].a"]["cuts"]["f"]


def test_a_degree_that_whole_axes_do_not_have_is_a_conflict(two_axes: Deep) -> None:
    pin = "pin net.layers[1].a : split f 4, b 1"
    assert plan(two_axes.spec(pin), whole_axes=True)["outcome"]["plan"] == "optimal"
    small = Deep(two_axes.folder, layers=2, mesh="gpu: 4").spec(pin.replace("4", "2"))
    assert plan(small)["outcome"]["plan"] == "optimal"
    none = plan(small, whole_axes=True)
    assert none["outcome"] == {"stopped": "proved", "plan": "none"}
    assert [row["text"] for row in none["conflict"]] == [pin.replace("4", "2")]
