"""What a framework must make of a case: read off the plan, not off what was exported."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from typing import Any

from solver.export.saved import SavedPlan

_ROLES = {"b": "data", "s": "context", "g": "tensor"}


def expectations(saved: SavedPlan) -> dict[str, Any]:
    """Values for JSON. Devices are numbered in row-major order of the mesh."""
    document, plan = saved.document, saved.plan
    layers = [unit.name for unit in saved.spec.graph.units if unit.repeat is not None]
    query = document["operators"][f"{layers[0]}.attn.q"]["cuts"]
    axes = {_ROLES[index]: parts for index, parts in query.items() if index in _ROLES}
    chunks = range(len(plan.places))
    return {
        "stages": plan.stages,
        "microbatches": document["pipeline"]["microbatches"],
        "places": list(plan.places),
        "layers": [sum(u.repeat is not None for u in plan.units_in(c)) for c in chunks],
        "recomputed": [
            [
                document["operators"][u.operators[0]]["recompute"]
                for u in plan.units_in(c)
                if u.repeat
            ]
            for c in chunks
        ],
        "groups": {
            role: _groups(saved, parts)
            for role, parts in {**axes, "stages": document["pipeline"]["axes"]}.items()
        },
        "experts": _groups(saved, _experts(document, layers[0])),
        "rows": _rows(saved),
        "batch": max(
            i.size for o in saved.spec.graph.operators for i in o.indices if i.name == "b"
        ),
        "parameters": _parameters(saved),
        "sizes": {part.name: part.size for part in saved.spec.mesh.parts},
        "operators": _operators(saved),
        "tensors": _tensors(saved),
    }


def _groups(saved: SavedPlan, parts: list[str]) -> list[list[int]]:
    """Devices that differ in some sub-axes only."""
    mesh = saved.spec.mesh.parts
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    places = product(*(range(part.size) for part in mesh))
    for number, place in enumerate(places):
        same = tuple(x for x, part in zip(place, mesh, strict=True) if part.name not in parts)
        found[same].append(number)
    return sorted(found.values())


def _experts(document: dict[str, Any], layer: str) -> list[str]:
    gate = document["operators"].get(f"{layer}.moe.experts.gate")
    return gate["cuts"].get("e", []) if gate else []


def _rows(saved: SavedPlan) -> list[list[tuple[str, int, int]]]:
    """Per stage (phase, chunk of the model, micro-batch) as they run; B is the whole backward where
    no W follows."""
    of: dict[tuple[int, int], int] = {}
    seen: dict[int, int] = defaultdict(int)
    for chunk, stage in enumerate(saved.plan.places):
        of[stage, seen[stage]] = chunk
        seen[stage] += 1
    rows: list[list[tuple[str, int, int]]] = [[] for _ in range(saved.plan.stages)]
    schedule = saved.document["pipeline"]["schedule"]
    for action in sorted(schedule, key=lambda a: (a["start_s"], a["end_s"])):
        chunk = of[action["stage"], action["chunk"]]
        rows[action["stage"]].append((action["phase"], chunk, action["microbatch"]))
    return rows


def _parameters(saved: SavedPlan) -> dict[str, Any]:
    """The whole shape, and per layout the sub-axes of every dimension."""
    found = {}
    for name, entry in saved.document["parameters"].items():
        dims = saved.spec.graph.tensors[name].dims
        fields = ("used", "stored", "gradients_stored", "optimizer_stored")
        cuts = {field: [entry[field].get(dim.name, []) for dim in dims] for field in fields}
        found[name] = {"shape": [dim.size for dim in dims], **cuts}
    return found


def _operators(saved: SavedPlan) -> list[dict[str, Any]]:
    """The graph, each operator with its chunk."""
    return [
        {
            "name": operator.name,
            "kind": operator.kind,
            "inputs": [[use.tensor, list(use.indices)] for use in operator.inputs],
            "results": [[use.tensor, list(use.indices)] for use in operator.results],
            "chunk": saved.plan.virtual_stage_of[operator.unit],
            "cuts": saved.document["operators"][operator.name]["cuts"],
            "recompute": saved.document["operators"][operator.name]["recompute"],
        }
        for operator in saved.spec.graph.operators
    ]


def _tensors(saved: SavedPlan) -> dict[str, Any]:
    return {
        name: {
            "role": tensor.role,
            "shape": [dim.size for dim in tensor.dims],
            "batch": [dim.batch for dim in tensor.dims],
        }
        for name, tensor in saved.spec.graph.tensors.items()
    }
