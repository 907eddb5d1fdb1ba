"""The parameters of imported files: `import "./ours.mmp" with price = 2 ms`."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.diagnostic import Label
from dsl.resolve.modules import Module
from dsl.resolve.report import Reporter, attempt
from dsl.suggest import did_you_mean
from dsl.syntax import Import, Name, Parameter, ParamStmt


@dataclass(frozen=True, slots=True)
class Configured:
    """A file as one import configured it: the parameters that were given a value."""

    module: Module
    names: tuple[str, ...]

    def check(self) -> None:
        """Read every value, used or not; what is wrong with it is reported."""
        for name in self.names:
            attempt(self.module.find, name)


def check_settings(source: Module, statement: Import, report: Reporter) -> list[Configured]:
    """Every setting has its parameter, and every parameter without a default its setting.

    Errors: MMP208 (set twice), MMP111 (no such parameter), MMP112 (no value). Returns the file if
    anything is set, for its values can only be read when all files are.
    """
    statements = (s for s in source.file.statements if isinstance(s, ParamStmt))
    parameters = {s.parameter.name.text: s.parameter for s in statements}
    given: dict[str, Name] = {}
    for name, _ in statement.settings:
        first = given.setdefault(name.text, name)
        if first is not name:
            label = Label(first.span, "first here")
            report.error("MMP208", f"`{name.text}` is set twice", name.span, label)
        elif name.text not in parameters and not source.is_partial:
            _unknown(name, list(parameters), statement, report)
    for missing in parameters.values():
        if missing.default is None and missing.name.text not in given:
            _missing(missing, statement, report)
    names = tuple(name for name in given if name in parameters)
    return [Configured(source, names)] if names else []


def _unknown(name: Name, parameters: list[str], statement: Import, report: Reporter) -> None:
    known = "its parameters are " + ", ".join(parameters) if parameters else "it has none"
    message = f"module `{statement.source}` has no parameter `{name.text}`"
    hint = did_you_mean(name.text, parameters) or known
    report.error("MMP111", message, name.span, hint=hint)


def _missing(parameter: Parameter, statement: Import, report: Reporter) -> None:
    name = parameter.name
    message = f"parameter `{name.text}` of module `{statement.source}` has no value"
    label = Label(name.span, "declared here")
    hint = f"add `with {name.text} = ...` to the import"
    report.error("MMP112", message, statement.source_span, label, hint=hint)
