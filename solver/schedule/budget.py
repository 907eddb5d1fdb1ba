"""Search time: seconds of the clock, or CP-SAT's deterministic time where runs must repeat
exactly."""

from __future__ import annotations

import time

LEAST_SECONDS = 0.01  # CP-SAT calls a model with less than no time invalid


class Budget:
    """What is left of `seconds`, from now on."""

    def __init__(self, seconds: float, deterministic: bool) -> None:
        self._deterministic = deterministic
        self._seconds = seconds
        self._spent = 0.0
        self._begin = time.monotonic()

    def left(self) -> float:
        """Seconds left; zero or less when the time is over."""
        if self._deterministic:
            return self._seconds - self._spent
        return self._seconds - (time.monotonic() - self._begin)

    def charge(self, deterministic_seconds: float) -> None:
        """Account for a solve; the clock needs no telling. Building a model is charged a little, so
        that solves that presolve closes at once come to an end too."""
        self._spent += deterministic_seconds + 0.01

    def part(self, share: float) -> Budget:
        """A budget of a share of what is left; what it is charged is charged here by the caller."""
        return Budget(share * self.left(), self._deterministic)

    @property
    def spent(self) -> float:
        """What was charged."""
        return self._spent
