"""Where the points of a sweep run: on this machine, or on a Dask cluster.

On this machine a thread waits for each point, and the search itself is a process of its own
(`solver.isolate`). A pool of processes would add nothing but a way to lose points: one worker that
dies breaks the whole pool, and everything that was waiting in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

_CONNECT_S = 10.0  # until a cluster that does not answer is taken to be away


class ClusterError(Exception):
    """The cluster cannot be used; the message says why."""


@contextmanager
def local(jobs: int) -> Iterator[Executor]:
    """At most `jobs` points at a time on this machine."""
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="point")
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """As many points at a time as the workers of the Dask cluster at `address` have threads.

    The workers need `mmp` installed; specs are sent to them, files are not. Raises ClusterError.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ClusterError("--cluster needs Dask: pip install 'mmp[cluster]'") from error
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(f"cannot reach the cluster at {address}: {error}") from error
    with client:
        executor = client.get_executor()
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)
