"""What else could have been decided: for each alternative the spec that asks for it.

An operator's next best cut is what is planned where the degrees of its cut are forbidden; the one
after that, where those of the second are forbidden too. For parameters and stages there are few
other ways, so each is asked for: stored over another axis, or over none, in parameters, gradients
or optimizer state; a layer given to the next stage, more or fewer stages, recomputed or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dsl.span import Span
from dsl.spec import OnStage, Pin, Recomputed, Requirement, Spec, SplitBy, StoredOver
from solver.events import Document
from solver.explain.choices import LEVELS, Choice, written
from solver.space.mesh import splits

HERE = Span("explain", 1, 1, 1, 2)
"""Where pins are written that no file holds."""
_STORES: tuple[tuple[Literal["parameters", "gradients", "optimizer"], str, str], ...] = (
    ("parameters", "stored", "stored over"),
    ("gradients", "gradients_stored", "gradients stored over"),
    ("optimizer", "optimizer_stored", "optimizer stored over"),
)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A statement that a spec could hold, and the spec with it."""

    text: str
    spec: Spec


def with_pins(spec: Spec, pins: Sequence[Pin]) -> Spec:
    """The spec with more pins, behind its own."""
    return replace(spec, pins=(*spec.pins, *pins))


def forbidding(choice: Choice, document: Document, spec: Spec) -> Pin:
    """What forbids the degrees by which a plan cuts the operators of a choice."""
    sizes = {part.name: part.size for part in spec.mesh.parts}
    operators = {operator.name: operator for operator in spec.graph.operators}
    cuts: Mapping[str, Sequence[str]] = cuts_of(choice, document, spec)
    cuttable = operators[choice.names[0]].cuttable
    degrees = tuple((i, math.prod(sizes[part] for part in cuts.get(i, ()))) for i in cuttable)
    listed = ", ".join(f"{index} {degree}" for index, degree in degrees)
    text = f"forbid {choice.selector} : split {listed}"
    requirements = tuple(SplitBy(name, degrees) for name in choice.names)
    return Pin(text, "forbid", requirements, None, HERE, ())


def cuts_of(choice: Choice, document: Document, spec: Spec) -> Mapping[str, Sequence[str]]:
    """Index -> sub-axes that cut it, as a plan decides for the first operator of a choice."""
    name = choice.names[0]
    entry = document["operators"][name]
    operator = next(operator for operator in spec.graph.operators if operator.name == name)
    for variant in operator.variants:
        if variant.name == entry.get("variant"):
            return dict(variant.cuts)
    found: Mapping[str, Sequence[str]] = entry["cuts"]
    return found


def others(choice: Choice, document: Document, spec: Spec) -> tuple[Alternative, ...]:
    """The other ways for parameters or a stage, but what the plan does already."""
    if choice.sort == "parameter":
        return tuple(_storages(choice, spec))
    return (*_placements(choice, document, spec), *_stage_counts(choice, spec))


# ---- parameters ----------------------------------------------------------------------------


def _storages(choice: Choice, spec: Spec) -> Iterator[Alternative]:
    for axis in spec.mesh.axes:
        parts = tuple(part.name for part in axis.parts)
        if not parts:
            continue
        for what, key, words in _STORES:
            if not set(parts) <= _stored(choice, key):
                yield _stored_over(choice, spec, what, f"{words} {axis.name}", parts, "hard")
        if not _stored(choice, LEVELS[-1]).isdisjoint(parts):
            words = f"optimizer stored over {axis.name}"
            yield _stored_over(choice, spec, "optimizer", words, parts, "forbid")


def _stored(choice: Choice, key: str) -> frozenset[str]:
    """The sub-axes over which something is stored cut, by use or beyond it."""
    by_dimension: Mapping[str, Sequence[str]] = choice.chosen[key]
    used: Mapping[str, Sequence[str]] = choice.chosen["used"]
    return frozenset(part for cuts in (by_dimension, used) for p in cuts.values() for part in p)


def _stored_over(
    choice: Choice,
    spec: Spec,
    what: Literal["parameters", "gradients", "optimizer"],
    words: str,
    parts: tuple[str, ...],
    kind: Literal["hard", "forbid"],
) -> Alternative:
    requirements = tuple(StoredOver(name, what, parts) for name in choice.names)
    return _pinned(spec, choice.selector, words, requirements, kind)


# ---- stages --------------------------------------------------------------------------------


def _placements(choice: Choice, document: Document, spec: Spec) -> Iterator[Alternative]:
    """The first layer a stage earlier, the last one a stage later, and the other recomputation."""
    at, count = int(choice.chosen["stage"]), int(choice.chosen["stages"])
    fixed = _with_stages(spec, count)
    first, last = choice.names[0], choice.names[-1]
    for unit, to in ((last, at + 1), (first, at - 1)):
        if 0 <= to < count:
            yield _pinned(fixed, unit, f"on stage {to}", (OnStage(unit, to, to),), "hard")
    yield from _recomputations(choice, document, fixed)


def _recomputations(choice: Choice, document: Document, spec: Spec) -> Iterator[Alternative]:
    """All repeated layers of the stage recomputed, or none; one pin for each repeat."""
    again: dict[str, list[str]] = {}
    for unit in spec.graph.units:
        if unit.repeat is not None and unit.name in choice.names:
            again.setdefault(unit.repeat, []).append(unit.name)
    if spec.train.recompute != "auto" or not again:
        return
    wanted = not any(
        _is_recomputed(unit, document, spec) for units in again.values() for unit in units
    )
    words = "recompute" if wanted else "no recompute"
    pins = [
        _pin(written(units), words, tuple(Recomputed(unit, wanted) for unit in units), "hard")
        for units in again.values()
    ]
    yield Alternative("\n".join(pin.text for pin in pins), with_pins(spec, pins))


def _is_recomputed(unit: str, document: Document, spec: Spec) -> bool:
    operators = next(u.operators for u in spec.graph.units if u.name == unit)
    return bool(document["operators"][operators[0]].get("recompute"))


def _stage_counts(choice: Choice, spec: Spec) -> Iterator[Alternative]:
    """The next smaller and the next larger number of stages that the spec allows."""
    count = int(choice.chosen["stages"])
    allowed = sorted({split.stages for split in splits(spec, frozenset())})
    fewer, more = [n for n in allowed if n < count][-1:], [n for n in allowed if n > count][:1]
    for number in (*fewer, *more):
        noun = "stage" if number == 1 else "stages"
        yield Alternative(f"pipeline {number} {noun}", _with_stages(spec, number))


def _with_stages(spec: Spec, count: int) -> Spec:
    pipeline = replace(spec.train.pipeline, low=count, high=count)
    return replace(spec, train=replace(spec.train, pipeline=pipeline))


def _pinned(
    spec: Spec,
    selector: str,
    words: str,
    requirements: tuple[Requirement, ...],
    kind: Literal["hard", "forbid"],
) -> Alternative:
    pin = _pin(selector, words, requirements, kind)
    return Alternative(pin.text, with_pins(spec, (pin,)))


def _pin(
    selector: str,
    words: str,
    requirements: tuple[Requirement, ...],
    kind: Literal["hard", "forbid"],
) -> Pin:
    text = f"{'forbid' if kind == 'forbid' else 'pin'} {selector} : {words}"
    return Pin(text, kind, requirements, None, HERE, ())
