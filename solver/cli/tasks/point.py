"""One of several searches: search, verify, settle, in whatever thread or machine it runs."""

from __future__ import annotations

import time
from dataclasses import replace

from dsl.spec import Spec
from solver.cli.exit_codes import ExitCode
from solver.cli.settle import Settled, settle
from solver.cli.tasks.spec import task_of
from solver.events import Event, Options
from solver.isolate.run import run
from solver.sweep.executors import Hearing
from solver.verify.check import FORMAT

WHOLE_SHARE = 0.6  # of the time limit, where a part of the plans is searched again


def solve_point(spec: Spec, options: Options, hearing: Hearing) -> Settled:
    """What `mmp solve` gives for this spec. All of it can be pickled, and no file is read."""
    with hearing() as interrupts:
        if interrupts.count:
            return not_run()
        task = task_of(spec)
        result = run(task.search, task.subject, options, _ignore, interrupts)
    return replace(settle(result, task, options), bound=result.bound)


def solve_twice(
    whole: Spec, part: Spec | None, options: Options, hearing: Hearing
) -> tuple[Settled, ...]:
    """What the search of a spec gives in most of the time limit and, where that proves nothing,
    what is found in the rest of it in a part of its plans (None: there is no part to look at)."""
    began = time.monotonic()
    seconds = options.time_limit_s
    first = seconds if part is None else WHOLE_SHARE * seconds
    settled = solve_point(whole, replace(options, time_limit_s=first), hearing)
    is_left = settled.document is not None and settled.document["outcome"]["stopped"] == "limit"
    left = seconds - (first if options.reproducible else time.monotonic() - began)
    if part is None or not is_left or left <= 0:
        return (settled,)
    return settled, solve_point(part, replace(options, time_limit_s=left), hearing)


def not_run() -> Settled:
    """A point that an interrupt came before."""
    document = {"format": FORMAT, "outcome": {"stopped": "interrupted", "plan": "none"}}
    return Settled(document, (), ExitCode.INTERRUPTED)


def _ignore(_event: Event) -> None:
    """How a search gets on is not shown: there are several, and each has its row in the end."""
