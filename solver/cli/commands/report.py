"""`mmp report PLAN -o report.html`: a plan as one page of HTML."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from dsl.spec import Spec
    from solver.events import Document


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "report",
        help="write a plan as a page of HTML",
        description="Write a plan as one self-contained page of HTML: summary, timeline, "
        "shardings, time, memory, pins, and how the search got on. The picture of the layers and "
        "the split of compute and communication need the spec as it was when the plan was made; "
        "without it the page says that they are missing.",
    )
    parser.add_argument("plan", metavar="PLAN", help="a plan document")
    parser.add_argument(
        "spec",
        metavar="SPEC",
        type=Path,
        nargs="?",
        help="its spec (default: the first source that the plan names)",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="FILE",
        type=Path,
        help="write the page here (default: standard output)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write the page. A spec that was given must be the one that the plan was made from."""
    from solver.cli.files import check_writable, write_whole
    from solver.cli.saved.place import place_of
    from solver.cli.saved.plan import has_plan, read_plan
    from solver.page.page import page

    if arguments.output is not None:
        check_writable(arguments.output)
    place = place_of(arguments.plan)
    document = read_plan(place, is_whole=True)
    if not has_plan(document):
        raise CommandError(f"{arguments.plan} holds no plan to report", ExitCode.REJECTED)
    spec, missing = _spec(document, Path(place.path), arguments.spec)
    if missing:
        streams.note(f"mmp: {missing}")
    text = page(document, spec, missing)
    if arguments.output is None:
        streams.write_data(text)
    else:
        write_whole(arguments.output, text)
    return ExitCode.DONE


def _spec(document: Document, plan: Path, given: Path | None) -> tuple[Spec | None, str]:
    """The spec that the plan was made from; or none, and why. Raises CommandError where one was
    given that is not it."""
    from dsl.diagnostic import DiagnosticError
    from dsl.load import load
    from solver.cli.saved_plan import changed_sources, find_spec, overrides_of
    from solver.cli.tasks.spec import task_of

    without = "without its spec the page has no picture of the layers"
    try:
        path = given or find_spec(document, plan)
    except CommandError as error:
        return None, f"{error}; {without}"
    try:
        spec = load(path, overrides_of(document))
        changes = changed_sources(document, task_of(spec))
    except DiagnosticError as error:
        changes = [f"{path} cannot be read as it is now: {error.diagnostics[0].message}"]
    if not changes:
        _check_names(document, spec, plan)
        return spec, ""
    if given is not None:
        raise CommandError(f"{given} is not the plan's spec: {changes[0]}", ExitCode.REJECTED)
    return None, f"{changes[0]}; {without}"


def _check_names(document: Document, spec: Spec, plan: Path) -> None:
    """Raise CommandError where a plan names other operators, parameters or sub-axes than its spec,
    which no search does."""
    parameters = {t.name for t in spec.graph.tensors.values() if t.role == "parameter"}
    for what, own in (
        ("operators", {operator.name for operator in spec.graph.operators}),
        ("parameters", parameters),
    ):
        other = sorted(own.symmetric_difference(document[what]))
        if other:
            message = f"`{what}` of {plan} are not those of its spec: {other[0]}"
            raise CommandError(message, ExitCode.REJECTED)
    parts = {part.name for part in spec.mesh.parts}
    for name, choice in document["operators"].items():
        for own_parts in choice["cuts"].values():
            if not parts.issuperset(own_parts):
                message = f"`operators.{name}.cuts` of {plan} are not of its spec's mesh"
                raise CommandError(message, ExitCode.REJECTED)
