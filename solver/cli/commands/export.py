"""`mmp export PLAN [SPEC] --to TARGET -o DIR`: a plan as the configuration of a framework."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import streams
from solver.cli.exit_codes import CommandError, ExitCode
from solver.export.targets import TARGETS

if TYPE_CHECKING:
    from solver.export.saved import SavedPlan


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "export",
        help="write a plan as the configuration of a training framework",
        description="Write a plan as files that a training framework runs. The plan is verified "
        "first; what the framework cannot express is an error that names the plan's line.",
    )
    parser.add_argument("plan", metavar="PLAN", type=Path, help="a plan document")
    parser.add_argument(
        "spec",
        metavar="SPEC",
        type=Path,
        nargs="?",
        help="its spec (default: the first source that the plan names)",
    )
    says = "; ".join(f"{target.name}: {target.says}" for target in TARGETS)
    names = [target.name for target in TARGETS]
    parser.add_argument("--to", required=True, choices=names, metavar="TARGET", help=says)
    parser.add_argument(
        "-o", dest="output", metavar="DIR", type=Path, required=True, help="write into this folder"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Verify the plan, turn it into files, write them."""
    from solver.cli.diagnostics import report
    from solver.export.targets import target

    _check_folder(arguments.output)
    saved = open_verified(arguments.plan, arguments.spec)
    framework = target(arguments.to)
    files = framework.export(saved)
    report(framework.warnings(saved), {saved.path: saved.text})
    _write(files, arguments.output)
    for name in files:
        streams.write_data(f"{arguments.output / name}\n")
    return ExitCode.DONE


def open_verified(plan: Path, spec_path: Path | None) -> SavedPlan:
    """The plan of a file with its spec. Raises CommandError where it does not hold, DiagnosticError
    where the spec has errors."""
    from dsl.load import load
    from solver.cli.files import read_bytes
    from solver.cli.saved_plan import (
        changed_sources,
        find_spec,
        overrides_of,
        parse_plan,
        seen_from_here,
    )
    from solver.cli.tasks import is_instance
    from solver.cli.tasks.spec import task_of
    from solver.export.saved import SavedPlan
    from solver.verify.check import verify

    data = read_bytes(plan)
    document = parse_plan(data, plan)
    path = spec_path or find_spec(document, plan)
    if is_instance(path):
        raise CommandError(f"{path} is a public instance, not a spec; there is nothing to run")
    spec = load(path, overrides_of(document))
    task = task_of(spec)
    for changed in changed_sources(document, task):
        streams.note(f"warning: {changed}")
    document = seen_from_here(document, task)
    violations = verify(document, spec).violations
    if violations:
        first = violations[0]
        message = f"{plan} does not hold against {path}: {first.code} {first.where}: "
        raise CommandError(message + first.message, ExitCode.REJECTED)
    return SavedPlan(str(plan), data.decode("utf-8"), document, spec)


def _check_folder(folder: Path) -> None:
    """Raise CommandError for a place that cannot be the folder."""
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"cannot write into {folder}: it is not a folder")


def _write(files: Mapping[str, str], folder: Path) -> None:
    from solver.cli.files import write_whole

    for name, text in files.items():
        place = folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"cannot make {place.parent}: {error.strerror}") from error
        write_whole(place, text)
