"""`mmp verify PLAN [SPEC]`: the independent check of a plan, for specs and instances."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.cli.task import Task
    from solver.events import Document

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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Say whether the plan holds, and what is wrong with it where it does not."""
    from solver.cli.tasks import is_instance, open_task

    document = _read_plan(arguments.plan)
    path = arguments.spec or _find_spec(document, arguments.plan)
    task = open_task(path, {} if is_instance(path) else _overrides(document))
    for changed in _changed_sources(document, task):
        streams.note(f"warning: {changed}")
    report = task.verify(document)
    if report.ok:
        streams.write_data(f"{arguments.plan}: verified against {path}\n")
        return ExitCode.DONE
    count = len(report.violations)
    lines = [f"{arguments.plan}: rejected, {count} violation{'s' if count > 1 else ''}"]
    lines += [f"  {v.code} {v.where}: {v.message}" for v in report.violations[:_SHOWN]]
    if count > _SHOWN:
        lines.append(f"  and {count - _SHOWN} more")
    streams.write_data("\n".join(lines) + "\n")
    return ExitCode.REJECTED


def _read_plan(path: Path) -> Document:
    from solver.cli.files import read_bytes

    try:
        document = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is not JSON: {error}", ExitCode.REJECTED) from error
    if not isinstance(document, dict):
        raise CommandError(f"{path} is not a plan document", ExitCode.REJECTED)
    return document


def _sources(document: Document) -> list[tuple[str, str]]:
    """The (path, sha256) pairs that a document names, leaving out what is none."""
    found = document.get("sources")
    entries = found if isinstance(found, list) else []
    pairs = [(e.get("path"), e.get("sha256")) for e in entries if isinstance(e, dict)]
    return [(p, h) for p, h in pairs if isinstance(p, str) and isinstance(h, str)]


def _find_spec(document: Document, plan: Path) -> Path:
    """The first source, as seen from here or from the plan; the one with the right hash first."""
    sources = _sources(document)
    if not sources:
        raise CommandError(f"{plan} names no sources; give the spec", ExitCode.REJECTED)
    name, expected = sources[0]
    places = [p for p in (Path(name), plan.parent / name) if p.is_file()]
    if not places:
        raise CommandError(f"{plan} was made from {name}, which is not here; give the spec")
    for place in places:
        if hashlib.sha256(place.read_bytes()).hexdigest() == expected:
            return place
    return places[0]


def _overrides(document: Document) -> dict[str, str]:
    found = document.get("overrides", {})
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise CommandError("`overrides` of the plan is malformed", ExitCode.REJECTED)
    return found


def _changed_sources(document: Document, task: Task) -> list[str]:
    """One sentence for every source that is not what the plan was made from.

    The file itself may be read under another path than then, so it is compared by position.
    """
    named = _sources(document)
    made_from = dict(named[1:])
    changes = []
    for place, (path, sha256) in enumerate(task.sources):
        then = made_from.get(path) if place else next((made for _, made in named[:1]), sha256)
        if then is None:
            changes.append(f"{path} was not read when the plan was made")
        elif then != sha256:
            changes.append(f"{path} is not what the plan was made from")
    return changes
