"""What turning a plan into a program needs to know everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from solver.reference.families import Families, Member
from solver.reference.runtime.program import Dim, Layout
from solver.reference.sizes import Sizes
from solver.verify.plan import Plan

Reason = tuple[str, str, str]
"""Part of the plan document, name in it, message."""


class ProgramError(Exception):
    """A plan that has no program, with each reason."""

    def __init__(self, reasons: list[Reason]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(message for _, _, message in reasons))


@dataclass(frozen=True, slots=True)
class Lowering:
    """`kept` are the numbers of the sharding axes that the program has, of those of the plan
    (`plan.frame.parts`); axes of the program are numbered in their order. What cannot be made is
    added to `reasons`."""

    plan: Plan
    kept: tuple[int, ...]
    families: Families
    sizes: Sizes
    reasons: list[Reason] = field(default_factory=list)
    refused: set[Member] = field(default_factory=set)

    def layout(self, layout: tuple[int, ...]) -> Layout:
        """A layout of the plan over the axes that are kept."""
        return tuple(layout[axis] for axis in self.kept)

    def part(self, axis: int) -> str:
        """The name of an axis of the program, as plans have it."""
        return self.plan.frame.parts[self.kept[axis]].name

    def ways(self, axes: tuple[int, ...]) -> int:
        """The product of the sizes of axes of the program."""
        return math.prod(self.plan.frame.parts[self.kept[axis]].size for axis in axes)

    def dim(self, member: Member, label: str, size: int, also: tuple[int, ...] = ()) -> Dim:
        """A dimension or index, cut by the axes of its family and `also` by others. Where these do
        not divide it there is a reason."""
        axes = self.families.cut_by(member)
        found = Dim(label, size, (*axes, *(axis for axis in also if axis not in axes)))
        if size % self.ways(found.cut_by):
            self._refuse(member, found)
        return found

    def _refuse(self, member: Member, dim: Dim) -> None:
        """Say once for each family that its axes do not divide it."""
        head = self.families.head(member)
        if head in self.refused:
            return
        self.refused.add(head)
        names = ", ".join(self.part(axis) for axis in dim.cut_by)
        message = (
            f"`{dim.name}` of `{member[1]}`, {dim.size} elements of a micro-batch, is cut by "
            f"{names}, by some of them here and by others elsewhere; "
            f"{self.ways(dim.cut_by)} does not divide it"
        )
        if member[1] in self.plan.wiring.parameters:
            self.reasons.append(("parameters", member[1], message))
        else:
            self.reasons.append(("operators", self._operator(member), message))

    def _operator(self, member: Member) -> str:
        """The operator of an index, or the one that makes, or first reads, a tensor."""
        kind, name, _ = member
        if kind == "operator":
            return name
        write = self.plan.wiring.producers.get(name)
        return write.operator.name if write else self.plan.wiring.readers[name][0].operator.name
