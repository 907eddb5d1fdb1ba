"""Prices in a plan document: which wishes have one, and their arithmetic."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from dsl.spec import Spec
from solver.explain.price import Price
from solver.explain.price_document import with_prices
from solver.explain.price_wishes import wishes
from solver.verify.check import verify
from tests.solver.solving import plan
from tests.solver.specs import Draft

STRATEGY = "strategy cut() {\n  pin net.a : f over gpu\n  pin net.y : whole b weight 1 ms\n}"
STATEMENTS = (
    "pin net.a : whole d",
    STRATEGY,
    "apply cut()",
    "pin net.y : whole d weight 1 us",
    "limit memory <= 15 GiB",
    "limit step_time <= 1 us weight 1 us per ms over",
)
Json = dict[str, Any]


@cache
def example() -> tuple[Spec, Json]:
    """Pins 0 and 1 are hard, 1 and 2 come from an `apply`; limit 4 must hold; then 3 settings."""
    train = "microbatches 1 pipeline 1 stage recompute none"
    spec = Draft("products", gigabytes=600, train=train, statements=STATEMENTS).spec()
    document, asked = plan(spec), wishes(spec, lambda _: "")
    prices = {0: Price(0.0, 1e-5), 1: Price(1e-6, 1e-6)}
    return spec, json.loads(json.dumps(with_prices(document, asked, prices)))


def test_prices_are_accepted_and_so_is_a_plan_without_any() -> None:
    spec, document = example()
    assert verify(document, spec).violations == ()
    plain = copy.deepcopy(document)
    del plain["prices"]
    for entry in plain["pins"]:
        entry.pop("price", None)
    assert verify(plain, spec).violations == ()


def pin(number: int, **changes: object) -> Callable[[Json], object]:
    return lambda document: document["pins"][number]["price"].update(changes)


def give(number: int) -> Callable[[Json], object]:
    return lambda document: document["pins"][number].update(price=None)


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        (pin(0, least_s=2e-5), "price", "pins[0].price"),
        (pin(0, least_s=-1e-6), "price", "pins[0].price"),
        (pin(0, most_s=1.0), "price", "pins[0].price"),
        (pin(0, exact=True), "price", "pins[0].price.exact"),
        (pin(0, least_s=1e-5), "price", "pins[0].price.exact"),
        (pin(0, least_s="1"), "field-type", "pins[0].price.least_s"),
        (pin(0, exact=1), "field-type", "pins[0].price.exact"),
        (lambda d: d["pins"][0]["price"].pop("most_s"), "field-missing", "pins[0].price.most_s"),
        (lambda d: d["pins"][0].update(price=3), "field-type", "pins[0].price"),
        (lambda d: d["pins"][0].pop("price"), "price-list", "pins[0].price"),
        (give(1), "price-list", "pins[1].price"),  # of the `apply`
        (give(2), "price-list", "pins[2].price"),
        (give(3), "price-list", "pins[3].price"),  # soft
        (give(5), "price-list", "pins[5].price"),
        (lambda d: d["pins"][4].pop("price"), "price-list", "pins[4].price"),
        (lambda d: d.pop("prices"), "price-list", "prices"),
        (lambda d: d["prices"].pop(0), "price-list", "prices"),
        (lambda d: d["prices"].pop(), "price-list", "prices"),
        (lambda d: d["prices"].append(d["prices"][0]), "price-list", "prices"),
        (lambda d: d["prices"][0].update(pins=[1, 2]), "price-list", "prices"),
        (lambda d: d["prices"][1].update(kind="schedule"), "price-list", "prices"),
        (lambda d: d["prices"][0]["price"].update(most_s=0.0), "price", "prices[0].price"),
        (lambda d: d.update(prices={}), "field-type", "prices"),
        (lambda d: d["prices"][0].update(pins=["1"]), "field-type", "prices[0].pins"),
    ],
)
def test_what_is_wrong_with_a_price_is_found(
    change: Callable[[Json], object], code: str, where: str
) -> None:
    spec, right = example()
    document = copy.deepcopy(right)
    change(document)
    assert (code, where) in [(v.code, v.where) for v in verify(document, spec).violations]
