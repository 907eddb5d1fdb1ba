"""Two towers of 2 and 4 operators that meet in a decoder of 6, on 6 devices, 12 micro-batches.

A chain-only planner puts the operators into one line, one after the other, and cuts it into 6
stages. All lines that keep the graph's order and all cuts are tried here (stages of equal content
once), each with its order of F, B and W free: the best of them is what branches have to beat. Both
get the same memory: 12 activations of an operator on each device, which is what 1F1B holds on the
first of 6 stages with two operators each.

Beside it, a chain of single operators and the graph itself, both placed by the solver (several
chunks per device), so that what placement gains and what branches gain can be told apart. Their
bounds hold for their map.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator

from solver.schedule import Chunk, Edge, ScheduleProblem, estimate, lower_bound
from solver.schedule.placement import FreeChunk, FreeEdge, PlacementProblem, solve_placed
from solver.schedule.placement.problem import Map
from tests.benchmarks.schedule_run import Run, run, table
from tests.schedule.instances import Times

DEVICES, MICROBATCHES, MEMORY = 6, 12, 12.0
SHALLOW, DEEP, DECODER = 2, 4, 6
SETTINGS: tuple[tuple[Times, Times, Times], ...] = (
    ((1.0, 1.0, 1.0),) * 3,
    ((36.0, 59.0, 35.0),) * 3,
    ((24.0, 40.0, 22.0), (30.0, 48.0, 28.0), (36.0, 59.0, 35.0)),
)
"""F, B and W of an operator of the shallow tower, the deep tower and the decoder."""
Stage = tuple[int, int, int]
"""How many operators of each."""


def lines(seconds: float | None) -> Iterable[str]:
    """Makespans, and how much shorter than the best chain-only pipeline."""
    header = ("F:B:W of the towers, decoder", "operators as", "map", "makespan", "bound", "gap")
    rows = (row for times in SETTINGS for row in _rows(times, seconds or 60.0))
    return table((*header, "saved", "seconds"), rows)


def _rows(times: tuple[Times, Times, Times], seconds: float) -> Iterator[tuple[object, ...]]:
    name = ", ".join(":".join(f"{value:g}" for value in part) for part in times)
    begin = time.monotonic()
    chain, count = _best_chain(times, seconds)
    taken = time.monotonic() - begin
    best = chain.value
    cells = (f"{best:g}", f"{chain.bound:g}", chain.gap)
    yield (
        name,
        f"chain of 6 stages, best of {count}",
        "one stage each",
        *cells,
        "",
        f"{taken:.1f}",
    )
    line, graph = _placed(times, _line()), _placed(times, _graph())
    begin = time.monotonic()
    map_of_line, found = _searched(line, seconds)
    lasted = time.monotonic() - begin
    yield (name, "chain of 12", *_figures(map_of_line, found, best), f"{lasted:.1f}")
    begin = time.monotonic()
    # A schedule of the line is one of the graph, which leaves out one dependency.
    same = run(_on(graph, map_of_line), seconds / 2, found.schedule.actions)
    own_map, own = _searched(graph, seconds / 2)
    lasted += time.monotonic() - begin
    shorter = (map_of_line, same) if same.value <= own.value else (own_map, own)
    yield (name, "graph", *_figures(*shorter, best), f"{lasted:.1f}")


def _searched(problem: PlacementProblem, seconds: float) -> tuple[Map, Run]:
    """The best map found, and what a search on this map alone comes to."""
    placed = solve_placed(problem, seconds / 2).best
    if placed is None:
        raise RuntimeError("the operators were not placed")
    fixed = _on(problem, placed.devices)
    return placed.devices, run(fixed, seconds / 2, placed.schedule.actions)


def _figures(devices: Map, found: Run, chain: float) -> tuple[object, ...]:
    saved = f"{100 * (1 - found.value / chain):.1f} %"
    figures = (f"{found.value:g}", f"{found.bound:g}", found.gap, saved)
    return " ".join(map(str, devices)), *figures


def _best_chain(times: tuple[Times, Times, Times], seconds: float) -> tuple[Run, int]:
    """The best pipeline of 6 stages, those with the lowest bounds first, until no bound allows
    less; and how many pipelines there are."""
    problems = [_pipeline(times, stages) for stages in sorted(_contents())]
    bounds = sorted((lower_bound(p), number) for number, p in enumerate(problems))
    best: Run | None = None
    upper = min(estimate(problems[number]) for _, number in bounds[:20])
    for bound, number in bounds:
        if bound > upper or (best is not None and bound >= best.value):
            break
        found = run(problems[number], seconds)
        upper = min(upper, found.value)
        if best is None or found.value < best.value:
            best = found
    if best is None:
        raise RuntimeError("there is no chain")
    return best, len(problems)


def _contents() -> set[tuple[Stage, ...]]:
    """What the stages hold: every line of the operators in every cut, no stage empty."""
    towers = SHALLOW + DEEP
    count = towers + DECODER
    found: set[tuple[Stage, ...]] = set()
    for places in itertools.combinations(range(towers), SHALLOW):
        line = [0 if place in places else 1 for place in range(towers)] + [2] * DECODER
        for cuts in itertools.combinations(range(1, count), DEVICES - 1):
            ends = itertools.pairwise((0, *cuts, count))
            parts = [line[first:last] for first, last in ends]
            found.add(tuple((p.count(0), p.count(1), p.count(2)) for p in parts))
    return found


def _pipeline(times: tuple[Times, Times, Times], stages: tuple[Stage, ...]) -> ScheduleProblem:
    chunks: list[Chunk] = []
    for device, stage in enumerate(stages):
        forward, backward, weight = (
            sum(count * part[phase] for count, part in zip(stage, times, strict=True))
            for phase in range(3)
        )
        chunks.append(Chunk(f"s{device}", device, forward, backward, weight, sum(stage), 0.0))
    edges = tuple(Edge(i, i + 1, 0.0) for i in range(DEVICES - 1))
    return ScheduleProblem(
        DEVICES, tuple(chunks), edges, MICROBATCHES, (MEMORY,) * DEVICES, (0.0,) * DEVICES, True
    )


def _graph() -> list[tuple[int, int]]:
    """Operators 0 and 1 are the shallow tower, 2 to 5 the deep one, 6 to 11 the decoder."""
    joint = SHALLOW + DEEP
    count = joint + DECODER
    inside = [(i, i + 1) for i in range(count - 1) if i + 1 not in (SHALLOW, joint)]
    return [*inside, (SHALLOW - 1, joint), (joint - 1, joint)]


def _line() -> list[tuple[int, int]]:
    """The same operators one after the other."""
    return [(i, i + 1) for i in range(SHALLOW + DEEP + DECODER - 1)]


def _placed(
    times: tuple[Times, Times, Times], edges: Iterable[tuple[int, int]]
) -> PlacementProblem:
    parts = [0] * SHALLOW + [1] * DEEP + [2] * DECODER
    return PlacementProblem(
        DEVICES,
        tuple(FreeChunk(f"o{i}", *times[part], 1.0, 0.0) for i, part in enumerate(parts)),
        tuple(FreeEdge(source, target, 0.0) for source, target in edges),
        MICROBATCHES,
        (MEMORY,) * DEVICES,
        (0.0,) * DEVICES,
        True,
    )


def _on(problem: PlacementProblem, devices: Iterable[int]) -> ScheduleProblem:
    """The problem with every chunk in its place."""
    chunks = tuple(
        Chunk(c.name, d, c.forward, c.input_grad, c.weight_grad, c.activation_bytes, 0.0)
        for c, d in zip(problem.chunks, devices, strict=True)
    )
    edges = tuple(Edge(e.source, e.target, e.delay) for e in problem.edges)
    return ScheduleProblem(
        DEVICES, chunks, edges, MICROBATCHES, problem.capacity_bytes, problem.tails, True
    )
