"""A plan document in a file, and the spec that it names: for commands that read plans again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from solver.cli.task import Task
    from solver.events import Document


def read_plan(path: Path) -> Document:
    """The document of a file. Raises CommandError where there is none."""
    from solver.cli.files import read_bytes

    return parse_plan(read_bytes(path), path)


def parse_plan(data: bytes, path: Path) -> Document:
    """The document in the bytes of a file. Raises CommandError where there is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is not JSON: {error}", ExitCode.REJECTED) from error
    if not isinstance(document, dict):
        raise CommandError(f"{path} is not a plan document", ExitCode.REJECTED)
    return document


def find_spec(document: Document, plan: Path) -> Path:
    """The first source, as seen from here or from the plan; the one with the right hash first.

    Raises CommandError where the document names none, or it is not there."""
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


def overrides_of(document: Document) -> dict[str, str]:
    """The parameters that the plan was made with. Raises CommandError where they are malformed."""
    found = document.get("overrides", {})
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise CommandError("`overrides` of the plan is malformed", ExitCode.REJECTED)
    return found


def changed_sources(document: Document, task: Task) -> list[str]:
    """One sentence for every source that is not what the plan was made from.

    Files may be read under other paths than then, so as many as there were are compared by
    position; of others only the spec itself.
    """
    named = _sources(document)
    if len(named) == len(task.sources):
        pairs = zip(named, task.sources, strict=True)
        return [
            f"{path} is not what the plan was made from" for (_, a), (path, b) in pairs if a != b
        ]
    made_from = dict(named[1:])
    changes = []
    for place, (path, sha256) in enumerate(task.sources):
        then = made_from.get(path) if place else next((made for _, made in named[:1]), sha256)
        if then is None:
            changes.append(f"{path} was not read when the plan was made")
        elif then != sha256:
            changes.append(f"{path} is not what the plan was made from")
    return changes


def seen_from_here(document: Document, task: Task) -> Document:
    """The document with the files of its pins, limits and prices under the paths by which they are
    read now: a plan may lie in another folder than the one in which it was made."""
    then, now = _sources(document), task.sources
    if len(then) != len(now):
        return document
    moved = {old: new for (old, _), (new, _) in zip(then, now, strict=True) if old != new}
    if not moved:
        return document
    return {
        **document,
        **{name: _moved(document[name], moved) for name in ("pins", "prices") if name in document},
    }


def _moved(entries: object, moved: dict[str, str]) -> object:
    if not isinstance(entries, list):
        return entries  # malformed: the verifier says so
    return [
        {**entry, "file": moved.get(entry["file"], entry["file"])}
        if isinstance(entry, dict) and isinstance(entry.get("file"), str)
        else entry
        for entry in entries
    ]


def _sources(document: Document) -> list[tuple[str, str]]:
    """The (path, sha256) pairs that a document names, leaving out what is none."""
    found = document.get("sources")
    entries = found if isinstance(found, list) else []
    pairs = [(e.get("path"), e.get("sha256")) for e in entries if isinstance(e, dict)]
    return [(p, h) for p, h in pairs if isinstance(p, str) and isinstance(h, str)]
