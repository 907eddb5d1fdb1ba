"""`mmp sensitivity SPEC`: which assumption about the hardware moves the decision."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from solver.cli import overrides, places, settings, streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from dsl.spec import Spec
    from solver.cli.settle import Settled
    from solver.events import Document
    from solver.sensitivity.ranges import Reach
    from solver.sensitivity.sides import Side


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "sensitivity",
        help="say how far each number may be off until another plan is best",
        description="Plan a spec with the numbers of the hardware library, and with each of them "
        "moved to the ends of what it may be; say in which range the plan stays best, and what "
        "takes its place.",
    )
    parser.add_argument("spec", metavar="SPEC", help="a .mmp file")
    settings.add(parser, "search", "the same answer")
    places.add(parser, "searches")
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Search at every end; a search without a plan costs the others nothing."""
    from dsl.load import load
    from solver.cli.report.sensitivity import render
    from solver.cli.tasks import is_instance
    from solver.sensitivity.sides import sides

    if is_instance(arguments.spec):
        raise CommandError(f"{arguments.spec} is an instance, not a spec: nothing of it is assumed")
    spec = load(arguments.spec, overrides.mapping(arguments))
    ends = sides(spec)
    plans = _searched(arguments, spec, ends)
    plan = plans.get(-1)
    if plan is None:
        raise CommandError("the search found no plan: nothing to compare", ExitCode.LIMIT)
    streams.write_data(render(spec, plan, _reaches(spec, plan, ends, plans)))
    return ExitCode.DONE


def _searched(
    arguments: argparse.Namespace, spec: Spec, ends: tuple[Side, ...]
) -> Mapping[int, Document]:
    """The plan of the spec as it is (-1) and at every end, where there is one."""
    from solver.cli.tasks.point import solve_point
    from solver.events import Options
    from solver.isolate.interrupts import Interrupts
    from solver.sweep.relay import Relay
    from solver.sweep.run import completed

    options = Options(
        arguments.time_limit, arguments.workers, arguments.seed, arguments.reproducible
    )
    total = len(ends) + 1
    plans: dict[int, Document] = {}
    with Interrupts() as interrupts, places.place(arguments, Relay(interrupts, total)) as place:
        work = {
            at: partial(
                solve_point, spec if at < 0 else ends[at].spec(spec), options, place.hearing(at + 1)
            )
            for at in range(-1, len(ends))
        }
        for number, (at, answer) in enumerate(completed(place, work, interrupts), 1):
            document = _plan(answer)
            if document is not None:
                plans[at] = document
            streams.note(f"mmp: {number} of {total}: {_told(at, ends, document)}")
    return plans


def _plan(answer: Settled | Exception | None) -> Document | None:
    from solver.cli.settle import Settled

    if isinstance(answer, Exception):
        raise answer
    if not isinstance(answer, Settled) or answer.document is None:
        return None
    return answer.document if "step_time_s" in answer.document else None


def _told(at: int, ends: tuple[Side, ...], document: Document | None) -> str:
    from solver.cli.report.words import seconds

    where = "as it is" if at < 0 else f"{ends[at].parameter.name} x {ends[at].factor:.2f}"
    found = "no plan" if document is None else seconds(document["step_time_s"])
    return f"{where}: {found}"


def _reaches(
    spec: Spec, plan: Document, ends: tuple[Side, ...], plans: Mapping[int, Document]
) -> list[Reach]:
    from solver.sensitivity.difference import same
    from solver.sensitivity.ranges import reach

    others: list[Document] = []
    for at in sorted(plans):
        if not any(same(plans[at], known) for known in (plan, *others)):
            others.append(plans[at])
    return [reach(end, spec, plan, others) for end in ends]
