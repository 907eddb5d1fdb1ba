"""Which other choices move with an alternative: what its plan decides differently beside it."""

from __future__ import annotations

from solver.comparison.choices import shardings, stages, storage
from solver.comparison.difference import Difference
from solver.comparison.settings import settings
from solver.events import Document
from solver.explain.choices import Choice

_SECTIONS = (settings, stages, shardings, storage)
_OWN = {"operator": "operators", "parameter": "parameters"}


def moves(plan: Document, other: Document, choice: Choice) -> tuple[Difference, ...]:
    """The differences of decisions as `mmp diff` says them, but those of the choice itself."""
    before, after = _without(plan, choice), _without(other, choice)
    return tuple(found for section in _SECTIONS for found in section(before, after))


def _without(document: Document, choice: Choice) -> Document:
    """The document without what was decided for the choice; stages are no part of one."""
    kind = _OWN.get(choice.sort)
    if kind is None:
        return document
    own = set(choice.names)
    rest = {name: entry for name, entry in document[kind].items() if name not in own}
    return {**document, kind: rest}
