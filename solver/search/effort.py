"""How long and how a part of the search may run."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from solver.cpsat import Limits


@dataclass(frozen=True, slots=True)
class Effort:
    """How long one part of the search may take, and how. `deadline` is on the monotonic clock; runs
    that must repeat (`deterministic`) have none."""

    seconds: float
    workers: int
    seed: int
    deterministic: bool
    stop: threading.Event
    deadline: float = math.inf

    def is_over(self) -> bool:
        """Whether to come back with what there is."""
        if self.stop.is_set():
            return True
        return not self.deterministic and time.monotonic() > self.deadline

    def limits(self, share: float = 1.0) -> Limits:
        """CP-SAT limits for a share of the time."""
        seconds = self.seconds * share
        if not self.deterministic:
            seconds = min(seconds, max(0.05, self.deadline - time.monotonic()))
        return Limits(seconds, self.workers, self.seed, self.deterministic, self.stop)
