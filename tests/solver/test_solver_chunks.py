"""Several chunks per stage: placement, exhaustive search over stage maps and orders, checks."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dsl.load import load
from dsl.spec import Pipeline, Spec
from solver.schedule import Chunk, Edge, ScheduleProblem
from solver.stages.placement import placement
from solver.verify.check import verify
from solver.verify.virtual_stages import places
from tests.schedule.exhaustive import optimum
from tests.solver.solving import GRAIN, plan

UNFOLDED = True
US = 1e-6
GB = 10**9
TRANSFER = 3

Times = tuple[int, int, int]  # microseconds of forward, input and weight gradient


def chain(
    folder: Path,
    layers: list[Times],
    pipeline: str,
    microbatches: str = "2",
    gigabytes: float = 100.0,
    split: bool = False,
) -> Spec:
    """Measured layers in a row on two or more devices; each holds 1 GB of parameters and saves 1 GB
    per micro-batch, half of which its input gradient frees."""
    apart = "split_backward" if split else ""
    rows = [
        f"op c{at}(x{at}) -> x{at + 1} {{ forward {f} us input_grad {b} us weight_grad {w} us "
        f"params 1 GB saved 1 GB release input_grad 0.5 GB {apart} }}"
        for at, (f, b, w) in enumerate(layers)
    ]
    stages = pipeline.split()[0]
    text = "\n".join(
        [
            "import hardware.abstract (worker)",
            "model net(batch: int) {",
            "  batch index b = batch",
            "  input x0[b]",
            *(f"  {row}" for row in rows),
            f"  output x{len(layers)}",
            "}",
            f"mesh ring = worker[rank: {stages}]",
            "model it = net(batch: 12)",
            f"train {{ microbatches {microbatches}  pipeline {pipeline}  transfer {TRANSFER} us }}",
            f"limit memory <= {gigabytes} GB per device",
        ]
    )
    path = folder / "spec.mmp"
    path.write_text(text, encoding="utf-8")
    return load(path)


def exhaustive(layers: list[Times], place: tuple[int, ...], gigabytes: float, split: bool) -> float:
    """The best step of two micro-batches over all stage maps and all orders, in seconds."""
    count = len(layers)
    best = float("inf")
    for borders in itertools.combinations(range(1, count), len(place) - 1):
        parts = [layers[a:b] for a, b in itertools.pairwise((0, *borders, count))]
        chunks = tuple(
            Chunk(
                str(at),
                stage,
                *(US * sum(times[phase] for times in part) for phase in range(3)),
                GB * len(part),
                GB * len(part) / 2 if split else GB * len(part),
            )
            for at, (part, stage) in enumerate(zip(parts, place, strict=True))
        )
        edges = tuple(
            Edge(a, a + 1, 0.0 if place[a] == place[a + 1] else US * TRANSFER)
            for a in range(len(place) - 1)
        )
        stages = max(place) + 1
        held = [
            sum(len(p) for p, s in zip(parts, place, strict=True) if s == d) for d in range(stages)
        ]
        room = tuple(GB * (gigabytes - number) for number in held)
        problem = ScheduleProblem(stages, chunks, edges, 2, room, (0.0,) * stages, split)
        best = min(best, optimum(problem, in_order=True))
    return best


@pytest.mark.parametrize("stages", [1, 2, 3, 4, 8])
@pytest.mark.parametrize(("chunks", "kind"), [(1, "loop"), (2, "loop"), (3, "loop"), (2, "v")])
def test_solver_and_verifier_place_chunks_alike(stages: int, chunks: int, kind: Any) -> None:
    wish = Pipeline(stages, stages, None, None, None, chunks, kind)
    assert placement(wish, stages) == places(wish, stages)


def test_a_v_goes_there_and_back() -> None:
    assert placement(Pipeline(3, 3, None, None, None, 2, "v"), 3) == (0, 1, 2, 2, 1, 0)
    assert placement(Pipeline(3, 3, None, None, None, 2, "loop"), 3) == (0, 1, 2, 0, 1, 2)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("words", ["2 chunks v", "2 chunks loop"])
def test_agrees_with_exhaustive_search(words: str, seed: int, tmp_path: Path) -> None:
    """The value of a proven plan is the optimum; every value and bound is sound."""
    rng = random.Random(seed)
    layers = [(rng.randint(2, 9), rng.randint(2, 9), rng.randint(1, 5)) for _ in range(5)]
    gigabytes = rng.choice((100.0, 6.0, 8.0))
    split = seed % 4 == 3 and gigabytes == 100.0
    place = (0, 1, 1, 0) if words.endswith("v") else (0, 1, 0, 1)
    best = exhaustive(layers, place, gigabytes, split)
    document = plan(chain(tmp_path, layers, f"2 stages {words}", gigabytes=gigabytes, split=split))
    if best == float("inf"):
        assert document["outcome"]["plan"] == "none"
        return
    objective = document["objective"]
    assert objective["bound"] <= best * (1 + GRAIN)
    assert objective["value"] >= best * (1 - GRAIN)
    if gigabytes == 100.0:
        assert objective["value"] <= best * (1 + GRAIN)
        assert document["outcome"]["plan"] == "optimal"


@pytest.mark.parametrize(
    ("pipeline", "chunks", "split"),
    [
        ("2 stages 2 chunks interleaved", 4, False),
        ("2 stages 3 chunks interleaved", 6, False),
        ("4 stages 2 chunks loop gpipe", 8, False),
        ("2 stages zb_v", 4, True),
        ("4 stages v_half", 8, True),
        ("4 stages v_min", 8, True),
        ("2 stages 3 chunks loop", 6, True),
    ],
)
def test_every_family_gives_verified_plans(
    pipeline: str, chunks: int, split: bool, tmp_path: Path
) -> None:
    layers = [(4, 7 + at % 3, 4) for at in range(chunks + 1)]
    spec = chain(tmp_path, layers, pipeline, microbatches="8..12", split=split)
    document = plan(spec, time_limit_s=3.0)
    assert document["outcome"]["plan"] != "none"
    found = document["pipeline"]
    assert found["chunks"] * len(found["stages"]) == chunks
    held = [len(chunk["units"]) for stage in found["stages"] for chunk in stage["chunks"]]
    assert sorted(held) == [1] * (chunks - 1) + [2]


def test_interleaved_takes_multiples_of_its_stages_only(tmp_path: Path) -> None:
    layers = [(4, 8, 0)] * 4
    spec = chain(tmp_path, layers, "2 stages 2 chunks interleaved", microbatches="2..3")
    assert plan(spec)["pipeline"]["microbatches"] == 2


def test_a_range_of_chunks_shortens_the_ramp(tmp_path: Path) -> None:
    """With fewer micro-batches than fill the pipeline, more chunks are better; the document says
    where they were tried, and only as many as the spec allows are accepted."""
    layers = [(40, 80, 40)] * 16
    one = plan(chain(tmp_path, layers, "2 stages", microbatches="4"), time_limit_s=5.0)
    several = chain(tmp_path, layers, "2 stages 1..4 chunks", microbatches="4")
    document = plan(several, time_limit_s=5.0)
    objective = document["objective"]
    assert objective["value"] < one["objective"]["value"]
    assert objective["bound"] <= objective["value"]
    assert document["pipeline"]["chunks"] in (2, 4)
    assert "more chunks per stage only in some cases: 4 with 2 stages" in document["space"]
    fewer = chain(tmp_path, layers, "2 stages 1 chunk", microbatches="4")
    assert verify(document, several).violations == ()
    assert {x.code for x in verify(document, fewer).violations} == {"stage-range"}


def test_a_range_of_chunks_leaves_a_plan_whose_ramp_is_short(tmp_path: Path) -> None:
    layers = [(40, 80, 40)] * 3
    found = plan(chain(tmp_path, layers, "2 stages 1..4 chunks"), time_limit_s=5.0)
    assert "chunks" not in found["pipeline"]
    assert found["outcome"]["plan"] == "optimal"
    assert "more chunks" not in found["space"]


def test_more_chunks_than_layers_have_no_plan(tmp_path: Path) -> None:
    spec = chain(tmp_path, [(4, 8, 0)] * 5, "2 stages 3 chunks loop")
    assert plan(spec)["outcome"] == {"stopped": "proved", "plan": "none"}


def test_branches_have_no_interleaved_order(tmp_path: Path) -> None:
    """Interleaved takes a chain: where a layer reads from two others, that is a proof."""
    text = chain(tmp_path, [(4, 8, 0)] * 4, "2 stages 2 chunks interleaved").path
    path = tmp_path / "branches.mmp"
    path.write_text(
        Path(text)
        .read_text()
        .replace("op c1(x1)", "op c1(x0)")
        .replace("op c3(x3)", "op c3(x3, x1)")
    )
    assert plan(load(path))["outcome"] == {"stopped": "proved", "plan": "none"}


def test_pins_ask_for_stages_of_any_chunk(tmp_path: Path) -> None:
    """In a V the last layer is on the first stage; a pin that wants it elsewhere cannot hold."""
    path = tmp_path / "pinned.mmp"
    chain(tmp_path, [(4, 8, 0)] * 5, "2 stages 2 chunks v")
    text = (tmp_path / "spec.mmp").read_text()
    path.write_text(f"{text}\npin it.c1 : on stage last\npin it.c4 : on stage first")
    document = plan(load(path))
    assert document["operators"]["it.c1"]["stage"] == 1
    assert document["operators"]["it.c4"] == {"cuts": {}, "stage": 0, "chunk": 1} | {
        key: document["operators"]["it.c4"][key] for key in ("recompute", "variant")
    }
    path.write_text(f"{text}\npin it.c4 : on stage last")
    assert plan(load(path))["outcome"] == {"stopped": "proved", "plan": "none"}


TIED = """
import hardware.nvidia (h100_sxm)
model net(batch: int) {{
  batch index b = batch
  index d = 1024, f = 4096, v = 32000
  input tokens[b] : int32
  embed[b, d] = embed(tokens[b], param table[v, d])
  x = embed
  repeat 6 as layers {{
    up[b, f] = matmul(x[b, d], param w[d, f])
    x[b, d] = matmul(up[b, f], param u[f, d])
  }}
  head[b, v] = matmul(x[b, d], embed.table[v, d])
  loss = cross_entropy(head, tokens)
}}
mesh pod = h100_sxm[gpu: 4]
model it = net(batch: 4096)
train {{ microbatches 8  pipeline 2 stages 2 chunks {kind}  recompute {recompute} }}
limit memory <= 3 GB per device
pin it.embed : on stage first
pin it.head : on stage {last}
"""


@pytest.mark.parametrize("recompute", ["auto", "full"])
@pytest.mark.parametrize(("kind", "last", "holders"), [("v", "first", 1), ("loop", "last", 2)])
def test_a_parameter_read_in_two_chunks_of_a_stage_is_held_once(
    kind: str, last: str, holders: int, recompute: str, tmp_path: Path
) -> None:
    """In a V the tied embedding is on one stage: nothing is exchanged once per step."""
    path = tmp_path / "spec.mmp"
    path.write_text(TIED.format(kind=kind, last=last, recompute=recompute))
    document = plan(load(path), time_limit_s=3.0)
    ends = {document["operators"][f"it.{name}"]["stage"] for name in ("embed", "head")}
    assert len(ends) == holders
    pipeline = document["pipeline"]["axes"]
    exchanged = [c for c in document["communication"] if c["axes"] == pipeline]
    assert len(exchanged) == holders - 1


# ---- verification ------------------------------------------------------------------------------

Document = dict[str, Any]


def _first(document: Document, **wanted: Any) -> dict[str, Any]:
    rows: Iterator[dict[str, Any]] = iter(document["pipeline"]["schedule"])
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


def _another_chunk(document: Document) -> None:
    _first(document, stage=0, chunk=0)["chunk"] = 1


def _no_such_chunk(document: Document) -> None:
    _first(document, stage=0, chunk=0)["chunk"] = 2


def _operator_elsewhere(document: Document) -> None:
    document["operators"]["it.c0"]["chunk"] = 1


def _no_such_place(document: Document) -> None:
    document["operators"]["it.c0"]["chunk"] = 2


def _early(document: Document) -> None:
    """The second chunk of a stage does not wait for the first stage after it."""
    row = _first(document, stage=0, chunk=1, phase="F")
    row["start_s"], row["end_s"] = 0.0, row["end_s"] - row["start_s"]


def _held_less(document: Document) -> None:
    document["pipeline"]["stages"][1]["chunks"][0]["activation_bytes"] /= 2


def _not_fused(document: Document) -> None:
    document["pipeline"]["stages"][0]["chunks"][1]["fused"] ^= True


def _chunks_unsaid(document: Document) -> None:
    del document["pipeline"]["stages"][0]["chunks"]


def _another_placement(document: Document) -> None:
    document["pipeline"]["placement"] = "loop"


def _peak(document: Document) -> None:
    document["memory"][0]["terms"]["activations"] += GB
    document["memory"][0]["peak_bytes"] += GB


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_another_chunk, "schedule-count"),
        (_no_such_chunk, "schedule-extra"),
        (_operator_elsewhere, "stage-empty"),
        (_no_such_place, "stage-range"),
        (_early, "schedule-early"),
        (_held_less, "stage-memory"),
        (_not_fused, "stage-fused"),
        (_chunks_unsaid, "stage-list"),
        (_another_placement, "stage-list"),
        (_peak, "memory-term"),
    ],
)
def test_the_verifier_rejects_wrong_chunks(
    change: Callable[[Document], None], code: str, tmp_path: Path
) -> None:
    spec = chain(tmp_path, [(4, 8, 3)] * 4, "2 stages 2 chunks v", split=True)
    document = plan(spec)
    assert verify(document, spec).ok
    wrong = copy.deepcopy(document)
    change(wrong)
    assert code in verify(wrong, spec).codes
