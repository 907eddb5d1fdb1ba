"""Times and bytes of every chunk and stage for one selection and one pattern (solver/README.md 5 to
7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import Quantity
from solver.sharding.problem import Selection, ShardingProblem
from solver.stages.hiding import Exposed, exposed, unit_rows
from solver.stages.pattern import PARTS, Counts, Pattern, by_stage, chunk_counts, unit_places

FUSED_FAMILIES = ("gpipe", "one_f_one_b", "interleaved")


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Times and bytes of a micro-batch are arrays over chunks, in seconds and bytes; `tail`,
    `static`, `buffers` and `least_saved` (what a micro-batch holds on a stage at its peak, at
    least) are arrays over stages. `exposed` is in `tail`; None where overlap is a share. `delays`
    maps (from, to) of chunks to seconds."""

    pattern: Pattern
    forward: Floats
    input_grad: Floats
    weight_grad: Floats
    tail: Floats
    exposed: Exposed | None
    saved_b: Floats
    saved_w: Floats
    least_saved: Floats
    static: Floats
    buffers: Floats
    fused: tuple[bool, ...]
    delays: dict[tuple[int, int], float]

    @property
    def work(self) -> Floats:
        """Seconds of one micro-batch in every chunk."""
        return self.forward + self.input_grad + self.weight_grad

    @property
    def saved(self) -> Floats:
        """Bytes of one micro-batch in every chunk."""
        return self.saved_b + self.saved_w

    def on_stages(self, values: Floats) -> Floats:
        """Sums of values of chunks over the chunks of every stage."""
        return by_stage(self.pattern, values)


def group_totals(problem: ShardingProblem, selection: Selection) -> Floats:
    """[class, part, row] of what one unit adds (rows as in `solver.cost.kinds`)."""
    totals = np.zeros((len(problem.classes), len(PARTS), problem.kinds.width))
    for node, k in zip(problem.nodes, selection.strategies, strict=True):
        totals[node.unit_class, 0] += node.unary[:, k]
    for edge in problem.edges:
        i = edge.labels_u[selection.strategies[edge.u]]
        j = edge.labels_v[selection.strategies[edge.v]]
        totals[edge.group.unit_class, PARTS[edge.group.part], edge.layers] += edge.table[:, i, j]
    for store, z in zip(problem.stores, selection.storage, strict=True):
        label = store.labels[selection.strategies[store.node]]
        c = problem.nodes[store.node].unit_class
        column = store.costs.table[:, label, z].copy()
        if not store.per_unit:
            for quantity in (Quantity.STATIC, Quantity.STEP):  # counted once per stage, below
                column[problem.kinds.rows(quantity)] = 0.0
        totals[c, 0] += column
    return totals


def figures(problem: ShardingProblem, selection: Selection, pattern: Pattern) -> StageFigures:
    """The stages' figures."""
    number = chunk_counts(problem, pattern)
    on_stage = Counts(by_stage(pattern, number.units), by_stage(pattern, number.again))
    totals = group_totals(problem, selection)
    on = [problem.split.kinds[stage] for stage in pattern.placement]
    every = problem.kinds.own(np.einsum("scp,cpq->sq", number.units, totals), on)
    again = problem.kinds.own(np.einsum("scp,cpq->sq", number.again, totals), on)
    per_step = by_stage(pattern, every)
    _add_shared_parameters(problem, selection, on_stage, per_step)
    saved_b = every[:, Quantity.SAVED_B] - again[:, Quantity.SAVED_B] + again[:, Quantity.KEPT]
    saved_w = every[:, Quantity.SAVED_W] - again[:, Quantity.SAVED_W]
    backward = every[:, Quantity.INPUT_GRAD] + again[:, Quantity.AGAIN]
    weight = every[:, Quantity.WEIGHT_GRAD]
    fused = fused_chunks(problem, selection, pattern)
    joined = np.array(fused)
    saved = saved_b + saved_w
    tail, left = per_step[:, Quantity.STEP], None
    if problem.spec.train.overlap == "scheduled":
        left = exposed(unit_rows(problem, totals, pattern), pattern, fused)
        tail = left.reduce + tail + left.gather
    return StageFigures(
        pattern=pattern,
        forward=every[:, Quantity.FORWARD],
        input_grad=np.where(joined, backward + weight, backward),
        weight_grad=np.where(joined, 0.0, weight),
        tail=tail,
        exposed=left,
        saved_b=np.where(joined, saved, saved_b),
        saved_w=np.where(joined, 0.0, saved_w),
        least_saved=_least_saved(problem, pattern, saved),
        static=per_step[:, Quantity.STATIC],
        buffers=_buffers(problem, selection, on_stage, totals),
        fused=fused,
        delays=delays(problem, selection, pattern),
    )


def _least_saved(problem: ShardingProblem, pattern: Pattern, saved: Floats) -> Floats:
    """In a chain a micro-batch is in all chunks of a stage when it enters the last one; else maybe
    in one at a time."""
    if problem.wiring.is_chain:
        return by_stage(pattern, saved)
    result = np.zeros(pattern.stages)
    np.maximum.at(result, list(pattern.placement), saved)
    return result


def is_always_fused(problem: ShardingProblem) -> bool:
    """Whether the backward is whole in every chunk, whatever is chosen. With one stage no other
    waits for input gradients, and a whole backward hides more of the reductions."""
    train = problem.spec.train
    alone = problem.split.stages == 1 and train.overlap == "scheduled"
    return alone or train.pipeline.family in FUSED_FAMILIES


def fused_chunks(
    problem: ShardingProblem, selection: Selection, pattern: Pattern
) -> tuple[bool, ...]:
    """Which chunks run their weight gradient with their input gradient."""
    if is_always_fused(problem):
        return (True,) * pattern.chunks
    fused = [False] * pattern.chunks
    whole = {
        node.unit_class
        for node, k in zip(problem.nodes, selection.strategies, strict=True)
        if node.operator_states is not None and _is_unsplit(problem, node.subject, k)
    }
    for u, (c, _) in enumerate(unit_places(problem)):
        if pattern.again[u] or c in whole:
            fused[pattern.chunk_of[u]] = True
    return tuple(fused)


def _is_unsplit(problem: ShardingProblem, operator: str, strategy: int) -> bool:
    variants = problem.wiring.operator[operator].variants
    if not variants:
        return False
    variant = variants[problem.variant_number(operator, strategy)]
    return not variant.split_backward and variant.input_grad + variant.weight_grad > 0


def _add_shared_parameters(
    problem: ShardingProblem,
    selection: Selection,
    number: Counts,
    every: Floats,
) -> None:
    """A parameter read by several units is held once by each stage that reads it, and stages that
    hold the same one exchange its gradient."""
    for store, z in zip(problem.stores, selection.storage, strict=True):
        if store.per_unit:
            continue
        label = store.labels[selection.strategies[store.node]]
        column = store.costs.table[:, label, z]
        holding = number.units[:, list(store.holders), 0].sum(axis=1) > 0
        stages = np.flatnonzero(holding).tolist()
        for stage in stages:
            for quantity in (Quantity.STATIC, Quantity.STEP):
                row = problem.kinds.row(quantity, problem.split.kinds[stage])
                every[stage, quantity] += column[row]
        held_by = len(stages)
        link = problem.split.link_between(stages)
        if held_by > 1 and link is not None:
            volume = store.costs.shared[label, z]
            every[holding, Quantity.STEP] += 2 * (held_by - 1) / held_by * volume / link.bandwidth


def _buffers(
    problem: ShardingProblem, selection: Selection, number: Counts, totals: Floats
) -> Floats:
    """Working memory, gathered parameters of two units, one recomputed unit (README section 7)."""
    classes = len(problem.classes)
    working, gathered = np.zeros(classes), np.zeros(classes)
    for node, k in zip(problem.nodes, selection.strategies, strict=True):
        working[node.unit_class] = max(working[node.unit_class], node.working[k])
    for store, z in zip(problem.stores, selection.storage, strict=True):
        label = store.labels[selection.strategies[store.node]]
        gathered[problem.nodes[store.node].unit_class] += store.costs.gathered[label, z]
    present = number.units[:, :, 0] > 0
    result = np.where(present, working, 0.0).max(axis=1)
    result = result + 2 * np.where(present, gathered, 0.0).max(axis=1)
    saved = totals[:, :, Quantity.SAVED_B] + totals[:, :, Quantity.SAVED_W]
    saved[:, 0] -= measured_saved(problem, selection)
    again = np.zeros(len(result))
    for part in (PARTS["first"], PARTS["rest"]):
        whole = saved[:, 0] + saved[:, part]
        again = np.maximum(again, np.where(number.again[:, :, part] > 0, whole, 0.0).max(axis=1))
    return np.asarray(result + again)


def measured_saved(problem: ShardingProblem, selection: Selection) -> Floats:
    """[class] bytes that measured operators of a unit save; recomputation needs no room for them
    beyond their workspace."""
    found = np.zeros(len(problem.classes))
    for node, k in zip(problem.nodes, selection.strategies, strict=True):
        if node.variants:
            found[node.unit_class] += node.unary[[Quantity.SAVED_B, Quantity.SAVED_W], k].sum()
    return found


def delays(
    problem: ShardingProblem, selection: Selection, pattern: Pattern
) -> dict[tuple[int, int], float]:
    """Seconds of each transfer from chunk to chunk; none within a stage."""
    volumes: dict[tuple[int, int], dict[str, float]] = {}
    for send in problem.sends:
        s, t = pattern.chunk_of[send.source_unit], pattern.chunk_of[send.target_unit]
        if s != t:
            volumes.setdefault((s, t), {})[send.tensor] = float(
                send.volume[selection.strategies[send.node]]
            )
    fixed = problem.spec.train.transfer
    result = {}
    for pair, sent in sorted(volumes.items()):
        source, target = (pattern.placement[chunk] for chunk in pair)
        if source == target:
            result[pair] = 0.0
        elif fixed is not None:
            result[pair] = fixed
        else:
            link = problem.split.link_between((source, target))
            assert link is not None
            result[pair] = link.latency + sum(sent.values()) / link.bandwidth
    return result
