"""Where the points of a sweep run: on this machine, or on a Dask cluster.

On this machine a thread waits for each point, and the search itself is a process of its own
(`solver.isolate`). A pool of processes would add nothing but a way to lose points: one worker that
dies breaks the whole pool, and everything that was waiting in it.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

from solver.isolate.interrupts import Interrupts
from solver.sweep.relay import Branch, Relay

_CONNECT_S = 10.0  # until a cluster that does not answer is taken to be away
_LISTEN_S = 1.0  # between two looks at whether the point on a cluster is over

Hearing = Callable[[], AbstractContextManager[Interrupts]]
"""What a point calls, where it runs, to hear of interrupts while it does."""


class ClusterError(Exception):
    """The cluster cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """An executor, the points that run there at a time, how the n-th one hears of interrupts, and
    how to ask all to stop."""

    executor: Executor
    jobs: int
    hearing: Callable[[int], Hearing]
    ask_to_stop: Callable[[], None]


@contextmanager
def local(jobs: int, relay: Relay) -> Iterator[Place]:
    """At most `jobs` points at a time on this machine; signals reach them through `relay`."""
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="point")
    try:
        yield Place(executor, jobs, lambda at: partial(_near, relay.branches[at]), lambda: None)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def cluster(address: str) -> Iterator[Place]:
    """As many points at a time as the workers of the Dask cluster at `address` have threads.

    The workers need `mmp` installed; specs are sent to them, files are not. Raises ClusterError.
    """
    try:
        from distributed import Client, Event
    except ModuleNotFoundError as error:
        raise ClusterError("--cluster needs Dask: pip install 'mmp[cluster]'") from error
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(f"cannot reach the cluster at {address}: {error}") from error
    with client:
        executor = client.get_executor()
        event = Event(f"mmp-sweep-{uuid.uuid4().hex}", client)

        def ask_to_stop() -> None:
            # Where the scheduler is gone, the points will be reported as lost.
            with contextlib.suppress(OSError, RuntimeError):
                event.set()

        jobs = max(1, sum(client.nthreads().values()))
        try:
            yield Place(executor, jobs, lambda _at: partial(_far, event.name), ask_to_stop)
        finally:
            executor.shutdown(wait=False)


@contextmanager
def _near(branch: Branch) -> Iterator[Interrupts]:
    """Interrupts for a point in this process."""
    yield branch


@contextmanager
def _far(name: str) -> Iterator[Interrupts]:
    """Interrupts for a point on a worker of a cluster: its Dask event `name` counts as one."""
    from distributed import Event

    event, branch, is_over = Event(name), Branch(), threading.Event()
    if event.is_set():
        branch.hear(1)

    def listen() -> None:
        # A scheduler that is gone can ask for nothing any more: the time limit ends the point.
        with contextlib.suppress(Exception):
            while not is_over.is_set():
                if event.wait(_LISTEN_S):
                    branch.hear(1)
                    return

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield branch
    finally:
        is_over.set()
