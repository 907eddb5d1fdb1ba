"""Schedules by hand: a case, the order of its operators, and the earliest times of both."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import strategies as st

from solver.verify.figures import Phase
from solver.verify.messages import Operator
from solver.verify.pipeline_simulation import Action, Case, Chunk, Edge, Transfer

PHASES: dict[str, Phase] = {"F": "F", "B": "B", "W": "W"}
Rows = list[list[Operator]]


def row(text: str) -> list[Operator]:
    """`0F1` is the forward of chunk 0 on micro-batch 1."""
    found: list[Operator] = []
    for word in text.split():
        for phase, name in PHASES.items():
            chunk, is_it, microbatch = word.partition(phase)
            if is_it:
                found.append((int(chunk), int(microbatch), name))
    return found


def chain(chunks: int) -> list[tuple[int, int]]:
    return [(at, at + 1) for at in range(chunks - 1)]


def v(devices: int) -> list[int]:
    """The device of every chunk of a V."""
    return [*range(devices), *reversed(range(devices))]


def inputs(case: Case, operator: Operator) -> list[tuple[Operator, int | None, Phase]]:
    """What an operator waits for, with the edge it comes over (None: none)."""
    chunk, m, phase = operator
    if phase == "W":
        return [((chunk, m, "B"), None, "B")]
    leaves: Phase = "W" if case.fused else "B"
    numbered = list(enumerate(case.edges))
    if phase == "F":
        return [((e.source, m, "F"), n, "F") for n, e in numbered if e.target == chunk]
    own: list[tuple[Operator, int | None, Phase]] = [((chunk, m, "F"), None, "F")]
    return own + [((e.target, m, leaves), n, "B") for n, e in numbered if e.source == chunk]


def timed(case: Case, rows: Sequence[Sequence[Operator]]) -> tuple[list[Action], list[Transfer]]:
    """Operators as early as the rows allow, messages on links as they are met."""
    ended: dict[Operator, float] = {}
    free = [0.0] * len(rows)
    links: dict[int, float] = {}
    at = [0] * len(rows)
    actions: list[Action] = []
    transfers: list[Transfer] = []
    while len(actions) < sum(map(len, rows)):
        before = len(actions)
        for device, operators in enumerate(rows):
            while at[device] < len(operators):
                operator = operators[at[device]]
                needs = inputs(case, operator)
                if any(need not in ended for need, _, _ in needs):
                    break
                start = free[device]
                for need, number, phase in needs:
                    arrival = ended[need]
                    if number is not None:
                        edge = case.edges[number]
                        link = edge.link if phase == "F" else edge.back_link
                        seconds = edge.forward_transfer if phase == "F" else edge.backward_transfer
                        if link is not None:
                            begin = max(arrival, links.get(link, 0.0))
                            arrival = links[link] = begin + seconds
                            transfers.append(Transfer(number, operator[1], phase, begin, arrival))
                        arrival += edge.delay
                    start = max(start, arrival)
                chunk = case.chunks[operator[0]]
                seconds = {"F": chunk.forward, "B": chunk.input_grad, "W": chunk.weight_grad}
                end = start + seconds[operator[2]]
                actions.append(Action(*operator, start, end))
                ended[operator] = free[device] = end
                at[device] += 1
        assert len(actions) > before, "the order waits for itself"
    return actions, transfers


def random_rows(case: Case, seed: int) -> Rows:
    """A random order that can be run, micro-batches in order; W at once after B where fused."""
    draw = random.Random(seed)
    lane = {(c.device, c.stream): 0 for c in case.chunks}
    others = sorted(x for x in lane if x[1])
    streams = [*((d, 0) for d in range(len(case.capacities))), *others]
    rows: Rows = [[] for _ in streams]
    done: set[Operator] = set()
    phases: tuple[Phase, ...] = ("F", "B") if case.fused else ("F", "B", "W")
    todo = [
        (c, m, p) for c in range(len(case.chunks)) for m in range(case.microbatches) for p in phases
    ]
    while todo:
        ready = [
            x
            for x in todo
            if all(need in done for need, _, _ in inputs(case, x))
            and (x[1] == 0 or (x[0], x[1] - 1, x[2]) in done)
        ]
        operator = draw.choice(ready)
        todo.remove(operator)
        chunk = case.chunks[operator[0]]
        here = rows[streams.index((chunk.device, chunk.stream))]
        together: list[Operator] = [operator]
        if case.fused and operator[2] == "B":
            together.append((operator[0], operator[1], "W"))
        here.extend(together)
        done.update(together)
    return rows


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One to four chunks on up to three devices, any DAG, delays, links, streams; all fits."""
    count = draw(st.integers(1, 4))
    devices = draw(st.integers(1, 3))
    seconds = st.integers(1, 4).map(float)
    link = st.none() | st.integers(0, 1)
    chunks = []
    for _ in range(count):
        stream = draw(st.sampled_from((0, 0, 0, 1)))
        held = 0.0 if stream else float(draw(st.integers(1, 3)))
        chunks.append(
            Chunk(
                draw(st.integers(0, devices - 1)),
                draw(seconds),
                draw(seconds),
                draw(seconds),
                held,
                min(held, 1.0),
                0.0 if stream else draw(st.sampled_from((0.0, 0.5))),
                stream,
            )
        )
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    edges = tuple(
        Edge(i, j, float(draw(st.integers(0, 2))), draw(link), draw(seconds), draw(link), 1.0)
        for i, j in pairs
        if draw(st.booleans())
    )
    tails = tuple(float(draw(st.integers(0, 2))) for _ in range(devices))
    microbatches = draw(st.integers(1, 3))
    return Case(tuple(chunks), edges, microbatches, (99.0,) * devices, tails, draw(st.booleans()))
