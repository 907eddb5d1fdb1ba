"""How the mesh is divided: which sub-axes make pipeline stages, which shard operators."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np

from dsl.spec import Link, Mesh, Spec, SubAxis
from solver.cost.sends import sending


@dataclass(frozen=True, slots=True)
class Split:
    """A division of the mesh and of the batch: the outermost choice of a plan.

    `pipeline` are the sub-axes that make stages, `sharding` the others, both in mesh order. `kinds`
    are the kinds of the devices of every stage, by their numbers in the mesh. With `counts`,
    ascending, it stands for several micro-batch counts that are bounded together: `microbatches` is
    the least of them (`solver.search.ranges`).
    """

    pipeline: tuple[SubAxis, ...]
    sharding: tuple[SubAxis, ...]
    microbatches: int
    kinds: tuple[int, ...]
    counts: tuple[int, ...] = ()

    @property
    def stages(self) -> int:
        """Number of pipeline stages."""
        return math.prod(part.size for part in self.pipeline)

    @property
    def dividing(self) -> tuple[int, ...]:
        """The micro-batch counts that it stands for."""
        return self.counts or (self.microbatches,)

    @property
    def shrink(self) -> float:
        """What micro-batches of the greatest count are of those of the least."""
        return self.dividing[0] / self.dividing[-1]

    def link_between(self, stages: Iterable[int]) -> Link | None:
        """The link that transfers between these stages use, the slowest of all that theirs have:
        least bandwidth, then largest latency. None where there is one stage."""
        kinds = sorted({self.kinds[stage] for stage in stages})
        links = [sending(part.links[kind]) for kind in kinds for part in self.pipeline]
        return min(links, key=lambda x: (x.bandwidth, -x.latency), default=None)


@dataclass(frozen=True, slots=True)
class Interchangeable:
    """Sub-axes of one mesh axis: with equal size and link, or all that are cut as one; `positions`
    index `Split.sharding`."""

    positions: tuple[int, ...]


def whole_axes(parts: tuple[SubAxis, ...], named: frozenset[str]) -> list[Interchangeable]:
    """Group the sub-axes of every mesh axis, to be cut as one; those in `named` stay alone."""
    groups: dict[tuple[str, str], list[int]] = {}
    for position, part in enumerate(parts):
        alone = part.name if part.name in named else ""
        groups.setdefault((part.axis, alone), []).append(position)
    return [Interchangeable(tuple(members)) for members in groups.values()]


def interchangeable(parts: tuple[SubAxis, ...], named: frozenset[str]) -> list[Interchangeable]:
    """Group sub-axes that no rule tells apart; those in `named` (single ones that a pin names) stay
    alone."""
    groups: dict[tuple[str, int, tuple[Link, ...], str], list[int]] = {}
    for position, part in enumerate(parts):
        alone = part.name if part.name in named else ""
        groups.setdefault((part.axis, part.size, part.links, alone), []).append(position)
    return [Interchangeable(tuple(members)) for members in groups.values()]


def microbatch_counts(spec: Spec) -> list[int]:
    """Every micro-batch count that the spec allows and that divides all batch indices."""
    sizes = {index.size for op in spec.graph.operators for index in op.indices if index.batch}
    sizes |= {i.size for t in spec.graph.tensors.values() for i in t.dims if i.batch}
    low, high = spec.train.microbatches or (1, None)
    if not sizes:  # measured operators only: nothing says how the batch divides
        return list(range(low, (high or low) + 1))
    common = math.gcd(*sizes)
    high = common if high is None else high
    divisors = {
        d for k in range(1, math.isqrt(common) + 1) if common % k == 0 for d in (k, common // k)
    }
    return sorted(d for d in divisors if low <= d <= high)


def pipeline_choices(spec: Spec, named: frozenset[str]) -> list[tuple[SubAxis, ...]]:
    """Every set of sub-axes that may become stages, one of each family of interchangeable ones.

    Among interchangeable sub-axes the outermost are taken: permuting them permutes devices only.
    Not so where the outermost axis has devices of several kinds.
    """
    mesh: Mesh = spec.mesh
    if mesh.runs:
        named |= {part.name for part in mesh.axes[0].parts}
    wanted = spec.train.pipeline
    parts = mesh.parts
    units = len(spec.graph.units)
    allowed = tuple(p for p in parts if wanted.parts is None or p.name in wanted.parts)
    groups = interchangeable(allowed, named)
    choices = []
    for taken in itertools.product(*(range(len(g.positions) + 1) for g in groups)):
        chosen = {p for g, n in zip(groups, taken, strict=True) for p in g.positions[:n]}
        choices.append(tuple(part for i, part in enumerate(allowed) if i in chosen))
    high = units if wanted.high is None else min(units, wanted.high)
    fitting = [c for c in choices if wanted.low <= math.prod(p.size for p in c) <= high]
    return sorted(fitting, key=lambda c: (math.prod(p.size for p in c), [p.name for p in c]))


def kinds_of_stages(mesh: Mesh, pipeline: tuple[SubAxis, ...]) -> tuple[int, ...] | None:
    """The kind of the devices of every stage; None where some stage has several.

    Stages are numbered by the coordinates of their devices, the outermost sub-axis first.
    """
    stages = math.prod(part.size for part in pipeline)
    if not mesh.runs:
        return (0,) * stages
    outermost = mesh.axes[0]
    kinds = np.repeat([run.kind for run in mesh.runs], [run.count for run in mesh.runs])
    kinds = kinds.reshape([part.size for part in outermost.parts])
    names = {part.name for part in pipeline}
    kept = [i for i, part in enumerate(outermost.parts) if part.name in names]
    rest = [i for i in range(len(outermost.parts)) if i not in kept]
    rows = kinds.transpose(kept + rest).reshape(math.prod(kinds.shape[i] for i in kept), -1)
    if (rows != rows[:, :1]).any():
        return None
    return tuple(np.repeat(rows[:, 0], stages // len(rows)).tolist())


MOST_OPERATORS = 36_000
"""Forwards, input and weight gradients of all stages and micro-batches: more than what a scheduler
orders in minutes, and what a plan document holds in a few megabytes."""


def splits(spec: Spec, named: frozenset[str]) -> list[Split]:
    """Every division of the mesh and batch that the spec allows, in a fixed order; of more than
    `MOST_OPERATORS` operators only where it allows no other."""
    found = _all_splits(spec, named)
    return [s for s in found if is_usual(spec, s)] or found


def leaves_out(spec: Spec, named: frozenset[str]) -> bool:
    """Whether `splits` leaves some out."""
    usual = [is_usual(spec, s) for s in _all_splits(spec, named)]
    return any(usual) and not all(usual)


def is_usual(spec: Spec, split: Split) -> bool:
    """Whether a split has at most `MOST_OPERATORS` operators."""
    chunks = spec.train.pipeline.chunks if split.stages > 1 else 1
    return 3 * split.stages * chunks * split.microbatches <= MOST_OPERATORS


def _all_splits(spec: Spec, named: frozenset[str]) -> list[Split]:
    everything = spec.mesh.parts
    result = []
    seen: set[Hashable] = set()
    for pipeline in pipeline_choices(spec, named):
        names = {p.name for p in pipeline}
        rest = tuple(p for p in everything if p.name not in names)
        kinds = kinds_of_stages(spec.mesh, pipeline)
        alike = tuple((p.axis, p.size, p.links, p.name in named and p.name) for p in pipeline)
        if kinds is not None and (kinds, alike) not in seen:
            seen.add((kinds, alike))
            result += [Split(pipeline, rest, m, kinds) for m in microbatch_counts(spec)]
    return result
