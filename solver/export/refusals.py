"""What a target cannot express: everything at once, alike findings as one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dsl.diagnostic import Diagnostic, DiagnosticError
from solver.export.saved import SavedPlan

_NAMED = 3  # further subjects that a finding names


@dataclass(frozen=True, slots=True)
class Refusal:
    """`subject` (an operator, parameter, unit or stage of the plan) `reason`: what the plan does
    there, and what the target does instead. `place` is where the document says so."""

    code: str
    subject: str
    reason: str
    place: tuple[str | int, ...]
    help: str = ""


def refuse(saved: SavedPlan, refusals: Iterable[Refusal]) -> None:
    """Raise DiagnosticError if there are any; those that differ only in their subject are one
    finding, at the place of the first."""
    groups: dict[tuple[str, str, str], list[Refusal]] = {}
    for refusal in refusals:
        groups.setdefault((refusal.code, refusal.reason, refusal.help), []).append(refusal)
    if groups:
        raise DiagnosticError(_finding(saved, group) for group in groups.values())


def _finding(saved: SavedPlan, group: list[Refusal]) -> Diagnostic:
    first, others = group[0], list(dict.fromkeys(r.subject for r in group[1:]))
    message = f"`{first.subject}` {first.reason}"
    if others:
        shown = ", ".join(f"`{name}`" for name in others[:_NAMED])
        more = len(others) - _NAMED
        message += f"; the same of {shown}" + (f" and {more} more" if more > 0 else "")
    return saved.finding(first.code, message, first.place, first.help)
