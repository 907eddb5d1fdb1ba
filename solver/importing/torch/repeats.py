"""Runs of modules that are alike: of each, two are exported, and the others are repeats of them.

Two, so that it is seen that the second reads what the first makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

KEPT = 2
_NUMBERS = ("layer_idx", "layer_id", "idx", "index", "layer_index", "layer_number")


@dataclass(frozen=True, slots=True)
class Run:
    """`count` neighbours in the list at `path`; `kept` are the names of those that are exported."""

    path: tuple[str, ...]
    kept: tuple[str, ...]
    count: int


def shorten(module: nn.Module, path: tuple[str, ...] = ()) -> tuple[Run, ...]:
    """Drop all but the first two of every run of a module's lists, in place."""
    from torch import nn

    found = tuple(_runs(module, path)) if isinstance(module, _lists(nn)) else ()
    if any(run.count > 1 for run in found):
        return _drop(module, found)
    children = list(module.named_children())
    return tuple(run for name, child in children for run in shorten(child, (*path, name)))


def _drop(group: nn.Module, runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Keep what the runs keep; lists count anew from 0."""
    kept = [key for run in runs for key in run.kept]
    is_counted = hasattr(group, "append")
    names = {key: str(at) if is_counted else key for at, key in enumerate(kept)}
    members = {names[key]: group._modules[key] for key in kept}
    group._modules.clear()
    group._modules.update(members)
    return tuple(Run(run.path, tuple(names[k] for k in run.kept), run.count) for run in runs)


def _runs(group: nn.Module, path: tuple[str, ...]) -> Iterator[Run]:
    members = [(key, one) for key, one in group._modules.items() if one is not None]
    for _, alike in groupby(members, key=lambda member: _signature(member[1])):
        keys = [key for key, _ in alike]
        yield Run(path, tuple(keys[:KEPT]), len(keys))


def _signature(module: nn.Module) -> tuple[object, ...]:
    """What makes two modules compute the same function of their parameters and inputs."""
    own = module.__dict__.items()
    simple = tuple(
        sorted(
            (key, repr(value))
            for key, value in own
            if isinstance(value, bool | int | float | str | None) and key not in _NUMBERS
        )
    )
    tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    shapes = tuple((key, tuple(t.shape), str(t.dtype)) for key, t in tensors)
    children = tuple((key, _signature(child)) for key, child in module.named_children())
    return (type(module), simple, shapes, children)


def _lists(nn: object) -> tuple[type, ...]:
    return tuple(getattr(nn, name) for name in ("ModuleList", "Sequential", "ModuleDict"))
