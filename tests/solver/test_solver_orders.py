"""Pins on the order of pipeline operators, from the statement to the bill."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsl.load import load
from dsl.spec import Spec
from solver.schedule.problem import Chunk, Edge, OrderPin, ScheduleProblem
from solver.verify.check import verify
from tests.schedule.exhaustive import optimum
from tests.solver.solving import GRAIN, plan

MS = 1e-3
GIB = 2.0**30
FORWARD, INPUT_GRAD, WEIGHT_GRAD = 3.0, 4.0, 2.0  # ms of every chunk
AHEAD = "order forward 3 of stage 0 before input_grad 0 of stage 1"
"""Stage 1 waits for four forwards before its first backward."""
BACK = "order weight_grad 3 of stage 1 before input_grad 1 of stage 0"

SPEC = """\
import hardware.abstract (worker)
model measured(chunks: int, batch: int) {
  batch index b = batch
  input samples[b]
  x = samples
  repeat chunks as chunks {
    op chunk(x) -> y { forward 3 ms  input_grad 4 ms  weight_grad 2 ms  saved 1 GiB  SPLIT }
    x = y
  }
  output x
}
mesh ring = worker[rank: 2]
model net = measured(chunks: CHUNKS, batch: BATCH)
train { microbatches COUNT  pipeline PIPELINE  recompute none  transfer TRANSFER }"""


@pytest.fixture
def spec(tmp_path: Path) -> Any:
    """Makes a spec with these statements."""

    def make(*statements: str, **settings: Any) -> Spec:
        return made(tmp_path, *statements, **settings)

    return make


def made(
    folder: Path,
    *statements: str,
    microbatches: int | str = 4,
    pipeline: str = "2 stages",
    chunks: int = 2,
    split: str = "split_backward",
    transfer: str = "0 us",
) -> Spec:
    text = SPEC.replace("SPLIT", split).replace("CHUNKS", str(chunks))
    text = text.replace("TRANSFER", transfer)
    batch = microbatches if isinstance(microbatches, int) else 4
    text = text.replace("BATCH", str(batch)).replace("COUNT", str(microbatches))
    path = folder / "orders.mmp"
    path.write_text("\n".join([text.replace("PIPELINE", pipeline), *statements, ""]))
    return load(path)


def times(document: dict[str, Any]) -> dict[tuple[Any, ...], tuple[float, float]]:
    return {
        (a["phase"], a["microbatch"], a["stage"], a["chunk"]): (a["start_s"], a["end_s"])
        for a in document["pipeline"]["schedule"]
    }


# ---- hard and soft -------------------------------------------------------------------------


def test_a_hard_order_is_kept_and_costs_time(spec: Any) -> None:
    free, pinned = plan(spec()), plan(spec(AHEAD))
    at = times(free)
    assert at["B", 0, 1, 0][0] < at["F", 3, 0, 0][1]
    at = times(pinned)
    assert at["B", 0, 1, 0][0] >= at["F", 3, 0, 0][1] - 1e-12
    assert free["step_time_s"] == pytest.approx(39 * MS)
    assert pinned["step_time_s"] == pytest.approx(40 * MS)
    assert pinned["outcome"] == {"stopped": "proved", "plan": "optimal"}
    assert pinned["pins"][0] == {
        "text": AHEAD,
        "kind": "hard",
        "file": pinned["pins"][0]["file"],
        "line": 15,
        "satisfied": True,
        "weight_s": None,
        "paid_s": 0.0,
    }


def test_a_soft_order_switches_at_its_price(spec: Any) -> None:
    free, price = 39 * MS, 18 * MS  # kept, `BACK` leaves nothing to do beside most of the backwards
    assert plan(spec(BACK))["step_time_s"] == pytest.approx(free + price)
    for share in (0.5, 0.98, 1.02, 3.0):
        document = plan(spec(f"{BACK} weight {price * share * 1e9:.0f} ns"))
        kept, paid = share > 1, min(1.0, share) * price
        assert document["pins"][0]["satisfied"] == kept
        assert document["pins"][0]["paid_s"] == pytest.approx(0.0 if kept else paid)
        assert document["step_time_s"] == pytest.approx(free + (price if kept else 0.0))
        assert document["objective"]["value"] == pytest.approx(free + paid)
        assert document["objective"]["bound"] == pytest.approx(free + paid, rel=GRAIN)


def test_orders_of_bytes_switch_at_their_price(spec: Any) -> None:
    """In flight on stage 0: one micro-batch, four where `AHEAD` holds."""
    for weight, kept in ((2, False), (3.5, True)):
        document = plan(spec(f"{AHEAD} weight {weight} GiB", "minimize memory"))
        assert document["pins"][0]["satisfied"] == kept
        assert document["objective"]["value"] == pytest.approx((4 if kept else 1 + weight) * GIB)


def test_what_a_step_may_take_goes_before_soft_orders(spec: Any) -> None:
    """Keeping `BACK` takes 57 ms, which is worth its 100 ms, but is too long."""
    wish = f"{BACK} weight 100 ms"
    for limit in ("limit step_time <= 46 ms", "limit step_time <= 46 ms weight 50 s per s over"):
        document = plan(spec(wish, limit))
        assert not document["pins"][0]["satisfied"]
        assert document["objective"]["value"] == pytest.approx(139 * MS)


def test_strategies_hold_orders(spec: Any) -> None:
    strategy = (
        "strategy ahead(by: int) { order forward by - 1 of stage 0 before input_grad 0 of stage 1 }"
    )
    hard = plan(spec(strategy, "apply ahead(4)"))
    soft = plan(spec(strategy, "apply ahead(4) weight 200 us"))
    assert (hard["pins"][0]["kind"], hard["pins"][0]["satisfied"]) == ("hard", True)
    assert (soft["pins"][0]["kind"], soft["pins"][0]["satisfied"]) == ("soft", False)
    assert soft["objective"]["penalty"] == pytest.approx(0.2 * MS)


def test_chunks_of_a_stage_are_told_apart(spec: Any) -> None:
    wish = "order forward 3 of stage 0 chunk 1 before input_grad 0 of stage 1 chunk 1"
    document = plan(spec(wish, pipeline="2 stages 2 chunks loop", chunks=4, microbatches=4))
    at = times(document)
    assert at["B", 0, 1, 1][0] >= at["F", 3, 0, 1][1] - 1e-12


def test_both_gradients_are_one_operator_where_they_run_together(spec: Any) -> None:
    """The second backward of stage 0 starts when the first is done, under either name."""
    for phase in ("input_grad", "weight_grad"):
        document = plan(spec(f"order {phase} 0 of stage 1 before {phase} 0 of stage 0", split=""))
        assert {a["phase"] for a in document["pipeline"]["schedule"]} == {"F", "B"}
        assert document["pins"][0]["satisfied"]
        assert document["step_time_s"] == pytest.approx(45 * MS)


def test_stage_maps_leave_room_for_what_orders_keep_in_flight(spec: Any) -> None:
    """Four micro-batches of all layers of stage 0: 20 of the 44 fit, half of them do not."""
    document = plan(spec("limit memory <= 80 GiB per device", AHEAD, chunks=44), time_limit_s=5.0)
    assert document["pins"][0]["satisfied"]
    assert len(document["pipeline"]["stages"][0]["units"]) <= 20


# ---- operators that are not there ----------------------------------------------------------

TWO_STAGES = "order forward 0 of stage 0 before input_grad 0 of stage 1"
"""Every plan of two stages keeps it."""


def test_an_order_needs_its_stages(spec: Any) -> None:
    """A micro-batch takes 18 ms on one stage; on two, 10 ms more for the transfers, less the 2 ms
    of the weight gradient of the second one."""
    alike = {"microbatches": 1, "pipeline": "1..2 stages", "transfer": "5 ms"}
    for price, stages, value in (
        (None, 2, 26),
        ("7 ms", 1, 25),
        ("9 ms", 2, 26),
    ):
        wish = TWO_STAGES if price is None else f"{TWO_STAGES} weight {price}"
        document = plan(spec(wish, **alike))
        assert len(document["pipeline"]["stages"]) == stages
        assert document["pins"][0]["satisfied"] == (stages == 2)
        assert document["objective"]["value"] == pytest.approx(value * MS)
    assert plan(spec(**alike))["objective"]["value"] == pytest.approx(18 * MS)


def test_an_order_needs_its_microbatches(spec: Any) -> None:
    """Micro-batches take the same time however many there are, so one is best."""
    wish = "order forward 1 of stage 1 before input_grad 0 of stage 0"
    hard = plan(spec(wish, microbatches="auto"))
    soft = plan(spec(f"{wish} weight 1 ms", microbatches="auto"))
    assert hard["pipeline"]["microbatches"] == 2
    assert soft["pipeline"]["microbatches"] == 1
    assert soft["objective"]["penalty"] == pytest.approx(1 * MS)


# ---- no plan -------------------------------------------------------------------------------


def conflict(document: dict[str, Any]) -> list[str]:
    assert document["outcome"] == {"stopped": "proved", "plan": "none"}
    assert document["explanation"] == "complete"
    assert len(document["relaxations"]) == len(document["conflict"])
    return [row["text"] for row in document["conflict"]]


def test_two_orders_that_contradict_each_other_are_both_named(spec: Any) -> None:
    one = "order forward 3 of stage 0 before input_grad 0 of stage 0"
    other = "order input_grad 0 of stage 0 before forward 2 of stage 0"
    document = plan(spec(one, "order forward 1 of stage 0 before forward 1 of stage 1", other))
    assert conflict(document) == [one, other]


def test_an_order_against_the_graph_is_named(spec: Any) -> None:
    wish = "order input_grad 0 of stage 0 before forward 0 of stage 1"
    assert conflict(plan(spec(wish))) == [wish]


@pytest.mark.parametrize(
    ("pipeline", "wish", "chunks"),
    [
        ("2 stages one_f_one_b", AHEAD, 2),
        ("2 stages zb_h1", AHEAD, 2),
        ("2 stages zb_h2", "order forward 3 of stage 0 before input_grad 0 of stage 0", 2),
        ("2 stages gpipe", "order weight_grad 0 of stage 1 before forward 3 of stage 1", 2),
        (
            "2 stages zb_v",
            "order forward 3 of stage 0 chunk 0 before input_grad 0 of stage 0 chunk 1",
            4,
        ),
    ],
)
def test_an_order_that_a_fixed_schedule_does_not_keep_is_named_with_it(
    spec: Any, pipeline: str, wish: str, chunks: int
) -> None:
    document = plan(spec(wish, pipeline=pipeline, chunks=chunks))
    assert conflict(document) == [pipeline.split()[-1], wish]
    assert [row["line"] for row in document["conflict"]] == [14, 15]
    soft = plan(spec(f"{wish} weight 1 ms", pipeline=pipeline, chunks=chunks))
    assert not soft["pins"][0]["satisfied"]
    assert soft["objective"]["penalty"] == pytest.approx(1 * MS)


def test_an_order_that_takes_too_much_memory_is_named_with_the_limit(spec: Any) -> None:
    """Four micro-batches of 1 GiB each are in flight on stage 0."""
    limit = "limit memory <= 3 GiB per device"
    wish = "order forward 3 of stage 0 before input_grad 0 of stage 0"
    document = plan(spec(limit, wish))
    assert conflict(document) == [limit, wish]
    assert document["relaxations"][0]["bytes"] == pytest.approx(4 * GIB, rel=0.05)


# ---- against exhaustive search -------------------------------------------------------------

PHASES = {"forward": "F", "input_grad": "B", "weight_grad": "W"}
PLACES = st.tuples(st.sampled_from(sorted(PHASES)), st.integers(0, 1), st.integers(0, 1))
ORDERS = st.tuples(PLACES, PLACES, st.sampled_from([None, 1, 4, 9]))


def is_possible(before: tuple[str, int, int], after: tuple[str, int, int]) -> bool:
    """What the language takes: no order against the numbering and the phases of one stage."""
    (p, m, s), (q, n, t) = before, after
    return s != t or "FBW".index(PHASES[p]) < "FBW".index(PHASES[q]) or m < n


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(ORDERS.filter(lambda x: is_possible(x[0], x[1])), min_size=1, max_size=3))
def test_plans_with_orders_are_the_best_there_are(
    tmp_path_factory: pytest.TempPathFactory, orders: list[Any]
) -> None:
    statements = []
    pins = []
    for before, after, weight in orders:
        (p, m, s), (q, n, t) = before, after
        price = "" if weight is None else f" weight {weight} ms"
        statements.append(f"order {p} {m} of stage {s} before {q} {n} of stage {t}{price}")
        pins.append(OrderPin((s, PHASES[p], m), (t, PHASES[q], n), weight))  # type: ignore[arg-type]
    chunks = tuple(
        Chunk("", stage, FORWARD, INPUT_GRAD, WEIGHT_GRAD, 0.0, 0.0) for stage in range(2)
    )
    none = (0.0, 0.0)
    problem = ScheduleProblem(
        2, chunks, (Edge(0, 1, 0.0),), 2, none, none, split_backward=True, pins=tuple(pins)
    )
    best = optimum(problem, in_order=True)
    document = plan(made(tmp_path_factory.mktemp("orders"), *statements, microbatches=2))
    if math.isinf(best):
        assert document["outcome"] == {"stopped": "proved", "plan": "none"}
    else:
        assert document["objective"]["value"] == pytest.approx(best * MS, rel=GRAIN)
        assert document["objective"]["bound"] <= best * MS * (1 + 1e-9)


# ---- the verifier --------------------------------------------------------------------------


def changed(document: dict[str, Any], **values: Any) -> dict[str, Any]:
    first, *others = document["pins"]
    return {**document, "pins": [{**first, **values}, *others]}


def test_the_verifier_bills_orders_itself(spec: Any) -> None:
    problem = spec(f"{AHEAD} weight 200 us")
    document = plan(problem)
    row = document["pins"][0]
    assert not row["satisfied"]
    for values, code in (
        ({"satisfied": True}, "pin-satisfied"),
        ({"paid_s": 0.0}, "pin-paid"),
        ({"weight_s": 0.1 * MS}, "pin-weight"),
        ({"kind": "hard"}, "pin-list"),
        ({"text": BACK}, "pin-list"),
    ):
        assert code in verify(changed(document, **values), problem).codes
    objective = {**document["objective"], "penalty": 0.0, "value": document["step_time_s"]}
    free = {**changed(document, satisfied=True, paid_s=0.0), "objective": objective}
    assert {"pin-satisfied", "pin-paid", "objective"} <= set(verify(free, problem).codes)


def test_the_verifier_rejects_plans_that_break_hard_orders(spec: Any) -> None:
    """A plan without the pin, relabelled as one of the spec that has it."""
    problem = spec(AHEAD)
    row = plan(problem)["pins"][0]
    free = plan(spec())
    assert set(verify({**free, "pins": [row]}, problem).codes) >= {"pin-broken", "pin-satisfied"}


def test_the_verifier_looks_at_the_times(spec: Any) -> None:
    """A schedule that keeps an order breaks its reverse."""
    document = plan(spec("order forward 3 of stage 0 before weight_grad 0 of stage 1"))
    reverse = spec("order weight_grad 0 of stage 1 before forward 3 of stage 0")
    row = {**document["pins"][0], "text": reverse.pins[0].text}
    assert "pin-broken" in verify({**document, "pins": [row]}, reverse).codes
