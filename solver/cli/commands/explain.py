"""`mmp explain`: why a plan is as it is, why there is none, and what a diagnostic means."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from solver.cli import overrides, places, settings, streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from dsl.spec import Spec
    from solver.cli.explaining import Explainer
    from solver.cli.task import Task
    from solver.events import Document
    from solver.isolate.interrupts import Interrupts

_REST = 2  # of the time limit of the plan, for all other searches together


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "explain",
        help="say why a plan is as it is, why there is none, or what a diagnostic means",
        description="Of a spec or a plan: what every pin, limit and setting costs, and what more "
        "memory, nodes or bandwidth would bring. With a SELECTOR: what was chosen there, and what "
        "the alternatives cost. Without a plan: the conflict and the ways out, each tried. Of a "
        "code such as MMP012: the page of the diagnostic.",
    )
    parser.add_argument(
        "subject", metavar="SPEC|PLAN|CODE", help="a .mmp file, a plan document, or MMPnnn"
    )
    parser.add_argument(
        "selector",
        metavar="SELECTOR",
        nargs="*",
        help="as in pins, such as `net.layers[*].mlp.up`, or `stage 2`",
    )
    settings.add(parser, "", "the same answer")
    parser.add_argument(
        "--search-limit",
        metavar="S",
        type=settings.seconds,
        help="seconds for all searches after that of the plan together (default: twice the "
        "--time-limit)",
    )
    parser.add_argument(
        "--alternatives",
        metavar="N",
        type=settings.positive,
        default=3,
        help="other cuts of an operator to look for (default 3)",
    )
    places.add(parser, "searches")
    parser.add_argument(
        "--json", action="store_true", help="print an mmp-explain/1 document instead of the report"
    )
    overrides.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print a page, or explain a spec or plan."""
    from solver.explain.pages import NoPageError, is_code, page

    if is_code(arguments.subject) and not Path(arguments.subject).exists():
        try:
            streams.write_data(page(arguments.subject))
        except NoPageError as error:
            raise CommandError(str(error)) from error
        return ExitCode.DONE
    from solver.cli.explaining import Explainer
    from solver.events import Options
    from solver.isolate.interrupts import Interrupts

    task, plan = _open(arguments)
    spec = cast("Spec", task.subject)
    _check_selector(arguments, spec)
    options = Options(
        arguments.time_limit, arguments.workers, arguments.seed, arguments.reproducible
    )
    seconds = arguments.search_limit or _REST * arguments.time_limit
    with Interrupts() as interrupts:
        place = partial(places.place, arguments)
        explainer = Explainer(spec, options, seconds, place, interrupts)
        code = ExitCode.DONE
        if plan is None:
            plan, code = _searched(task, explainer, interrupts)
        if plan is None:
            return code
        if plan["outcome"]["plan"] == "none":
            return _explain_none(arguments, explainer, plan, code)
        _explain_plan(arguments, explainer, plan)
    return code


def _open(arguments: argparse.Namespace) -> tuple[Task, Document | None]:
    """The spec, and the plan where it is one that is explained; a rejected plan is none."""
    from solver.cli.saved_plan import (
        changed_sources,
        find_spec,
        overrides_of,
        read_plan,
        seen_from_here,
    )
    from solver.cli.tasks import is_instance
    from solver.cli.tasks.spec import spec_task

    path = Path(arguments.subject)
    if not is_instance(path):
        return spec_task(path, overrides.mapping(arguments)), None
    document = read_plan(path)
    if document.get("format") != "mmp-plan/1":
        raise CommandError(f"{path} is no plan of a spec", ExitCode.REJECTED)
    if arguments.overrides:
        raise CommandError(f"-D is for specs; {path} was made with its own values")
    task = spec_task(find_spec(document, path), overrides_of(document))
    if document.get("outcome", {}).get("plan") == "none":
        return task, None
    for changed in changed_sources(document, task):
        streams.note(f"warning: {changed}")
    document = seen_from_here(document, task)
    report = task.verify(document)
    if not report.ok:
        first = report.violations[0]
        message = f"{path} is rejected: {first.where}: {first.message}; `mmp verify` says more"
        raise CommandError(message, ExitCode.REJECTED)
    return task, document


def _check_selector(arguments: argparse.Namespace, spec: Spec) -> None:
    """Raise LoadError for a selector that selects nothing before anything is searched."""
    from solver.explain.selection import pick

    if arguments.selector:
        pick(" ".join(arguments.selector), spec.graph)


def _searched(
    task: Task, explainer: Explainer, interrupts: Interrupts
) -> tuple[Document | None, ExitCode]:
    """The plan of the spec as `mmp solve` finds it, and its exit code."""
    from solver.cli.progress import following
    from solver.cli.settle import settle
    from solver.isolate.run import run as run_isolated

    with following(task.objective) as observe:
        result = run_isolated(task.search, task.subject, explainer.options, observe, interrupts)
    settled = settle(result, task, explainer.options)
    for line in settled.notes:
        streams.note(f"mmp: {line}")
    return settled.document, settled.code


def _explain_plan(arguments: argparse.Namespace, explainer: Explainer, plan: Document) -> None:
    """Everything about the spec, or what was chosen where the selector points."""
    from solver import json_text
    from solver.cli.report.explanation import render
    from solver.explain.choices import NoStageError, choices
    from solver.explain.document import document
    from solver.explain.selection import pick

    if arguments.selector:
        picked = pick(" ".join(arguments.selector), explainer.spec.graph)
        try:
            found = choices(picked, explainer.spec, plan)
        except NoStageError as error:
            raise CommandError(str(error)) from error
        explained = explainer.alternatives(plan, found, arguments.alternatives)
    else:
        explained = explainer.summary(plan)
    spec = explainer.spec
    text = json_text.dumps(document(spec.path, explained)) if arguments.json else None
    streams.write_data(text or render(spec, explained))


def _explain_none(
    arguments: argparse.Namespace, explainer: Explainer, settled: Document, code: ExitCode
) -> ExitCode:
    """The conflict and its ways out; where nothing is proven, that."""
    from solver import json_text
    from solver.cli.report.explanation import render_none
    from solver.explain.document import without_plan

    is_proven = settled["outcome"]["stopped"] == "proved"
    ways = explainer.relaxations(settled) if is_proven else []
    spec = explainer.spec
    found = without_plan(spec.path, settled, ways)
    streams.write_data(
        json_text.dumps(found) if arguments.json else render_none(spec, settled, ways)
    )
    return code
