"""Which choices move with an alternative: what another plan decides differently, in groups."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from solver.events import Document

_PARTS = (
    ("cuts", "operators", ("cuts", "variant")),
    ("stage", "operators", ("stage", "chunk")),
    ("recompute", "operators", ("recompute",)),
    ("layout", "tensors", ("cuts", "partial")),
    ("storage", "parameters", ("stored", "gradients_stored", "optimizer_stored")),
)


@dataclass(frozen=True, slots=True)
class Move:
    """Operators, tensors or parameters that a plan decides one way and another plan another way.

    A setting of the whole plan has no names. `before` and `after` are as the documents say it.
    """

    what: str
    names: tuple[str, ...]
    before: Any
    after: Any

    def to_json(self) -> Document:
        """The move in a document."""
        return {
            "what": self.what,
            "names": list(self.names),
            "from": self.before,
            "to": self.after,
        }


def moves(plan: Document, other: Document) -> tuple[Move, ...]:
    """Settings first, then groups that move alike, in the order of the model."""
    return (*_settings(plan["pipeline"], other["pipeline"]), *_decisions(plan, other))


def _settings(one: Document, two: Document) -> Iterator[Move]:
    for what, before, after in (
        ("stages", len(one["stages"]), len(two["stages"])),
        ("pipeline axes", one["axes"], two["axes"]),
        ("microbatches", one["microbatches"], two["microbatches"]),
        ("schedule", one["family"], two["family"]),
    ):
        if before != after:
            yield Move(what, (), before, after)


def _decisions(plan: Document, other: Document) -> Iterator[Move]:
    for what, kind, keys in _PARTS:
        groups: dict[str, list[str]] = {}
        values: dict[str, tuple[Any, Any]] = {}
        for name, entry in plan[kind].items():
            pair = _picked(entry, keys), _picked(other[kind].get(name, {}), keys)
            if pair[0] != pair[1]:
                key = json.dumps(pair, sort_keys=True)
                groups.setdefault(key, []).append(name)
                values[key] = pair
        yield from (Move(what, tuple(names), *values[key]) for key, names in groups.items())


def _picked(entry: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """The values of these keys that are there; the value itself where there is one key."""
    found = {key: entry[key] for key in keys if key in entry}
    return found[keys[0]] if list(found) == [keys[0]] else found
