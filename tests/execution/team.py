"""Devices as threads of one process, so that programs run on many without starting any."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping

import torch

from solver.reference.runtime.model import ChunkModule
from solver.reference.runtime.program import Program
from solver.reference.runtime.training import gradients_of, loss_share, random_batch
from solver.reference.runtime.wires import Wires

DTYPE = torch.float64
torch.set_num_threads(1)


class ThreadWires(Wires):
    """The collectives of one thread, which stands at `at` in the mesh."""

    def __init__(self, program: Program, at: tuple[int, ...], team: Team) -> None:
        super().__init__([a.name for a in program.axes], [a.size for a in program.axes])
        self.at, self.team = at, team

    def coordinate(self, axis: int) -> int:
        return self.at[axis]

    def all_reduce(self, x: torch.Tensor, axes: tuple[int, ...], how: str = "sum") -> torch.Tensor:
        stacked = self._meet(x, axes)
        return stacked.amax(0) if how == "max" else stacked.sum(0)

    def reduce_scatter(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        return self._meet(x, axes).sum(0)[self._number(axes)]

    def all_to_all(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        return self._meet(x, axes)[:, self._number(axes)]

    def all_gather(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        return self._meet(x, axes)

    def _meet(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        """The tensors of all threads along the axes, in mesh order."""
        found = self.team.exchange(self.at, x.detach())
        ranges = [
            range(size) if axis in axes else (self.at[axis],)
            for axis, size in enumerate(self.sizes)
        ]
        return torch.stack([found[place] for place in itertools.product(*ranges)])

    def _number(self, axes: tuple[int, ...]) -> int:
        number = 0
        for axis in axes:
            number = number * self.sizes[axis] + self.at[axis]
        return number


class Team:
    """All devices of a program of one chunk."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.places = list(itertools.product(*(range(a.size) for a in program.axes)))
        self._barrier = threading.Barrier(len(self.places), timeout=60)
        self._table: dict[tuple[int, ...], torch.Tensor] = {}

    def exchange(
        self, place: tuple[int, ...], x: torch.Tensor
    ) -> Mapping[tuple[int, ...], torch.Tensor]:
        """What every thread brought."""
        self._table[place] = x
        self._barrier.wait()
        found = dict(self._table)
        self._barrier.wait()
        return found

    def run(self, work: Callable[[ThreadWires], object]) -> dict[tuple[int, ...], object]:
        """The result of every device; the first error of any is raised."""
        results: dict[tuple[int, ...], object] = {}
        errors: list[BaseException] = []

        def device(place: tuple[int, ...]) -> None:
            try:
                results[place] = work(ThreadWires(self.program, place, self))
            except BaseException as error:
                errors.append(error)
                self._barrier.abort()

        threads = [threading.Thread(target=device, args=(place,)) for place in self.places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            others = [e for e in errors if not isinstance(e, threading.BrokenBarrierError)]
            raise (others or errors)[0]
        return results


def train(program: Program, wires: Wires) -> dict[str, torch.Tensor]:
    """One step of all chunks after another on this device: its gradients, reduced."""
    chunks = [ChunkModule(chunk, program, wires) for chunk in program.chunks]
    for chunk in chunks:
        chunk.materialize(torch.device("cpu"), DTYPE)
    for microbatch in range(program.microbatches):
        batch = random_batch(program, microbatch, DTYPE)
        passed: tuple[torch.Tensor, ...] = ()
        for chunk in chunks:
            passed = chunk(*passed, **batch)
        loss_share(passed, program).backward()
    return {name: g for chunk in chunks for name, g in gradients_of(chunk).items()}
