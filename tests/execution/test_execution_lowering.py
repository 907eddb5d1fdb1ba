"""Messages stand where PyTorch's own lowering puts them."""

from __future__ import annotations

import pytest
from torch.distributed.pipelining import schedules

from solver.execution.lowering import Operator, Post, lower
from solver.execution.orders import Pipeline, pipeline
from solver.reference.lower import schedule
from tests.execution.saved import saved


def _ours(found: Pipeline) -> list[list[str]]:
    """Our rows in PyTorch's words."""

    def word(item: Operator | Post) -> str:
        if isinstance(item, Operator):
            letters = {"F": "F", "B": "B" if found.fused[item.chunk] else "I", "W": "W"}
            return f"{item.chunk}{letters[item.phase]}{item.microbatch}"
        message = item.message
        end = message.maker if item.way == "send" else message.reader
        verb = "SEND" if item.way == "send" else "RECV"
        return f"{end.chunk}{verb}_{end.phase}{end.microbatch}"

    rows = lower(found.orders, found.edges, found.places)
    return [[word(item) for item in row] for row in rows]


@pytest.mark.parametrize("name", ["ulysses", "v_shaped", "v_four"])
def test_the_same_rows(name: str) -> None:
    found = pipeline(saved(name))
    actions = {
        rank: [schedules._Action.from_str(word) for word in row]
        for rank, row in enumerate(schedule(found))
    }
    places = found.places
    theirs = schedules._add_send_recv(actions, lambda stage: places[stage], len(places))
    assert _ours(found) == [[str(action) for action in theirs[rank]] for rank in sorted(theirs)]
