"""One point of a sweep: search, verify, settle, in whatever thread or machine it runs."""

from __future__ import annotations

from dsl.spec import Spec
from solver.cli.exit_codes import ExitCode
from solver.cli.settle import Settled, settle
from solver.cli.tasks.spec import task_of
from solver.events import Event, Options
from solver.isolate.run import run
from solver.sweep.executors import Hearing
from solver.verify.check import FORMAT


def solve_point(spec: Spec, options: Options, hearing: Hearing) -> Settled:
    """What `mmp solve` gives for this spec. All of it can be pickled, and no file is read."""
    with hearing() as interrupts:
        if interrupts.count:
            return not_run()
        task = task_of(spec)
        result = run(task.search, task.subject, options, _ignore, interrupts)
    return settle(result, task, options)


def not_run() -> Settled:
    """A point that an interrupt came before."""
    document = {"format": FORMAT, "outcome": {"stopped": "interrupted", "plan": "none"}}
    return Settled(document, (), ExitCode.INTERRUPTED)


def _ignore(_event: Event) -> None:
    """How a search gets on is not shown: there are several, and each has its row in the end."""
