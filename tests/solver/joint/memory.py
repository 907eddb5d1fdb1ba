"""Memory of the joint model: the bytes of every stage when each of its forwards starts."""

from __future__ import annotations

from solver.cpsat import Linear
from solver.verify.memory import memory_limit
from tests.solver.joint.operators import PHASES, Operators
from tests.solver.joint.stages import Stages
from tests.solver.joint.writer import Writer


class Memory:
    """`peak`: bytes of the fullest stage without the reserve, at least."""

    def __init__(self, write: Writer, stages: Stages, operators: Operators) -> None:
        self.write, self.model = write, write.model
        self.on, self.operators = stages, operators
        self._hold()

    def _hold(self) -> None:
        """Micro-batch j is held until its B and W, what only B needs until its B."""
        limit = memory_limit(self.on.spec)
        capacity = self.on.spec.mesh.device.memory_bytes
        room = int(capacity if limit is None else limit.value - limit.reserve)
        self.peak = self.write.amount("peak")
        for s in self.on.stages:
            fixed = self.on.static[s] + self._buffers(s)
            early_w = self.write.when(self.on.until_w[s], [self.on.fused[s]], f"freed with b {s}")
            early = self.on.until_b[s] + early_w
            late = self.write.when(self.on.until_w[s], [1 - self.on.fused[s]], f"freed with w {s}")
            for j in range(self.operators.count):
                held: Linear = fixed + self.on.until_b[s] + self.on.until_w[s]
                for k in range(j):
                    for phase, amount in zip(PHASES[1:], (early, late), strict=True):
                        still = self.operators.before[s, "F", j, phase, k]
                        held = held + self.write.when(amount, [still], f"{phase} {k} at {j} on {s}")
                self.model.add(held <= room)
                self.model.add(self.peak >= held)

    def _buffers(self, stage: int) -> Linear:
        """Work of one operator, two gathered units, one unit run again: the largest of each."""
        work, gathered, again = (
            self.write.amount(f"{x} {stage}") for x in ("work", "gather", "again")
        )
        selection = self.on.selection
        for u, unit in enumerate(self.on.choices.units):
            on = [self.on.on[u][stage]]
            for name in unit.operators:
                self.model.add(work >= self.write.when(selection.work(name), on, f"work {name}"))
            self.model.add(gathered >= self.write.when(selection.gathered[u], on, f"gathers {u}"))
            self.model.add(
                again >= self.write.when(self.on.rebuilt[u], on, f"rebuilds {u} on {stage}")
            )
        return work + 2 * gathered + again
