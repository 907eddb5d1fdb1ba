"""Problems for the tests: pipelines by their published shape, and small random ones."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from solver.schedule import Chunk, Edge, OrderPin, ScheduleProblem

Times = tuple[float, float, float]


def pipeline(
    stages: int,
    microbatches: int,
    times: Times,
    memory: float,
    *,
    delay: float = 0.0,
    split: bool = True,
    family: str | None = None,
    shape: str = "linear",
    visits: int = 1,
) -> ScheduleProblem:
    """`stages` devices visited `visits` times; `shape` "linear" starts over, "v" turns."""
    count = stages * visits

    def device(chunk: int) -> int:
        visit, place = divmod(chunk, stages)
        return stages - 1 - place if shape == "v" and visit % 2 else place

    chunks = tuple(Chunk(f"c{i}", device(i), *times, 1.0, 0.0) for i in range(count))
    edges = tuple(Edge(i, i + 1, delay) for i in range(count - 1))
    capacity, tails = (memory,) * stages, (0.0,) * stages
    return ScheduleProblem(stages, chunks, edges, microbatches, capacity, tails, split, family)


def bidirectional(
    stages: int, microbatches: int, times: Times, memory: float, family: str | None = None
) -> ScheduleProblem:
    """Two chains of `stages` chunks, down and up the devices, `microbatches` in each."""
    v = pipeline(stages, microbatches, times, memory, family=family, shape="v", visits=2)
    return replace(v, edges=tuple(e for e in v.edges if e.target != stages))


@st.composite
def small_problems(draw: st.DrawFn, chunks_up_to: int, microbatches_up_to: int) -> ScheduleProblem:
    """Chunks on one to as many devices, any DAG, unequal times, delays, memory and tails."""
    size = draw(st.integers(1, chunks_up_to))
    devices = draw(st.integers(1, size))
    scale = draw(st.sampled_from((1.0, 0.1, 0.37e-3)))
    whole = st.integers(0, 4)

    def time(least: int) -> float:
        return scale * draw(st.integers(least, 5))

    chunks = []
    for c in range(size):
        held = draw(st.integers(0, 3))
        chunks.append(
            Chunk(
                f"c{c}",
                draw(st.integers(0, devices - 1)),
                time(1),
                time(0),
                time(0),
                float(held),
                float(draw(st.integers(0, held))),
                float(draw(st.integers(0, 1))),
            )
        )
    pairs = [(i, j) for i in range(size) for j in range(i + 1, size)]
    edges = tuple(Edge(i, j, time(0)) for i, j in pairs if draw(st.booleans()))
    return ScheduleProblem(
        devices,
        tuple(chunks),
        edges,
        draw(st.integers(1, microbatches_up_to)),
        tuple(float(draw(st.integers(2, 9))) for _ in range(devices)),
        tuple(scale * draw(whole) for _ in range(devices)),
        draw(st.booleans()),
    )


@st.composite
def small_networks(draw: st.DrawFn, pinned: bool = False) -> ScheduleProblem:
    """Two or three chunks with messages on links, a second stream, and pins on orders if asked."""
    size = draw(st.integers(2, 3))
    devices = draw(st.integers(1, 2))
    links = draw(st.integers(0, 2))
    chunks = []
    for c in range(size):
        stream = draw(st.integers(0, 1))
        held = 0 if stream else draw(st.integers(0, 2))
        chunks.append(
            Chunk(
                f"c{c}",
                draw(st.integers(0, devices - 1)),
                float(draw(st.integers(1, 4))),
                float(draw(st.integers(0, 4))),
                float(draw(st.integers(0, 3))),
                float(held),
                float(draw(st.integers(0, held))),
                0.0,
                stream,
            )
        )
    ways = st.none() if not links else st.one_of(st.none(), st.integers(0, links - 1))
    edges = tuple(
        Edge(
            i,
            j,
            float(draw(st.integers(0, 2))),
            float(draw(st.integers(1, 3))),
            draw(ways),
            draw(ways),
        )
        for i in range(size)
        for j in range(i + 1, size)
        if draw(st.booleans())
    )
    microbatches = draw(st.integers(1, 2)) if size == 2 else 1
    places = st.tuples(
        st.integers(0, size - 1), st.sampled_from(("F", "B", "W")), st.integers(0, microbatches - 1)
    )
    pins = tuple(
        OrderPin(before, after, draw(st.one_of(st.none(), st.integers(0, 6).map(float))))
        for before, after in draw(st.lists(st.tuples(places, places), max_size=2 * pinned))
        if (before[0], before[2]) != (after[0], after[2])
        or "FBW".index(before[1]) < "FBW".index(after[1])
    )
    return ScheduleProblem(
        devices,
        tuple(chunks),
        edges,
        microbatches,
        tuple(float(draw(st.integers(2, 4))) for _ in range(devices)),
        tuple(float(draw(st.integers(0, 3))) for _ in range(devices)),
        draw(st.booleans()),
        links=links,
        pins=pins,
    )
