"""The order of operators that a schedule family fixes (section 8)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from solver.verify.chunk_families import CHUNKED_FAMILIES, departures
from solver.verify.figures import Action, Edge, Phase, StageTime
from solver.verify.report import Violation

FIXED_FAMILIES = ("gpipe", "one_f_one_b", "zb_h1")
"""The families that a plan may name where its spec leaves the order open."""

Row = tuple[tuple[Phase, int], ...]


def fixed_order(
    family: str | None, times: Sequence[StageTime], edges: Sequence[Edge], microbatches: int
) -> tuple[Row, ...] | None:
    """The (phase, micro-batch) sequence of every stage, or None where the family leaves it open.

    One chunk per stage. `zb_h2` moves weight gradients only: with none apart, the order is open.
    """
    depths = _depths(len(times), edges)
    deepest = max(depths)
    count = range(microbatches)
    match family:
        case "gpipe":
            row = (*(("F", j) for j in count), *(("B", j) for j in count))
            return tuple(_literal(row) for _ in times)
        case "one_f_one_b":
            return tuple(_alternate(microbatches, depth, None) for depth in depths)
        case "zb_h2" if not all(time.fused for time in times):
            return tuple(
                _alternate(
                    microbatches, 2 * depth - 1, None if time.fused else 2 * (deepest - depth)
                )
                for depth, time in zip(depths, times, strict=True)
            )
        case "zb_h1":
            return tuple(
                _alternate(microbatches, depth, None if time.fused else deepest - depth)
                for depth, time in zip(depths, times, strict=True)
            )
        case _:
            return None


def order_violations(
    family: str | None,
    rows: Sequence[Sequence[Action]],
    times: Sequence[StageTime],
    edges: Sequence[Edge],
    microbatches: int,
    places: Sequence[int] | None = None,
) -> Iterator[Violation]:
    """A stage whose order is not the family's; a single stage has nothing to interleave.

    `places` are the stages of virtual stages (None: each has its own), which actions and edges
    name.
    """
    where = "pipeline.schedule"
    if family in CHUNKED_FAMILIES and len(rows) > 1:
        orders = [[(a.stage, a.microbatch, a.phase) for a in row] for row in rows]
        pairs = [(edge.source, edge.target) for edge in edges]
        for words in departures(family, len(rows), places or range(len(rows)), pairs, orders):
            yield Violation("schedule-family", words, where)
        return
    if family == "gpipe":
        yield from _departures_from_gpipe(rows)
        return
    fixed = fixed_order(family, times, edges, microbatches)
    for stage, wanted in enumerate(fixed or ()):
        found = tuple((action.phase, action.microbatch) for action in rows[stage])
        if found != wanted:
            message = f"stage {stage} does not follow the order of `{family}`"
            yield Violation("schedule-family", message, where)


def _departures_from_gpipe(rows: Sequence[Sequence[Action]]) -> Iterator[Violation]:
    """GPipe takes all micro-batches through the forwards of a chunk after another, then through
    their backwards."""
    for stage, row in enumerate(rows):
        order = [(action.phase, action.stage, action.microbatch) for action in row]
        kinds = [kind for kind, _ in itertools.groupby(order, key=lambda x: x[:2])]
        phases = [phase for phase, _ in kinds]
        in_turn = all(a < b for (*x, a), (*y, b) in itertools.pairwise(order) if x == y)
        if len(kinds) > len(set(kinds)) or phases != sorted(phases, reverse=True) or not in_turn:
            message = f"stage {stage} does not follow the order of `gpipe`"
            yield Violation("schedule-family", message, "pipeline.schedule")


def _depths(stages: int, edges: Sequence[Edge]) -> list[int]:
    """For each stage the stages on the longest way to an end, itself included."""
    depths = [1] * stages
    for edge in sorted(edges, key=lambda e: e.source, reverse=True):
        depths[edge.source] = max(depths[edge.source], 1 + depths[edge.target])
    return depths


def _alternate(microbatches: int, depth: int, lag: int | None) -> Row:
    """`depth` forwards, then B and F in turn; each W `lag` micro-batches late (None: fused)."""
    ahead = min(microbatches, depth)
    row: list[tuple[Phase, int]] = [("F", j) for j in range(ahead)]
    late = 0 if lag is None else min(microbatches, lag)
    for j in range(microbatches):
        row.append(("B", j))
        if lag is not None and j >= late:
            row.append(("W", j - late))
        if j + ahead < microbatches:
            row.append(("F", j + ahead))
    if lag is not None:
        row += [("W", j) for j in range(microbatches - late, microbatches)]
    return tuple(row)


def _literal(row: tuple[tuple[str, int], ...]) -> Row:
    names: dict[str, Phase] = {"F": "F", "B": "B", "W": "W"}
    return tuple((names[phase], j) for phase, j in row)
