"""The operator order of a neighbourhood as a CP-SAT model.

Variables: the start of every free operator, in ticks, between its head and the horizon less its
tail. Minimise C, the makespan or largest span, plus what broken soft pins cost, subject to
- dependencies: start >= end of each input + delay
  `_dependencies`
- micro-batches in order within a kind (see `operators`), in-flight limits
  `_dependencies`
- one operator at a time on a device: fixed-size intervals, no_overlap
  `_no_overlap`
- memory where the in-flight limits are not all of it: a cumulative over intervals from the start
  of a forward to the end of each operator that releases a part of its bytes
  `_memory`
- C >= end + tail of every free operator; where spans count, C >= end + tail - first start of the
  device, for every device
  `_objective`
- end of one <= start of the other, or a literal that costs the weight, per pin on an order
  `_dependencies`, `_wishes`

The current schedule is the complete hint and its makespan the horizon. Probing is switched off:
it costs tens of seconds on hundreds of intervals and delayed every proof that was measured.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from solver.schedule.budget import LEAST_SECONDS
from solver.schedule.memory import in_flight_limits, precedences_suffice
from solver.schedule.neighbourhood import Neighbourhood
from solver.schedule.operators import Order
from solver.schedule.ticks import in_memory_units


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how CP-SAT may search. With `deterministic`, `seconds` are its own deterministic
    time, one worker or eight interleaved ones are used, and a run repeats exactly."""

    seconds: float
    workers: int
    seed: int
    deterministic: bool
    stop: threading.Event


@dataclass(frozen=True, slots=True)
class Answer:
    """What one solve gave and used: `bound` in ticks on the makespan within the neighbourhood."""

    status: Literal["optimal", "feasible", "infeasible", "unknown"]
    bound: int
    deterministic_seconds: float


def solve_order(
    around: Neighbourhood,
    effort: Effort,
    on_order: Callable[[Order], None],
) -> Answer:
    """Search the orders of `around`; `on_order` gets each improving order, of all operators.

    "infeasible" is answered only when a second configuration agrees.
    """
    ends = {op: around.heads[op] + _duration(around, op) for op in around.free}
    if not around.hint and any(end > around.latest_end(op) for op, end in ends.items()):
        return Answer("infeasible", around.lower, 0.0)  # pins that wait for each other
    model, starts = _build(around)
    answer = _run(model, starts, around, effort, _parameters(effort), on_order)
    if answer.status == "infeasible":
        second = _parameters(effort) | {"num_workers": 1, "cp_model_presolve": False}
        answer = _run(model, starts, around, effort, second, on_order)
    return answer


def _build(around: Neighbourhood) -> tuple[Any, dict[int, Any]]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    starts: dict[int, Any] = {}
    for op in around.free:
        latest = around.latest_end(op) - _duration(around, op)
        starts[op] = model.new_int_var(around.heads[op], latest, f"s{op}")
        if around.hint:
            model.add_hint(starts[op], around.hint[op])
    _dependencies(model, starts, around)
    _no_overlap(model, starts, around)
    for device in range(len(around.operators.capacity)):
        if not precedences_suffice(around.operators, device):
            _memory(model, starts, around, device)
    _objective(model, starts, around)
    return model, starts


def _duration(around: Neighbourhood, op: int) -> int:
    return int(around.operators.kinds[op // around.operators.microbatches].duration)


def _dependencies(model: Any, starts: Mapping[int, Any], around: Neighbourhood) -> None:
    """Inputs, micro-batch order and in-flight limits between free operators; those with a fixed
    operator are in the heads and tails."""
    count = around.operators.microbatches
    kinds = around.operators.kinds
    for op in around.free:
        k, m = divmod(op, count)
        for source, delay in kinds[k].inputs:
            before = source * count + m
            if before in starts:
                wait = _duration(around, before) + int(delay)
                model.add(starts[op] >= starts[before] + wait)
        if m and op - 1 in starts:
            model.add(starts[op] >= starts[op - 1] + _duration(around, op))
    for before, after in around.operators.musts:
        if before in starts and after in starts:
            model.add(starts[after] >= starts[before] + _duration(around, before))
    for one in in_flight_limits(around.operators):
        for m in range(count - one.count):
            release, allocate = one.releasing * count + m, one.allocating * count + m + one.count
            if release in starts and allocate in starts:
                model.add(starts[allocate] >= starts[release] + _duration(around, release))


def _no_overlap(model: Any, starts: Mapping[int, Any], around: Neighbourhood) -> None:
    """One operator at a time on each device."""
    devices: list[list[Any]] = [[] for _ in around.before]
    for op in around.free:
        kind = around.operators.kinds[op // around.operators.microbatches]
        interval = model.new_fixed_size_interval_var(starts[op], int(kind.duration), f"i{op}")
        devices[kind.machine].append(interval)
    for intervals in devices:
        if len(intervals) > 1:
            model.add_no_overlap(intervals)


def _memory(model: Any, starts: Mapping[int, Any], around: Neighbourhood, device: int) -> None:
    """Bytes held from a forward's start to each release's end, and workspaces, within the
    capacity."""
    units = in_memory_units(around.operators, device)
    if units is None:
        return
    count = around.operators.microbatches
    kinds = around.operators.kinds
    opened = dict.fromkeys(around.before[device], around.opening[device])
    closed = dict.fromkeys(around.after[device], around.horizon)
    forwards = {
        kinds[k].chunk: k for k in around.operators.on_machine[device] if kinds[k].phase == "F"
    }
    capacity = units.capacity
    held: list[tuple[Any, Any, int]] = []  # (start, end, bytes)
    for k in around.operators.on_machine[device]:
        for m in range(count):
            op, allocating = k * count + m, forwards[kinds[k].chunk] * count + m
            end = starts[op] + _duration(around, op) if op in starts else closed.get(op)
            if op in starts and units.workspace[k]:
                held.append((starts[op], end, units.workspace[k]))
            if not units.releases[k] or end is None:
                continue  # nothing to release, or released before the window
            if op in closed and allocating in opened:
                capacity -= units.releases[k]  # held all the time
            elif op in starts or allocating in starts:
                begin = starts.get(allocating, around.opening[device])
                held.append((begin, end, units.releases[k]))
    intervals = [
        model.new_interval_var(
            begin,
            model.new_int_var(0, around.horizon, f"z{device}_{number}"),
            end,
            f"h{device}_{number}",
        )
        for number, (begin, end, _) in enumerate(held)
    ]
    if intervals:
        model.add_cumulative(intervals, [size for _, _, size in held], capacity)


def _objective(model: Any, starts: Mapping[int, Any], around: Neighbourhood) -> None:
    """The makespan or largest span with what broken soft pins cost, at most the current one."""
    total = model.new_int_var(around.lower, around.upper, "makespan")
    firsts: dict[int, Any] = {}
    operators = around.operators
    for op in around.free:
        end = starts[op] + _duration(around, op)
        if not around.spans:
            model.add(total >= end + around.tails[op])
            continue
        machine = operators.kinds[op // operators.microbatches].machine
        device = operators.device_of[machine]
        if device < 0:
            continue
        if device not in firsts:
            firsts[device] = model.new_int_var(0, around.horizon, f"first{device}")
        model.add(firsts[device] <= starts[op])
        model.add(total >= end + int(operators.tails[machine]) - firsts[device])
    paid = _wishes(model, starts, around)
    model.minimize(total + sum(paid))
    if paid:
        model.add(total + sum(paid) <= around.upper)


def _wishes(model: Any, starts: Mapping[int, Any], around: Neighbourhood) -> list[Any]:
    """What broken soft pins cost, of those that the free operators decide."""
    ended = {op for sequence in around.before for op in sequence}
    paid: list[Any] = []
    for wish in around.operators.wishes:
        if wish.after not in starts or not (wish.before in starts or wish.before in ended):
            continue
        kept = model.new_bool_var(f"pin{wish.pin}")
        if wish.before in starts:
            end = starts[wish.before] + _duration(around, wish.before)
        else:
            end = around.ends[wish.before]
        model.add(starts[wish.after] >= end).only_enforce_if(kept)
        paid.append(int(wish.weight) * (1 - kept))
    return paid


def _parameters(effort: Effort) -> dict[str, Any]:
    limits: dict[str, Any] = {
        "random_seed": effort.seed,
        "catch_sigint_signal": False,
        "cp_model_probing_level": 0,
        "num_workers": effort.workers,
    }
    if not effort.deterministic:
        return limits | {"max_time_in_seconds": max(effort.seconds, LEAST_SECONDS)}
    interleaved = effort.workers > 1
    return limits | {
        "max_deterministic_time": max(effort.seconds, LEAST_SECONDS),
        "num_workers": 8 if interleaved else 1,
        "interleave_search": interleaved,
    }


def _run(
    model: Any,
    starts: Mapping[int, Any],
    around: Neighbourhood,
    effort: Effort,
    parameters: Mapping[str, Any],
    on_order: Callable[[Order], None],
) -> Answer:
    """One solve; a watcher ends it when `effort.stop` is set."""
    from ortools.sat.python import cp_model

    class Collector(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            on_order(_order(around, {op: self.value(start) for op, start in starts.items()}))

    solver = cp_model.CpSolver()
    for name, value in parameters.items():
        setattr(solver.parameters, name, value)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            if effort.stop.is_set():
                solver.stop_search()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        code = solver.solve(model, Collector())
    finally:
        done.set()
        watcher.join()
    spent = solver.response_proto.deterministic_time
    if code in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        bound = max(around.lower, round(solver.best_objective_bound))
        return Answer("optimal" if code == cp_model.OPTIMAL else "feasible", bound, spent)
    if code == cp_model.MODEL_INVALID:
        raise RuntimeError(f"the schedule model is invalid: {model.validate()}")
    # CP-SAT's own values mean nothing now.
    return Answer("infeasible" if code == cp_model.INFEASIBLE else "unknown", around.lower, spent)


def _order(around: Neighbourhood, starts: Mapping[int, int]) -> Order:
    """The order of all operators, the free ones by start; of equal starts empty operators first."""
    count = around.operators.microbatches
    rank = {k: i for i, k in enumerate(around.operators.topological)}

    def key(op: int) -> tuple[int, int, int, int]:
        start = starts[op]
        return (start, start + _duration(around, op), rank[op // count], op % count)

    devices: list[list[int]] = [list(ops) for ops in around.before]
    for op in sorted(around.free, key=key):
        devices[around.operators.kinds[op // count].machine].append(op)
    return tuple((*ops, *late) for ops, late in zip(devices, around.after, strict=True))
