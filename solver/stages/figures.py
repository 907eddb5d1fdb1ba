"""Times and bytes of every stage for one selection and one pattern (solver/README.md 5 to 7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver.cost.collectives import Floats
from solver.cost.quantities import COUNT, Quantity
from solver.sharding.problem import Selection, ShardingProblem
from solver.stages.pattern import PARTS, Counts, Pattern, counts, unit_places

FUSED_FAMILIES = ("gpipe", "one_f_one_b")


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Arrays over stages, in seconds and bytes; `delays` maps (from, to) to seconds."""

    forward: Floats
    input_grad: Floats
    weight_grad: Floats
    tail: Floats
    saved_b: Floats
    saved_w: Floats
    static: Floats
    buffers: Floats
    fused: tuple[bool, ...]
    delays: dict[tuple[int, int], float]

    @property
    def work(self) -> Floats:
        """Seconds of one micro-batch."""
        return self.forward + self.input_grad + self.weight_grad


def group_totals(problem: ShardingProblem, selection: Selection) -> Floats:
    """[class, part, quantity] of what one unit adds."""
    totals = np.zeros((len(problem.classes), len(PARTS), COUNT))
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
            column[[Quantity.STATIC, Quantity.STEP]] = 0.0  # counted once per stage, below
        totals[c, 0] += column
    return totals


def figures(problem: ShardingProblem, selection: Selection, pattern: Pattern) -> StageFigures:
    """The stages' figures."""
    number = counts(problem, pattern)
    totals = group_totals(problem, selection)
    every = np.einsum("scp,cpq->sq", number.units, totals)
    again = np.einsum("scp,cpq->sq", number.again, totals)
    _add_shared_parameters(problem, selection, number, every)
    saved_b = every[:, Quantity.SAVED_B] - again[:, Quantity.SAVED_B] + again[:, Quantity.KEPT]
    saved_w = every[:, Quantity.SAVED_W] - again[:, Quantity.SAVED_W]
    backward = every[:, Quantity.INPUT_GRAD] + again[:, Quantity.AGAIN]
    weight = every[:, Quantity.WEIGHT_GRAD]
    fused = fused_stages(problem, selection, pattern)
    joined = np.array(fused)
    return StageFigures(
        forward=every[:, Quantity.FORWARD],
        input_grad=np.where(joined, backward + weight, backward),
        weight_grad=np.where(joined, 0.0, weight),
        tail=every[:, Quantity.STEP],
        saved_b=np.where(joined, saved_b + saved_w, saved_b),
        saved_w=np.where(joined, 0.0, saved_w),
        static=every[:, Quantity.STATIC],
        buffers=_buffers(problem, selection, number, totals),
        fused=fused,
        delays=delays(problem, selection, pattern),
    )


def fused_stages(
    problem: ShardingProblem, selection: Selection, pattern: Pattern
) -> tuple[bool, ...]:
    """Which stages run their weight gradient with their input gradient."""
    if problem.spec.train.pipeline.family in FUSED_FAMILIES:
        return (True,) * pattern.stages
    fused = [False] * pattern.stages
    whole = {
        node.unit_class
        for node, k in zip(problem.nodes, selection.strategies, strict=True)
        if node.operator_states is not None and _is_unsplit(problem, node.subject, k)
    }
    for u, (c, _) in enumerate(unit_places(problem)):
        if pattern.again[u] or c in whole:
            fused[pattern.stage_of[u]] = True
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
        for quantity in (Quantity.STATIC, Quantity.STEP):
            every[holding, quantity] += column[quantity]
        held_by = int(holding.sum())
        link = problem.split.transfer_link
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
    """Seconds of each stage-to-stage transfer."""
    volumes: dict[tuple[int, int], dict[str, float]] = {}
    for send in problem.sends:
        s, t = pattern.stage_of[send.source_unit], pattern.stage_of[send.target_unit]
        if s != t:
            volumes.setdefault((s, t), {})[send.tensor] = float(
                send.volume[selection.strategies[send.node]]
            )
    link, fixed = problem.split.transfer_link, problem.spec.train.transfer
    result = {}
    for pair, sent in sorted(volumes.items()):
        if fixed is not None:
            result[pair] = fixed
        else:
            assert link is not None
            result[pair] = link.latency + sum(sent.values()) / link.bandwidth
    return result
