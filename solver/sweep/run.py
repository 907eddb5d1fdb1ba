"""Run one function at every point behind an executor, and give each answer as it comes."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from typing import TypeVar

Answer = TypeVar("Answer")
_POLL_S = 0.2  # how soon an interrupt is seen while nothing is finished


def completed(
    executor: Executor,
    work: Mapping[int, Callable[[], Answer]],
    is_interrupted: Callable[[], bool],
) -> Iterator[tuple[int, Answer | Exception | None]]:
    """(point, what its function returned or raised), in the order in which points end.

    After an interrupt, None for every point that can still be cancelled: those that have not
    started, and on a cluster also those that run. The others are waited for.
    """
    waiting: dict[Future[Answer], int] = {executor.submit(job): at for at, job in work.items()}
    is_cancelled = False
    while waiting:
        if is_interrupted() and not is_cancelled:
            is_cancelled = True
            for future in [future for future in waiting if future.cancel()]:
                yield waiting.pop(future), None
            continue
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
