"""Messages between chunks as flow arrows, from the operator that makes a value to the one that
waits for it. An arrow leaves in the middle of its slice: at its end the slice is not open any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from solver.export.perfetto.tracks import Event, nanoseconds
from solver.export.saved import SavedPlan
from solver.verify.virtual_stages import number

_Key = tuple[int, str, int]
"""Virtual stage, phase, micro-batch."""


def arrows(saved: SavedPlan) -> Iterator[Event]:
    """Pairs of a flow's start and end, each with a number of its own. Chunks of one stage that
    follow each other hand over values too, without a transfer."""
    actions = _by_key(saved)
    numbers = count(1)
    forward, backward = crossings(saved)
    batches = range(saved.document["pipeline"]["microbatches"])
    pairs = [("activations", "F", source, target) for source, target in sorted(forward)]
    pairs += [("gradients", "B", target, source) for source, target in sorted(backward)]
    for name, phase, source, target in pairs:
        for batch in batches:
            sent, awaited = actions[source, phase, batch], actions[target, phase, batch]
            middle = (nanoseconds(sent["start_s"]) + nanoseconds(sent["end_s"])) / 2
            identity = next(numbers)
            yield _flow("s", name, identity, sent["stage"], middle)
            end = _flow("f", name, identity, awaited["stage"], nanoseconds(awaited["start_s"]))
            yield {**end, "bp": "e"}


def crossings(saved: SavedPlan) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """(producer, reader) of virtual stages that hand over values; and those whose reader gives a
    gradient back."""
    plan = saved.plan
    forward, backward = set(), set()
    for name, write in plan.wiring.producers.items():
        source = plan.virtual_stage_of[write.operator.unit]
        for read in plan.wiring.readers.get(name, ()):
            target = plan.virtual_stage_of[read.operator.unit]
            if source == target:
                continue
            forward.add((source, target))
            if plan.spec.graph.tensors[name].needs_gradient:
                backward.add((source, target))
    return forward, backward


def _by_key(saved: SavedPlan) -> dict[_Key, Event]:
    places = saved.plan.places
    found: dict[_Key, Event] = {}
    for action in saved.document["pipeline"]["schedule"]:
        chunk = number(places, action["stage"], action["chunk"])
        if chunk is not None:
            found[chunk, action["phase"], action["microbatch"]] = action
    return found


def _flow(ph: str, name: str, identity: int, stage: int, moment: float) -> Event:
    return {
        "name": name,
        "cat": "messages",
        "ph": ph,
        "id": identity,
        "pid": stage,
        "tid": 0,
        "ts": moment / 1000,
    }
