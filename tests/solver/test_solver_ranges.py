"""Bounds of many micro-batch counts at once."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

from dsl.load import load
from dsl.spec import Spec
from solver.search.frame import make_frame
from solver.search.goal import goal_of
from solver.search.ranges import Ranges, apply_to, joint
from solver.search.split import SplitSearch
from solver.space.mesh import splits
from solver.verify.check import verify
from tests.solver.solving import plan

MODEL = """
import hardware.nvidia (h100_sxm)
import models.{module}
mesh pod = h100_sxm[node: {nodes}, gpu: 2]
model net = {model}
train {{ precision bf16  microbatches auto  pipeline auto  recompute {recompute} }}
limit memory <= {room} GiB per device
"""

LLAMA = (
    "llama",
    "llama.llama(layers: 4, d_model: 1024, heads: 8, kv_heads: 4, head_dim: 128, ffn: 2816, "
    "vocab: 32000, batch: 24, seq: 2048)",
)
MIXTRAL = (
    "mixtral",
    "mixtral.mixtral(layers: 4, d_model: 1024, heads: 8, kv_heads: 4, head_dim: 128, ffn: 2816, "
    "vocab: 32000, experts: 4, topk: 2, batch: 24, seq: 1024)",
)


def case(folder: Path, which: tuple[str, str], nodes: int, room: float, recompute: str) -> Spec:
    module, model = which
    path = folder / "spec.mmp"
    path.write_text(
        MODEL.format(module=module, model=model, nodes=nodes, room=room, recompute=recompute)
    )
    return load(path)


def searches_of(spec: Spec) -> list[SplitSearch]:
    frame, goal = make_frame(spec), goal_of(spec)
    return [SplitSearch(frame, split, goal) for split in splits(spec, frame.named)]


@pytest.mark.parametrize(
    ("which", "nodes", "room", "recompute"),
    [
        (LLAMA, 2, 40, "auto"),
        pytest.param(LLAMA, 2, 4, "auto", marks=pytest.mark.slow),
        (LLAMA, 2, 3, "full"),
        (MIXTRAL, 2, 30, "none"),
    ],
)
def test_a_range_is_never_above_its_counts(
    which: tuple[str, str], nodes: int, room: float, recompute: str, tmp_path: Path
) -> None:
    """Whatever bounds a range bounds each count in it, at every width."""
    spec = case(tmp_path, which, nodes, room, recompute)
    found = searches_of(spec)
    pipelines = itertools.groupby(found, key=lambda s: s.split.pipeline)
    for _, group in pipelines:
        members = list(group)
        own = []
        for search in members:
            search.prepare(math.inf)
            own.append(search.bound)
            search.forget()
        for width in (1, 2, len(members)):
            for first in range(0, len(members), max(1, width)):
                part = members[first : first + width]
                together = joint(part)
                together.prepare(math.inf)
                least = min(own[first : first + width])
                assert together.bound <= least * (1 + 2e-3)  # both are found to a grain


@pytest.mark.parametrize("room", [40.0, 4.0])
def test_a_range_is_never_above_a_plan(room: float, tmp_path: Path) -> None:
    spec = case(tmp_path, LLAMA, 2, room, "auto")
    document = plan(spec, time_limit_s=10.0)
    assert verify(document, spec).violations == ()
    found = searches_of(spec)
    axes = document["pipeline"]["axes"]
    same = [s for s in found if [p.name for p in s.split.pipeline] == axes]
    together = joint(same)
    together.prepare(math.inf)
    assert 0.0 < together.bound <= document["objective"]["value"] * (1 + 1e-9)


def test_ranges_are_halved_until_counts_are_alone(tmp_path: Path) -> None:
    found = searches_of(case(tmp_path, LLAMA, 2, 40, "auto"))
    ranges = Ranges()
    ranges.begin(found)
    assert ranges.is_new
    assert sorted(n for _, numbers in ranges.waiting for n in numbers) == list(range(len(found)))
    seen: set[tuple[int, ...]] = set()
    while ranges.waiting:
        numbers = ranges.take()
        counts = [found[n].split.microbatches for n in numbers]
        assert counts == sorted(counts)
        assert numbers not in seen
        seen.add(numbers)
        ranges.learn(numbers, 1.0, 2.0)
    ranges.learn((0, 1), 3.0, 2.0)  # enough for now: it waits as it is
    assert ranges.waiting == [(3.0, (0, 1))]


def test_few_splits_are_bounded_one_by_one(tmp_path: Path) -> None:
    spec = case(tmp_path, LLAMA, 2, 40, "auto")
    assert not apply_to(spec, 20)
    assert apply_to(spec, 1000)
