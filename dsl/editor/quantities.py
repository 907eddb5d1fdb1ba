"""Values in words: numbers with the unit that a person would choose."""

from __future__ import annotations

from dsl.resolve.units import BANDWIDTH, BYTES, FLOP, PLAIN, RATE, TIME, UNITS, Dimension
from dsl.resolve.values import AxesValue, Number, PathValue, Value

_ROUNDING = 1 + 1e-9  # 1e-6 s in floats is a little less than 1 us
_WHOLE = 10**18  # larger amounts are shown with an exponent
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_LADDERS: dict[Dimension, tuple[str, ...]] = {
    BYTES: _BINARY,
    TIME: ("ns", "us", "ms", "s"),
    BANDWIDTH: ("B/s", "KB/s", "MB/s", "GB/s", "TB/s", "PB/s"),
    FLOP: ("FLOP", "KFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"),
    RATE: ("FLOP/s", "KFLOP/s", "MFLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "EFLOP/s"),
}


def show_value(value: Value) -> str:
    """A value as a person would write it."""
    match value:
        case bool():
            return "true" if value else "false"
        case Number():
            return show(value.value, value.dimension)
        case str():
            return f'"{value}"'
        case PathValue():
            return value.selector.dotted
        case AxesValue(axes=axes):
            return ", ".join(axis.name.text for axis in axes)


def show(amount: float, dimension: Dimension = PLAIN) -> str:
    """An amount in base units, in the largest unit of which there is at least one."""
    ladder = _LADDERS.get(dimension)
    if ladder is None:
        plain = f"{amount:,}" if isinstance(amount, int) else f"{amount:,.6g}"
        return plain if dimension == PLAIN else f"{plain} ({dimension})"
    fitting = [unit for unit in ladder if abs(amount) * _ROUNDING >= UNITS[unit].factor]
    unit = fitting[-1] if fitting else ladder[0]
    return f"{float(amount / UNITS[unit].factor):,.6g} {unit}"


def show_exact(amount: float, dimension: Dimension) -> str:
    """The same, and what it is in base units where that says more."""
    short = show(amount, dimension)
    base = _LADDERS.get(dimension, ("",))[0] if dimension != TIME else "s"
    is_whole = amount == int(amount) and abs(amount) < _WHOLE
    exact = f"{int(amount):,} {base}" if is_whole else f"{amount:,.12g} {base}"
    return short if dimension == PLAIN or short == exact else f"{short} = {exact}"
