"""Reading a saved `mmp-plan/1` document: one that is none is refused with what is wrong in it.

What is checked is the form alone; `mmp verify` checks that the figures are right.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from solver.cli.exit_codes import CommandError, ExitCode
from solver.cli.saved.place import Place, read_place
from solver.cli.saved.shape import Maybe, Named, faults
from solver.events import Document

FORMAT = "mmp-plan/1"
_SHOWN = 3  # faults that are named

_CUTS = Named([str])
_SECONDS = ("forward_s", "input_grad_s", "weight_grad_s")
_BYTES = ("activation_bytes", "released_by_input_grad_bytes")
_ACTION = {
    "stage": int,
    "chunk": int,
    "device": int,
    "microbatch": int,
    "phase": str,
    "start_s": float,
    "end_s": float,
}
_STEP_OPERATOR = {
    "stage": int,
    "chunk": Maybe(int),
    "phase": str,
    "stream": str,
    "start_s": float,
    "end_s": float,
}
_MEMORY = {
    "device": int,
    "devices?": int,
    "peak_bytes": float,
    "limit_bytes": float,
    "terms": Named(float),
}
_CALL = {
    "operator": str,
    "tensor?": Maybe(str),
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
    "libraries?": [{"name": str, "source": str, "revision": str, "hash": str}],
    "overrides?": Named(str),
    "outcome": {"stopped": str, "plan": str},
}


def _planned(optional: str) -> dict[str, Any]:
    """The shape of a document with a plan. What all plan documents of the format have must be
    there; of what this version adds, `optional` says whether it may be missing (`?`)."""
    figures = {f"{name}{optional}": float for name in (*_SECONDS, *_BYTES)}
    content = {"operators": [str], f"units{optional}": [str], **figures}
    stage = {"stage": int, **content, f"tail_s{optional}": float, "chunks?": [content]}
    pipeline = {
        "microbatches": int,
        f"axes{optional}": [str],
        f"family{optional}": Maybe(str),
        "chunks?": int,
        "placement?": str,
        f"fused{optional}": [bool],
        "bubble": float,
        "stages": [stage],
        "schedule": [_ACTION],
        f"step_operators{optional}": [_STEP_OPERATOR],
    }
    stored = {f"used{optional}": _CUTS, "stored": _CUTS, f"levels{optional}": Named(int)}
    moment = {"wall_s": float, "value": Maybe(float), "bound": Maybe(float)}
    return {
        "objective": _OBJECTIVE,
        "step_time_s": float,
        "mesh": {"devices": int, "axes": [{"name": str, "size": int}]},
        "operators": Named({"cuts": _CUTS, "stage": int, "recompute": bool, "variant?": str}),
        f"tensors{optional}": Named({"cuts": _CUTS, "partial": [str]}),
        "parameters": Named(stored),
        "pipeline": pipeline,
        "memory": [_MEMORY],
        "communication": [_CALL],
        "pins": [_PIN],
        f"versions{optional}": Named(str),
        f"solver{optional}": {
            f"seed{optional}": int,
            f"workers{optional}": int,
            f"time_limit_s{optional}": float,
            f"reproducible{optional}": bool,
            f"wall_s{optional}": float,
            "progress?": [moment],
        },
    }


_UNPLANNED = {"conflict?": [{"text": str, "file": str, "line": Maybe(int)}]}


def read_plan(place: Place, is_whole: bool = False) -> Document:
    """The document at a place; with a plan, or with why there is none. `is_whole`: with a plan and
    all that this version writes, else with what every document of the format has.

    Raises CommandError where nothing can be read, and for what is no plan document.
    """
    try:
        found = json.loads(read_place(place), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{place.name} is not JSON: {error}", ExitCode.REJECTED) from error
    wrong = _wrong(found, is_whole)
    if wrong is not None:
        raise CommandError(f"{place.name} is not a plan document: {wrong}", ExitCode.REJECTED)
    document: Document = found
    return document


def has_plan(document: Document) -> bool:
    """Whether there is a plan in a document that was read."""
    return bool(document["outcome"]["plan"] != "none")


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _wrong(found: object, is_whole: bool) -> str | None:
    """What keeps a value from being a plan document, in words; None: nothing."""
    if not isinstance(found, dict):
        return "it is not an object"
    named = found.get("format")
    if named != FORMAT:
        return f"its `format` is {json.dumps(named)}, not {json.dumps(FORMAT)}"
    first = list(itertools.islice(faults(found, _ALWAYS), _SHOWN + 1))
    if not first:
        shape = _planned("" if is_whole else "?") if has_plan(found) else _UNPLANNED
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
    if len(pipeline.get("fused", numbers)) != stages:
        found.append("`pipeline.fused` has not one entry for every stage")
    for stage, chunks in _places(pipeline["schedule"]):
        if stage not in numbers or not 0 <= chunks < _chunks(pipeline["stages"][stage]):
            found.append(f"`pipeline.schedule` names chunk {chunks} of stage {stage}")
    return found


def _places(schedule: list[Document]) -> list[tuple[int, int]]:
    return sorted({(action["device"], action["chunk"]) for action in schedule})


def _chunks(stage: Document) -> int:
    return len(stage.get("chunks", [stage]))
