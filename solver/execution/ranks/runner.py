"""The chunks of a plan on some ranks: what comes in, what goes out, what stays in flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from solver.execution.ranks.backward import Backward
from solver.execution.ranks.flight import Flight, Key
from solver.execution.ranks.forward import Forward
from solver.execution.ranks.program import Program
from solver.verify.layouts import Layout, whole_sums

if TYPE_CHECKING:
    from torch import Tensor

Mail = dict[Key, "Tensor"]
"""Tensors between chunks: ("made", name) as produced, or ("shared", name). Of gradients, ("made",
name) is as the producer needs it, ("shared", name) at the shared layout."""


@dataclass(slots=True)
class Runner:
    """Runs F, B and W of chunks. `fused` says whose backward is whole."""

    program: Program
    fused: tuple[bool, ...]
    flights: dict[tuple[int, int], Flight] = field(default_factory=dict)

    def forward(self, chunk: int, microbatch: int, mail: Mail) -> Mail:
        """F of a micro-batch; everything at hand at its end."""
        flight = self.flights[chunk, microbatch] = Flight()
        forward = Forward(self.program, microbatch, dict(mail))
        for unit in self.program.plan.units_in(chunk):
            forward.unit(unit, flight)
        self.program.weights.release()
        return {k: v for k, v in forward.values.items() if k[0] in ("made", "shared")}

    def backward(self, chunk: int, microbatch: int, mail: Mail) -> Mail:
        """B of a micro-batch, the whole backward where it is fused; gradients for other chunks."""
        flight = self.flights[chunk, microbatch]
        run = Backward(self.program, microbatch, self.fused[chunk])
        for (kind, name), gradient in mail.items():
            (run.made if kind == "made" else run.shared)[name] = gradient
        for unit in reversed(self.program.plan.units_in(chunk)):
            run.unit(unit, flight)
        run.settle()
        self.program.weights.release()
        flight.land()
        if self.fused[chunk]:
            del self.flights[chunk, microbatch]
        out: Mail = {("made", name): gradient for name, gradient in run.made.items()}
        return out | {("shared", name): gradient for name, gradient in run.shared.items()}

    def weight(self, chunk: int, microbatch: int) -> None:
        """W of a micro-batch."""
        flight = self.flights.pop((chunk, microbatch))
        run = Backward(self.program, microbatch, True)
        for operator, dy in flight.waiting:
            run.weights(operator, dy, flight)
        run.settle()
        self.program.weights.release()

    def waiting(self) -> list[Tensor]:
        """What weight gradients still wait for and section 7 does not count: gradients of results,
        and results that their readers' weights need."""
        gradients = [dy for flight in self.flights.values() for _, dy in flight.waiting]
        return gradients + [one for flight in self.flights.values() for one in flight.overdue]


@dataclass(frozen=True, slots=True)
class Borders:
    """Which tensors pass between chunks, with their layouts."""

    program: Program

    def into_forward(self, chunk: int) -> dict[Key, Layout]:
        """What a chunk's F reads of chunks before it."""
        plan = self.program.plan
        found: dict[Key, Layout] = {}
        for unit in plan.units_in(chunk):
            for operator in plan.operators_of(unit):
                for use in operator.inputs:
                    write = plan.wiring.producers.get(use.tensor)
                    if write is None or self._chunk(write.operator.unit) == chunk:
                        continue
                    if self._shared_before(use.tensor, chunk):
                        found["shared", use.tensor] = plan.shared_layout(use.tensor)
                    else:
                        found["made", use.tensor] = plan.produced(write)
        return found

    def into_backward(self, chunk: int) -> dict[Key, Layout]:
        """The gradients that come to a chunk's B from chunks after it."""
        plan = self.program.plan
        found: dict[Key, Layout] = {}
        for name, write in plan.wiring.producers.items():
            readers = [r for r in plan.wiring.readers.get(name, ()) if r.has_gradient]
            later = [r for r in readers if self._chunk(r.operator.unit) > chunk]
            if not later:
                continue
            wanted = whole_sums(plan.produced(write))
            is_maker = self._chunk(write.operator.unit) == chunk
            if not plan.wiring.is_shared(name):
                if is_maker:
                    found["made", name] = wanted
                continue
            first = self._chunk(plan.wiring.readers[name][0].operator.unit)
            if first == chunk:
                found["shared", name] = plan.shared_gradient(name)
            elif is_maker:
                found["made", name] = wanted
        return found

    def target(self, key: Key) -> int:
        """The chunk that a gradient goes to."""
        plan, name = self.program.plan, key[1]
        if key[0] == "made":
            return self._chunk(plan.wiring.producers[name].operator.unit)
        return self._chunk(plan.wiring.readers[name][0].operator.unit)

    def _shared_before(self, name: str, chunk: int) -> bool:
        readers = self.program.plan.wiring.readers[name]
        is_shared = self.program.plan.wiring.is_shared(name)
        return is_shared and self._chunk(readers[0].operator.unit) < chunk

    def _chunk(self, unit: str) -> int:
        return self.program.plan.virtual_stage_of[unit]
