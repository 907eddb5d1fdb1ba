"""How long and how a part of the search may run."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from solver.cpsat import Limits


@dataclass(frozen=True, slots=True)
class Effort:
    """How long one part of the search may take, and how."""

    seconds: float
    workers: int
    seed: int
    deterministic: bool
    stop: threading.Event

    def limits(self, share: float = 1.0) -> Limits:
        """CP-SAT limits for a share of the time."""
        return Limits(self.seconds * share, self.workers, self.seed, self.deterministic, self.stop)
