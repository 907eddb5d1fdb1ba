"""Mixtures of experts: how many experts a token goes to, and which tokens share the experts' room.

A spec does not say how many experts a token chooses; it follows from the rows that experts have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from dsl.spec import Operator
from solver.reference.lowering import Lowering
from solver.reference.sizes import experts_of_a_token

Groups = tuple[tuple[int, str], ...]


def options(lowering: Lowering, operator: Operator) -> Mapping[str, float]:
    """`k` of the router's choice: the rows of all experts by the tokens, rounded down (a capacity
    factor above 1 leaves room)."""
    if operator.kind != "top_k":
        return {}
    sender = _sender(lowering, operator.results[0].tensor)
    if sender is None:
        return {"k": 1}
    sizes = {index.name: lowering.plan.frame.size(index) for index in sender.indices}
    samples, places = sender.inputs[0].indices[:2]
    experts, rows = sender.results[0].indices[:2]
    tokens = sizes[samples] * sizes[places]
    k = experts_of_a_token(sizes[rows], sizes[experts], tokens)
    return {"k": max(1, math.floor(k + 0.01))}


def groups(lowering: Lowering, operator: Operator) -> Groups:
    """Which axes keep tokens apart, and in which index: those that cut the tokens of `dispatch`.
    Its `combine` must cut them in the same way, or rows would be taken for others."""
    if operator.kind == "dispatch":
        return _cut(lowering, operator, operator.inputs[0].indices[:2])
    if operator.kind != "combine":
        return ()
    own = operator.results[0].indices[:2]
    sender = _sender(lowering, operator.inputs[1].tensor)
    if sender is not None:
        names = dict(zip(sender.inputs[0].indices, own, strict=False))
        theirs = _cut(lowering, sender, sender.inputs[0].indices[:2])
        if tuple((axis, names[name]) for axis, name in theirs) != _cut(lowering, operator, own):
            message = (
                f"`{operator.name}` cuts tokens otherwise than `{sender.name}`, which sent them"
            )
            lowering.reasons.append(("operators", operator.name, message))
    return _cut(lowering, operator, own)


def _sender(lowering: Lowering, gate: str) -> Operator | None:
    """The `dispatch` that reads a gate."""
    for read in lowering.plan.wiring.readers.get(gate, ()):
        if read.operator.kind == "dispatch":
            return read.operator
    return None


def _cut(lowering: Lowering, operator: Operator, tokens: tuple[str, ...]) -> Groups:
    cut = lowering.plan.shardings[operator.name].cut
    return tuple(
        (axis, name)
        for axis, old in enumerate(lowering.kept)
        for name in cut[old]
        if name in tokens
    )
