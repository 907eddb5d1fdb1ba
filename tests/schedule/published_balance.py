"""The published pipeline balance as a scheduling problem.

Source: tests of the MindSpore pipeline-balance tool, figures only; the 1F1B optimum over all plans
is from an exhaustive model of the instance.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from solver.schedule import Chunk, Edge, ScheduleProblem

DATA = json.loads(
    (Path(__file__).parent.parent / "data" / "pipeline_balance.json").read_text(encoding="utf-8")
)
PUBLISHED_PLAN = (
    tuple(DATA["published_plan"]["layers_per_stage"]),
    tuple(DATA["published_plan"]["recomputed_layers_per_stage"]),
)
PUBLISHED: int = DATA["published_plan"]["makespan"]
KNOWN_OPTIMUM: int = DATA["known_better"]["makespan"]


def balance(
    layers: Sequence[int], recomputed: Sequence[int], family: str | None
) -> ScheduleProblem:
    """`layers` per stage, of which `recomputed` run their forward again; backward in one piece."""
    stages, body, head, tail = DATA["stages"], DATA["body"], DATA["head"], DATA["tail"]
    chunks: list[Chunk] = []
    capacity: list[float] = []
    for stage, (count, again) in enumerate(zip(layers, recomputed, strict=True)):
        ends = [head] * (stage == 0) + [tail] * (stage == stages - 1)
        forward = body["forward"] * count + sum(end["forward"] for end in ends)
        backward = 2 * forward + body["forward"] * again
        held = body["memory_activation"] * (count - again)
        held += body["memory_activation_recomputed"] * again
        chunks.append(Chunk(f"stage {stage}", stage, forward, backward, 0.0, held, 0.0))
        parameters = body["memory_parameter"] * count
        parameters += sum(end["memory_parameter"] for end in ends)
        capacity.append(DATA["memory_limit"] - parameters)
    edges = tuple(Edge(i, i + 1, DATA["transfer_time"]) for i in range(stages - 1))
    tails = (0.0,) * stages
    return ScheduleProblem(
        stages, tuple(chunks), edges, DATA["microbatches"], tuple(capacity), tails, False, family
    )
