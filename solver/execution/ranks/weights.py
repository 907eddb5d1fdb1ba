"""Parameters, gradients and optimizer state as a plan stores them (section 6)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsl.spec import SubAxis
from solver.execution.ranks.collectives import Line, Why, size_of
from solver.execution.ranks.machine import Machine
from solver.execution.ranks.types import Types
from solver.verify.figures import Phase
from solver.verify.layouts import PARTIAL, Layout
from solver.verify.plan import Plan
from solver.verify.storage import Holding, hold

if TYPE_CHECKING:
    from torch import Tensor

Initial = Callable[[str, Layout], "Tensor"]


class UnevenError(ValueError):
    """A parameter whose elements do not divide by the devices that store it."""


@dataclass(slots=True)
class Stored:
    """One parameter on a rank: flat pieces of it, its gradient, and bytes of optimizer state."""

    holding: Holding
    shape: tuple[int, ...]
    weight: Tensor
    gradient: Tensor | None
    state: Tensor | None


@dataclass(slots=True)
class Weights:
    """All parameters of a stage. `whole` are those that are gathered now."""

    plan: Plan
    line: Line
    types: Types
    stored: dict[str, Stored] = field(default_factory=dict)
    whole: dict[str, Tensor] = field(default_factory=dict)

    @property
    def machine(self) -> Machine:
        """The ranks."""
        return self.line.machine

    def add(self, name: str, initial: Initial) -> None:
        """Place a parameter. Raises UnevenError."""
        import torch

        held = hold(self.plan, name)
        if held.elements % size_of(held.optimizer):
            raise UnevenError(
                f"{held.elements} elements of `{name}` do not divide by the "
                f"{size_of(held.optimizer)} devices that store them"
            )
        used = initial(name, held.used)
        flat = _cut(used.reshape(-1), held.optimizer, held.weights, self.machine.pick)
        train = self.plan.spec.train
        gradient = state = None
        if held.trained:
            dtype = self.types.of(train.optimizer.gradient_bytes)
            gradient = torch.zeros(held.gradient_elements(), dtype=dtype)
            size = held.optimizer_elements() * train.optimizer.state_bytes
            state = torch.zeros(math.ceil(size), dtype=torch.uint8)
        self.stored[name] = Stored(held, tuple(used.shape), flat.clone(), gradient, state)

    def tensors(self) -> list[Tensor]:
        """All that stays on the rank."""
        found = [(one.weight, one.gradient, one.state) for one in self.stored.values()]
        return [tensor for row in found for tensor in row if tensor is not None]

    def gather(self, name: str, phase: Phase) -> Tensor:
        """The parameter in its used layout."""
        one = self.stored[name]
        parts = one.holding.weights
        if not parts:
            return one.weight.reshape(one.shape)
        if name not in self.whole:
            with self.line.purpose(Why(name, name, phase)):
                rows = self.line.all_gather(one.weight, parts)
            flat = _joined(rows, one.holding.optimizer, parts)
            self.whole[name] = flat.reshape(one.shape)
        return self.whole[name]

    def release(self, names: Sequence[str] | None = None) -> None:
        """Drop gathered parameters (all of them)."""
        for name in tuple(self.whole) if names is None else names:
            self.whole.pop(name, None)

    def accumulate(self, name: str, gradient: Tensor) -> None:
        """Add what a micro-batch gives, summands over all sub-axes of `reduced`."""
        one = self.stored[name]
        held = one.holding
        if one.gradient is None:
            raise LookupError(f"`{name}` is not trained")
        flat = gradient.reshape(-1).to(one.gradient.dtype)
        scattered = tuple(part for part in held.reduced if part in held.gradients)
        with self.line.purpose(Why(name, name, "W")):
            flat = _cut(flat, held.optimizer, scattered, self.line.reduce_scatter)
        left = tuple(part for part in held.optimizer if part not in scattered)
        sliced = tuple(part for part in held.gradients if part not in scattered)
        one.gradient += _cut(flat, left, sliced, self.machine.pick)

    def step(self, update: Callable[[Tensor, Tensor], Tensor] | None) -> None:
        """Reduce, update, gather: once per step."""
        for name, one in self.stored.items():
            if one.gradient is not None:
                with self.line.purpose(Why(name, name, "step")):
                    self._step(one, update)

    def reduced(self, name: str) -> Tensor:
        """The gradient in the piece that the optimizer has, summed over all ranks."""
        one = self.stored[name]
        held = one.holding
        if one.gradient is None:
            raise LookupError(f"`{name}` is not trained")
        left = tuple(part for part in held.optimizer if part not in held.gradients)
        scattered = tuple(part for part in held.reduced if part in left)
        flat = _cut(one.gradient, left, scattered, self.line.reduce_scatter)
        rest = tuple(part for part in left if part not in scattered)
        flat = _cut(flat, rest, rest, self.machine.pick)
        summed = tuple(part for part in held.reduced if part not in held.optimizer)
        if summed:
            flat = self.line.all_reduce(flat, summed)
        if len(held.stages) > 1 and self.machine.wide is None:
            flat = self.line.all_reduce(flat, self.plan.pipeline)
        return flat

    def _step(self, one: Stored, update: Callable[[Tensor, Tensor], Tensor] | None) -> None:
        held = one.holding
        gradient = self.reduced(held.name)
        left = tuple(part for part in held.optimizer if part not in held.weights)
        own = _cut(one.weight, left, left, self.machine.pick)
        new = own if update is None else update(own, gradient)
        if left:
            one.weight = _joined(self.line.all_gather(new, left), left, left)
        else:
            one.weight = new


def sums_of(plan: Plan, held: Holding, layout: Layout) -> Mapping[SubAxis, bool]:
    """For every sub-axis that a gradient is reduced over, whether this reader leaves summands."""
    states = dict(zip(plan.frame.parts, layout, strict=True))
    return {part: states[part] == PARTIAL for part in held.reduced}


def _cut(
    flat: Tensor,
    digits: Sequence[SubAxis],
    parts: Sequence[SubAxis],
    how: Callable[[Tensor, Sequence[SubAxis]], Tensor],
) -> Tensor:
    """A flat tensor whose slowest digits are sub-axes, scattered along some of them."""
    if not parts:
        return flat
    grid = flat.reshape(*(part.size for part in digits), -1)
    first = [at for at, part in enumerate(digits) if part in parts]
    rest = [at for at in range(grid.dim()) if at not in first]
    turned = grid.permute(*first, *rest)
    rows = turned.reshape(size_of(parts), *turned.shape[len(first) :]).contiguous()
    return how(rows, parts).reshape(-1)


def _joined(rows: Tensor, digits: Sequence[SubAxis], parts: Sequence[SubAxis]) -> Tensor:
    """The inverse: rows along some of the digits put back."""
    others = [part for part in digits if part not in parts]
    grid = rows.reshape(*(p.size for p in parts), *(p.size for p in others), -1)
    have = [*parts, *others]
    order = [have.index(part) for part in digits]
    return grid.permute(*order, grid.dim() - 1).reshape(-1)
