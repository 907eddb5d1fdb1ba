"""Sizes of indices for a run: those of a micro-batch, or small ones that the plan's cuts divide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dsl.spec import Index, Operator
from solver.verify.layouts import Frame

Key = tuple[int, bool]
"""The size of an index in a micro-batch, and whether it is a batch index: indices that agree in
both stay equal."""

LEAST = 4  # elements that a device has at least of a small index


class SizeError(Exception):
    """Sizes that no small ones stand for, in words."""


@dataclass(slots=True)
class Sizes:
    """The size of every index. `small` has those that were made smaller."""

    frame: Frame
    small: dict[Key, int] = field(default_factory=dict)

    def key(self, index: Index) -> Key:
        """What the size of an index follows from."""
        return self.frame.size(index), index.batch

    def of(self, index: Index) -> int:
        """Elements of the index in a micro-batch."""
        key = self.key(index)
        return self.small.get(key, key[0])


def shrink(sizes: Sizes, operators: tuple[Operator, ...], needs: Mapping[Key, int]) -> None:
    """Make all indices small: `LEAST` times the degree that must divide it, in `needs`, and sums of
    others where the operator kinds say so. Raises SizeError."""
    need = dict(needs)
    rules = [rule for operator in operators for rule in _rules(operator, sizes)]
    for rule in rules:
        rule.before(need)
    for operator in operators:
        for index in operator.indices:
            key = sizes.key(index)
            sizes.small[key] = LEAST * need.get(key, 1)
    for _ in range(3):  # sums of sums
        for rule in rules:
            rule.apply(sizes.small, need)
    for key, size in sizes.small.items():
        if size % need.get(key, 1):
            raise SizeError(f"an index of {key[0]} elements is cut {need[key]} ways")


@dataclass(frozen=True, slots=True)
class _Rule:
    """`result` follows from other sizes by `formula`, which is also given what must divide the
    result; that must divide `parts` too."""

    result: Key
    parts: tuple[Key, ...]
    formula: Callable[[Mapping[Key, int], int], int]

    def before(self, need: dict[Key, int]) -> None:
        for part in self.parts:
            need[part] = math.lcm(need.get(part, 1), need.get(self.result, 1))

    def apply(self, small: dict[Key, int], need: Mapping[Key, int]) -> None:
        small[self.result] = self.formula(small, need.get(self.result, 1))


def _rules(operator: Operator, sizes: Sizes) -> list[_Rule]:
    named = {index.name: sizes.key(index) for index in operator.indices}
    reads = [use.indices for use in operator.inputs]
    result = operator.results[0].indices
    match operator.kind:
        case "concat" | "join_key":
            at = -2 if operator.kind == "concat" else -1
            parts = tuple(named[indices[at]] for indices in reads)
            return [_Rule(named[result[at]], parts, lambda small, _: sum(small[p] for p in parts))]
        case "prepend":
            part = named[reads[0][-2]]
            return [_Rule(named[result[-2]], (), lambda small, _: small[part] + 1)]
        case "position_add":
            rows, places = named[reads[1][0]], named[reads[0][1]]
            longer = _Rule(rows, (), lambda small, need: small[places] + need)
            return [] if rows == places else [longer]
        case "dispatch":
            return _mixture(operator, named)
        case _:
            return []


def _mixture(operator: Operator, named: Mapping[str, Key]) -> list[_Rule]:
    """Experts, at least twice as many as a token goes to; and their rows, as large a share of the
    tokens as in the true sizes."""
    samples, places = (named[name] for name in operator.inputs[0].indices[:2])
    experts, rows = (named[name] for name in operator.results[0].indices[:2])
    chosen = experts_of_a_token(rows[0], experts[0], samples[0] * places[0])

    def count(small: Mapping[Key, int], need: int) -> int:
        return _up(max(small[experts], 2 * math.ceil(chosen)), need)

    def room(small: Mapping[Key, int], need: int) -> int:
        return _up(math.ceil(chosen * small[samples] * small[places] / small[experts]), need)

    return [_Rule(experts, (), count), _Rule(rows, (), room)]


def experts_of_a_token(rows: int, experts: int, tokens: int) -> float:
    """How many rows a token takes, from the rows that all experts have: as many as it has experts,
    times the capacity factor."""
    return rows * experts / tokens


def _up(size: int, degree: int) -> int:
    return -(-size // degree) * degree
