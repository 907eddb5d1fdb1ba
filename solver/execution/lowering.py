"""The order of a plan as what every device does, messages included, as a runtime lowers it.

A device sends what an operator makes right after it. The receiver posts its receive when the
message is sent, in an order that one walk over all devices gives: the way of PyTorch's
`_add_send_recv` (torch 2.13, `torch/distributed/pipelining/schedules.py`), written anew so that its
result can be compared. Nothing is sent between chunks on one device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from solver.verify.figures import Phase


@dataclass(frozen=True, slots=True)
class Operator:
    """Phase `phase` of micro-batch `microbatch` in a chunk, numbered over the whole pipeline."""

    chunk: int
    phase: Phase
    microbatch: int

    def __str__(self) -> str:
        return f"{self.phase} of micro-batch {self.microbatch} in chunk {self.chunk}"


@dataclass(frozen=True, slots=True)
class Message:
    """What `maker` made, on its way to `reader`, between devices."""

    maker: Operator
    reader: Operator
    sender: int
    receiver: int


@dataclass(frozen=True, slots=True)
class Post:
    """A device posts its end of a message."""

    way: Literal["send", "receive"]
    message: Message


Rows = tuple[tuple[Operator | Post, ...], ...]
"""For every device what it does, in order."""


class StuckError(Exception):
    """Operators that never start: `stops` are the first ones of the devices that stop."""

    def __init__(self, stops: Sequence[Operator]) -> None:
        self.stops = tuple(stops)
        super().__init__(", ".join(map(str, stops)))


def lower(
    orders: Sequence[Sequence[Operator]],
    edges: Sequence[tuple[int, int]],
    places: Sequence[int],
) -> Rows:
    """Put messages between the operators of every device. `places` are the devices of chunks.

    Raises StuckError where operators wait for each other for ever.
    """
    wiring = _wire(edges)
    rows: list[list[Operator | Post]] = [[] for _ in orders]
    seen: list[set[Operator]] = [set() for _ in orders]
    left = {device: list(order) for device, order in enumerate(orders) if order}
    while left:
        moved = False
        for device in sorted(left):
            operator = left[device][0]
            if not all(needed in seen[device] for needed in wiring.needs(operator)):
                continue
            moved = True
            left[device].pop(0)
            if not left[device]:
                del left[device]
            rows[device].append(operator)
            seen[device].add(operator)
            for message in _sent(operator, wiring, places):
                rows[device].append(Post("send", message))
                rows[message.receiver].append(Post("receive", message))
                seen[message.receiver].add(operator)
        if not moved:
            raise StuckError([order[0] for order in left.values()])
    return tuple(tuple(row) for row in rows)


@dataclass(frozen=True, slots=True)
class _Wiring:
    before: Mapping[int, tuple[int, ...]]
    after: Mapping[int, tuple[int, ...]]

    def needs(self, operator: Operator) -> Iterator[Operator]:
        """What must have been made before an operator."""
        chunk, microbatch = operator.chunk, operator.microbatch
        if operator.phase == "F":
            yield from (Operator(c, "F", microbatch) for c in self.before.get(chunk, ()))
        elif operator.phase == "B":
            yield Operator(chunk, "F", microbatch)
            yield from (Operator(c, "B", microbatch) for c in self.after.get(chunk, ()))
        else:
            yield Operator(chunk, "B", microbatch)

    def readers(self, operator: Operator) -> Iterator[Operator]:
        """Which operators of other chunks need what an operator makes."""
        ways = {"F": self.after, "B": self.before}.get(operator.phase, {})
        for chunk in ways.get(operator.chunk, ()):
            yield Operator(chunk, operator.phase, operator.microbatch)


def _wire(edges: Sequence[tuple[int, int]]) -> _Wiring:
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for source, target in edges:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    return _Wiring(
        {chunk: tuple(found) for chunk, found in before.items()},
        {chunk: tuple(found) for chunk, found in after.items()},
    )


def _sent(operator: Operator, wiring: _Wiring, places: Sequence[int]) -> Iterator[Message]:
    here = places[operator.chunk]
    for reader in wiring.readers(operator):
        there = places[reader.chunk]
        if there != here:
            yield Message(operator, reader, here, there)
