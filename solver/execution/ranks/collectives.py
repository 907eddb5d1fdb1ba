"""Collectives on tensors, and the record of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dsl.spec import SubAxis
from solver.execution.ranks.machine import Machine
from solver.verify.figures import Phase

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Why:
    """What a collective is for, in the words of the plan's list: the operator (or parameter), the
    tensor, the phase."""

    operator: str
    tensor: str | None
    phase: Phase | str


@dataclass(slots=True)
class Line:
    """The collectives of one program: `why` and `parts` are those of the one that runs now, for
    whoever watches."""

    machine: Machine
    why: Why = field(default_factory=lambda: Why("", None, "F"))
    parts: tuple[str, ...] = ()
    phase: Phase | None = None

    @contextmanager
    def purpose(self, why: Why) -> Iterator[None]:
        """Everything inside is for this; `phase`, where it is set, is the one that counts (a
        forward that runs again in the backward)."""
        before = self.why
        self.why = why if self.phase is None else replace(why, phase=self.phase)
        try:
            yield
        finally:
            self.why = before

    def all_reduce(self, tensor: Tensor, parts: Sequence[SubAxis], how: str = "sum") -> Tensor:
        """The sum, or `max`, over the ranks."""
        return self._call("all_reduce", parts, tensor, how)

    def reduce_scatter(self, rows: Tensor, parts: Sequence[SubAxis]) -> Tensor:
        """Each rank's row of the sum."""
        made = self._call("reduce_scatter_tensor", parts, rows, "sum", rows.shape[0])
        return made.reshape(rows.shape[1:])

    def all_gather(self, tensor: Tensor, parts: Sequence[SubAxis]) -> Tensor:
        """The tensors of all ranks as rows."""
        count = size_of(parts)
        made = self._call("all_gather_into_tensor", parts, tensor.reshape(1, *tensor.shape), count)
        return made.reshape(count, *tensor.shape)

    def all_to_all(self, rows: Tensor, parts: Sequence[SubAxis]) -> Tensor:
        """Row j of rank i becomes row i of rank j."""
        ones = [1] * rows.shape[0]
        return self._call("all_to_all_single", parts, rows, ones, ones)

    def _call(self, name: str, parts: Sequence[SubAxis], tensor: Tensor, *rest: Any) -> Tensor:
        import torch

        library = torch.ops._c10d_functional
        group = self.machine.group(parts).group_name
        self.parts = tuple(part.name for part in parts)
        started = getattr(library, name)(tensor.contiguous(), *rest, group)
        made: Tensor = library.wait_tensor(started)
        return made


def size_of(parts: Sequence[SubAxis]) -> int:
    """How many ranks a group along sub-axes has."""
    count = 1
    for part in parts:
        count *= part.size
    return count
