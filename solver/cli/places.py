"""Where several searches run: on this machine, as many at a time as it serves, or a cluster."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from solver.cli import settings
from solver.cli.exit_codes import CommandError

if TYPE_CHECKING:
    from solver.sweep.executors import Place
    from solver.sweep.relay import Relay


def add(parser: argparse.ArgumentParser, searches: str, on_cluster: str | None = None) -> None:
    """Declare `--jobs` and `--cluster`; `searches` is what there are several of, `on_cluster` what
    a cluster is for, if that is more."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs",
        metavar="N",
        type=settings.positive,
        help=f"{searches} at a time (default: as many as the cores can serve)",
    )
    where.add_argument(
        "--cluster",
        metavar="ADDRESS",
        type=_address,
        help=f"Dask cluster for {on_cluster or f'the {searches}'}, at tcp://HOST:PORT (or tls://)",
    )


def check(address: str) -> None:
    """Raise CommandError where a cluster cannot be reached."""
    from solver.sweep.executors import ClusterError, cluster

    try:
        with cluster(address):
            pass
    except ClusterError as error:
        raise CommandError(str(error)) from error


@contextmanager
def place(arguments: argparse.Namespace, relay: Relay) -> Iterator[Place]:
    """Where the searches run; those on this machine hear of interrupts by the branches of `relay`.

    Raises CommandError where the cluster cannot be reached.
    """
    from solver.sweep.executors import ClusterError, cluster, local

    if arguments.cluster is None:
        with local(arguments.jobs or max(1, _cores() // arguments.workers), relay) as found:
            yield found
        return
    try:
        with cluster(arguments.cluster) as found:
            yield found
    except ClusterError as error:
        raise CommandError(str(error)) from error


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _address(text: str) -> str:
    if re.fullmatch(r"(tcp|tls)://\S+:\d+", text) is None:
        raise argparse.ArgumentTypeError(f"expected tcp://HOST:PORT, found {text!r}")
    return text
