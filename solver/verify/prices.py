"""Prices of pins, limits and settings: what can be checked without another search (section 15).

That a price is right would take the plans without the wish; here: every price is one of a wish that
has one, within what the plan costs, and its ends and the word `exact` agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dsl.spec import Spec
from solver.verify.fields import Fields
from solver.verify.report import Violation, at_most

SETTINGS = ("stages", "schedule", "microbatches", "recompute")


@dataclass(frozen=True, slots=True)
class PriceClaim:
    """A price in the objective's unit, and where it stands in the document."""

    least: float
    most: float
    exact: bool
    where: str


@dataclass(frozen=True, slots=True)
class WishClaim:
    """One entry of `prices`: a wish that is no entry of `pins` itself."""

    kind: str
    pins: tuple[int, ...]
    price: PriceClaim | None
    where: str


@dataclass(frozen=True, slots=True)
class PriceClaims:
    """Per entry of `pins` whether it has a `price`, and the one that is known; then `prices`."""

    is_priced: tuple[bool, ...]
    pins: tuple[PriceClaim | None, ...]
    others: tuple[WishClaim, ...] | None


def read_prices(document: Fields) -> PriceClaims:
    """The prices of a document; malformed fields add violations (see `Fields`)."""
    entries = document.nested_list("pins")
    others = document.nested_list("prices") if "prices" in document.field_names else None
    return PriceClaims(
        tuple("price" in entry.field_names for entry in entries),
        tuple(map(_price, entries)),
        None if others is None else tuple(map(_wish, others)),
    )


def _price(entry: Fields) -> PriceClaim | None:
    if entry.is_null("price"):
        return None
    found = entry.nested("price")
    return PriceClaim(
        found.number("least_s"), found.number("most_s"), found.boolean("exact"), found.where
    )


def _wish(entry: Fields) -> WishClaim:
    return WishClaim(entry.text("kind"), entry.integers("pins"), _price(entry), entry.where)


def price_violations(claims: PriceClaims, spec: Spec, value: float) -> Iterator[Violation]:
    """Which wishes have a price, and its arithmetic; `value` is the objective of the plan."""
    if claims.others is None:
        if any(claims.is_priced):
            yield Violation("price-list", "a pin has a price, and there is no `prices`", "prices")
        return
    yield from _own(claims.is_priced, spec)
    yield from _others(claims.others, spec)
    for price in (*claims.pins, *(other.price for other in claims.others)):
        if price is not None:
            yield from _arithmetic(price, value)


def _own(is_priced: Sequence[bool], spec: Spec) -> Iterator[Violation]:
    """A price of their own have the hard pins and limits that the spec itself states."""
    wanted = [pin.weight is None and not pin.via for pin in spec.pins]
    wanted += [limit.weight is None for limit in spec.limits]
    for at, (has, must) in enumerate(zip(is_priced, wanted, strict=True)):
        if has and not must:
            message = "it is soft, or priced with the `apply` that it came through"
            yield Violation("price-list", message, f"pins[{at}].price")
        elif must and not has:
            yield Violation("price-list", "there must be a price, or null", f"pins[{at}].price")


def _others(others: Sequence[WishClaim], spec: Spec) -> Iterator[Violation]:
    """Every `apply` with hard pins, in their order, then the settings that narrow the plans."""
    groups: dict[object, list[int]] = {}
    for at, pin in enumerate(spec.pins):
        if pin.via and pin.weight is None:
            groups.setdefault(pin.via[-1], []).append(at)
    wanted = [("apply", tuple(members)) for members in groups.values()]
    given = [(other.kind, other.pins) for other in others]
    if given != wanted + [(name, ()) for name in _settings(spec)]:
        message = "there must be every `apply` with its hard pins, then every setting of `train`"
        yield Violation("price-list", message, "prices")


def _settings(spec: Spec) -> Iterator[str]:
    """Settings that leave less to choose; measured operators fix the size of a micro-batch."""
    train, pipeline = spec.train, spec.train.pipeline
    is_measured = any(operator.variants for operator in spec.graph.operators)
    narrows = (
        (pipeline.low, pipeline.high, pipeline.parts) != (1, None, None),
        pipeline.family is not None,
        train.microbatches is not None and not is_measured,
        train.recompute != "auto",
    )
    yield from (name for name, is_given in zip(SETTINGS, narrows, strict=True) if is_given)


def _arithmetic(price: PriceClaim, value: float) -> Iterator[Violation]:
    """`0 <= least <= most <= value`, and equal exactly where the price is exact."""
    if not 0 <= price.least <= price.most:
        message = f"{price.least!r} to {price.most!r} is no range of at least 0"
        yield Violation("price", message, price.where)
    elif not at_most(price.most, value):
        message = f"it is at most {price.most!r}, more than the plan costs"
        yield Violation("price", message, price.where)
    if price.exact != (price.least == price.most):
        yield Violation("price", "exact is where both ends are equal", f"{price.where}.exact")
