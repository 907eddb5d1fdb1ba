"""Several searches behind an executor, several at a time, within one time for all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from solver.events import Options
from solver.isolate.interrupts import Interrupts
from solver.sweep.executors import Hearing, Place
from solver.sweep.run import completed

Answer = TypeVar("Answer")
Work = Callable[[Options, Hearing], Answer]
"""A search, or a few: what it may spend, and how it hears of interrupts. It can be pickled."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Where searches run, for how long, and with which options.

    `seconds` are for all of them together, shared evenly (None: the time limit of the options for
    each); what one leaves goes to the others, unless searches must repeat. After the first
    interrupt nothing more is started.
    """

    options: Options
    seconds: float | None
    place: Place
    interrupts: Interrupts

    def answers(
        self, work: Mapping[int, Work[Answer]]
    ) -> Iterator[tuple[int, Answer | Exception | None]]:
        """(number, what its search gave or raised) as they come, `jobs` at a time. A number is
        also that of the branch by which its search hears of interrupts."""
        waiting = list(work)
        rounds = math.ceil(len(waiting) / self.place.jobs)
        total = self.seconds or self.options.time_limit_s * rounds
        began = time.monotonic()
        for turn in range(rounds):
            share = total / rounds
            if not self.options.reproducible:
                share = (total - (time.monotonic() - began)) / (rounds - turn)
            if self.interrupts.count or share <= 0:
                return
            options = replace(self.options, time_limit_s=share)
            wave = waiting[turn * self.place.jobs : (turn + 1) * self.place.jobs]
            jobs = {at: partial(work[at], options, self.place.hearing(at)) for at in wave}
            yield from completed(self.place, jobs, self.interrupts)
