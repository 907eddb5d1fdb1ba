"""Plan documents as `mmp solve` saves them, for pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dsl.load import load
from dsl.spec import Spec
from solver.cli.tasks.spec import task_of

Json = dict[str, Any]
PLANS = Path(__file__).parents[1] / "comparison" / "plans"
GIB = 2.0**30
_SOLVER = {"seed": 0, "workers": 2, "time_limit_s": 10.0, "reproducible": False, "wall_s": 9.0}


def solved() -> tuple[Spec, Json]:
    """A plan that was solved and saved, and its spec; the standard library may be another since."""
    spec = load(PLANS / "spec.mmp")
    document = json.loads((PLANS / "before.json").read_text(encoding="utf-8"))
    sources = [{"path": path, "sha256": sha256} for path, sha256 in task_of(spec).sources]
    return spec, {**document, "sources": sources}


def stamped(document: Json, path: str = "spec.mmp") -> Json:
    """A document of the tests of the verifier with what a run adds."""
    return {
        **document,
        "sources": [{"path": path, "sha256": "0" * 64}],
        "versions": {"mmp": "0.1.0"},
        "solver": document.get("solver", {}) | _SOLVER,
        "outcome": {"stopped": "limit", "plan": "feasible"},
    }


def large(stages: int, microbatches: int, chunks: int = 1) -> Json:
    """Every stage runs `chunks` chunks of F, B and W of all micro-batches, some of them idle, at
    times that have many digits."""
    third, schedule = 1 / 3, []
    for stage in range(stages):
        now = stage * third
        for phase in "FBW":
            for number in range(chunks * microbatches):
                schedule.append(
                    {
                        "stage": stage,
                        "chunk": number % chunks,
                        "device": stage,
                        "microbatch": number // chunks,
                        "phase": phase,
                        "start_s": now,
                        "end_s": now + third,
                    }
                )
                now += third * (1.25 if number % 7 == 0 else 1.0)
    length = max(action["end_s"] for action in schedule)
    names = [f"net.layers[{stage}]" for stage in range(stages)]
    content = {"forward_s": third, "input_grad_s": third, "weight_grad_s": third}
    content |= {"activation_bytes": GIB / 7, "released_by_input_grad_bytes": GIB / 11}
    several = {"chunks": chunks, "placement": "loop"} if chunks > 1 else {}
    parts = {"chunks": [{"operators": [], "units": [], **content}] * chunks} if several else {}
    figures = {name: value * chunks for name, value in content.items()}
    terms = {"parameters": GIB, "gradients": GIB, "optimizer": GIB, "buffers": 0.0, "reserve": GIB}
    terms["activations"] = microbatches * chunks * GIB / 7
    return stamped(
        {
            "format": "mmp-plan/1",
            "objective": {
                "name": "step_time",
                "unit": "s",
                "value": length,
                "bound": None,
                "gap": None,
                "penalty": 0.0,
            },
            "step_time_s": length,
            "mesh": {"devices": stages, "axes": [{"name": "pipe", "size": stages}]},
            "operators": {f"{name}.up": _operator(at) for at, name in enumerate(names)},
            "tensors": {},
            "parameters": {},
            "pipeline": {
                "microbatches": microbatches,
                "axes": ["pipe.0"],
                "family": None,
                **several,
                "fused": [False] * stages,
                "bubble": 0.1,
                "stages": [
                    {
                        "stage": at,
                        "operators": [f"{name}.up"],
                        "units": [name],
                        **figures,
                        "tail_s": 0.0,
                        **parts,
                    }
                    for at, name in enumerate(names)
                ],
                "schedule": schedule,
                "step_operators": [],
            },
            "memory": [
                {
                    "device": at,
                    "devices": 1,
                    "peak_bytes": sum(terms.values()),
                    "limit_bytes": 80 * GIB,
                    "terms": terms,
                }
                for at in range(stages)
            ],
            "communication": [],
            "pins": [],
        }
    )


def _operator(stage: int) -> Json:
    return {"cuts": {}, "stage": stage, "recompute": False}
