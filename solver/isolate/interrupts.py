"""Signals as requests: the first asks for an early end, the second for one at once.

The handlers stay for the whole command, not only for the search: a second Ctrl-C that arrives
while the plan is being verified or written must not cost the plan.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

_PATIENCE = 3  # from this signal on, a plain KeyboardInterrupt, whatever is being done


class Interrupts:
    """Context manager that counts SIGINT, SIGTERM and SIGHUP and tells one listener of each.

    Signals that the caller ignores stay ignored (`nohup`, shell background jobs). Outside
    the main thread, where Python allows no handlers, nothing is installed and the count stays 0.
    """

    def __init__(self) -> None:
        self.count = 0
        self._listener: Callable[[int], None] | None = None
        self._before: list[tuple[int, object]] = []

    def listen(self, listener: Callable[[int], None] | None) -> None:
        """Call `listener(count)` at each signal from now on; None: only count."""
        self._listener = listener

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                self._install(getattr(signal, name, None))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]  # as getsignal gave it
        self._before.clear()

    def _install(self, number: int | None) -> None:
        if number is None or signal.getsignal(number) in (signal.SIG_IGN, None):
            return
        self._before.append((number, signal.getsignal(number)))
        signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - fixed by Python
        self.count += 1
        if self.count >= _PATIENCE:
            raise KeyboardInterrupt
        if self._listener is not None:
            self._listener(self.count)
