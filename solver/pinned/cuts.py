"""How every operator is cut: as its pins say, and along its operands where none speaks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from dsl.spec import CutOver, Operator, Spec, SplitBy, SubAxis, WholeIndex
from solver.pinned.findings import Assumption, OpenError
from solver.verify.decisions import Cuts
from solver.verify.layouts import NONE, Frame, Layout, as_produced, shard, whole_sums

Chosen = dict[str, str]
"""Sub-axis -> the index it cuts."""


@dataclass
class _Wishes:
    """What pins say of one operator."""

    cut: Chosen = field(default_factory=dict)
    degrees: list[tuple[str, int]] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)
    forbidden: set[tuple[str, str]] = field(default_factory=set)  # (sub-axis, index)
    clashes: list[str] = field(default_factory=list)


def cuts_of(spec: Spec, frame: Frame) -> tuple[Mapping[str, Cuts], tuple[Assumption, ...]]:
    """The cuts of every operator that is not measured. Raises OpenError where pins contradict each
    other, a degree cannot be had, or a mesh axis cuts nothing.

    A sub-axis that no pin gives to an operator cuts the index along which its first cut operand
    arrives, as long as that index may be cut and divides; without one the operator is repeated.
    """
    wishes = _wishes(spec, frame)
    layouts: dict[str, Layout] = {}
    found: dict[str, Cuts] = {}
    followed: list[str] = []
    repeated: list[str] = []
    for operator in spec.graph.operators:
        if operator.variants:
            continue
        wish = wishes.get(operator.name, _Wishes())
        chosen = _pinned(operator, wish, frame)
        for part in frame.parts:
            if part.name in chosen or not _is_open(operator, wish):
                continue
            index = _along(operator, part, frame, layouts, chosen, wish)
            if index is None:
                repeated.append(operator.name)
            else:
                chosen[part.name] = index
                followed.append(operator.name)
        found[operator.name] = _cuts(chosen)
        sharding = shard(operator, found[operator.name], frame)
        for use in operator.results:
            layouts[use.tensor] = whole_sums(as_produced(operator, use, sharding))
    unused = _unused(frame, found)
    if unused:
        raise OpenError(tuple(f"what `{axis}` cuts (no pin names it)" for axis in unused))
    rules = (
        ("where no pin speaks, an operator is cut as its first cut operand arrives", followed),
        ("where no operand is cut either, an operator is repeated", repeated),
    )
    return found, tuple(Assumption(rule, tuple(dict.fromkeys(n))) for rule, n in rules if n)


def _unused(frame: Frame, found: Mapping[str, Cuts]) -> tuple[str, ...]:
    """Mesh axes of which nothing cuts any operator."""
    used = {part for cuts in found.values() for _, parts in cuts for part in parts}
    names = {part.axis: False for part in frame.parts}
    for part in frame.parts:
        names[part.axis] |= part.name in used
    return tuple(axis for axis, is_used in names.items() if not is_used) if found else ()


def _is_open(operator: Operator, wish: _Wishes) -> bool:
    """Whether sub-axes without a pin may still cut it: exact degrees say all there is."""
    return not wish.degrees or len({i for i, _ in wish.degrees}) < len(operator.cuttable)


def _wishes(spec: Spec, frame: Frame) -> Mapping[str, _Wishes]:
    found: dict[str, _Wishes] = {}
    here = {part.name for part in frame.parts}
    for pin in spec.pins:
        for wish in pin.requirements:
            match wish:
                case CutOver(operator=name, index=index, parts=parts):
                    into = found.setdefault(name, _Wishes())
                    if pin.kind == "forbid":
                        into.forbidden.update((part, index) for part in parts)
                        continue
                    for part in here.intersection(parts):
                        if into.cut.setdefault(part, index) != index:
                            into.clashes.append(f"`{part}` cuts `{into.cut[part]}` and `{index}`")
                case SplitBy(operator=name, degrees=degrees) if pin.kind != "forbid":
                    found.setdefault(name, _Wishes()).degrees.extend(degrees)
                case WholeIndex(operator=name, index=index) if pin.kind != "forbid":
                    found.setdefault(name, _Wishes()).whole.add(index)
    clashes = tuple(f"{name}: {words}" for name, wish in found.items() for words in wish.clashes)
    if clashes:
        raise OpenError(tuple(f"which pin holds: {words}" for words in clashes))
    return found


def _pinned(operator: Operator, wish: _Wishes, frame: Frame) -> Chosen:
    """Sub-axes that pins give, those of exact degrees taken in mesh order."""
    chosen = dict(wish.cut)
    for index, degree in wish.degrees:
        has = math.prod(p.size for p in frame.parts if chosen.get(p.name) == index)
        if degree % has:
            raise OpenError((f"the cut of {operator.name}: `{index}` by {degree}",))
        free = [part for part in frame.parts if part.name not in chosen]
        taken = _of_degree(free, degree // has)
        if taken is None:
            raise OpenError((f"the cut of {operator.name}: no free axes make {degree}",))
        chosen |= {part.name: index for part in taken}
    return chosen


def _of_degree(free: list[SubAxis], degree: int) -> tuple[SubAxis, ...] | None:
    """The fewest sub-axes, the first in mesh order, whose sizes multiply to a degree."""
    for count in range(len(free) + 1):
        for some in itertools.combinations(free, count):
            if math.prod(part.size for part in some) == degree:
                return some
    return None


def _along(
    operator: Operator,
    part: SubAxis,
    frame: Frame,
    layouts: Mapping[str, Layout],
    chosen: Chosen,
    wish: _Wishes,
) -> str | None:
    """The index along which the first operand that this sub-axis cuts arrives."""
    place = frame.parts.index(part)
    sizes = {index.name: frame.size(index) for index in operator.indices}
    for use in operator.inputs:
        at = layouts[use.tensor][place] if use.tensor in layouts else NONE
        if at == NONE:
            continue
        index = _driver(operator, use.indices[at])
        if index not in operator.cuttable or index in wish.whole:
            continue
        degree = math.prod(p.size for p in frame.parts if chosen.get(p.name) == index)
        divides = sizes[index] % (degree * part.size) == 0
        if divides and (part.name, index) not in wish.forbidden:
            return index
    return None


def _driver(operator: Operator, index: str) -> str:
    """The index itself, or the first that drives it where it is tied."""
    return next((drivers[0] for tied, drivers in operator.ties if tied == index), index)


def _cuts(chosen: Chosen) -> Cuts:
    names = sorted(set(chosen.values()))
    return tuple((n, tuple(p for p, index in chosen.items() if index == n)) for n in names)
