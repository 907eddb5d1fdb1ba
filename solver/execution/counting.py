"""Counts what a program does: collectives with their bytes, and the bytes that are alive.

A dispatch mode sees every call of PyTorch below autograd. A tensor's memory is alive until the last
tensor on it is gone, which is known from a weak reference, not from what the program says it holds.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from solver.execution.ranks.collectives import Line

if TYPE_CHECKING:
    from torch import Tensor

Call = tuple[str, str | None, str, str, tuple[str, ...], int]
"""Operator, tensor, phase, collective, sub-axes, bytes."""

_NAMES = {
    "all_reduce": "all_reduce",
    "reduce_scatter_tensor": "reduce_scatter",
    "all_gather_into_tensor": "all_gather",
    "all_to_all_single": "all_to_all",
}


@dataclass(slots=True)
class Counted:
    """Collectives by kind, purpose and size, and live bytes of everything made while watching."""

    calls: Counter[Call] = field(default_factory=Counter)
    live: int = 0
    seen: dict[int, Any] = field(default_factory=dict)

    def made(self, tensor: Tensor) -> None:
        """A result: its memory counts once, until it is gone."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self.seen:
            size = storage.nbytes()
            self.live += size
            self.seen[key] = weakref.ref(storage, self._forget(key, size))

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Memory that was there before."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            self.seen[storage._cdata] = weakref.ref(storage, self._forget(storage._cdata, 0))

    def size_of(self, tensors: Iterable[Tensor]) -> int:
        """Bytes of distinct memory."""
        found = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors}
        return sum(found.values())

    def _forget(self, key: int, size: int) -> Callable[[object], None]:
        def gone(_: object) -> None:
            del self.seen[key]
            self.live -= size

        return gone


@contextmanager
def counting(line: Line) -> Iterator[Counted]:
    """Watch everything that runs inside."""
    from torch import Tensor
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_iter

    counted = Counted()

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            for one in tree_iter(result):
                if isinstance(one, Tensor):
                    counted.made(one)
            if func.namespace == "_c10d_functional":
                _count(counted, line, func.__name__.partition(".")[0], args[0], result)
            return result

    with Mode():
        yield counted


def _count(counted: Counted, line: Line, name: str, argument: Tensor, result: Tensor) -> None:
    if name == "wait_tensor":
        return
    largest = result if name == "all_gather_into_tensor" else argument
    size = largest.numel() * largest.element_size()
    why = line.why
    call = (why.operator, why.tensor, str(why.phase), _NAMES[name], line.parts, size)
    counted.calls[call] += 1
