"""One unit for all figures of a kind in a drawing, and the ticks of an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit and how many seconds or bytes it has."""

    name: str
    size: float

    def say(self, value: float) -> str:
        """`124.5 ms`: up to four significant digits."""
        return f"{self.number(value)} {self.name}"

    def number(self, value: float) -> str:
        """`124.5`."""
        number = value / self.size
        return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"


_TIMES = (Unit("s", 1.0), Unit("ms", 1e-3), Unit("us", 1e-6), Unit("ns", 1e-9))
_SIZES = (
    Unit("TiB", 2.0**40),
    Unit("GiB", 2.0**30),
    Unit("MiB", 2.0**20),
    Unit("KiB", 2.0**10),
    Unit("B", 1.0),
)


def time_unit(longest: float) -> Unit:
    """The largest unit of time of which there is at least one in `longest` seconds."""
    return next((unit for unit in _TIMES if longest >= unit.size), _TIMES[-1])


def memory_unit(most: float) -> Unit:
    """The largest unit of memory of which there is at least one in `most` bytes."""
    return next((unit for unit in _SIZES if most >= unit.size), _SIZES[-1])


def seconds(value: float) -> str:
    """`124.5 ms`: a duration in the unit that fits it."""
    return time_unit(value).say(value) if value else "0 s"


def percent(share: float) -> str:
    """`2.4 %`."""
    return f"{100 * share:.1f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def ticks(longest: float, unit: Unit, most: int) -> tuple[float, ...]:
    """At most `most` + 1 ticks from 0 on, in seconds: multiples of 1, 2 or 5 times a power of ten
    of the unit."""
    if longest <= 0:
        return (0.0,)
    least = longest / unit.size / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))
    count = math.floor(longest / unit.size / step * (1 + 1e-9))
    return tuple(number * step * unit.size for number in range(count + 1))
