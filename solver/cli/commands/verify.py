"""`mmp verify PLAN [SPEC]`: the independent check of a plan, for specs and instances."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from solver.cli import frozen, streams
from solver.cli.exit_codes import CommandError, ExitCode
from solver.execution.levels import LEVELS

if TYPE_CHECKING:
    from dsl.spec import Spec
    from solver.events import Document
    from solver.verify.report import Violation

_SHOWN = 20  # violations that are listed


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "verify",
        help="check a plan independently of the solver",
        description="Recompute every figure of a plan from its spec or its sharding instance, and "
        "check pins and limits.",
    )
    parser.add_argument("plan", metavar="PLAN", type=Path, help="a plan document")
    parser.add_argument(
        "spec",
        metavar="SPEC",
        type=Path,
        nargs="?",
        help="its spec or instance (default: the first source that the plan names)",
    )
    says = "; ".join(f"{level.name}: {level.says}" for level in LEVELS)
    names = [level.name for level in LEVELS]
    parser.add_argument(
        "--level", choices=names, metavar="LEVEL", help=f"also prove that the plan runs; {says}"
    )
    frozen.add(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Say whether the plan holds, and what is wrong with it where it does not."""
    from solver.cli.files import read_bytes
    from solver.cli.saved_plan import (
        changed_sources,
        find_spec,
        overrides_of,
        parse_plan,
        seen_from_here,
    )
    from solver.cli.tasks import is_instance, open_task

    data = read_bytes(arguments.plan)
    document = parse_plan(data, arguments.plan)
    path = arguments.spec or find_spec(document, arguments.plan)
    frozen.check(arguments, path)
    if arguments.level is not None and is_instance(path):
        raise CommandError(f"--level runs plans of specs, and {path} is an instance")
    task = open_task(path, {} if is_instance(path) else overrides_of(document))
    for changed in changed_sources(document, task):
        streams.note(f"warning: {changed}")
    document = seen_from_here(document, task)
    report = task.verify(document)
    if not report.ok:
        return _reject(arguments.plan, report.violations)
    streams.write_data(f"{arguments.plan}: verified against {path}\n")
    if arguments.level is None:
        return ExitCode.DONE
    return _run_level(arguments, data.decode("utf-8"), document, cast("Spec", task.subject))


def _run_level(
    arguments: argparse.Namespace, text: str, document: Document, spec: Spec
) -> ExitCode:
    """What the level, and the static one before it, find."""
    from solver.execution.levels import up_to
    from solver.export.saved import SavedPlan

    saved = SavedPlan(str(arguments.plan), text, document, spec)
    for level in up_to(arguments.level):
        outcome = level.check(saved)
        for line in outcome.lines:
            streams.write_data(f"  {level.name}: {line}\n")
        if outcome.violations:
            return _reject(arguments.plan, outcome.violations)
    return ExitCode.DONE


def _reject(plan: Path, violations: Sequence[Violation]) -> ExitCode:
    count = len(violations)
    lines = [f"{plan}: rejected, {count} violation{'s' if count > 1 else ''}"]
    lines += [f"  {v.code} {v.where}: {v.message}" for v in violations[:_SHOWN]]
    if count > _SHOWN:
        lines.append(f"  and {count - _SHOWN} more")
    streams.write_data("\n".join(lines) + "\n")
    return ExitCode.REJECTED
