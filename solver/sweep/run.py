"""Run one function at every point behind an executor, and give each answer as it comes."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import TypeVar

from solver.isolate.interrupts import Interrupts
from solver.sweep.executors import Place

Answer = TypeVar("Answer")
_POLL_S = 0.2  # how soon an interrupt is seen while nothing is finished


def completed(
    place: Place, work: Mapping[int, Callable[[], Answer]], interrupts: Interrupts
) -> Iterator[tuple[int, Answer | Exception | None]]:
    """(point, what its function returned or raised), in the order in which points end.

    The first interrupt asks every point to stop, and what it has then counts; those that have not
    started find out when they do. The second gives up what can be cancelled: None for those.
    """
    waiting: dict[Future[Answer], int] = {
        place.executor.submit(job): at for at, job in work.items()
    }
    heard = 0
    while waiting:
        if interrupts.count > heard:
            heard = interrupts.count
            place.ask_to_stop()
        if heard > 1:
            for future in [future for future in waiting if future.cancel()]:
                yield waiting.pop(future), None
        done, _ = concurrent.futures.wait(waiting, _POLL_S, concurrent.futures.FIRST_COMPLETED)
        for future in sorted(done, key=lambda future: waiting[future]):
            at, answer = waiting.pop(future), _answer(future)
            yield at, answer


def _answer(future: Future[Answer]) -> Answer | Exception:
    """One point that raised must not lose the others: the caller reports it."""
    try:
        return future.result()
    except Exception as error:
        return error
