"""Fixed schedules at unit times: published formula, our generator, the solver at the same memory.

Bubbles are makespan bubbles in units of one operator, memory is in activations of a chunk on the
fullest device. DualPipe's formula for blocks of several operators is not what a problem of single
operators asks for: its row has the figure of its parts (see `families.eight_steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from solver.schedule import ScheduleProblem
from solver.schedule.families import is_fused
from tests.benchmarks.schedule_run import run, table
from tests.schedule.instances import bidirectional, pipeline

UNIT = (1.0, 1.0, 1.0)
AMPLE = 1e9


@dataclass(frozen=True, slots=True)
class Family:
    """Per number of devices: micro-batches, published bubble and memory; `step` between sizes."""

    name: str
    shape: str
    microbatches: Callable[[int], int]
    bubble: Callable[[int], int]
    memory: Callable[[int], int]
    step: int = 1

    def problem(self, devices: int, memory: float) -> ScheduleProblem:
        """The problem with the order free."""
        count = self.microbatches(devices)
        split = not is_fused(self.name)
        if self.shape == "bidirectional":
            return bidirectional(devices, count, UNIT, memory)
        visits = 1 if self.shape == "linear" else 2
        shape = "v" if self.shape == "v" else "linear"
        return pipeline(devices, count, UNIT, memory, split=split, shape=shape, visits=visits)


FAMILIES = (
    Family("gpipe", "linear", lambda p: 2 * p, lambda p: 3 * (p - 1), lambda p: 2 * p),
    Family("one_f_one_b", "linear", lambda p: 2 * p, lambda p: 3 * (p - 1), lambda p: p),
    Family("interleaved", "loop", lambda p: 2 * p, lambda p: 3 * (p - 1), lambda p: 3 * p - 1),
    Family("zb_h1", "linear", lambda p: 2 * p, lambda p: p - 1, lambda p: p),
    Family("zb_h2", "linear", lambda p: 3 * p, lambda p: p - 1, lambda p: 2 * p - 1),
    Family("zb_v", "v", lambda p: 2 * p, lambda p: p - 1, lambda p: 2 * p),
    Family(
        "v_half",
        "v",
        lambda p: 2 * p,
        lambda p: 1 if p == 2 else 3 * p - 7 + 3 * (p % 2),
        lambda p: 2 * ((p + 2) // 2),
    ),
    Family(
        "v_min",
        "v",
        lambda p: 2 * p,
        lambda p: 4 * p - 7 + 2 * (p % 3 == 1),
        lambda p: 2 * ((p + 4) // 3),
    ),
    Family("dualpipe", "bidirectional", lambda p: p, lambda p: p // 2 - 1, lambda p: p + 1, 2),
    Family("dualpipe_v", "v", lambda p: 2 * p, lambda p: p - 1, lambda p: 2 * p + 1),
)


def lines(seconds: float | None) -> Iterable[str]:
    """A row per family, 2 to 16 devices."""
    header = ("family", "micro-batches", "sizes", "formula reproduced", "proved", "solver below")
    columns = ("solver above", "formula, solver at 4", "at 8", "at 16", "seconds")
    return table((*header, *columns), (_row(family, seconds or 5.0) for family in FAMILIES))


def _row(family: Family, seconds: float) -> tuple[object, ...]:
    reproduced = proved = 0
    below: list[int] = []
    above: list[int] = []
    shown: dict[int, str] = {}
    taken = 0.0
    sizes = range(2, 17, family.step)
    for devices in sizes:
        bubble, memory = family.bubble(devices), family.memory(devices)
        free = family.problem(devices, memory)
        work = sum(UNIT) * free.microbatches * len(free.chunks) / devices
        fixed = run(replace(free, capacity_bytes=(AMPLE,) * devices, family=family.name), 0.0)
        if fixed.value - work == bubble and fixed.peak_bytes == memory:
            reproduced += 1
        found = run(free, seconds)
        taken += found.seconds
        proved += found.proved
        if found.value < fixed.value:
            below.append(devices)
        if found.value > fixed.value:
            above.append(devices)
        shown[devices] = f"{bubble}, {found.value - work:g}"
    return (
        family.name,
        "3P" if family.microbatches(4) == 12 else "2P" if family.microbatches(4) == 8 else "P + P",
        f"{sizes[0]}..{sizes[-1]}",
        f"{reproduced} of {len(sizes)}",
        f"{proved} of {len(sizes)}",
        _listed(below),
        _listed(above),
        shown[4],
        shown[8],
        shown[16],
        f"{taken:.0f}",
    )


def _listed(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes)) or "none"
