"""`mmp solve SPEC`, for specs and public instances: search, verify, report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from solver import json_text
from solver.cli import overrides, places, settings, streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.cli.pricing import Pricer
    from solver.cli.task import Task
    from solver.events import Document, Options
    from solver.isolate.interrupts import Interrupts


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "solve",
        help="plan a spec, or solve a sharding instance",
        description="Search for the best plan, verify it, and report it. A file whose name ends in "
        ".json or .json.gz is a public sharding instance, every other one is a spec.",
    )
    parser.add_argument("spec", metavar="SPEC", help="a .mmp file, or an instance")
    parser.add_argument("-o", dest="output", metavar="FILE", type=Path, help="write the plan here")
    parser.add_argument(
        "--svg", metavar="FILE", type=Path, help="draw the timeline of the plan here (specs only)"
    )
    settings.add(parser, "", "the same plan")
    parser.add_argument(
        "--unfold", action="store_true", help="let identical layers make choices of their own"
    )
    parser.add_argument(
        "--whole-axes",
        action="store_true",
        help="cut by whole mesh axes only, except for parts that pins name",
    )
    parser.add_argument(
        "--prices",
        action="store_true",
        help="also say what every hard pin, limit and setting costs",
    )
    parser.add_argument(
        "--price-limit",
        metavar="S",
        type=settings.seconds,
        help="seconds for all prices together (default: --time-limit for each)",
    )
    places.add(parser, "price searches", "the search and its prices")
    parser.add_argument(
        "--json", action="store_true", help="print the plan document instead of the report"
    )
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, search: str | None = None) -> ExitCode:
    """Plan one file; `search` is what `solver.isolate.run` runs (None: that of the file's kind)."""
    from solver.cli.files import check_writable
    from solver.cli.history import History
    from solver.cli.progress import following
    from solver.cli.settle import settle
    from solver.cli.tasks import open_task
    from solver.events import Options
    from solver.isolate.interrupts import Interrupts
    from solver.isolate.run import run as run_isolated

    for target in (arguments.output, arguments.svg):
        if target is not None:
            check_writable(target)
    _check_drawing(arguments)
    _check_search(arguments)
    task = open_task(arguments.spec, overrides.mapping(arguments))
    options = Options(
        arguments.time_limit,
        arguments.workers,
        arguments.seed,
        arguments.reproducible,
        arguments.unfold,
        arguments.whole_axes,
        arguments.cluster,
    )
    with Interrupts() as interrupts, _pricing(arguments, task, options, interrupts) as pricing:
        heard, pricer = pricing
        with following(task.objective) as observe:
            history = History(observe, task.spent_s)
            found = search or task.search
            result = run_isolated(found, task.subject, options, history.take, heard)
        settled = settle(result, task, options)
        for line in settled.notes:
            streams.note(f"mmp: {line}")
        if arguments.whole_axes and settled.code is ExitCode.INFEASIBLE:
            streams.note("mmp: with --whole-axes; there may be a plan that cuts an axis in parts")
        if settled.document is not None:
            document = history.written(settled.document)
            if pricer is not None and document["outcome"]["plan"] != "none":
                document = _priced(document, pricer, task, arguments)
            _deliver(document, task, arguments)
    return settled.code


def _check_search(arguments: argparse.Namespace) -> None:
    """Raise CommandError for options of the search that do nothing here."""
    from solver.cli.tasks import is_instance

    given = (arguments.unfold, arguments.whole_axes, arguments.prices, arguments.cluster)
    if any(given) and is_instance(arguments.spec):
        message = "--unfold, --whole-axes, --prices and --cluster are for specs"
        raise CommandError(f"{message}; {arguments.spec} is none")
    if not arguments.prices:
        for option in ("price_limit", "jobs"):
            if getattr(arguments, option) is not None:
                raise CommandError(f"--{option.replace('_', '-')} is for --prices")
    if arguments.cluster is not None:
        places.check(arguments.cluster)


@contextmanager
def _pricing(
    arguments: argparse.Namespace, task: Task, options: Options, interrupts: Interrupts
) -> Iterator[tuple[Interrupts, Pricer | None]]:
    """What the search of the plan hears of interrupts by, and what prices its wishes, if asked to.

    A cluster is looked for before the search, not after it.
    """
    if not arguments.prices:
        yield interrupts, None
        return
    from dsl.spec import Spec
    from solver.cli.diagnostics import text_in
    from solver.cli.pricing import Pricer
    from solver.explain.price_wishes import wishes
    from solver.sweep.relay import Relay

    assert isinstance(task.subject, Spec)  # an instance has been refused
    found = wishes(task.subject, text_in(task.subject))
    relay = Relay(interrupts, len(found) + 1)
    with places.place(arguments, relay) as place:
        seconds = arguments.price_limit
        yield relay.branches[-1], Pricer(found, options, seconds, place, interrupts)


def _priced(
    document: Document, pricer: Pricer, task: Task, arguments: argparse.Namespace
) -> Document:
    """The plan with its prices; the plan alone is in its file before the first one is sought."""
    if arguments.output is not None:
        _save(arguments.output, _text(document))
    priced = pricer.priced(document)
    report = task.verify(priced)
    for violation in report.violations:
        streams.note(f"mmp: a price is wrong, this is a bug of mmp: {violation.message}")
    return priced if report.ok else document


def _check_drawing(arguments: argparse.Namespace) -> None:
    """Raise CommandError where `--svg` cannot be what was meant."""
    from solver.cli.tasks import is_instance

    if arguments.svg is None:
        return
    if is_instance(arguments.spec):
        raise CommandError(f"--svg draws the timeline of a spec's plan; {arguments.spec} is none")
    if arguments.output is not None and arguments.output.resolve() == arguments.svg.resolve():
        raise CommandError(f"-o and --svg name the same file, {arguments.svg}")


def _deliver(document: Document, task: Task, arguments: argparse.Namespace) -> None:
    """The plan to its file first, so that nothing that happens while printing can lose it.

    It is printed also when it cannot be drawn.
    """
    output: Path | None = arguments.output
    text = _text(document)
    has_plan = document["outcome"]["plan"] != "none"
    if output is not None and has_plan:
        _save(output, text)
    elif output is not None:
        streams.note(f"mmp: there is no plan to write to {output}")
    try:
        _draw(document, arguments.svg)
    finally:
        streams.write_data(text if arguments.json else task.render(document))


def _draw(document: Document, svg: Path | None) -> None:
    """The timeline to its file; where there is no plan, an old file stays as it is."""
    if svg is None:
        return
    from solver.cli.files import write_whole
    from solver.drawing import timeline_svg

    if document["outcome"]["plan"] == "none":
        streams.note(f"mmp: there is no plan to draw in {svg}")
        return
    write_whole(svg, timeline_svg(document))


def _text(document: Document) -> str:
    return json_text.dumps(document)


def _save(output: Path, text: str) -> None:
    from solver.cli.files import save_aside, write_whole

    try:
        write_whole(output, text)
    except CommandError as error:
        where = save_aside(text, ".json")
        raise CommandError(f"{error}; the plan is in {where}") from error
