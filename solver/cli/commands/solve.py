"""`mmp solve SPEC`, for specs and public instances: search, verify, report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import overrides, streams
from solver.cli.exit_codes import CommandError, ExitCode
from solver.cli.settings import positive, seconds, seed

if TYPE_CHECKING:
    from solver.cli.task import Task
    from solver.events import Document


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
    parser.add_argument(
        "--time-limit", metavar="S", type=seconds, default=20.0, help="seconds (default 20)"
    )
    parser.add_argument(
        "--workers", metavar="N", type=positive, default=2, help="parallel workers (default 2)"
    )
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="default 0")
    parser.add_argument(
        "--reproducible", action="store_true", help="give the same plan in every run"
    )
    parser.add_argument(
        "--unfold", action="store_true", help="let identical layers make choices of their own"
    )
    parser.add_argument(
        "--whole-axes",
        action="store_true",
        help="cut by whole mesh axes only, except for parts that pins name",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the plan document instead of the report"
    )
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, search: str | None = None) -> ExitCode:
    """Plan one file; `search` is what `solver.isolate.run` runs (None: that of the file's kind)."""
    from solver.cli.files import check_writable
    from solver.cli.progress import following
    from solver.cli.settle import settle
    from solver.cli.tasks import is_instance, open_task
    from solver.events import Options
    from solver.isolate.interrupts import Interrupts
    from solver.isolate.run import run as run_isolated

    for target in (arguments.output, arguments.svg):
        if target is not None:
            check_writable(target)
    _check_drawing(arguments)
    if (arguments.unfold or arguments.whole_axes) and is_instance(arguments.spec):
        raise CommandError(f"--unfold and --whole-axes are for specs; {arguments.spec} is none")
    task = open_task(arguments.spec, overrides.mapping(arguments))
    options = Options(
        arguments.time_limit,
        arguments.workers,
        arguments.seed,
        arguments.reproducible,
        arguments.unfold,
        arguments.whole_axes,
    )
    with Interrupts() as interrupts:
        with following(task.objective) as observe:
            result = run_isolated(search or task.search, task.subject, options, observe, interrupts)
        settled = settle(result, task, options)
        for line in settled.notes:
            streams.note(f"mmp: {line}")
        if arguments.whole_axes and settled.code is ExitCode.INFEASIBLE:
            streams.note("mmp: with --whole-axes; there may be a plan that cuts an axis in parts")
        if settled.document is not None:
            _deliver(settled.document, task, arguments)
    return settled.code


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
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
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


def _save(output: Path, text: str) -> None:
    from solver.cli.files import save_aside, write_whole

    try:
        write_whole(output, text)
    except CommandError as error:
        where = save_aside(text, ".json")
        raise CommandError(f"{error}; the plan is in {where}") from error
