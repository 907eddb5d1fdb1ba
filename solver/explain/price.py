"""What a wish costs: the best plan with it against the best plan without it.

With `V` the objective of the best plan of the spec and `V'` that of the spec without the wish (both
at least 0, infinite where there is no plan) the price is `max(0, V - V')`. Two searches that say
`L <= V <= U` and `L' <= V' <= U'` leave it the interval

    max(0, L - U') <= price <= max(0, U - L')

which is `(U - L) + (U' - L')` long, the sum of both gaps. Nothing here asks that every plan with
the wish is one without it: a limit above the memory of a device, or a pin that makes identical
layers differ, can let in plans that are not found without it. Such a wish costs 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from solver.events import Document


@dataclass(frozen=True, slots=True)
class Known:
    """What a search knows of the objective of the best plan, in the objective's unit.

    `lower` and `upper` are infinite where it is proven that there is no plan, `upper` also where
    none was found. `is_proved`: they differ by no more than the grain of the solver's clock.
    """

    lower: float
    upper: float
    is_proved: bool


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a wish is in `least..most`, in the objective's unit; equal where exact."""

    least: float
    most: float

    @property
    def is_exact(self) -> bool:
        """Whether the price itself is known."""
        return self.least == self.most

    def to_json(self) -> Document:
        """The `price` of a plan document."""
        return {"least_s": self.least, "most_s": self.most, "exact": self.is_exact}


NOTHING = Price(0.0, 0.0)
ROUNDING = 1e-9
"""The share of the objective by which sums may differ from rounding alone."""


def known(document: Document, bound: float | None = None) -> Known:
    """What a plan document says of the best plan; `bound` is one that was reported before."""
    outcome = document["outcome"]
    if outcome["plan"] == "none":
        is_proved = outcome["stopped"] == "proved"
        return Known(math.inf if is_proved else bound or 0.0, math.inf, is_proved)
    objective = document["objective"]
    return Known(objective["bound"] or 0.0, objective["value"], outcome["plan"] == "optimal")


def price(kept: Known, dropped: Known) -> Price | None:
    """The price of a wish, from the search with it, which has a plan, and that without it.

    Between two proven plans it is the difference of their values, and 0 where that is no more than
    their gaps leave open. None where the searches say nothing: 0 to all that the plan costs.
    """
    least = _gain(kept.lower - dropped.upper, kept)
    most = _gain(kept.upper - dropped.lower, kept)
    if kept.is_proved and dropped.is_proved:
        least = most = kept.upper - dropped.upper if least > 0 else 0.0
    if least == 0 and most > 0 and most >= kept.upper:
        return None
    return Price(least, most)


def _gain(difference: float, kept: Known) -> float:
    """A difference, where it is more than the rounding of sums."""
    return difference if difference > ROUNDING * kept.upper else 0.0
