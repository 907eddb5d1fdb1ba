"""The ranks that a program runs on, and their collectives.

`OneRank` is a rank of any number of them: the others do not exist (a fake process group, tensors
without values). `AllRanks` are a few at once, in lockstep, with values (`LocalTensorMode`, torch
2.13). Both call the same functional collectives, in which a recorder sees what is communicated.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from dsl.spec import SubAxis

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.distributed import ProcessGroup

Coordinates = Mapping[str, int]
"""Where a rank is along every sub-axis."""


class Machine(Protocol):
    """Ranks that run one program. Tensors have a leading dimension of one row per member of a group
    where they are scattered or exchanged, in mesh order."""

    wide: torch.dtype | None
    """The type of every number that is no integer; None: each tensor has its own."""

    def per_rank(self, make: Callable[[Coordinates], Tensor]) -> Tensor:
        """A tensor that each rank makes for itself."""
        ...

    def pick(self, rows: Tensor, parts: Sequence[SubAxis]) -> Tensor:
        """The row of each rank."""
        ...

    def group(self, parts: Sequence[SubAxis]) -> ProcessGroup:
        """The ranks that differ along these sub-axes only."""
        ...


class OneRank:
    """The rank at some coordinates of a mesh."""

    def __init__(self, parts: Sequence[SubAxis], coordinates: Coordinates) -> None:
        self.parts, self.coordinates = tuple(parts), dict(coordinates)
        self.wide: torch.dtype | None = None
        self._groups: dict[tuple[str, ...], ProcessGroup] = {}

    def per_rank(self, make: Callable[[Coordinates], Tensor]) -> Tensor:
        """What this rank makes."""
        return make(self.coordinates)

    def pick(self, rows: Tensor, parts: Sequence[SubAxis]) -> Tensor:
        """Its row, as a tensor of its own."""
        return rows[row_of(self.coordinates, parts)].clone()

    def group(self, parts: Sequence[SubAxis]) -> ProcessGroup:
        """Its group along sub-axes."""
        return _group(self._groups, self.parts, parts, self.coordinates)


class AllRanks:
    """All ranks of a mesh, with values of 8 bytes."""

    def __init__(self, parts: Sequence[SubAxis]) -> None:
        import torch

        self.parts = tuple(parts)
        self.ranks = tuple(every_rank(parts))
        self.wide: torch.dtype | None = torch.float64
        self._groups: dict[tuple[str, ...], ProcessGroup] = {}

    def per_rank(self, make: Callable[[Coordinates], Tensor]) -> Tensor:
        """What every rank makes."""
        from torch.distributed._local_tensor import LocalTensor, maybe_disable_local_tensor_mode

        with maybe_disable_local_tensor_mode():
            made = {rank: make(at) for rank, at in enumerate(self.ranks)}
        return LocalTensor(made)

    def pick(self, rows: Tensor, parts: Sequence[SubAxis]) -> Tensor:
        """The row of every rank."""
        pieces = pieces_of(rows, len(self.ranks))
        numbers = {at: row_of(c, parts) for at, c in enumerate(self.ranks)}
        from torch.distributed._local_tensor import LocalTensor, maybe_disable_local_tensor_mode

        with maybe_disable_local_tensor_mode():
            picked = {rank: piece[numbers[rank]].clone() for rank, piece in enumerate(pieces)}
        return LocalTensor(picked)

    def group(self, parts: Sequence[SubAxis]) -> ProcessGroup:
        """The group of rank 0; those of the others follow from it."""
        return _group(self._groups, self.parts, parts, self.ranks[0])


def pieces_of(tensor: Tensor, ranks: int) -> tuple[Tensor, ...]:
    """What every rank holds of a tensor of all of them (the same, where it differs on none)."""
    found: Any = getattr(tensor, "_local_tensors", None)
    return (
        tuple(tensor for _ in range(ranks))
        if found is None
        else tuple(found[rank] for rank in range(ranks))
    )


def every_rank(parts: Sequence[SubAxis]) -> Iterator[Coordinates]:
    """The coordinates of all ranks, in their order."""
    for digits in itertools.product(*(range(part.size) for part in parts)):
        yield dict(zip((part.name for part in parts), digits, strict=True))


def row_of(at: Coordinates, parts: Sequence[SubAxis]) -> int:
    """The number of a rank in its group along sub-axes."""
    row = 0
    for part in parts:
        row = row * part.size + at[part.name]
    return row


@contextmanager
def world(size: int, rank: int) -> Iterator[None]:
    """A process group of `size` ranks of which only one exists, and sends nothing."""
    import torch.distributed as dist
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=size)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _group(
    made: dict[tuple[str, ...], ProcessGroup],
    mesh: Sequence[SubAxis],
    parts: Sequence[SubAxis],
    at: Coordinates,
) -> ProcessGroup:
    import torch.distributed as dist

    names = tuple(part.name for part in parts)
    if names not in made:
        others = every_rank(parts)
        made[names] = dist.new_group([row_of({**at, **other}, mesh) for other in others])
    return made[names]
