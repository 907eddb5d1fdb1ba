"""The findings of `mmp check` as a document on standard output: JSON, or SARIF for code hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dsl.diagnostic import Diagnostic

FORMAT = "mmp-check/1"


def json_document(files: Sequence[str], findings: Sequence[Diagnostic]) -> dict[str, Any]:
    """`{"format", "files", "errors", "warnings", "diagnostics"}`, as in dsl/README.md."""
    from dsl.render import to_json

    return {
        "format": FORMAT,
        "files": list(files),
        "errors": count(findings, "error"),
        "warnings": count(findings, "warning"),
        "diagnostics": [to_json(found) for found in findings],
    }


def sarif_document(findings: Sequence[Diagnostic]) -> dict[str, Any]:
    """A SARIF 2.1.0 log with the rules that were broken."""
    from dsl.codes import CODES, merge
    from dsl.project.codes import CODES as PROJECT_CODES
    from dsl.resolve.codes import CODES as SPEC_CODES
    from dsl.sarif import to_sarif
    from solver.cli.versions import version_of

    return to_sarif(findings, merge(CODES, SPEC_CODES, PROJECT_CODES), version_of("mmp"))


def count(findings: Sequence[Diagnostic], severity: str) -> int:
    """How many findings are of that severity."""
    return sum(found.severity == severity for found in findings)
