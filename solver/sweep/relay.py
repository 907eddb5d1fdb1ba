"""One signal, many searches: every point of a sweep that runs hears of each Ctrl-C."""

from __future__ import annotations

from solver.isolate.interrupts import Interrupts


class Branch(Interrupts):
    """What one point hears. It installs no signal handlers; its relay tells it of signals."""

    def hear(self, count: int) -> None:
        """Pass on the `count`-th signal."""
        self.count = count
        if self._listener is not None:
            self._listener(count)


class Relay:
    """Passes the signals that `source` counts on to its branches, from the signal handler."""

    def __init__(self, source: Interrupts, branches: int) -> None:
        self.branches = tuple(Branch() for _ in range(branches))
        source.listen(self._tell)
        if source.count:
            self._tell(source.count)

    def _tell(self, count: int) -> None:
        for branch in self.branches:
            branch.hear(count)
