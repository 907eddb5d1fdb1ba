"""Prices as a plan document carries them (solver/README.md section 15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solver.events import Document
from solver.explain.price import Price
from solver.explain.price_wishes import Wish


def with_prices(
    document: Document, wishes: Sequence[Wish], prices: Mapping[int, Price]
) -> Document:
    """A copy of a plan document with the prices of these wishes, by their number.

    A pin or limit of the spec itself has its `price` in its own entry of `pins`. `prices` lists the
    wishes that are no entry: each `apply`, with the numbers of its pins, and each setting. A price
    that is not known is null.
    """
    pins = [dict(entry) for entry in document["pins"]]
    others = []
    for number, wish in enumerate(wishes):
        price = prices[number].to_json() if number in prices else None
        if wish.kind in ("pin", "limit"):
            pins[wish.entries[0]]["price"] = price
        else:
            others.append(
                {
                    "kind": wish.kind,
                    "text": wish.text,
                    "file": wish.span.file if wish.span else wish.without.path,
                    "line": wish.span.line if wish.span else None,
                    "pins": list(wish.entries),
                    "price": price,
                }
            )
    rest = {name: value for name, value in document.items() if name not in ("pins", "prices")}
    return {**rest, "pins": pins, "prices": others}
