"""What a plan chose for what was picked, in groups of things that were decided alike."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dsl.spec import Operator, Spec
from solver.events import Document
from solver.explain.selection import Picked

Sort = Literal["operator", "parameter", "stage"]
LEVELS = ("stored", "gradients_stored", "optimizer_stored")
_SUBSCRIPT = re.compile(r"\[(\d+)\]")


class NoStageError(Exception):
    """The plan has no such stage; the message says how many it has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Things that the plan treats alike. `selector` selects exactly them in a pin, or names the
    stage; `names` are operators, parameters or the units of the stage, in program order. `chosen`
    is what was decided, as the document says it."""

    sort: Sort
    selector: str
    names: tuple[str, ...]
    chosen: Mapping[str, Any]


def choices(picked: Picked, spec: Spec, document: Document) -> tuple[Choice, ...]:
    """The groups, in the order of their first members. Raises NoStageError."""
    if picked.stage is not None:
        return (_stage(picked.stage, document),)
    operators = {operator.name: operator for operator in spec.graph.operators}
    found = [
        *_grouped("operator", picked.operators, lambda n: _operator(operators[n], document)),
        *_grouped("parameter", picked.parameters, lambda n: _parameter(n, document)),
    ]
    if len(found) == 1:  # as the author wrote it
        only = found[0]
        return (Choice(only.sort, picked.text, only.names, only.chosen),)
    return tuple(found)


def _stage(number: int, document: Document) -> Choice:
    stages = document["pipeline"]["stages"]
    at = number if number >= 0 else number + len(stages)
    if at >= len(stages):
        message = f"the plan has no stage {number}: it has {len(stages)}, numbered from 0"
        raise NoStageError(message)
    memory = next(row for row in document["memory"] if row["device"] == at)
    stage = stages[at]
    again = sorted({bool(document["operators"][n].get("recompute")) for n in stage["operators"]})
    chosen = {
        "stage": at,
        "stages": len(stages),
        "devices": memory["devices"],
        "forward_s": stage["forward_s"],
        "input_grad_s": stage["input_grad_s"],
        "weight_grad_s": stage["weight_grad_s"],
        "tail_s": stage["tail_s"],
        "peak_bytes": memory["peak_bytes"],
        "recompute": again == [True],
    }
    return Choice("stage", f"stage {at}", tuple(stage["units"]), chosen)


def _operator(operator: Operator, document: Document) -> dict[str, Any]:
    """The decisions about an operator. The stage is where its layer is, no choice of its own."""
    entry = document["operators"][operator.name]
    chosen: dict[str, Any] = {"cuts": entry["cuts"], "recompute": entry["recompute"]}
    if "variant" in entry:
        chosen["variant"] = entry["variant"]
    return chosen


def _parameter(name: str, document: Document) -> dict[str, Any]:
    entry = document["parameters"][name]
    return {key: entry[key] for key in ("used", *LEVELS)}


def _grouped(sort: Sort, names: Iterable[str], chosen_of: Any) -> list[Choice]:
    """Names that differ in the subscript of their outermost repeat only and were decided alike."""
    groups: dict[Hashable, list[str]] = {}
    for name in names:
        texts, inner = _SUBSCRIPT.sub("[]", name), tuple(_SUBSCRIPT.findall(name)[1:])
        groups.setdefault((texts, inner, repr(chosen_of(name))), []).append(name)
    return [
        Choice(sort, written(members), tuple(members), chosen_of(members[0]))
        for members in groups.values()
    ]


def written(names: Sequence[str]) -> str:
    """The selector of names that differ in their first subscript only: `net.layers[0..3, 7].up`."""
    first = names[0]
    if len(names) == 1:
        return first
    numbers = sorted(int(_SUBSCRIPT.findall(name)[0]) for name in names)
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = ", ".join(str(low) if low == high else f"{low}..{high}" for low, high in runs)
    return _SUBSCRIPT.sub(f"[{shown}]", first, count=1)
