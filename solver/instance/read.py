"""The way in: text in, a checked `Instance` or all diagnostics out."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.span import Span
from solver.instance.check import check
from solver.instance.findings import Finding, Findings, show
from solver.instance.instance import Instance
from solver.instance.locate import Locator
from solver.instance.tree import parse


class InstanceError(DiagnosticError):
    """The text is no instance. `sources` has it by its path, for excerpts."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], sources: Mapping[str, str]) -> None:
        super().__init__(diagnostics)
        self.sources = sources


def read(data: bytes, path: str) -> Instance:
    """The instance in `data`, which came from `path`. Raises InstanceError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        before = data[: error.start].decode("utf-8")
        raise _refusal("this is not UTF-8", len(before), text, path) from None
    try:
        return _checked(parse(text), text, path)
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg[0].lower()}{error.msg[1:]}"
        raise _refusal(message, error.pos, text, path) from None
    except RecursionError:
        raise _refusal("this is nested too deep", 0, text, path) from None


def _checked(tree: object, text: str, path: str) -> Instance:
    findings = Findings()
    instance = check(tree, findings)
    if instance is None:
        locator = Locator(text, path)
        raise InstanceError(
            tuple(_diagnostic(finding, locator) for finding in findings.all), {path: text}
        )
    return instance


def _refusal(message: str, offset: int, text: str, path: str) -> InstanceError:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    span = Span(path, line, column, line, column + 1)
    return InstanceError((Diagnostic("MMP601", "error", message, span),), {path: text})


def _diagnostic(finding: Finding, locator: Locator) -> Diagnostic:
    message = f"{show(finding.place)}: {finding.message}"
    return Diagnostic(
        finding.code, "error", message, locator.span(finding.place), help=finding.help
    )
