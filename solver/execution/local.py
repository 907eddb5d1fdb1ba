"""Level `local`: all devices of a stage at once, simulated with values at tiny sizes.

Every input that an operator reads, every result and every gradient is compared, rank by rank, with
the piece that the plan's layout gives it of the same tensor on one device (sums over the ranks
where the layout says summands); so are all gradients of parameters as the optimizer gets them,
after the plan's collectives and nothing else. Two micro-batches run, in the schedule's order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsl.diagnostic import DiagnosticError
from solver.execution.orders import Pipeline, pipeline
from solver.execution.outcome import Outcome
from solver.execution.ranks.collectives import Line
from solver.execution.ranks.digits import Digits, Node, digits
from solver.execution.ranks.machine import AllRanks, pieces_of, world
from solver.execution.ranks.program import Program
from solver.execution.ranks.refusals import refuse, refusing
from solver.execution.ranks.runner import Borders, Mail, Runner
from solver.execution.ranks.small import small
from solver.execution.ranks.types import Types
from solver.execution.ranks.values import initial, rows_of, slice_of
from solver.execution.ranks.watch import LEAST, TOLERANCE, Watcher, distance
from solver.execution.ranks.weights import Weights
from solver.execution.ranks.whole import whole
from solver.execution.torch_needed import need_torch
from solver.export.saved import SavedPlan
from solver.verify.layouts import Layout
from solver.verify.plan import Plan
from solver.verify.report import Violation

if TYPE_CHECKING:
    from torch import Tensor

MOST = 16
MICROBATCHES = 2


def check(saved: SavedPlan) -> Outcome:
    """Simulate the devices of a stage, all stages in turn."""
    need_torch(saved)
    refuse(saved)
    ranks = saved.plan.spec.mesh.devices // saved.plan.stages
    if ranks > MOST:
        message = f"a stage has {ranks} devices, and {MOST} can be simulated with values"
        advice = "`--level fake` runs one of each stage, without values"
        raise DiagnosticError([saved.finding("MMP747", message, ("mesh",), advice)])
    with refusing(saved):
        plan, order = small(saved.plan), pipeline(saved)
        watcher = simulate(plan, order)
    line = (
        f"{ranks} devices a stage: {watcher.compared} tensors in their planned places, gradients "
        f"of {len(plan.wiring.parameters)} parameters; largest relative error {watcher.worst:.1e}"
    )
    return Outcome(() if watcher.violations else (line,), tuple(watcher.violations[:10]))


def simulate(plan: Plan, order: Pipeline) -> Watcher:
    """Run the first micro-batches of all stages."""
    import torch
    from torch.distributed._local_tensor import LocalTensorMode, maybe_disable_local_tensor_mode

    count = min(MICROBATCHES, plan.frame.microbatches)
    known = initial(plan, count)
    found = digits(plan)
    wholes = [whole(plan, found, one) for one in known]
    with world(max(1, _ranks(plan)), 0), torch.no_grad():
        machine = AllRanks(plan.frame.parts)
        watcher = Watcher(plan, found, machine, wholes, unordered=_unordered(plan, found))
        with LocalTensorMode(len(machine.ranks)):
            runner = _runner(plan, order, machine, watcher, known)
            _run(runner, order, watcher, count)
            weights = runner.program.weights
            reduced = {name: weights.reduced(name) for name in _trained(weights)}
        with maybe_disable_local_tensor_mode():
            _compare_gradients(watcher, weights, reduced)
    return watcher


def _unordered(plan: Plan, found: Digits) -> frozenset[Node]:
    """Indices whose rows have no order: the places of tokens in their experts. What is made of them
    is compared."""
    return frozenset(
        found.index(operator.name, name)
        for operator in plan.spec.graph.operators
        for name, _ in operator.ties
    )


def _ranks(plan: Plan) -> int:
    count = 1
    for part in plan.frame.parts:
        count *= part.size
    return count


def _runner(
    plan: Plan,
    order: Pipeline,
    machine: AllRanks,
    watcher: Watcher,
    known: list[dict[str, Tensor]],
) -> Runner:
    import torch

    line, types = Line(machine), Types(machine)
    weights = Weights(plan, line, types)

    def given(name: str, layout: Layout, microbatch: int) -> Tensor:
        full = known[microbatch][name]
        return machine.per_rank(
            lambda at: slice_of(plan, watcher.digits, name, layout, at, full).clone()
        )

    def ones(name: str, layout: Layout) -> Tensor:
        full = torch.ones_like(watcher.wholes[0].values[name])
        return machine.per_rank(
            lambda at: slice_of(plan, watcher.digits, name, layout, at, full).clone()
        )

    for name in plan.wiring.parameters:
        weights.add(name, lambda name, layout: given(name, layout, 0))
    program = Program(plan, line, watcher.digits, weights, given, ones, watcher.see)
    return Runner(program, order.fused)


def _run(runner: Runner, order: Pipeline, watcher: Watcher, count: int) -> None:
    """The orders of all stages in turn, each as far as what it reads has been made."""
    left = [[one for one in row if one.microbatch < count] for row in order.orders]
    mail: dict[tuple[int, int, str], Mail] = {}
    done: set[tuple[int, str, int]] = set()
    borders = Borders(runner.program)
    while any(left):
        for row in left:
            while row and _is_ready(row[0].chunk, row[0].phase, row[0].microbatch, order, done):
                one = row.pop(0)
                watcher.microbatch = one.microbatch
                key = (one.chunk, one.microbatch, one.phase)
                if one.phase == "F":
                    made = runner.forward(one.chunk, one.microbatch, mail.pop(key, {}))
                    for later in range(one.chunk + 1, len(order.places)):
                        post = mail.setdefault((later, one.microbatch, "F"), {})
                        post |= {k: v for k, v in made.items() if k in borders.into_forward(later)}
                elif one.phase == "B":
                    sent = runner.backward(one.chunk, one.microbatch, mail.pop(key, {}))
                    watcher.settle(one.chunk, runner.program.late)
                    for name, gradient in sent.items():
                        post = mail.setdefault((borders.target(name), one.microbatch, "B"), {})
                        post[name] = post[name] + gradient if name in post else gradient
                else:
                    runner.weight(one.chunk, one.microbatch)
                done.add((one.chunk, one.phase, one.microbatch))


def _is_ready(
    chunk: int, phase: str, microbatch: int, order: Pipeline, done: set[tuple[int, str, int]]
) -> bool:
    if phase == "F":
        return all((a, "F", microbatch) in done for a, b in order.edges if b == chunk)
    if phase == "B":
        return all((b, "B", microbatch) in done for a, b in order.edges if a == chunk)
    return True


def _trained(weights: Weights) -> list[str]:
    return [name for name, one in weights.stored.items() if one.gradient is not None]


def _compare_gradients(watcher: Watcher, weights: Weights, reduced: dict[str, Tensor]) -> None:
    import torch

    for name, tensor in reduced.items():
        held = weights.stored[name].holding
        full = torch.stack([one.gradients[name] for one in watcher.wholes]).sum(0)
        scale = max(float(full.abs().max()), LEAST)
        watcher.compared += 1
        for at, piece in zip(
            watcher.machine.ranks, pieces_of(tensor, len(watcher.machine.ranks)), strict=True
        ):
            used = slice_of(watcher.plan, watcher.digits, name, held.used, at, full).reshape(-1)
            wanted = rows_of(used, held.optimizer, at)
            error = distance(piece, wanted) / scale
            watcher.worst = max(watcher.worst, error)
            if not error <= TOLERANCE:
                message = f"the gradient of `{name}` is not that of one device"
                place = f"parameters.{name}"
                watcher.violations.append(Violation("run-gradients", message, place))
                break
