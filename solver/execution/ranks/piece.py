"""What an operator's arithmetic knows of its place: sizes and rows of its piece, and its peers."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsl.spec import Operator, SubAxis
from solver.execution.ranks.collectives import Line, Why
from solver.execution.ranks.digits import Digits
from solver.execution.ranks.machine import Coordinates
from solver.verify.layouts import Frame, Sharding

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Kept:
    """What an operator kept for its backward: inputs (None where not kept), result, the rest."""

    inputs: tuple[Tensor | None, ...]
    result: Tensor | None
    extra: tuple[Tensor, ...] = ()

    def input(self, operand: int) -> Tensor:
        """An input that the kind saves."""
        found = self.inputs[operand]
        if found is None:
            raise LookupError(f"input {operand} was not kept")
        return found

    def made(self) -> Tensor:
        """The result, where the kind saves it."""
        if self.result is None:
            raise LookupError("the result was not kept")
        return self.result


@dataclass(frozen=True, slots=True)
class Piece:
    """An operator on a rank. `late` takes what completes a result only in the backward."""

    operator: Operator
    sharding: Sharding
    frame: Frame
    line: Line
    digits: Digits
    late: dict[str, Tensor] = field(default_factory=dict)

    def indices(self, operand: int) -> tuple[str, ...]:
        """The operator's names for the dimensions of an input."""
        return self.operator.inputs[operand].indices

    @property
    def result_indices(self) -> tuple[str, ...]:
        """Those of its result."""
        return self.operator.results[0].indices

    def shape(self, names: Sequence[str]) -> tuple[int, ...]:
        """The sizes of this piece along indices."""
        return tuple(round(self.sharding.sizes[name]) for name in names)

    def einsum(
        self, operands: Sequence[tuple[Tensor, Sequence[str]]], result: Sequence[str]
    ) -> Tensor:
        """A sum of products over all indices that the result lacks."""
        import torch

        letters = {name: string.ascii_letters[at] for at, name in enumerate(self.sharding.sizes)}
        words = ["".join(letters[name] for name in names) for _, names in operands]
        out = "".join(letters[name] for name in result)
        return torch.einsum(f"{','.join(words)}->{out}", *(tensor for tensor, _ in operands))

    def wide(self, tensor: Tensor) -> Tensor:
        """In the precision of statistics: 4 bytes, or the machine's own."""
        return tensor.to(self.wide_type)

    @property
    def wide_type(self) -> torch.dtype:
        """The type of statistics."""
        import torch

        return self.line.machine.wide or torch.float32

    def parts(self, index: str) -> tuple[SubAxis, ...]:
        """The sub-axes that cut an index."""
        return self.sharding.parts_of(index, self.frame)

    def rows(self, index: str) -> Tensor:
        """The numbers of the rows of an index that each rank has."""
        import torch

        root = self.digits.index(self.operator.name, index)
        radices = self.digits.radices[root]
        fixed = {self.digits.places[root, part.name]: part.name for part in self.parts(index)}

        def make(at: Coordinates) -> Tensor:
            numbers = torch.zeros(1, dtype=torch.int64)
            for digit, radix in enumerate(radices):
                own = (
                    torch.arange(radix) if digit not in fixed else torch.tensor([at[fixed[digit]]])
                )
                numbers = (numbers[:, None] * radix + own[None, :]).reshape(-1)
            return numbers

        return self.line.machine.per_rank(make)

    def whole(self, index: str) -> int:
        """The size of an index over all ranks, in a micro-batch."""
        found = next(one for one in self.operator.indices if one.name == index)
        return self.frame.size(found)

    def only_once(self, tensor: Tensor, names: Mapping[str, object] | Sequence[str]) -> Tensor:
        """Zeros but on the first rank along the sub-axes that cut these indices."""
        import torch

        parts = [part for name in names for part in self.parts(name)]
        if not parts:
            return tensor
        mask = self.line.machine.per_rank(
            lambda at: torch.tensor(
                float(all(at[part.name] == 0 for part in parts)), dtype=tensor.dtype
            )
        )
        return tensor * mask

    def across(self, index: str, tensor: Tensor, how: str, phase: str) -> Tensor:
        """Reduce over the ranks that share an index (nothing where it is whole)."""
        parts = self.parts(index)
        if not parts:
            return tensor
        with self.line.purpose(Why(self.operator.name, None, phase)):
            return self.line.all_reduce(tensor, parts, how)


Forward = Callable[["Piece", tuple["Tensor", ...]], "Made"]
Gradient = Callable[["Piece", int, Kept, "Tensor"], "Tensor"]


@dataclass(frozen=True, slots=True)
class Made:
    """A result, and what the kind keeps beside its operands."""

    result: Tensor
    extra: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kind's arithmetic: forward, and the gradient of one input from that of the result. It may
    read what the kind saves, and of that only what was kept."""

    forward: Forward
    gradient: Gradient
