"""Real models under textbook plans: the rules must give what the papers count."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dsl.load import load
from dsl.spec import Axis, Mesh, Pipeline, Spec
from solver.verify.check import verify
from solver.verify.evaluate import evaluate
from solver.verify.wiring import wire
from tests.verify.build import SPAN
from tests.verify.choose import choose, row
from tests.verify.document import write

EXAMPLES = Path(__file__).parents[2] / "examples"
ORDER = [row("F0 B0 W0 F1 B1 W1")]


def example(name: str) -> Spec:
    """An example on one stage, free of pins, in any number of micro-batches."""
    problem = load(EXAMPLES / name, {})
    train = replace(
        problem.train,
        pipeline=Pipeline(1, 1, None, None, SPAN),
        microbatches=None,
        recompute="auto",
    )
    return replace(problem, train=train, pins=(), limits=())


def axis(mesh: Mesh, name: str) -> str:
    """The sub-axes of a mesh axis, for `choose`."""
    found: Axis = next(axis for axis in mesh.axes if axis.name == name)
    return " ".join(part.name for part in found.parts)


def test_megatron_on_llama_reduces_twice_each_way_in_every_layer() -> None:
    """Shoeybi et al. 2019, section 3: f and g of attention and of the MLP, no more."""
    problem = example("llama3_8b.mmp")
    gpu = axis(problem.mesh, "gpu")
    shared = wire(problem.graph).shared
    chosen = choose(
        problem,
        cuts={"*": {"b": axis(problem.mesh, "node"), "f": gpu, "g": gpu}},
        shared={
            name: {
                "b": axis(problem.mesh, "node"),
                "partial": gpu if name.endswith(".norm") else "",
            }
            for name in shared
            if problem.graph.tensors[name].role == "value"
        },
        microbatches=2,
    )
    figures = evaluate(chosen, problem, ORDER)
    layers = [unit for unit in problem.graph.units if unit.repeat is not None]
    assert len(layers) == 32
    for layer in layers:
        here = [c for c in figures.calls if c.operator in layer.operators]
        over_gpu = [c for c in here if "gpu.0" in c.axes]
        assert [c.collective for c in over_gpu] == ["all_reduce"] * 4
        assert [c.phase for c in over_gpu].count("F") == 2
        assert [c.phase for c in over_gpu].count("B") == 2
        size = 256 / 2 / 4 * 8192 * 4096 * 2  # b, s, d, bf16
        assert {c.bytes for c in over_gpu} == {size}


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("llama3_8b.mmp", {"b": "node", "s": "gpu"}),
        ("mixtral_8x7b.mmp", {"b": "node", "e": "gpu"}),
        ("vision_language.mmp", {"g": "gpu", "f": "gpu"}),
    ],
)
def test_documents_of_real_models_are_accepted(name: str, cuts: dict[str, str]) -> None:
    problem = example(name)
    chosen = choose(
        problem,
        cuts={"*": {index: axis(problem.mesh, where) for index, where in cuts.items()}},
        levels={"node": 1, "gpu": 1},
        microbatches=2,
    )
    report = verify(write(chosen, problem, ORDER), problem)
    assert set(report.codes) <= {"memory-limit"}  # these are not plans anyone would run
    assert report.figures is not None
    assert report.figures.calls


def test_the_verifier_shares_nothing_with_the_search() -> None:
    code = (
        "import sys, solver.verify.check\n"
        "mine = ('solver', 'solver.verify')\n"
        "print([m for m in sorted(sys.modules) if m.split('.')[0] in ('ortools', 'numpy')"
        " or m.startswith('solver') and m not in mine and not m.startswith('solver.verify.')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
