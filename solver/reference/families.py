"""Which dimensions are one index under several names, and which mesh axes cut it anywhere.

A dimension of a tensor and the index of an operator that reads or writes it have the same elements,
so the same axis must leave a device the same of them. Families are the classes of that relation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from solver.verify.plan import Plan

Member = tuple[str, str, str | int]
"""("tensor", name, dimension) or ("operator", name, index)."""


@dataclass(slots=True)
class Families:
    """`axes` are the numbers of the sharding axes that cut a member of a family, by its head."""

    heads: dict[Member, Member] = field(default_factory=dict)
    axes: dict[Member, set[int]] = field(default_factory=dict)

    def head(self, member: Member) -> Member:
        """The member that stands for the family."""
        root = member
        while (above := self.heads.setdefault(root, root)) != root:
            root = above
        while self.heads[member] != root:
            self.heads[member], member = root, self.heads[member]
        return root

    def join(self, one: Member, other: Member) -> None:
        """Both are of one family."""
        self.heads[self.head(other)] = self.head(one)

    def cut_by(self, member: Member) -> tuple[int, ...]:
        """The axes that cut some member of the family, in mesh order."""
        return tuple(sorted(self.axes.get(self.head(member), ())))


def families(plan: Plan, kept: tuple[int, ...]) -> Families:
    """The families of a plan's graph; `kept` are the numbers of the sharding axes that count."""
    found = Families()
    for operator in plan.spec.graph.operators:
        for use in (*operator.inputs, *operator.results):
            for at, name in enumerate(use.indices):
                found.join(("tensor", use.tensor, at), ("operator", operator.name, name))
    number = {old: new for new, old in enumerate(kept)}
    for member, axis in _cuts(plan):
        if axis in number:
            found.axes.setdefault(found.head(member), set()).add(number[axis])
    return found


def _cuts(plan: Plan) -> Iterator[tuple[Member, int]]:
    """Every dimension or index, with an axis that cuts it in some layout of the plan."""
    for operator in plan.spec.graph.operators:
        if plan.variant(operator) is not None:
            continue
        for axis, names in enumerate(plan.shardings[operator.name].cut):
            for name in names:
                yield ("operator", operator.name, name), axis
    for tensor in plan.wiring.shared:
        for axis, at in enumerate(plan.shared_layout(tensor)):
            if at >= 0:
                yield ("tensor", tensor, at), axis
    for tensor in plan.wiring.parameters:
        if len(plan.wiring.readers[tensor]) > 1:
            from solver.verify.storage import used_layout

            for axis, at in enumerate(used_layout(plan, tensor)):
                if at >= 0:
                    yield ("tensor", tensor, at), axis
