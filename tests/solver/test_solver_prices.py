"""What wishes cost, against the difference of two optima by exhaustive search."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dsl.spec import Spec
from solver.explain.price import NOTHING, Known, Price, known, price
from solver.explain.price_document import with_prices
from solver.explain.price_wishes import Wish, near, wishes
from solver.space.mesh import splits
from solver.verify.check import verify
from tests.solver.brute import optimum
from tests.solver.cases import cases
from tests.solver.solving import GRAIN, plan
from tests.solver.specs import Draft

QUICK = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
DEEP = settings(QUICK, max_examples=150)
ONE_STAGE = "microbatches 1 pipeline 1 stage recompute none"
CUT = Draft("products", sizes=(4098, 1024, 2050), gigabytes=600, train=ONE_STAGE)


def found(draft: Draft) -> list[Wish]:
    text = draft.text()
    return list(wishes(draft.spec(), lambda _: text))


def priced(spec: Spec, wish: Wish) -> Price | None:
    """The price by two searches."""
    return NOTHING if wish.is_free else price(known(plan(spec)), known(plan(wish.without)))


def value(draft: Draft) -> float:
    """The objective of the best plan, by exhaustive search."""
    best = optimum(draft.spec())
    return math.inf if best is None else best.value


def agrees(draft: Draft, without: Draft, wish: Wish) -> None:
    """The price holds the difference of the two optima, and is that where it is exact."""
    most, least = value(draft), value(without)
    true, grain = max(0.0, most - least), 2 * GRAIN * most
    one = priced(draft.spec(), wish)
    if one is not None:
        assert one.least - grain <= true <= one.most + grain, (one, true)
    if draft.train == ONE_STAGE:
        assert one is not None
        assert one.is_exact


@QUICK
@given(cases())
def test_prices_of_pins_and_limits_are_those_of_brute_force(draft: Draft) -> None:
    all_agree(draft)


@pytest.mark.slow
@DEEP
@given(cases())
def test_many_prices_are_those_of_brute_force(draft: Draft) -> None:
    all_agree(draft)


def all_agree(draft: Draft) -> None:
    """Every pin and limit that must hold is priced, as the spec without its statement says."""
    if value(draft) == math.inf:
        return
    lines = draft.text().splitlines()
    own = [wish for wish in found(draft) if wish.kind in ("pin", "limit")]
    hard = [text for text in draft.statements if "weight" not in text]
    assert sorted(wish.text for wish in own) == sorted(" ".join(text.split()) for text in hard)
    for wish in own:
        assert wish.span is not None
        text = lines[wish.span.line - 1]
        rest = list(draft.statements)
        rest.remove(text)
        agrees(draft, replace(draft, statements=tuple(rest)), wish)


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("pin net.a : whole f", "step_time"),
        ("forbid net.y : f over gpu", "step_time"),
        ("pin net.a : whole b", "memory"),
        ("forbid net.y : b over gpu", "memory"),
    ],
)
def test_a_pin_on_one_stage_has_an_exact_price(text: str, objective: str) -> None:
    draft = replace(CUT, objective=objective)
    pinned = replace(draft, statements=(text,))
    wish = found(pinned)[0]
    agrees(pinned, draft, wish)
    one = priced(pinned.spec(), wish)
    assert one is not None
    assert one.least == pytest.approx(value(pinned) - value(draft), rel=1e-3)
    assert one.least > 0


def test_a_wish_that_another_one_implies_costs_nothing() -> None:
    draft = replace(CUT, statements=("pin net.a : whole f", "forbid net.a : f over gpu"))
    assert [priced(draft.spec(), wish) for wish in found(draft)[:2]] == [NOTHING, NOTHING]


SETTINGS = (
    ("stages", "pipeline 2 stages gpipe", "pipeline auto gpipe"),
    ("schedule", "pipeline 2 stages gpipe", "pipeline 2 stages"),
    ("microbatches", "microbatches 1", ""),
    ("recompute", "recompute full", "recompute auto"),
)


@pytest.mark.parametrize(("kind", "text", "without"), SETTINGS)
def test_settings_are_priced_as_what_they_leave_out(kind: str, text: str, without: str) -> None:
    train = "microbatches 1 pipeline 2 stages gpipe recompute full"
    draft = Draft("layers", sizes=(2, 1026, 2050), train=train)
    free = replace(draft, train=train.replace(text, without))
    (wish,) = (wish for wish in found(draft) if wish.kind == kind)
    wanted = free.spec().train
    placed = replace(wish.without.train.pipeline, span=wanted.pipeline.span)
    assert replace(wish.without.train, pipeline=placed) == wanted
    agrees(draft, free, wish)


def test_micro_batches_of_measured_operators_are_no_wish() -> None:
    """Their times are those of one size of micro-batch: fewer of them would be less work."""
    spec = replace(CUT, train="microbatches 2 pipeline 1 stage").spec()
    assert "microbatches" in [wish.kind for wish in wishes(spec, lambda _: "")]
    operator = spec.graph.operators[0]
    measured = replace(spec.graph, operators=(replace(operator, variants=(object(),)),))  # type: ignore[arg-type]
    kinds = [wish.kind for wish in wishes(replace(spec, graph=measured), lambda _: "")]
    assert "microbatches" not in kinds


STRATEGY = """strategy whole() {
  pin net.a : whole f
  pin net.y : whole b weight 1 ms
  forbid net.y : f over gpu
}"""


def test_an_apply_is_one_wish_of_its_hard_pins() -> None:
    draft = replace(CUT, statements=("pin net.a : whole d", STRATEGY, "apply whole()"))
    spec = draft.spec()
    pin, applied = found(draft)[:2]
    assert (pin.kind, pin.entries) == ("pin", (0,))
    assert (applied.kind, applied.text, applied.entries) == ("apply", "apply whole()", (1, 3))
    kept = [pin.requirements for pin in applied.without.pins]
    assert kept == [spec.pins[0].requirements, spec.pins[2].requirements]
    without = replace(draft, statements=("pin net.a : whole d", "pin net.y : whole b weight 1 ms"))
    agrees(draft, without, applied)


def test_what_is_soft_has_its_bill_and_no_price() -> None:
    statements = (
        "pin net.a : whole b weight 1 us",
        "limit memory <= 1 GiB weight 1 ms per GiB over",
    )
    assert [wish.kind for wish in found(replace(CUT, statements=statements))] == [
        *("stages", "microbatches", "recompute")
    ]


def test_a_limit_on_the_step_time_alone_is_free() -> None:
    limit = "limit step_time <= 1 s"
    assert found(replace(CUT, statements=(limit,)))[0].is_free
    assert not found(replace(CUT, statements=(limit,), objective="memory"))[0].is_free
    paid = (limit, "pin net.a : whole b weight 1 s")
    assert not found(replace(CUT, statements=paid))[0].is_free


def test_a_limit_above_the_device_costs_nothing_though_there_is_no_plan_without_it() -> None:
    draft = Draft("products", sizes=(4098, 102400, 204800), gpus=1, train=ONE_STAGE)
    loose = replace(draft, statements=("limit memory <= 4000 GiB",))
    assert value(draft) == math.inf
    assert value(loose) < math.inf
    assert priced(loose.spec(), found(loose)[0]) == NOTHING


def test_near_a_plan_are_plans_without_the_wish_and_the_plan_itself() -> None:
    draft = replace(CUT, train="recompute none", statements=("pin net.a : whole f",))
    draft = replace(draft, sizes=(4, 1024, 2050))
    document, asked = plan(draft.spec()), found(draft)
    spec = near(asked[0], document)
    assert spec is not None
    (split,) = splits(spec, frozenset())
    assert [part.name for part in split.pipeline] == document["pipeline"]["axes"]
    assert split.microbatches == document["pipeline"]["microbatches"]
    most, least = known(document), known(plan(asked[0].without))
    assert least.lower <= known(plan(spec)).upper <= most.upper * (1 + GRAIN)
    own = replace(draft, train="microbatches 1 pipeline 1 stage")
    assert [near(wish, document) is None for wish in found(own)] == [False, True, True]


PLAN = Known(9.0, 10.0, False)
PROVED = Known(10.0, 10.0, True)


@pytest.mark.parametrize(
    ("kept", "dropped", "wanted"),
    [
        (PROVED, Known(8.0, 8.0, True), Price(2.0, 2.0)),
        (PROVED, Known(10.0, 10.0, True), NOTHING),
        (Known(9.9999, 10.0, True), Known(9.999, 9.9999, True), NOTHING),  # the grain
        (PROVED, Known(8.0, 10.0 - 1e-12, False), Price(0.0, 2.0)),  # the rounding of sums
        (PROVED, Known(7.0, 8.0, False), Price(2.0, 3.0)),
        (PLAN, Known(8.0, 8.0, True), Price(1.0, 2.0)),
        (PLAN, Known(7.0, 8.5, False), Price(0.5, 3.0)),
        (PLAN, Known(7.0, 12.0, False), Price(0.0, 3.0)),  # worse than the plan it started from
        (PLAN, Known(10.5, 11.0, False), NOTHING),  # other plans, all worse
        (PLAN, Known(7.0, math.inf, False), Price(0.0, 3.0)),
        (PLAN, Known(math.inf, math.inf, True), NOTHING),
        (PLAN, Known(0.0, math.inf, False), None),
        (PLAN, Known(0.0, 9.5, False), None),
        (PLAN, Known(0.0, 2.0, False), Price(7.0, 10.0)),
        (Known(0.0, 0.0, True), Known(0.0, 0.0, True), NOTHING),
    ],
)
def test_two_searches_leave_an_interval(kept: Known, dropped: Known, wanted: Price | None) -> None:
    assert price(kept, dropped) == wanted


def test_the_document_with_prices_is_verified() -> None:
    statements = ("pin net.a : whole b", STRATEGY, "apply whole()", "limit step_time <= 1 s")
    draft = replace(CUT, statements=statements)
    spec, asked = draft.spec(), found(draft)
    document = plan(spec)
    prices = {number: one for number, wish in enumerate(asked) if (one := priced(spec, wish))}
    del prices[0]
    full = with_prices(document, asked, prices)
    assert verify(full, spec).violations == ()
    assert [entry.get("price", "none") for entry in full["pins"]] == [
        *(None, "none", "none", "none", {"least_s": 0.0, "most_s": 0.0, "exact": True})
    ]
    assert [(one["kind"], one["pins"]) for one in full["prices"]] == [
        *(("apply", [1, 3]), ("stages", []), ("microbatches", []), ("recompute", []))
    ]
    assert all(one["price"]["exact"] for one in full["prices"])
