"""Reading a saved `mmp-plan/1` document: one that is none is refused with what is wrong in it.

What is checked is the form alone; `mmp verify` checks that the figures are right.
"""

from __future__ import annotations

import itertools
import json

from solver.cli.exit_codes import CommandError, ExitCode
from solver.cli.saved.place import Place, read_place
from solver.cli.saved.shape import Maybe, Named, faults
from solver.events import Document

FORMAT = "mmp-plan/1"
_SHOWN = 3  # faults that are named

_CUTS = Named([str])
_FIGURES = {
    "operators": [str],
    "units": [str],
    "forward_s": float,
    "input_grad_s": float,
    "weight_grad_s": float,
    "activation_bytes": float,
    "released_by_input_grad_bytes": float,
}
_ACTION = {
    "stage": int,
    "chunk": int,
    "device": int,
    "microbatch": int,
    "phase": str,
    "start_s": float,
    "end_s": float,
}
_PIPELINE = {
    "microbatches": int,
    "axes": [str],
    "family": Maybe(str),
    "chunks?": int,
    "placement?": str,
    "fused": [bool],
    "bubble": float,
    "stages": [{"stage": int, **_FIGURES, "tail_s": float, "chunks?": [_FIGURES]}],
    "schedule": [_ACTION],
    "step_operators": [
        {
            "stage": int,
            "chunk": Maybe(int),
            "phase": str,
            "stream": str,
            "start_s": float,
            "end_s": float,
        }
    ],
}
_MEMORY = {
    "device": int,
    "devices": int,
    "peak_bytes": float,
    "limit_bytes": float,
    "terms": Named(float),
}
_CALL = {
    "operator": str,
    "tensor": Maybe(str),
    "phase": str,
    "collective": str,
    "axes": [str],
    "bytes": float,
    "count": float,
    "seconds": float,
}
_PIN = {
    "text": str,
    "kind": str,
    "file": str,
    "line": Maybe(int),
    "satisfied": bool,
    "weight_s": Maybe(float),
    "paid_s": float,
}
_OBJECTIVE = {
    "name": str,
    "unit": str,
    "value": float,
    "bound": Maybe(float),
    "gap": Maybe(float),
    "penalty": float,
}
_ALWAYS = {
    "sources?": [{"path": str, "sha256": str}],
    "overrides?": Named(str),
    "outcome": {"stopped": str, "plan": str},
}
_PLANNED = {
    "objective": _OBJECTIVE,
    "step_time_s": float,
    "mesh": {"devices": int, "axes": [{"name": str, "size": int}]},
    "operators": Named({"cuts": _CUTS, "stage": int, "recompute": bool, "variant?": str}),
    "tensors": Named({"cuts": _CUTS, "partial": [str]}),
    "parameters": Named({"used": _CUTS, "stored": _CUTS, "levels": Named(int)}),
    "pipeline": _PIPELINE,
    "memory": [_MEMORY],
    "communication": [_CALL],
    "pins": [_PIN],
    "solver?": {"progress?": [{"wall_s": float, "value": Maybe(float), "bound": Maybe(float)}]},
}
_UNPLANNED = {"conflict?": [{"text": str, "file": str, "line": Maybe(int)}]}


def read_plan(place: Place) -> Document:
    """The document at a place; with a plan, or with why there is none.

    Raises CommandError where nothing can be read, and for what is no plan document.
    """
    try:
        found = json.loads(read_place(place), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{place.name} is not JSON: {error}", ExitCode.REJECTED) from error
    wrong = _wrong(found)
    if wrong is not None:
        raise CommandError(f"{place.name} is not a plan document: {wrong}", ExitCode.REJECTED)
    document: Document = found
    return document


def has_plan(document: Document) -> bool:
    """Whether there is a plan in a document that was read."""
    return bool(document["outcome"]["plan"] != "none")


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _wrong(found: object) -> str | None:
    """What keeps a value from being a plan document, in words; None: nothing."""
    if not isinstance(found, dict):
        return "it is not an object"
    named = found.get("format")
    if named != FORMAT:
        return f"its `format` is {json.dumps(named)}, not {json.dumps(FORMAT)}"
    first = list(itertools.islice(faults(found, _ALWAYS), _SHOWN + 1))
    if not first:
        shape = _PLANNED if has_plan(found) else _UNPLANNED
        first = list(itertools.islice(faults(found, shape), _SHOWN + 1)) or _unlike(found)
    more = "; and more" if len(first) > _SHOWN else ""
    return "; ".join(first[:_SHOWN]) + more if first else None


def _unlike(document: Document) -> list[str]:
    """Lists that belong together and are not alike: stages, their memory, the schedule's stages."""
    if not has_plan(document):
        return []
    pipeline = document["pipeline"]
    stages = len(pipeline["stages"])
    numbers = list(range(stages))
    found = []
    if not stages or [stage["stage"] for stage in pipeline["stages"]] != numbers:
        found.append("`pipeline.stages` are not numbered from 0")
    if [entry["device"] for entry in document["memory"]] != numbers:
        found.append("`memory` has not one entry for every stage")
    if len(pipeline["fused"]) != stages:
        found.append("`pipeline.fused` has not one entry for every stage")
    for stage, chunks in _places(pipeline["schedule"]):
        if stage not in numbers or not 0 <= chunks < _chunks(pipeline["stages"][stage]):
            found.append(f"`pipeline.schedule` names chunk {chunks} of stage {stage}")
    return found


def _places(schedule: list[Document]) -> list[tuple[int, int]]:
    return sorted({(action["device"], action["chunk"]) for action in schedule})


def _chunks(stage: Document) -> int:
    return len(stage.get("chunks", [stage]))
