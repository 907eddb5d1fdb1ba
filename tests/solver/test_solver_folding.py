"""Folding: what layers that share their choices lose, and when they lose nothing.

Let a run of alike layers l = 1..n choose x_l, at cost u(x_l) for the layer, p(x_l, x_m) between
neighbours, and something at the two ends of the run. Folded, all x_l are one x. Without memory that
binds, and on one stage, that loses nothing exactly where some best sequence is constant. Enough for
it: no cycle of choices moves cheaper than it would stay, that is, over every cycle
`sum p(x_i, x_(i+1)) >= sum p(x_i, x_i)` (p is cyclically monotone), and neither end of the run
wants another choice. An end can: nothing reads what the last layer makes. Where a memory limit
binds costs do not add up, and layers want to differ.

No theory is needed to trust one folded plan: it is a plan of the unfolded problem too, with equal
figures, so where the unfolded bound comes up to its value, nothing was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from dsl.load import load
from dsl.spec import Spec
from solver.search.frame import make_frame
from solver.sharding.build import build, with_edges
from solver.sharding.problem import Selection, ShardingProblem, Store
from solver.space.mesh import splits
from solver.stages.figures import figures
from solver.stages.pattern import Pattern
from solver.verify.check import verify
from tests.solver.joint.choices import choices_of
from tests.solver.joint.sequences import best_sequences
from tests.solver.solving import GRAIN, plan

BODIES = {
    "pairs": (
        "a[b, f] = matmul(x[b, d], param w[d, f])\n    x[b, d] = matmul(a[b, f], param v[f, d])"
    ),
    "single": "x[b, e] = matmul(x[b, d], param w[d, e])",
    "residual": (
        "a[b, f] = matmul(x[b, d], param w[d, f])\n"
        "    c[b, d] = matmul(a[b, f], param v[f, d])\n    x[b, d] = add(x, c)"
    ),
}


@dataclass(frozen=True)
class Run:
    """A run of alike layers, with a matrix before it that leads into it."""

    body: str = "pairs"
    layers: int = 3
    sizes: tuple[int, int, int] = (4096, 1024, 2048)
    gpus: int = 2
    gigabytes: int = 20
    latency: int = 3
    train: str = "microbatches 1 pipeline 1 stage recompute none"
    statements: tuple[str, ...] = ()

    def spec(self, folder: Path) -> Spec:
        """The resolved spec."""
        b, d, f = self.sizes
        text = "\n".join(
            (
                "device toy { compute bf16 100 TFLOP/s  memory 16 GiB at 1 TB/s  launch 2 us",
                f"  link bus : {self.gigabytes} GB/s latency {self.latency} us }}",
                "model m() {",
                f"  batch index b = {b}",
                f"  index s = 512, d = {d}, e = {d}, f = {f}",
                "  input t[b, s]",
                "  x[b, d] = matmul(t[b, s], param u[s, d])",
                f"  repeat {self.layers} as {self.body} {{\n    {BODIES[self.body]}\n  }}",
                "}",
                f"mesh pod = toy[gpu: {self.gpus}]",
                "model net = m()",
                f"train {{ {self.train} }}",
                *self.statements,
                "minimize step_time",
                "",
            )
        )
        path = folder / "run.mmp"
        path.write_text(text, encoding="utf-8")
        return load(path)


@st.composite
def runs(draw: st.DrawFn, train: str) -> Run:
    """Sizes and speeds that decide what is cut."""
    return Run(
        body=draw(st.sampled_from(sorted(BODIES))),
        layers=draw(st.integers(2, 4)),
        sizes=(
            draw(st.sampled_from((514, 4098))),
            draw(st.sampled_from((1024, 1025))),
            draw(st.sampled_from((2048, 2049))),
        ),
        gpus=draw(st.sampled_from((2, 3))),
        gigabytes=draw(st.sampled_from((1, 30, 600))),
        latency=draw(st.sampled_from((0, 20))),
        train=train,
    )


QUICK = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def value(document: dict[str, Any]) -> float:
    assert document["outcome"]["plan"] == "optimal", document["outcome"]
    return float(document["objective"]["value"])


def problem_of(spec: Spec, unfold: bool) -> ShardingProblem:
    frame = make_frame(spec, unfold=unfold)
    return with_edges(build(frame, splits(spec, frame.named)[0], coarse=False))


# ---- when nothing is lost ------------------------------------------------------------------


def losses(spec: Spec) -> tuple[float, float]:
    """By how much sharing is worse: by the two searches, and by dynamic programming."""
    folded, unfolded = plan(spec), plan(spec, unfold=True)
    free, shared = best_sequences(choices_of(spec)[0])
    assert value(folded) == pytest.approx(shared, rel=GRAIN)
    assert value(unfolded) == pytest.approx(free, rel=GRAIN)
    assert "share their choices" in folded["space"]
    assert "share" not in unfolded["space"]
    return value(folded) / value(unfolded) - 1, shared / free - 1


@QUICK
@given(run=runs("microbatches 1 pipeline 1 stage recompute none"))
def test_sharing_loses_what_the_best_sequence_of_choices_saves(run: Run, tmp_path: Path) -> None:
    found, wanted = losses(run.spec(tmp_path))
    assert found == pytest.approx(wanted, abs=2 * GRAIN)


@pytest.mark.parametrize("body", ["single", "residual"])
def test_nothing_is_lost_where_no_choice_is_worth_leaving(body: str, tmp_path: Path) -> None:
    found, wanted = losses(Run(body).spec(tmp_path))
    assert wanted == 0
    assert found == pytest.approx(0, abs=GRAIN)


def test_the_ends_of_a_run_can_want_another_choice(tmp_path: Path) -> None:
    """Nothing reads what the last layer makes: it may leave it cut, the others may not."""
    found, wanted = losses(Run("pairs").spec(tmp_path))
    assert wanted > 0.04
    assert found == pytest.approx(wanted, abs=2 * GRAIN)


# ---- a folded plan carries its own proof -----------------------------------------------------

FIGURES = (
    *("forward", "input_grad", "weight_grad", "tail"),
    *("saved_b", "saved_w", "least_saved", "static", "buffers"),
)


def lifted(folded: ShardingProblem, unfolded: ShardingProblem, chosen: Selection) -> Selection:
    """The selection of the unfolded problem in which every layer has the choices of its class."""
    strategies = []
    for node in unfolded.nodes:
        of = folded.node_of_operator if node.kind == "operator" else folded.node_of_tensor
        strategies.append(chosen.strategies[of[node.subject]])
    storage = [chosen.storage[folded.store_of_parameter[s.parameter]] for s in unfolded.stores]
    return Selection(tuple(strategies), tuple(storage))


def _any_storage(dice: np.random.Generator, store: Store, strategy: int) -> int:
    costs = store.costs.table[:, store.labels[strategy]]
    return int(dice.choice(np.flatnonzero(np.isfinite(costs).all(axis=0))))


@pytest.mark.parametrize("body", sorted(BODIES))
def test_a_folded_plan_is_an_unfolded_plan_with_equal_figures(body: str, tmp_path: Path) -> None:
    spec = Run(body, 4, train="microbatches 2 pipeline 2 stages recompute auto", gpus=4).spec(
        tmp_path
    )
    folded, unfolded = problem_of(spec, False), problem_of(spec, True)
    assert len(folded.nodes) < len(unfolded.nodes)
    dice = np.random.default_rng(0)
    checked = 0
    for _ in range(60):
        strategies = tuple(int(dice.integers(node.size)) for node in folded.nodes)
        storage = tuple(
            _any_storage(dice, store, strategies[store.node]) for store in folded.stores
        )
        chosen = Selection(strategies, storage)
        again = (False, *(bool(dice.integers(2)) for _ in range(4)))
        middle = sorted(int(x) for x in dice.integers(2, size=2))
        pattern = Pattern((0, 1), (0, 0, *middle, 1), again)
        one = figures(folded, chosen, pattern)
        other = figures(unfolded, lifted(folded, unfolded, chosen), pattern)
        if not np.isfinite(one.forward + one.input_grad + one.weight_grad).all():
            continue
        checked += 1
        for name in FIGURES:
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12), name
        assert one.delays == pytest.approx(other.delays, rel=1e-12)
    assert checked > 30


@settings(QUICK, max_examples=4)
@given(
    run=runs("microbatches 1..2 pipeline 1..2 stages recompute auto"),
    share=st.sampled_from((None, 0.95, 0.85)),
)
def test_where_the_unfolded_bound_meets_a_folded_plan_nothing_is_lost(
    run: Run, share: float | None, tmp_path: Path
) -> None:
    """Also over stages, and under memory limits, where the unfolded optimum may be better."""
    spec = run.spec(tmp_path)
    if share is not None:
        peak = max(row["peak_bytes"] for row in plan(spec)["memory"])
        limit = f"limit memory <= {int(share * peak)} B"
        spec = Run(**{**vars(run), "statements": (limit,)}).spec(tmp_path)
    folded, unfolded = plan(spec), plan(spec, unfold=True)
    assume(folded["outcome"]["plan"] != "none")
    assert verify(folded, spec).ok  # it knows nothing of folding
    shared, free = folded["objective"], unfolded["objective"]
    assert free["bound"] <= shared["value"] * (1 + GRAIN)
    assert free["value"] <= shared["value"] * (1 + GRAIN)
    if free["bound"] >= shared["value"] * (1 - GRAIN):
        assert free["value"] == pytest.approx(shared["value"], rel=2 * GRAIN)
    assert "share their choices" in folded["space"]


def test_where_memory_binds_layers_that_differ_can_be_better(tmp_path: Path) -> None:
    """Folded, all layers give up what only some of them need to."""
    spec = Run("single", 4, gigabytes=3, statements=("limit memory <= 140 MB",)).spec(tmp_path)
    assert value(plan(spec, unfold=True)) < value(plan(spec)) * 0.7


# ---- what a pin unfolds ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pinned", "sizes"), [(0, [1, 1, 5]), (1, [1, 1, 1, 4]), (3, [1, 3, 1, 2]), (5, [1, 5, 1])]
)
@pytest.mark.parametrize("wish", ["{}.a : f over gpu", "{} : stored over gpu"])
def test_a_pin_on_one_layer_unfolds_just_that_one(
    pinned: int, sizes: list[int], wish: str, tmp_path: Path
) -> None:
    pin = "pin " + wish.format(f"net.pairs[{pinned}]")
    spec = Run("pairs", 6, statements=(pin,)).spec(tmp_path)
    folded = problem_of(spec, False)
    assert [len(c.units) for c in folded.classes] == sizes
    assert len(folded.nodes) == 1 + 2 * (len(sizes) - 1)
    assert len(problem_of(Run("pairs", 6).spec(tmp_path), False).nodes) == 3


def test_pins_on_stages_recomputation_or_all_layers_unfold_nothing(tmp_path: Path) -> None:
    for pin in (
        "pin net.pairs[3] : on stage last",
        "pin net.pairs[3] : recompute",
        "pin net.pairs[*].a : f over gpu",
    ):
        spec = Run("pairs", 6, statements=(pin,)).spec(tmp_path)
        assert [len(c.units) for c in problem_of(spec, False).classes] == [1, 6]
