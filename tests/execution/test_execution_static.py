"""The static level accepts the plans and rejects what is wrong in an order."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from solver.execution.lowering import Operator, Post, Rows, lower
from solver.execution.orders import Pipeline, pipeline
from solver.execution.posts import block_violations, need_violations, order_violations
from solver.execution.static import check, schedule_violations
from solver.verify.figures import Phase, Saved
from tests.execution.saved import NAMES, saved


@pytest.mark.parametrize("name", NAMES)
def test_plans_pass(name: str) -> None:
    outcome = check(saved(name))
    assert outcome.violations == ()
    assert "complete" in outcome.lines[0]


def _pipeline(*orders: str, fused: bool = True) -> Pipeline:
    """Rows of `0F1` words; chunk i is on the row that runs it."""
    rows = [[_operator(word) for word in order.split()] for order in orders]
    chunks = 1 + max(operator.chunk for row in rows for operator in row)
    places = tuple(
        next(device for device, row in enumerate(rows) if any(o.chunk == chunk for o in row))
        for chunk in range(chunks)
    )
    return Pipeline(
        tuple(map(tuple, rows)),
        tuple((chunk, chunk + 1) for chunk in range(chunks - 1)),
        places,
        (fused,) * chunks,
        (Saved(1.0, 1.0),) * chunks,
        1 + max(operator.microbatch for row in rows for operator in row),
    )


def _operator(word: str) -> Operator:
    return Operator(int(word[0]), cast("Phase", word[1]), int(word[2]))


def _codes(found: Pipeline) -> list[str]:
    return [violation.code for violation in schedule_violations(found)]


def test_one_forward_one_backward_passes() -> None:
    assert _codes(_pipeline("0F0 0F1 0B0 0B1", "1F0 1B0 1F1 1B1")) == []


def test_a_v_of_chunks_passes() -> None:
    assert _codes(_pipeline("0F0 3F0 3B0 0B0", "1F0 2F0 2B0 1B0")) == []


def test_an_operator_that_is_missing() -> None:
    assert _codes(_pipeline("0F0 0F1 0B0", "1F0 1B0 1F1 1B1")) == ["run-count"]


def test_an_operator_that_runs_twice() -> None:
    assert _codes(_pipeline("0F0 0F0 0B0", "1F0 1B0")) == ["run-count"]


def test_a_circle_of_waits() -> None:
    assert _codes(_pipeline("0F0 0B0 0F1 0B1", "1F1 1B1 1F0 1B0")) == ["run-deadlock"]


def test_a_last_chunk_out_of_order() -> None:
    assert _codes(_pipeline("0F1 0F0 0B1 0B0", "1F1 1B1 1F0 1B0")) == ["run-last-chunk"]


def _rows(swap: tuple[int, int] | None = None) -> Rows:
    order = _pipeline("0F0 0F1 0B0 0B1", "1F0 1F1 1B0 1B1")
    rows = [list(row) for row in lower(order.orders, order.edges, order.places)]
    if swap is not None:
        at = [n for n, x in enumerate(rows[1]) if isinstance(x, Post) and x.way == "receive"]
        one, other = at[swap[0]], at[swap[1]]
        rows[1][one], rows[1][other] = rows[1][other], rows[1][one]
    return tuple(map(tuple, rows))


def test_swapped_receives_are_caught() -> None:
    assert list(order_violations(_rows())) == []
    (found,) = order_violations(_rows(swap=(0, 1)))
    assert found.code == "run-messages"
    assert "is received as that of F of micro-batch 1 in chunk 0" in found.message


def test_a_receive_that_comes_too_late_is_caught() -> None:
    rows = _rows()
    late = [item for item in rows[1] if isinstance(item, Post) and item.way == "receive"][-1]
    moved = (*(item for item in rows[1] if item != late), late)
    (found,) = need_violations((rows[0], moved))
    assert found.code == "run-order"


def test_a_send_that_is_dropped_is_caught() -> None:
    rows = _rows()
    kept = tuple(i for i in rows[0] if not (isinstance(i, Post) and i.way == "send"))
    assert [v.code for v in block_violations((kept, rows[1]))] == ["run-deadlock"]
    assert [v.code for v in order_violations((kept, rows[1]))] == ["run-messages"]


def test_memory_that_does_not_add_up() -> None:
    found = saved(NAMES[0])
    document = dict(found.document)
    first = dict(document["memory"][0])
    first["terms"] = dict(first["terms"]) | {"activations": 1.0}
    document["memory"] = [first, *document["memory"][1:]]
    (violation,) = check(replace(found, document=document)).violations
    assert violation.code == "run-memory"
    assert pipeline(found).microbatches > 1
