"""DualPipe's setting: 8 ranks, 20 micro-batches in two directions, 9 activations per rank.

Maps, each with the same memory for activations on each of the 8 devices:
- DualPipe's: two chains of 8 chunks in opposite directions, 10 micro-batches in each, parameters
  held twice. It is its own mirror image, so that a schedule of one half, a V of 8 chunks on 4 ranks
  with 10 micro-batches (`folded`), is one of the whole.
- two Vs: the same with 16 chunks of half the size in each direction, down the devices and back, so
  that every device has four of them: parameters held twice as well, twice the messages. Folded it
  is a W of 16 chunks on 4 ranks; 18 of its activations take the memory of 9.
- a V of these 16 chunks on the 8 devices, 20 micro-batches, parameters held once.

Overlap: a third of every F and B is communication that runs on a second stream of the device, after
the compute part of F and before that of B, and hides behind compute of other micro-batches. Without
overlap there is one stream. Bubbles are the time in which the compute stream idles, in units of the
times: the makespan, or the largest span, less the compute of a device.

DualPipe's own bubble (DeepSeek-V3 technical report) is (P/2 - 1)(F&B + B - 3W) with B the full
backward; F&B is the sum of F and B without overlap, that of their compute parts with it. Forwards
and backwards outside such blocks hide nothing, which the formula does not count as bubble: the
blocks of its schedule are therefore simulated too (`schedule_dualpipe_blocks`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from solver.schedule import Action, Chunk, Edge, ScheduleProblem, solve
from solver.schedule.operators import lower
from solver.schedule.partial import completed
from tests.benchmarks.schedule_dualpipe_blocks import makespan
from tests.benchmarks.schedule_run import Run, run, table
from tests.schedule.instances import Times, bidirectional, pipeline

RANKS, EACH_WAY, MEMORY = 8, 10, 9
SCALE = 6
"""All times are multiples of this, so that halves and thirds are whole numbers."""
SETTINGS: tuple[tuple[Times, bool], ...] = (
    ((1.0, 1.0, 1.0), False),
    ((36.0, 59.0, 35.0), False),
    ((1.0, 1.0, 1.0), True),
    ((36.0, 59.0, 35.0), True),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Times of one of DualPipe's stage chunks, and whether a third of F and B is communication."""

    times: Times
    overlap: bool

    @property
    def hidden(self) -> float:
        """The share of F and B that can hide."""
        return 1 / 3 if self.overlap else 0.0

    @property
    def work(self) -> float:
        """What the compute stream of a device runs, in units of the times."""
        forward, backward, weight = self.times
        return 2 * EACH_WAY * ((1 - self.hidden) * (forward + backward) + weight)

    @property
    def formula(self) -> float:
        """DualPipe's published bubble."""
        forward, backward, weight = self.times
        together = (1 - self.hidden) * (forward + backward) + weight
        return (RANKS / 2 - 1) * (together + backward + weight - 3 * weight)

    @property
    def blocks(self) -> float:
        """The bubble of DualPipe's blocks."""
        return makespan(RANKS, EACH_WAY, self.times, self.hidden) - self.work


def lines(seconds: float | None) -> Iterable[str]:
    """Both bubbles; the bound and the shares are about the objective."""
    header = ("F:B:W", "overlap", "map", "order", "objective", "makespan bubble", "span bubble")
    rows = (row for times, overlap in SETTINGS for row in _rows(Setting(times, overlap), seconds))
    columns = ("bound", "gap", "of the formula", "of the blocks", "activations", "seconds")
    return table((*header, *columns), rows)


def _rows(setting: Setting, seconds: float | None) -> Iterator[tuple[object, ...]]:
    limit = seconds or 60.0
    whole_chunks: Times = tuple(SCALE * time for time in setting.times)  # type: ignore[assignment]
    halves: Times = tuple(SCALE * time / 2 for time in setting.times)  # type: ignore[assignment]
    start = (":".join(f"{t:g}" for t in setting.times), "yes" if setting.overlap else "no")
    none = ("",) * 5
    yield (*start, "DualPipe", "its formula", "", f"{setting.formula:.4g}", "", *none, "")
    yield (*start, "DualPipe", "its blocks", "", f"{setting.blocks:.4g}", "", *none, "")
    whole = bidirectional(RANKS, EACH_WAY, whole_chunks, MEMORY)
    yield (*start, "DualPipe", "its blocks' parts", "", *_dualpipe(setting, whole), *none, "")
    fold = pipeline(RANKS // 2, EACH_WAY, whole_chunks, MEMORY, shape="v", visits=2)
    found = _run(setting, fold, limit)
    yield (*start, "DualPipe, folded", "free", "makespan", *_figures(setting, found))
    actions = mirrored(found.schedule.actions, (1 + setting.overlap) * len(fold.chunks))
    unfolded = run(_streams(setting, whole), limit, actions)
    yield (*start, "DualPipe", "free", "makespan", *_figures(setting, unfolded))
    spans = run(replace(_streams(setting, fold), objective="span"), limit, found.schedule.actions)
    yield (*start, "DualPipe, folded", "free", "span", *_figures(setting, spans))
    twice = pipeline(RANKS // 2, EACH_WAY, halves, 2 * MEMORY, shape="v", visits=4)
    found = _run(setting, twice, limit)
    yield (*start, "two Vs, folded", "free", "makespan", *_figures(setting, found, 2))
    once = pipeline(RANKS, 2 * EACH_WAY, halves, 2 * MEMORY, shape="v", visits=2)
    found = _run(setting, once, limit)
    yield (*start, "V", "free", "makespan", *_figures(setting, found, 2))


def _run(setting: Setting, problem: ScheduleProblem, limit: float) -> Run:
    """With overlap it starts from a good order without: a third of the time is for that."""
    if not setting.overlap:
        return run(problem, limit)
    plain = solve(problem, limit / 3).schedule
    if plain is None:
        raise RuntimeError("the setting has no schedule")
    return run(_streams(setting, problem), limit * 2 / 3, _compute(plain.actions))


def _compute(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Actions of chunks as those of their compute parts."""
    return tuple(replace(action, chunk=2 * action.chunk) for action in actions)


def mirrored(actions: Iterable[Action], chunks: int) -> tuple[Action, ...]:
    """A schedule of the folded problem with `chunks` chunks as one of the whole."""
    once = tuple(actions)
    return once + tuple(replace(action, chunk=action.chunk + chunks) for action in once)


def _figures(setting: Setting, found: Run, per_activation: int = 1) -> tuple[object, ...]:
    bubble = found.value / SCALE - setting.work
    return (
        f"{found.schedule.makespan / SCALE - setting.work:.4g}",
        f"{found.schedule.span / SCALE - setting.work:.4g}",
        f"{found.bound / SCALE - setting.work:.4g}",
        found.gap,
        f"{100 * bubble / setting.formula:.0f} %",
        f"{100 * bubble / setting.blocks:.0f} %",
        f"{found.peak_bytes / per_activation:g}",
        f"{found.seconds:.1f}",
    )


def _dualpipe(setting: Setting, whole: ScheduleProblem) -> tuple[str, str]:
    """Both bubbles of DualPipe's order, where an input gradient leaves before W, a forward before
    the backward of its block."""
    fixed = solve(replace(whole, family="dualpipe"), 0.0).schedule
    if fixed is None:
        raise RuntimeError("DualPipe's order does not fit into its own memory")
    if not setting.overlap:
        ends = (fixed.makespan, fixed.span)
    else:
        problem = _streams(setting, whole)
        actions = _compute(fixed.actions)
        found = [
            completed(lower(replace(problem, objective=objective), fused=False), actions)
            for objective in ("makespan", "span")
        ]
        ends = tuple(one.value if one else math.nan for one in found)
    first, last = (end / SCALE - setting.work for end in ends)
    return f"{first:.4g}", f"{last:.4g}"


def _streams(setting: Setting, problem: ScheduleProblem) -> ScheduleProblem:
    return _on_two_streams(problem) if setting.overlap else problem


def _on_two_streams(problem: ScheduleProblem) -> ScheduleProblem:
    """Chunk c becomes compute chunk 2c, followed by its communication, chunk 2c + 1."""
    chunks: list[Chunk] = []
    edges: list[Edge] = []
    for number, chunk in enumerate(problem.chunks):
        forward, backward = chunk.forward / 3, chunk.input_grad / 3
        chunks.append(
            replace(chunk, forward=chunk.forward - forward, input_grad=chunk.input_grad - backward)
        )
        chunks.append(
            Chunk(f"{chunk.name} sends", chunk.device, forward, backward, 0, 0, 0, stream=1)
        )
        edges.append(Edge(2 * number, 2 * number + 1, 0.0))
    edges += (Edge(2 * e.source + 1, 2 * e.target, e.delay) for e in problem.edges)
    return replace(problem, chunks=tuple(chunks), edges=tuple(edges))
