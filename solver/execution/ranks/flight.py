"""What a chunk holds for one micro-batch, and for how long (`solver/README.md`, section 7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsl.spec import Operator, Unit
from solver.execution.ranks.piece import Kept
from solver.verify.layouts import cut_alike
from solver.verify.plan import Plan
from solver.verify.wiring import Read

if TYPE_CHECKING:
    from torch import Tensor

Key = tuple[str, ...]
"""("read", operator, operand), ("made", tensor), ("shared", tensor), ("extra", operator, n)."""


class NotKeptError(LookupError):
    """The backward reads what the plan's memory does not hold."""


@dataclass(slots=True)
class Flight:
    """Tensors until the end of B, until the end of W, and the gradients that W still waits for.
    `overdue` are results that section 7 frees with B though W reads them once more."""

    until_b: dict[Key, Tensor] = field(default_factory=dict)
    until_w: dict[Key, Tensor] = field(default_factory=dict)
    waiting: list[tuple[Operator, Tensor]] = field(default_factory=list)
    overdue: list[Tensor] = field(default_factory=list)

    def keep(self, key: Key, tensor: Tensor, is_late: bool) -> None:
        """Hold a tensor."""
        (self.until_w if is_late else self.until_b)[key] = tensor

    def find(self, key: Key) -> Tensor | None:
        """A tensor that is held."""
        found = self.until_w.get(key)
        return self.until_b.get(key) if found is None else found

    def kept(self, operator: Operator) -> Kept:
        """Everything that an operator kept."""
        inputs = tuple(
            self.find(("read", operator.name, str(at))) for at in range(len(operator.inputs))
        )
        extra: list[Tensor] = []
        while (more := self.find(("extra", operator.name, str(len(extra))))) is not None:
            extra.append(more)
        return Kept(inputs, self.find(("made", operator.results[0].tensor)), tuple(extra))

    def land(self) -> None:
        """The end of B."""
        made = {
            tensor.untyped_storage()._cdata
            for key, tensor in self.until_b.items()
            if key[0] == "made"
        }
        late = self.until_w.values()
        self.overdue = [one for one in late if one.untyped_storage()._cdata in made]
        self.until_b.clear()


@dataclass(frozen=True, slots=True)
class Keeping:
    """Which tensors a plan keeps, and until when."""

    plan: Plan

    def reads(self, operator: Operator, operand: int) -> bool:
        """The operator keeps this input, as it reads it. A model input that another chunk reads
        first, in the same pieces, is read again instead: batches are there for the whole step."""
        use = operator.inputs[operand]
        role = self.plan.spec.graph.tensors[use.tensor].role
        return use.saved and role != "parameter" and not self.is_read_again(operator, operand)

    def is_read_again(self, operator: Operator, operand: int) -> bool:
        """A model input that the backward reads from the batch."""
        plan, name = self.plan, operator.inputs[operand].tensor
        if plan.spec.graph.tensors[name].role != "input" or not plan.wiring.is_shared(name):
            return False
        first = plan.wiring.readers[name][0].operator.unit
        chunks = plan.virtual_stage_of
        layout = plan.read_layout(Read(operator, operand))
        is_elsewhere = chunks[first] != chunks[operator.unit]
        return is_elsewhere and cut_alike(layout, plan.shared_layout(name))

    def until_w(self, operator: Operator) -> bool:
        """It computes the gradient of a parameter, so it keeps inputs for that."""
        tensors = self.plan.spec.graph.tensors
        return any(
            tensors[operator.inputs[gradient.operand].tensor].role == "parameter"
            for gradient in operator.gradients
        )

    def shares(self, name: str) -> list[Read]:
        """The readers for whom a shared tensor is kept."""
        return [read for read in self.plan.wiring.readers[name] if read.use.saved]

    def outside(self, unit: Unit) -> dict[str, Read]:
        """The tensors that a unit reads from outside of it, with their first reader in it."""
        made = {u.tensor for op in self.plan.operators_of(unit) for u in op.results}
        found: dict[str, Read] = {}
        for operator in self.plan.operators_of(unit):
            for operand, use in enumerate(operator.inputs):
                is_parameter = self.plan.spec.graph.tensors[use.tensor].role == "parameter"
                if use.tensor not in made and not is_parameter:
                    found.setdefault(use.tensor, Read(operator, operand))
        return found
