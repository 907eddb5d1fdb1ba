"""Which splits are likely to be good, before anything is known of their plans."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dsl.spec import Spec, SubAxis
from solver.search.chunked import ramp
from solver.search.goal import Goal
from solver.search.split import SplitSearch

UNLIKELY, SLOW, WASTE = 0.05, 0.06, 0.03  # per doubling: how much later to look at a split
ROOM = 0.6  # of a device's memory is left to what the forward saves


class Likely:
    """Ranks the splits of a spec."""

    def __init__(self, spec: Spec, goal: Goal) -> None:
        self.spec, self.goal = spec, goal
        self.slowest = min((_bandwidth(part) for part in spec.mesh.parts), default=0.0)
        graph = spec.graph
        batches = [i.size for op in graph.operators for i in op.indices if i.batch]
        self.batch = min(batches, default=1)
        kept = {u.tensor for op in graph.operators for u in op.inputs + op.results if u.saved}
        self.saved_bytes = math.fsum(
            math.prod(d.size for d in t.dims) * t.element_bytes
            for name, t in graph.tensors.items()
            if name in kept and t.role == "value"
        )

    def promise(self, search: SplitSearch) -> tuple[float, float]:
        """Likely good splits first, of equally likely ones those with few stages."""
        distance = self._distance(search)
        return (distance + 0.25 * math.log2(search.split.stages), search.bound)

    def soon(self, search: SplitSearch) -> tuple[float, float]:
        """Splits of low bound first, later by a few per cent for micro-batches that are far from
        likely, for many devices to a stage, which have many ways to cut and take long to bound, and
        for stages along fast links, which collectives need more."""
        devices = self.spec.mesh.devices / search.split.stages
        dearer = UNLIKELY * self._distance(search) + SLOW * math.log2(devices)
        dearer += WASTE * sum(_bandwidth(p) > self.slowest for p in search.split.pipeline)
        bound = search.bound
        if search.ranged and not search.refined:
            bound /= 1.0 - ramp(search.split, self.spec.train.pipeline.chunks)
        return (bound * (1.0 + dearer), search.bound)

    def _distance(self, search: SplitSearch) -> float:
        """How far the micro-batches are from as few as fill the pipeline, leave about one sample to
        a device and let what the forward saves fit."""
        split = search.split
        devices = self.spec.mesh.devices / split.stages
        samples = self.batch / devices
        fitting = self.saved_bytes / (ROOM * self.goal.capacity * devices)
        wanted = max(samples, 2.0 * split.stages, fitting, 1.0)
        return abs(math.log2(split.microbatches / wanted))

    def next_sketch(
        self,
        searches: Sequence[SplitSearch],
        done: Mapping[int, float],
        cutoff: float,
        near: float,
    ) -> SplitSearch | None:
        """The split to sketch next: seeds first (of every pipeline the likeliest), then next to the
        best ones, which must be below `near`: far from good plans there is little to find, and time
        is better spent on bounds."""
        waiting = {
            i
            for i, s in enumerate(searches)
            if i not in done and not s.closed and s.bound < cutoff and not s.sketch_late
        }
        if not waiting:
            return None
        seeds: dict[str, int] = {}
        for i in sorted(range(len(searches)), key=lambda i: self.promise(searches[i])):
            if not searches[i].closed:
                seeds.setdefault(" ".join(p.name for p in searches[i].split.pipeline), i)
        first = [i for i in seeds.values() if i in waiting]
        if first:
            return searches[first[0]]
        beside = {
            i: min((done[j] for j in done if _adjacent(searches[i], searches[j])), default=math.inf)
            for i in waiting
            if searches[i].glanced
        }
        if not beside:
            return None
        number = min(beside, key=lambda i: (beside[i], self.promise(searches[i]), i))
        return searches[number] if beside[number] <= near else None


def _adjacent(one: SplitSearch, other: SplitSearch) -> bool:
    """Same pipeline and the next micro-batch count, or same count and one sub-axis more."""
    a, b = one.split, other.split
    if a.pipeline == b.pipeline:
        low, high = sorted((a.microbatches, b.microbatches))
        return high <= 2 * low
    fewer, more = sorted((a.pipeline, b.pipeline), key=len)
    joined = a.microbatches == b.microbatches and len(more) == len(fewer) + 1
    return joined and all(part in more for part in fewer)


def _bandwidth(part: SubAxis) -> float:
    """The least of all kinds of devices."""
    return min(link.bandwidth for link in part.links)
