"""What is wrong with an instance: findings by their place in the JSON tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Place = tuple[str | int, ...]
"""The way from the top of the tree: `("problem", "edges", "costs", 3)`."""

SHOWN = 3  # findings of one kind in one list; the rest is counted


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; `message` without the place."""

    code: str
    place: Place
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings in the order in which they are made."""

    all: list[Finding] = field(default_factory=list)

    def add(self, code: str, place: Place, message: str, help_: str = "") -> None:
        """Note one finding."""
        self.all.append(Finding(code, place, message, help_))

    def add_each(
        self, code: str, where: Sequence[int], describe: Callable[[int], tuple[Place, str]]
    ) -> None:
        """Note the first few of many findings of one kind; the last one tells how many more."""
        for position, item in enumerate(where[:SHOWN]):
            place, message = describe(item)
            more = len(where) - SHOWN if position == SHOWN - 1 else 0
            places = "place" if more == 1 else "places"
            self.add(code, place, message, f"the same in {more} more {places}" if more > 0 else "")


def show(place: Place) -> str:
    """`problem.edges.costs[3]`; the whole tree is `the document`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.lstrip(".") or "the document"
