"""Plan documents with just what a drawing reads, of schedules with closed forms."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
GIB = 2.0**30


def gpipe(stages: int, microbatches: int, second: float = 1.0, tail: float = 0.0) -> Json:
    """All F, then all B, each W right behind its B; F and W take a `second`, B takes two.

    A micro-batch holds 3 GiB, of which its B frees one; everything else takes 2 GiB.
    """
    forwards = stages + microbatches - 1
    schedule = []
    for stage in range(stages):
        for m in range(microbatches):
            back = forwards + 3 * (stages - 1 - stage + m)
            schedule += [
                action(stage, m, "F", (stage + m) * second, (stage + m + 1) * second),
                action(stage, m, "B", back * second, (back + 2) * second),
                action(stage, m, "W", (back + 2) * second, (back + 3) * second),
            ]
    length = 4 * forwards * second + tail
    return document(schedule, stages, microbatches, length, [tail] * stages)


def action(device: int, microbatch: int, phase: str, start: float, end: float) -> Json:
    """One entry of `pipeline.schedule`, of chunk 0."""
    return {
        "stage": device,
        "chunk": 0,
        "device": device,
        "microbatch": microbatch,
        "phase": phase,
        "start_s": start,
        "end_s": end,
    }


def forwards_of_a_v() -> Json:
    """One micro-batch through two chunks on each of two devices, 0, 1, 1, 0: 3 GiB, then 2."""
    schedule = [
        {**action(device, 0, "F", float(at), at + 1.0), "chunk": at // 2}
        for at, device in enumerate((0, 1, 1, 0))
    ]
    found = document(schedule, 2, 1, 4.0, [0.0, 0.0])
    for stage in found["pipeline"]["stages"]:
        stage["chunks"] = [
            {"activation_bytes": size * GIB, "released_by_input_grad_bytes": GIB} for size in (3, 2)
        ]
    return found


def document(
    schedule: list[Json], stages: int, microbatches: int, length: float, tails: list[float]
) -> Json:
    """A document around a schedule of `length` seconds."""
    terms = {"parameters": 1.5 * GIB, "gradients": 0.0, "activations": 3 * microbatches * GIB}
    terms |= {"optimizer": 0.25 * GIB, "buffers": 0.25 * GIB, "reserve": 0.0}
    return {
        "sources": [{"path": "net.mmp", "sha256": "0"}],
        "step_time_s": length,
        "pipeline": {
            "microbatches": microbatches,
            "family": None,
            "fused": [False] * stages,
            "stages": [
                {
                    "tail_s": tail,
                    "activation_bytes": 3 * GIB,
                    "released_by_input_grad_bytes": GIB,
                }
                for tail in tails
            ],
            "schedule": schedule,
            "step_operators": [],
        },
        "memory": [
            {
                "device": stage,
                "devices": 4,
                "peak_bytes": sum(terms.values()),
                "limit_bytes": 1000 * GIB,
                "terms": terms,
            }
            for stage in range(stages)
        ],
    }
