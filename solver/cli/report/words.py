"""Numbers and units as a person reads them."""

from __future__ import annotations

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def seconds(value: float) -> str:
    """`4.808 s`, `12.3 ms`: four significant digits."""
    if value == 0:
        return "0 s"
    for scale, unit in _TIMES:
        if abs(value) >= scale:
            return f"{_four(value / scale)} {unit}"
    return f"{value / 1e-9:.2g} ns"


def size(value: float) -> str:
    """`71.3 GiB`: four significant digits, binary units."""
    for scale, unit in _BYTES:
        if abs(value) >= scale:
            return f"{_four(value / scale)} {unit}"
    return f"{value:.0f} B"


def gib(value: float) -> str:
    """`71.30`, for columns of GiB."""
    return f"{value / 2**30:.2f}"


def percent(share: float) -> str:
    """`0.84 %`; what is below 1e-9 is the rounding of sums, `0 %`."""
    if abs(share) < 1e-9:
        return "0 %"
    return f"{100 * share:.1f} %" if abs(share) >= 0.1 else f"{100 * share:.2g} %"


def amount(objective: str, value: float) -> str:
    """An objective: seconds for `step_time`, bytes for `memory`, a number for a mere `value`."""
    if objective == "value":
        return number(value)
    return size(value) if objective == "memory" else seconds(value)


def number(value: float) -> str:
    """`532,843`, `0.125`: whole numbers in full, others with six significant digits."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.6g}"


def count(number: int, noun: str) -> str:
    """`1 stage`, `4 stages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _four(value: float) -> str:
    digits = max(0, 3 - len(str(int(abs(value)))) + 1)
    return f"{value:.{digits}f}"
