"""What a level of proof says about a plan."""

from __future__ import annotations

from dataclasses import dataclass

from solver.verify.report import Violation


@dataclass(frozen=True, slots=True)
class Outcome:
    """`lines` say what was run and measured; `violations` what was not as the plan says."""

    lines: tuple[str, ...]
    violations: tuple[Violation, ...] = ()
