"""One layer for each run of layers: the second must do to the result of the first what that did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solver.importing.torch import atoms
from solver.importing.torch.reader import Call, Operand
from solver.importing.torch.repeats import Run
from solver.importing.torch.values import Source


class NoChainError(ValueError):
    """Layers that are not one function, each applied to the result of the one before."""

    def __init__(self, message: str, call: Call) -> None:
        super().__init__(message)
        self.call = call


@dataclass(frozen=True, slots=True)
class Repeat:
    """The calls of one layer. `takes` is what it reads of the layer before (or, the first, of what
    stands before all), `gives` what the next reads, `last` the same of the exported last one."""

    run: Run
    calls: tuple[Call, ...]
    takes: Source
    gives: Source
    last: Source


def fold(calls: Sequence[Call], runs: Sequence[Run]) -> tuple[Call | Repeat, ...]:
    """The calls in order, those of every run of layers as one. Raises NoChainError."""
    items: list[Call | Repeat] = []
    done: set[Run] = set()
    for call in calls:
        run = next((run for run in runs if run.count > 1 and _key(call, run)), None)
        if run is None:
            items.append(call)
        elif run not in done:
            done.add(run)
            items.append(_fold(calls, run))
    folded = [item for item in items if isinstance(item, Repeat)]
    hidden = {
        call.result
        for item in folded
        for call in calls
        if _key(call, item.run) and call.result is not item.last
    }
    for call in (item for item in items if isinstance(item, Call)):
        if any(one.source in hidden for one in call.operands):
            raise NoChainError("something outside reads more of the layers than their result", call)
    return tuple(items)


def _fold(calls: Sequence[Call], run: Run) -> Repeat:
    first, second = (tuple(c for c in calls if _key(c, run) == key) for key in run.kept)
    if [call.kind for call in first] != [call.kind for call in second]:
        raise NoChainError(f"two of the {run.count} layers do different things", second[0])
    places = {call.result: at for at, call in enumerate(first)}
    again = {call.result: at for at, call in enumerate(second)}
    carried: set[tuple[Source, Source]] = set()
    for one, other, call in _pairs(first, second):
        if one.source.role == "parameter":
            continue
        if one.source in places or other.source in again:
            if places.get(one.source) != again.get(other.source):
                raise NoChainError(f"two of the {run.count} layers do different things", call)
        elif one.source is not other.source:
            carried.add((one.source, other.source))
    if len(carried) != 1:
        message = f"the layers take {len(carried)} tensors from one another, not one"
        raise NoChainError(message, second[0])
    ((takes, gives),) = carried
    if gives not in places:
        raise NoChainError("a layer does not read what the one before made", second[0])
    last = second[places[gives]].result
    atoms.join(atoms.flat(takes.dims), atoms.flat(gives.dims))
    atoms.join(atoms.flat(gives.dims), atoms.flat(last.dims))
    return Repeat(run, first, takes, gives, last)


def _pairs(
    first: Sequence[Call], second: Sequence[Call]
) -> Iterator[tuple[Operand, Operand, Call]]:
    for one, other in zip(first, second, strict=True):
        for left, right in zip(one.operands, other.operands, strict=True):
            yield left, right, other


def _key(call: Call, run: Run) -> str:
    """The name of the layer of the run that a call stands in; "" outside."""
    depth = len(run.path)
    if call.path[:depth] != run.path or len(call.path) <= depth:
        return ""
    return call.path[depth] if call.path[depth] in run.kept else ""
