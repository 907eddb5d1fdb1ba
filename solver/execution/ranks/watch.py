"""Compares, rank by rank, what a program holds with pieces of what one device computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsl.spec import Operator
from solver.execution.ranks.digits import Digits, Node
from solver.execution.ranks.machine import AllRanks, Coordinates, pieces_of
from solver.execution.ranks.values import slice_of
from solver.execution.ranks.whole import Whole
from solver.verify.layouts import PARTIAL, Layout
from solver.verify.plan import Plan
from solver.verify.report import Violation

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-9
LEAST = 1e-6  # of the scale of a tensor: the gradient of a key's bias is 0 but for rounding


@dataclass(slots=True)
class Watcher:
    """Compares what ranks hold with pieces of what one device computes."""

    plan: Plan
    digits: Digits
    machine: AllRanks
    wholes: list[Whole]
    microbatch: int = 0
    compared: int = 0
    worst: float = 0.0
    violations: list[Violation] = field(default_factory=list)
    unordered: frozenset[Node] = frozenset()
    unfinished: dict[tuple[str, int], tuple[str, Tensor, Layout]] = field(default_factory=dict)

    def see(self, what: str, operator: Operator, name: str, tensor: Tensor, layout: Layout) -> None:
        """Compare, but for a result that is complete only after the backward."""
        if what == "made" and operator.across:
            self.unfinished[operator.name, self.microbatch] = (name, tensor, layout)
            return
        dims = range(len(self.plan.spec.graph.tensors[name].dims))
        if any(self.digits.of(name, at) in self.unordered for at in dims):
            return
        now = self.wholes[self.microbatch]
        table = now.gradients if what == "gradient" else now.values
        self.compare(f"{what} by `{operator.name}`", name, table[name], tensor, layout)

    def settle(self, chunk: int, late: dict[str, Tensor]) -> None:
        """Results that are complete after the backward."""
        for operator in [key[0] for key in self.unfinished if key[1] == self.microbatch]:
            if self.plan.virtual_stage_of[self.plan.wiring.operators[operator].unit] != chunk:
                continue
            name, tensor, layout = self.unfinished.pop((operator, self.microbatch))
            made = tensor + late.pop(operator) if operator in late else tensor
            full = self.wholes[self.microbatch].values[name]
            self.compare(f"made by `{operator}`", name, full, made, layout)

    def compare(self, what: str, name: str, full: Tensor, tensor: Tensor, layout: Layout) -> None:
        """Compare pieces of all ranks with those of the whole."""
        from torch.distributed._local_tensor import maybe_disable_local_tensor_mode

        with maybe_disable_local_tensor_mode():
            self._compare(what, name, full, tensor, layout)

    def _compare(self, what: str, name: str, full: Tensor, tensor: Tensor, layout: Layout) -> None:
        pieces = pieces_of(tensor, len(self.machine.ranks))
        summed = self._summed(pieces, layout)
        scale = max(float(full.abs().max()), LEAST)
        self.compared += 1
        for at, piece in zip(self.machine.ranks, summed, strict=True):
            wanted = slice_of(self.plan, self.digits, name, layout, at, full)
            error = distance(piece, wanted) / scale
            self.worst = max(self.worst, error)
            if not error <= TOLERANCE:
                where = ", ".join(f"{key}={value}" for key, value in at.items())
                message = f"`{name}`, {what}, is not the planned piece of it on device ({where})"
                self.violations.append(Violation("run-placements", message, "operators"))
                return

    def _summed(self, pieces: tuple[Tensor, ...], layout: Layout) -> list[Tensor]:
        partial = [
            part.name
            for part, state in zip(self.plan.frame.parts, layout, strict=True)
            if state == PARTIAL
        ]
        if not partial:
            return list(pieces)

        def group(at: Coordinates) -> tuple[int, ...]:
            return tuple(value for key, value in at.items() if key not in partial)

        sums: dict[tuple[int, ...], Tensor] = {}
        for at, piece in zip(self.machine.ranks, pieces, strict=True):
            key = group(at)
            sums[key] = sums[key] + piece if key in sums else piece
        return [sums[group(at)] for at in self.machine.ranks]


def distance(piece: Tensor, wanted: Tensor) -> float:
    """The greatest difference; infinite where shapes differ."""
    if piece.shape != wanted.shape:
        return float("inf")
    return float((piece - wanted).abs().max()) if piece.numel() else 0.0
