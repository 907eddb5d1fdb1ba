"""Units and dimensions: every quantity is held in SI base units (bytes, seconds, FLOP).

Decimal prefixes are powers of 1000, binary ones (`Ki`, `Mi`, ...) powers of 1024 (IEC 80000-13).
Bits exist only as rates (`Gbit/s`), because a size in bits is nearly always a slip.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from dsl.suggest import did_you_mean


@dataclass(frozen=True, slots=True)
class Dimension:
    """Exponents of the base units byte, second and FLOP."""

    byte: int = 0
    second: int = 0
    flop: int = 0

    def times(self, other: Dimension) -> Dimension:
        """The dimension of a product."""
        return Dimension(self.byte + other.byte, self.second + other.second, self.flop + other.flop)

    def over(self, other: Dimension) -> Dimension:
        """The dimension of a quotient."""
        return Dimension(self.byte - other.byte, self.second - other.second, self.flop - other.flop)

    def __str__(self) -> str:
        return _WORDS.get(self) or self._product()

    def _product(self) -> str:
        units = (("B", self.byte), ("s", self.second), ("FLOP", self.flop))
        return "a quantity in " + " ".join(
            unit if power == 1 else f"{unit}^{power}" for unit, power in units if power
        )


PLAIN = Dimension()
BYTES = Dimension(byte=1)
TIME = Dimension(second=1)
FLOP = Dimension(flop=1)
BANDWIDTH = Dimension(byte=1, second=-1)
RATE = Dimension(flop=1, second=-1)

_WORDS = {
    PLAIN: "a plain number",
    BYTES: "a size in bytes",
    TIME: "a time",
    FLOP: "a number of FLOPs",
    BANDWIDTH: "a bandwidth (bytes/s)",
    RATE: "a compute rate (FLOP/s)",
}


EXAMPLES = {
    BYTES: "72 GiB",
    TIME: "2 ms",
    FLOP: "2 TFLOP",
    BANDWIDTH: "900 GB/s",
    RATE: "989 TFLOP/s",
}
"""A value of each dimension as the language writes it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` base units of `dimension`."""

    factor: Fraction
    dimension: Dimension


def _table() -> dict[str, Unit]:
    decimal = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
    binary = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5}
    units = {"": Unit(Fraction(1), PLAIN), "%": Unit(Fraction(1, 100), PLAIN)}
    for prefix, power in decimal.items():
        factor = Fraction(1000) ** power
        units[f"{prefix}B"] = Unit(factor, BYTES)
        units[f"{prefix}B/s"] = Unit(factor, BANDWIDTH)
        units[f"{prefix}bit/s"] = Unit(factor / 8, BANDWIDTH)
        units[f"{prefix}FLOP"] = Unit(factor, FLOP)
        units[f"{prefix}FLOP/s"] = Unit(factor, RATE)
    for prefix, power in binary.items():
        factor = Fraction(1024) ** power
        units[f"{prefix}B"] = Unit(factor, BYTES)
        units[f"{prefix}B/s"] = Unit(factor, BANDWIDTH)
        units[prefix] = Unit(factor, PLAIN)
    for name, seconds in (("ns", "1e-9"), ("us", "1e-6"), ("ms", "1e-3"), ("s", "1")):
        units[name] = Unit(Fraction(seconds), TIME)
    units["min"] = Unit(Fraction(60), TIME)
    units["h"] = Unit(Fraction(3600), TIME)
    return units


UNITS = _table()


def unit_hint(spelling: str) -> str:
    """What a person who wrote this unknown unit may have meant, as a help text."""
    for prefix in ("K", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"):
        if spelling in (f"{prefix}b", f"{prefix}bit", f"{prefix}bits"):
            rate = prefix.removesuffix("i")
            return f"did you mean `{prefix}B` or `{rate}bit/s`?"
        if spelling in (f"{prefix}bps", f"{prefix}b/s"):
            rate = prefix.removesuffix("i")
            return f"did you mean `{rate}bit/s` or `{prefix}B/s`?"
    if spelling.endswith("FLOPS"):
        return f"did you mean `{spelling[:-1]}/s`?"
    by_case = [name for name in UNITS if name.lower() == spelling.lower()]
    return did_you_mean(spelling, by_case or list(UNITS))
