"""The way in: the bytes of a `config.json` in, what to write out, or all diagnostics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsl.diagnostic import Diagnostic, DiagnosticError, Severity
from dsl.span import Span
from solver.importing.hf.config import Config
from solver.importing.hf.families import family
from solver.importing.hf.imported import Imported
from solver.importing.hf.unread import account
from solver.instance.findings import Finding, show
from solver.instance.locate import Locator
from solver.instance.tree import Object, parse


class ConfigError(DiagnosticError):
    """The text is no configuration of a known model. `sources` has it by its path."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], sources: Mapping[str, str]) -> None:
        super().__init__(diagnostics)
        self.sources = sources


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration understood: what to write, and what to tell.

    `released_as` is its `_name_or_path`, "" where it has none.
    """

    imported: Imported
    model_type: str
    released_as: str
    remarks: tuple[str, ...]
    warnings: tuple[Diagnostic, ...]
    sources: Mapping[str, str]


def read(data: bytes, path: str) -> Reading:
    """The model that `data`, which came from `path`, describes. Raises ConfigError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        text = data.decode("utf-8", "replace")
        raise _refusal("this is not UTF-8", len(before), text, path) from None
    try:
        tree = parse(text)
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg[0].lower()}{error.msg[1:]}"
        raise _refusal(message, error.pos, text, path) from None
    except RecursionError:
        raise _refusal("this is nested too deep", 0, text, path) from None
    if not isinstance(tree, Object):
        raise _refusal("this is JSON, but no object", 0, text, path)
    return _read(tree, text, path)


def _read(tree: Object, text: str, path: str) -> Reading:
    config = Config(tree)
    for name in tree.repeated:
        config.errors.add("MMP701", (name,), "given twice")
    released_as = config.text("_name_or_path", "")
    found = family(config)
    imported = None
    if found is not None:
        imported = found.read(config)
        account(config)
    locator = Locator(text, path)
    if imported is None or config.errors.all:
        raise ConfigError(_diagnostics(config.errors.all, "error", locator), {path: text})
    warnings = _diagnostics(config.warnings.all, "warning", locator)
    model_type = config.text("model_type", "")
    return Reading(imported, model_type, released_as, tuple(config.remarks), warnings, {path: text})


def _diagnostics(
    findings: Iterable[Finding], severity: Severity, locator: Locator
) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(
            one.code,
            severity,
            f"{show(one.place)}: {one.message}" if one.place else one.message,
            locator.span(one.place),
            help=one.help,
        )
        for one in dict.fromkeys(findings)  # a field may be asked for twice
    )


def _refusal(message: str, offset: int, text: str, path: str) -> ConfigError:
    line = text.count("\n", 0, offset) + 1
    column = offset - text.rfind("\n", 0, offset)
    span = Span(path, line, column, line, column + 1)
    return ConfigError((Diagnostic("MMP701", "error", message, span),), {path: text})
