"""All that tells two plan documents apart, section by section.

Decisions and the figures that follow from them count. How far the plans are proven, how long the
searches took and which files they read do not: they are notes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from solver.cli.report.words import amount, percent
from solver.cli.saved.plan import has_plan
from solver.comparison.choices import shardings, stages, storage
from solver.comparison.difference import Difference, Section, change, is_same
from solver.comparison.figures import communication, memory, time
from solver.comparison.order import order
from solver.comparison.settings import settings
from solver.comparison.wishes import pins

Document = dict[str, Any]
SECTIONS: tuple[Section, ...] = (
    settings,
    time,
    memory,
    pins,
    shardings,
    storage,
    stages,
    order,
    communication,
)


def compare(before: Document, after: Document) -> tuple[Difference, ...]:
    """Every difference, sections in their order; none where the plans are the same."""
    if has_plan(before) and has_plan(after):
        return tuple(found for section in SECTIONS for found in section(before, after))
    return tuple(_outcome(before, after))


def notes(before: Document, after: Document) -> tuple[str, ...]:
    """What else is not alike: what was read, and how good the plans are known to be."""
    return (*_libraries(before, after), *_sources(before, after), *_proof(before, after))


def _outcome(before: Document, after: Document) -> Iterator[Difference]:
    """For documents of which at least one has no plan."""
    old, new = _ending(before), _ending(after)
    if old != new:
        yield Difference("outcome", "outcome", old, new, f"outcome from {old} to {new}")
    a, b = _conflict(before), _conflict(after)
    for text in dict.fromkeys((*a, *b)):
        if (text in a) != (text in b):
            old_text, new_text = (text if text in found else None for found in (a, b))
            words = f"conflict: {change(old_text, new_text)}"
            yield Difference("outcome", text, old_text, new_text, words)


def _ending(document: Document) -> str:
    if has_plan(document):
        return "a plan"
    proved = document["outcome"]["stopped"] == "proved"
    return "proven that there is no plan" if proved else "no plan found"


def _conflict(document: Document) -> dict[str, None]:
    return dict.fromkeys(row["text"] for row in document.get("conflict", []))


def _sources(before: Document, after: Document) -> Iterator[str]:
    """Files by path; the first, the spec itself, may have moved."""
    a, b = ([(s["path"], s["sha256"]) for s in d.get("sources", [])] for d in (before, after))
    if not (a and b):
        return
    if a[0] != b[0]:
        moved = f", now {b[0][0]}" if a[0][0] != b[0][0] else ""
        changed = "is not what it was" if a[0][1] != b[0][1] else "has moved"
        yield f"{a[0][0]} {changed}{moved}"
    old_files, new_files = dict(a[1:]), dict(b[1:])
    for path in dict.fromkeys((*old_files, *new_files)):
        if path not in new_files:
            yield f"{path} is no longer read"
        elif path not in old_files:
            yield f"{path} is read now"
        elif old_files[path] != new_files[path]:
            yield f"{path} is not what it was"


def _libraries(before: Document, after: Document) -> Iterator[str]:
    """Those of `mmp.lock` by name: which version of each."""
    old, new = ({x["name"]: x for x in d.get("libraries", [])} for d in (before, after))
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            was, now = (_version(found[name]) if name in found else None for found in (old, new))
            yield f"library {name} {change(was, now)}"


def _version(library: Document) -> str:
    """The commit, or for a folder the hash, shortly."""
    return library["revision"][:10] or f"{library['source']} (hash {library['hash'][:10]})"


def _proof(before: Document, after: Document) -> Iterator[str]:
    if not (has_plan(before) and has_plan(after)):
        return
    a, b = before["objective"], after["objective"]
    if not is_same(a["bound"], b["bound"]):
        old, new = _bound(a), _bound(b)
        yield f"bound from {old} to {new}"


def _bound(objective: Document) -> str:
    if objective["bound"] is None:
        return "none"
    gap = "" if objective["gap"] is None else f" (gap {percent(max(0.0, objective['gap']))})"
    return amount(objective["name"], objective["bound"]) + gap


def document(before: str, after: str, found: tuple[Difference, ...], also: tuple[str, ...]) -> str:
    """The `mmp-diff/1` document: a line for every difference."""
    rows = [
        json.dumps(
            {
                "section": one.section,
                "subject": one.subject,
                "before": one.before,
                "after": one.after,
                "text": one.text,
            },
            ensure_ascii=False,
        )
        for one in found
    ]
    head = {"format": "mmp-diff/1", "before": before, "after": after, "same": not found}
    lines = [f' "{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in head.items()]
    listed = ",\n".join(f"  {row}" for row in rows)
    lines.append(f' "differences": [\n{listed}\n ]' if rows else ' "differences": []')
    lines.append(f' "notes": {json.dumps(list(also), ensure_ascii=False)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"
