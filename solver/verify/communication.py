"""The document's list of collectives against the recomputed one, as multisets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from solver.verify.claims import CallClaim
from solver.verify.figures import Call
from solver.verify.report import Violation, close

Key = tuple[str, str | None, str, str, tuple[str, ...]]


@dataclass(slots=True)
class _Tally:
    """Calls of one kind and size, and how many times a step they run."""

    bytes: float
    seconds: float
    exposed: float | None
    count: int


def communication_violations(
    claims: Sequence[CallClaim], calls: Sequence[Call], parts: Sequence[str]
) -> Iterator[Violation]:
    """Every recomputed collective is listed, with its bytes, count, seconds and what compute leaves
    of them, and no other is.

    Entries of one kind and size are added up; sub-axes may be listed in any order (`parts` has
    them in mesh order).
    """
    claimed, computed = _tallies(claims, parts), _tallies(calls, parts)
    for key in dict.fromkeys((*claimed, *computed)):
        listed, wanted = claimed.get(key, []), computed.get(key, [])
        if len(listed) != len(wanted):
            message = f"{_say(key)}: {len(listed)} sizes are listed, {len(wanted)} occur"
            yield Violation("communication", message, "communication")
            continue
        for one, other in zip(listed, wanted, strict=True):
            if not _same(one, other):
                message = f"{_say(key)}: listed as {_figures(one)}, recomputed {_figures(other)}"
                yield Violation("communication", message, "communication")


def _tallies(calls: Sequence[CallClaim | Call], parts: Sequence[str]) -> dict[Key, list[_Tally]]:
    """Calls by kind; those of one kind ordered by size, equal sizes added up."""
    places = {name: at for at, name in enumerate(parts)}
    found: dict[Key, list[_Tally]] = {}
    for call in sorted(calls, key=lambda c: (c.bytes, c.seconds)):
        axes = tuple(sorted(call.axes, key=lambda name: (places.get(name, len(places)), name)))
        key = (call.operator, call.tensor, call.phase, call.collective, axes)
        rows = found.setdefault(key, [])
        if rows and close(rows[-1].bytes, call.bytes) and close(rows[-1].seconds, call.seconds):
            rows[-1].count += call.count
        else:
            rows.append(_Tally(call.bytes, call.seconds, call.exposed, call.count))
    return found


def _same(one: _Tally, other: _Tally) -> bool:
    return (
        close(one.bytes, other.bytes)
        and close(one.seconds, other.seconds)
        and _equal(one.exposed, other.exposed)
        and one.count == other.count
    )


def _equal(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else close(one, other)


def _say(key: Key) -> str:
    operator, tensor, phase, collective, axes = key
    what = f" of `{tensor}`" if tensor is not None and tensor != operator else ""
    return f"{collective} over ({', '.join(axes)}) in {phase} of `{operator}`{what}"


def _figures(tally: _Tally) -> str:
    left = "" if tally.exposed is None else f", {tally.exposed!r} s of them exposed"
    return f"{tally.count} x {tally.bytes!r} bytes, {tally.seconds!r} s each{left}"
