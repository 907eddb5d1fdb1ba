"""Parameters that are gathered for the forward, let go, and gathered again for the backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from solver.reference.runtime.weights import StoredWeight


@contextmanager
def regathered(
    weights: Mapping[str, StoredWeight], again: bool
) -> Iterator[dict[str, torch.Tensor]]:
    """The parameters as an operator uses them. Where they are gathered for it, what autograd saves
    of them is let go, and gathered `again` when the backward asks."""
    used = {name: weight() for name, weight in weights.items()}
    gathered = {
        x.untyped_storage().data_ptr(): weights[name]
        for name, x in used.items()
        if weights[name].spec.used != weights[name].spec.stored
    }
    with _hooks(gathered) if gathered and again else nullcontext():
        yield used


def _hooks(gathered: Mapping[int, StoredWeight]) -> Any:
    def pack(x: torch.Tensor) -> Any:
        weight = gathered.get(x.untyped_storage().data_ptr())
        if weight is None:
            return x
        return weight, x.size(), x.stride(), x.storage_offset()

    def unpack(saved: Any) -> torch.Tensor:
        if isinstance(saved, torch.Tensor):
            return saved
        weight, size, stride, offset = saved
        whole: torch.Tensor = weight.gathered()
        return whole.contiguous().as_strided(size, stride, offset)

    return torch.autograd.graph.saved_tensors_hooks(pack, unpack)
