"""How well predictions agree with measurements: error, bias, order, and the cost of a choice.

- error: mean of |predicted / measured - 1|; bias: geometric mean of predicted / measured, less 1;
- order: Kendall's tau-b among the configurations of one group (the same model, devices, batch and
  sequence);
- regret of a group: measured time of the configuration predicted fastest over the best measured,
  less 1; of several predicted alike, the slowest counts;
- fastest quartile: the error over a group's fastest quarter by measurement.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median


@dataclass(frozen=True, slots=True)
class Scored:
    """One row: seconds measured and predicted, and which rows it competes with."""

    name: str
    group: Hashable
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Relative error, signed."""
        return self.predicted / self.measured - 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one source; `tau`, `regret` and `quartile` are None where no group has two
    configurations, medians over groups (`quartile`: the mean over rows) otherwise."""

    rows: int
    error: float
    bias: float
    largest: float
    tau: float | None
    regret: float | None
    quartile: float | None


def score(rows: Sequence[Scored]) -> Score:
    """The score of the rows of one source. ValueError where there are none."""
    if not rows:
        raise ValueError("no rows to score")
    groups = [members for members in grouped(rows) if len(members) > 1]
    quarters = [row for members in groups for row in fastest_quarter(members)]
    return Score(
        rows=len(rows),
        error=mean_error(rows),
        bias=math.exp(fmean(math.log(row.predicted / row.measured) for row in rows)) - 1.0,
        largest=max(abs(row.error) for row in rows),
        tau=_median(kendall_tau, [members for members in groups if len(members) > 2]),
        regret=_median(regret, groups),
        quartile=mean_error(quarters) if quarters else None,
    )


def mean_error(rows: Iterable[Scored]) -> float:
    """Mean absolute percentage error, as a ratio."""
    return fmean(abs(row.error) for row in rows)


def grouped(rows: Iterable[Scored]) -> tuple[tuple[Scored, ...], ...]:
    """Rows that compete with each other."""
    groups: dict[Hashable, list[Scored]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    return tuple(tuple(members) for members in groups.values())


def fastest_quarter(rows: Sequence[Scored]) -> tuple[Scored, ...]:
    """The fastest quarter by measurement, at least one."""
    ordered = sorted(rows, key=lambda row: row.measured)
    return tuple(ordered[: max(1, len(ordered) // 4)])


def regret(rows: Sequence[Scored]) -> float:
    """What taking the configuration predicted fastest costs; ties are broken against us."""
    first = min(row.predicted for row in rows)
    taken = max(row.measured for row in rows if row.predicted <= first * (1 + 1e-9))
    return taken / min(row.measured for row in rows) - 1.0


def kendall_tau(rows: Sequence[Scored]) -> float:
    """Kendall's tau-b of predicted and measured times; 0 where either is the same everywhere."""
    agreed = pairs = tied_measured = tied_predicted = 0
    for place, one in enumerate(rows):
        for other in rows[:place]:
            by_measured = _sign(one.measured - other.measured)
            by_predicted = _sign(one.predicted - other.predicted)
            agreed += by_measured * by_predicted
            tied_measured += by_measured == 0
            tied_predicted += by_predicted == 0
            pairs += 1
    spread = (pairs - tied_measured) * (pairs - tied_predicted)
    return agreed / math.sqrt(spread) if spread else 0.0


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def _median(
    measure: Callable[[Sequence[Scored]], float], groups: Sequence[Sequence[Scored]]
) -> float | None:
    return median(measure(members) for members in groups) if groups else None
