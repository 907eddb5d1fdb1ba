"""A saved plan beside the spec it is for: what exporters read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dsl.diagnostic import Diagnostic
from dsl.span import Span
from dsl.spec import Spec
from solver.instance.locate import Locator

if TYPE_CHECKING:
    from solver.verify.plan import Plan


@dataclass(frozen=True)
class SavedPlan:
    """A plan document that `verify` has passed, and the spec it was verified against.

    `path` is its file as the user wrote it, `text` what is in it, `document` that text as values.
    """

    path: str
    text: str
    document: dict[str, Any] = field(repr=False)
    spec: Spec = field(repr=False)

    @cached_property
    def plan(self) -> Plan:
        """The decisions joined to the spec: layouts, stages, chunks."""
        from solver.verify.decisions import read_decisions
        from solver.verify.fields import Fields
        from solver.verify.plan import join
        from solver.verify.proposal import propose
        from solver.verify.report import Violation

        found: list[Violation] = []
        decisions = read_decisions(Fields(self.document, "", found), found)
        if found:
            raise ValueError(f"{self.path} was not verified: {found[0].message}")
        return join(propose(decisions, self.spec))

    def finding(self, code: str, message: str, place: Iterable[str | int], help: str) -> Diagnostic:
        """An error about a place of the document, such as `("operators", "net.head", "cuts")`."""
        return Diagnostic(code, "error", message, self.span(place), help=help)

    def span(self, place: Iterable[str | int]) -> Span:
        """Where a value of the document begins in the plan's file; where it is not there, where
        the last container of it does. One character wide, since values may be pages long."""
        at = self._locator.span(tuple(place))
        return Span(at.file, at.line, at.column, at.line, at.column + 1)

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.text, self.path)
