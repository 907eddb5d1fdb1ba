"""The outcome of a check: violations, each with a stable code, and the recomputed figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from solver.verify.figures import Figures

RELATIVE = 1e-6
ABSOLUTE = 1e-9


def close(claimed: float, computed: float) -> bool:
    """Equal up to rounding: relative 1e-6, absolute 1e-9."""
    return abs(claimed - computed) <= max(ABSOLUTE, RELATIVE * max(abs(claimed), abs(computed)))


def at_most(value: float, bound: float) -> bool:
    """`value <= bound` up to rounding."""
    return value <= bound + max(ABSOLUTE, RELATIVE * abs(bound))


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a plan.

    `code` is stable (`cut-divides`); `where` is the place in the document
    (`operators.net.up.cuts`); `message` is one sentence without a full stop.
    """

    code: str
    message: str
    where: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. `figures` is None where the decisions could not be priced."""

    violations: tuple[Violation, ...]
    figures: Figures | None

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.violations

    @property
    def codes(self) -> tuple[str, ...]:
        """The distinct codes of the violations, in order of appearance."""
        return tuple(dict.fromkeys(v.code for v in self.violations))


def differs(code: str, where: str, claimed: float, computed: float) -> Iterable[Violation]:
    """A violation if a claimed figure is not the recomputed one."""
    if not close(claimed, computed):
        yield Violation(code, f"the document says {claimed!r}, recomputed {computed!r}", where)
