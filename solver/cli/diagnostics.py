"""Diagnostics on standard error, with excerpts of the files they are about."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from dsl.diagnostic import Diagnostic
from dsl.render import TextOf, render_all
from dsl.spec import Spec
from solver.cli import streams


def report(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str] | None = None) -> None:
    """Print diagnostics; `texts` are files that are not on disk, or already read, by path."""
    found = tuple(diagnostics)
    if not found:
        return
    given = texts or {}
    is_color = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    streams.note(render_all(found, lambda path: given.get(path) or text_of(path), is_color))
    streams.note("")


def text_in(spec: Spec) -> TextOf:
    """`text_of` for the files of a spec, those of its libraries too."""
    places = {source.path: source.location for source in spec.sources if source.location}
    return lambda path: text_of(places.get(path, path))


@cache
def text_of(path: str) -> str | None:
    """The text of a file as spans name it, libraries aside (`text_in`); None where it is no file
    that can be read."""
    from dsl.resolve.files import STDLIB, STDLIB_PREFIX

    inside = path.removeprefix(STDLIB_PREFIX)
    place = STDLIB / inside if inside != path else Path(path)
    try:
        return place.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
