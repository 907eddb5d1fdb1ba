"""The rows of the tables that `tests.benchmarks.sharding` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.peers.instance import Instance, value_of
from tests.benchmarks.watched import Trace

COLUMNS = "instance,solver,value,to best,bound,gap,first,within 1 %,wall,memory,note"
KNOWN = Path(__file__).resolve().parent / "data" / "sharding_known.json"
NEAR = 1.01  # of the best value

_CLAIM_TOLERANCE = 1e-6  # relative: solvers print rounded figures
_MANY_TIMES = 3  # the best value, from which on a percentage says little
_PROOF_TOLERANCE = 1e-9  # relative


@dataclass(frozen=True, slots=True)
class Checked:
    """A run and what its solution is worth by the benchmark's own arithmetic: None if it has none
    or one that is not allowed, and then `note` says why."""

    solver: str
    trace: Trace
    value: float | None
    note: str


def published(name: str) -> dict[str, int]:
    """What others reached on an instance: who, and the value."""
    known: dict[str, dict[str, int]] = json.loads(KNOWN.read_text(encoding="utf-8"))["values"]
    return known.get(name, {})


def check(solver: str, trace: Trace, instance: Instance) -> Checked:
    """Evaluate the solution of a run, and hold what the solver claims against it."""
    if trace.solution is None:
        return Checked(solver, trace, None, _absence(trace))
    try:
        value = value_of(instance, trace.solution)
    except ValueError as error:
        return Checked(solver, trace, None, f"WRONG: {error}")
    claimed = trace.incumbents[-1][1]
    if claimed < value - _CLAIM_TOLERANCE * abs(value):
        return Checked(solver, trace, value, f"WRONG: claims {claimed:,.0f}")
    # Where pairs are only bounded from below, a solver may count some that are not chosen.
    trace.take(trace.wall_s, {"value": value})
    if trace.bound is not None and trace.bound > value + _CLAIM_TOLERANCE * abs(value):
        return Checked(solver, trace, value, "WRONG: its bound is above its value")
    return Checked(solver, trace, value, trace.failed)


def rows(name: str, runs: Sequence[Checked], known: Mapping[str, int]) -> list[str]:
    """The published values of an instance and every run on it, one line each."""
    best = min([*known.values(), *(run.value for run in runs if run.value is not None)], default=0)
    lines = [
        _row(name, f"published: {who}", _figure(v), _excess(v, best)) for who, v in known.items()
    ]
    return lines + [_measured(name, run, best) for run in runs]


def header(columns: str = COLUMNS) -> str:
    """The head of a table."""
    names = columns.split(",")
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"


def _measured(name: str, run: Checked, best: float) -> str:
    trace = run.trace
    return _row(
        name,
        run.solver,
        _figure(run.value),
        _excess(run.value, best),
        _figure(trace.bound),
        gap(run.value, trace.bound),
        seconds(trace.first_s),
        seconds(trace.reached_s(best * NEAR)),
        seconds(trace.wall_s),
        memory(trace.peak_bytes),
        run.note,
    )


def _row(*cells: str) -> str:
    padded = [*cells, *[""] * (len(COLUMNS.split(",")) - len(cells))]
    return f"| {' | '.join(padded)} |\n"


def _absence(trace: Trace) -> str:
    """Why a run has no solution, and how long it took to build its model."""
    reason = f"no solution: {trace.failed or 'none found'}"
    if trace.building_s is None:
        return reason
    if trace.built_s is None:
        return f"{reason} while building ({trace.wall_s - trace.building_s:.0f} s)"
    return f"{reason} (building: {trace.built_s - trace.building_s:.0f} s)"


def gap(value: float | None, bound: float | None) -> str:
    """The relative distance of value and bound."""
    if value is None or bound is None:
        return "-"
    apart = value - bound
    if apart <= _PROOF_TOLERANCE * abs(value):
        return "proved"
    return f"{apart / abs(value):.2%}"


def _excess(value: float | None, best: float) -> str:
    if value is None or best == 0:
        return "-"
    times = value / best
    return f"+{times - 1:.2%}" if times < _MANY_TIMES else f"{times:,.0f} times"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """A time, `-` for never."""
    return "-" if value is None else f"{value:.1f} s"


def memory(peak: int) -> str:
    """An amount of memory."""
    return f"{peak / 2**20:,.0f} MiB"
