"""One kernel as a CP-SAT model: a schedule of one micro-batch that repeats every T ticks.

Variables, in ticks: the start s_k of every kind k of one micro-batch, 0 <= s_k <= horizon. The
rounds of a machine begin with the start of its first kind a: s_k = s_a + T q_k + p_k with whole q_k
and 0 <= p_k <= T - duration_k. No operator straddles a round then, and nothing is lost: some
operator begins every round anyway. Minimise the flow time, the last end (with the machine's tail),
subject to
- dependencies: s_k >= end of each input + delay
  `_dependencies`
- one operator at a time on a machine, in every round: for each pair of its kinds one literal
  x_ij, i before j within the round: p_j >= p_i + duration_i or p_i >= p_j + duration_j
  `_rounds`
- memory: while an operator of kind f runs, micro-batches between forward g and release r of a chunk
  number q_r - q_g + x_gf - x_rf (x_ff = 1 for a forward, 0 for a release), so that the bytes held
  are linear; they and the workspace of f stay within the capacity, for every f that allocates or
  has workspace
  `_memory`

T is a constant of the model. A kernel of period T gives one of every longer period: s -> floor(s
T'/T) keeps dependencies, rounds and the counts in the memory constraint. So feasible periods are an
interval, and searching them by bisection is exact (as long as the horizon does not bind).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from solver.schedule.budget import LEAST_SECONDS
from solver.schedule.cpsat import Effort
from solver.schedule.kernel.period import allocating, heads, tails
from solver.schedule.operators import Operators
from solver.schedule.ticks import in_memory_units

Status = Literal["optimal", "feasible", "infeasible", "unknown"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """Starts of one micro-batch's operators, per kind, that may be repeated every `period` ticks;
    `flow` is the end of the last one, its machine's tail included."""

    period: int
    starts: tuple[int, ...]
    flow: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One solve; "optimal" and "infeasible" are within the horizon given."""

    status: Status
    kernel: Kernel | None
    deterministic_seconds: float


def find(
    operators: Operators,
    period: int,
    horizon: int,
    effort: Effort,
    known: Kernel | None = None,
) -> Answer:
    """A kernel of `period` with a flow time up to `horizon`; without `known` the first one found,
    otherwise the one with the least flow time, from `known` on."""
    from ortools.sat.python import cp_model

    model, starts = _build(operators, period, horizon, known)
    solver = cp_model.CpSolver()
    for name, value in _parameters(effort, first=known is None).items():
        setattr(solver.parameters, name, value)
    code = _run(solver, model, effort.stop)
    spent = solver.response_proto.deterministic_time
    if code in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        status: Status = "optimal" if code == cp_model.OPTIMAL else "feasible"
        values = tuple(solver.value(start) for start in starts)
        flow = max(v + rest for v, rest in zip(values, _to_end(operators), strict=True))
        return Answer(status, Kernel(period, values, flow), spent)
    if code == cp_model.MODEL_INVALID:
        raise RuntimeError(f"the kernel model is invalid: {model.validate()}")
    return Answer("infeasible" if code == cp_model.INFEASIBLE else "unknown", None, spent)


def _build(
    operators: Operators, period: int, horizon: int, known: Kernel | None
) -> tuple[Any, list[Any]]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    starts = [model.new_int_var(0, horizon, f"s{k}") for k in range(len(operators.kinds))]
    for start, head, tail in zip(starts, heads(operators), tails(operators), strict=True):
        model.add(start >= head)
        model.add(start + tail <= horizon)
    _dependencies(model, starts, operators)
    for machine, here in enumerate(operators.on_machine):
        if here:
            turns, first = _rounds(model, starts, operators, here, period, horizon)
            _memory(model, operators, machine, turns, first)
    if known is not None:
        flow = model.new_int_var(0, horizon, "flow")
        for start, rest in zip(starts, _to_end(operators), strict=True):
            model.add(flow >= start + rest)
        model.minimize(flow)
        for start, value in zip(starts, known.starts, strict=True):
            model.add_hint(start, value)
    return model, starts


def _to_end(operators: Operators) -> list[int]:
    """Per kind its duration and its machine's tail."""
    return [int(kind.duration + operators.tails[kind.machine]) for kind in operators.kinds]


def _dependencies(model: Any, starts: Sequence[Any], operators: Operators) -> None:
    """Inputs on the same micro-batch."""
    for k, kind in enumerate(operators.kinds):
        for source, delay in kind.inputs:
            wait = int(operators.kinds[source].duration + delay)
            model.add(starts[k] >= starts[source] + wait)


def _rounds(
    model: Any,
    starts: Sequence[Any],
    operators: Operators,
    here: Sequence[int],
    period: int,
    horizon: int,
) -> tuple[dict[int, Any], dict[tuple[int, int], Any]]:
    """q_k per kind and x_ij per ordered pair of kinds of one machine."""
    anchor, *others = here
    turns: dict[int, Any] = {anchor: 0}
    places: dict[int, Any] = {anchor: 0}
    most = horizon // period + 1
    duration = {k: int(operators.kinds[k].duration) for k in here}
    for k in others:
        turns[k] = model.new_int_var(-most, most, f"q{k}")
        low, high = duration[anchor], period - duration[k]
        if low > high:
            model.add_bool_or([])  # two operators do not fit into the period
            high = low
        places[k] = model.new_int_var(low, high, f"p{k}")
        model.add(starts[k] == starts[anchor] + period * turns[k] + places[k])
    first: dict[tuple[int, int], Any] = {}
    for number, i in enumerate(here):
        for j in here[number + 1 :]:
            if i == anchor:
                first[i, j], first[j, i] = 1, 0
                continue
            literal = model.new_bool_var(f"x{i}_{j}")
            first[i, j], first[j, i] = literal, 1 - literal
            model.add(places[j] >= places[i] + duration[i]).only_enforce_if(literal)
            model.add(places[i] >= places[j] + duration[j]).only_enforce_if(~literal)
    model.add_no_overlap(  # redundant: propagates all pairs together
        [model.new_fixed_size_interval_var(places[k], duration[k], f"i{k}") for k in others]
    )
    return turns, first


def _memory(
    model: Any,
    operators: Operators,
    machine: int,
    turns: Mapping[int, Any],
    first: Mapping[tuple[int, int], Any],
) -> None:
    """Bytes held while an operator runs, workspace included, within the capacity."""
    units = in_memory_units(operators, machine)
    if units is None:
        return
    releases = [r for r in turns if units.releases[r]]
    for f in turns:
        if operators.kinds[f].allocates <= 0 and not units.workspace[f]:
            continue
        held: Any = units.workspace[f]
        for r in releases:
            g = allocating(operators, r)
            started = 1 if g == f else first[g, f]
            ended = 0 if r == f else first[r, f]
            held = held + units.releases[r] * (turns[r] - turns[g] + started - ended)
        model.add(held <= units.capacity)


def _parameters(effort: Effort, first: bool) -> dict[str, Any]:
    """Without linear relaxation the `first` kernel was found several times sooner."""
    limits: dict[str, Any] = {
        "random_seed": effort.seed,
        "catch_sigint_signal": False,
        "cp_model_probing_level": 0,
    }
    if first:
        limits["linearization_level"] = 0
    if not effort.deterministic:
        workers = 1 if first else effort.workers
        seconds = max(effort.seconds, LEAST_SECONDS)
        return limits | {"max_time_in_seconds": seconds, "num_workers": workers}
    interleaved = effort.workers > 1 and not first
    return limits | {
        "max_deterministic_time": max(effort.seconds, LEAST_SECONDS),
        "num_workers": 8 if interleaved else 1,
        "interleave_search": interleaved,
    }


def _run(solver: Any, model: Any, stop: threading.Event) -> Any:
    """One solve; a watcher ends it when `stop` is set."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            if stop.is_set():
                solver.stop_search()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return solver.solve(model)
    finally:
        done.set()
        watcher.join()
