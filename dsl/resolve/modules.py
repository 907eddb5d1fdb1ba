"""Modules: one file each, the names it declares and imports, and the values of its constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from dsl.diagnostic import Label
from dsl.resolve.arguments import argument_value
from dsl.resolve.expressions import evaluate
from dsl.resolve.files import Place
from dsl.resolve.report import POISONED, Poisoned, RejectedError, Reporter
from dsl.resolve.values import Value
from dsl.span import Span
from dsl.suggest import did_you_mean
from dsl.syntax import (
    Device,
    Expr,
    File,
    Kind,
    Let,
    Model,
    Name,
    Optimizer,
    ParamStmt,
    PhysicsSet,
    Precision,
    Selector,
    Strategy,
)

Declaration = (
    ParamStmt | Let | Device | Optimizer | Precision | PhysicsSet | Kind | Model | Strategy
)

WORDS: dict[type, str] = {
    ParamStmt: "a parameter",
    Let: "a constant",
    Device: "a device",
    Optimizer: "an optimizer",
    Precision: "a precision",
    PhysicsSet: "a set of physics",
    Kind: "an operator kind",
    Model: "a model",
    Strategy: "a strategy",
}


def name_of(statement: Declaration) -> Name:
    """The name that a declaration gives."""
    return statement.parameter.name if isinstance(statement, ParamStmt) else statement.name


Wanted = TypeVar("Wanted", Device, Optimizer, Precision, PhysicsSet, Kind, Model, Strategy)


@dataclass(frozen=True, slots=True)
class Declared:
    """A name declared in this file."""

    statement: Declaration
    span: Span


@dataclass(frozen=True, slots=True)
class Imported:
    """A name of another module, under a local name."""

    module: Module
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole module under a local name (`megatron.sequence_parallel`)."""

    module: Module
    span: Span


@dataclass(frozen=True, slots=True)
class Broken:
    """A name whose import failed."""

    span: Span


Bound = Declared | Imported | Whole | Broken


@dataclass(frozen=True, slots=True)
class Setting:
    """What an import gives a parameter: an expression, and the importing file that it is of."""

    value: Expr
    importer: Module


@dataclass(slots=True)
class Module:
    """A loaded file. `names` grows while it is loaded and is complete before it is used.

    `given` holds the `-D` overrides of the root file by name, `settings` what the import of this
    one says (`with price = 2 ms`); `is_library` makes parameters
    without a value no error, because nothing was planned with them yet. `is_partial`: statements
    with syntax errors are missing.
    """

    file: File
    place: Place
    report: Reporter
    prelude: tuple[Module, ...] = ()
    names: dict[str, Bound] = field(default_factory=dict)
    given: Mapping[str, Value] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    is_library: bool = False
    is_partial: bool = False
    _values: dict[str, Value | Poisoned] = field(default_factory=dict)
    _in_progress: list[str] = field(default_factory=list)

    # ---- values ----------------------------------------------------------------------------

    def find(self, name: str) -> Value | Poisoned | None:
        """The value of a constant or parameter; `lib.name` looks into an imported module."""
        head, _, rest = name.partition(".")
        bound = self.names.get(head)
        match bound:
            case None:
                return None
            case Broken():
                return POISONED
            case Whole(module=module):
                return module.find(rest) if rest else None
            case Imported(module=module, name=original):
                return None if rest else module.find(original)
            case Declared(statement=Let() | ParamStmt() as statement) if not rest:
                return self._value(head, statement)
        return None

    def visible(self) -> Iterable[str]:
        """The names of constants and parameters of this file."""
        constants = (Let, ParamStmt)
        return [
            name
            for name, bound in self.names.items()
            if isinstance(bound, Declared) and isinstance(bound.statement, constants)
        ]

    def _value(self, name: str, statement: Let | ParamStmt) -> Value | Poisoned:
        if name not in self._values:
            if name in self._in_progress:
                chain = " -> ".join([*self._in_progress[self._in_progress.index(name) :], name])
                span = self.names[name].span
                raise self.report.error("MMP113", f"`{name}` is defined by itself: {chain}", span)
            self._in_progress.append(name)
            try:
                self._values[name] = self._compute(statement)
            except RejectedError:
                self._values[name] = POISONED
            self._in_progress.pop()
        return self._values[name]

    def _compute(self, statement: Let | ParamStmt) -> Value | Poisoned:
        if isinstance(statement, Let):
            return evaluate(statement.value, self, self.report)
        parameter = statement.parameter
        name = parameter.name
        if name.text in self.given:
            return self.given[name.text]
        if name.text in self.settings:
            setting = self.settings[name.text]
            return argument_value(setting.value, parameter, setting.importer, self.report)
        if parameter.default is not None:
            return argument_value(parameter.default, parameter, self, self.report)
        if not self.is_library:
            hint = f"give it a default, or pass `-D {name.text}=...`"
            message = f"parameter `{name.text}` has no value"
            raise self.report.error("MMP112", message, name.span, hint=hint)
        return POISONED

    # ---- declarations ----------------------------------------------------------------------

    def declaration(self, path: Selector, wanted: type[Wanted]) -> tuple[Module, Wanted]:
        """The declaration of the wanted sort that a path names, and the module it stands in.

        Own and imported names come before the prelude's. Errors: MMP101 (unknown), MMP104 (not
        in that module), MMP110 (a name of another sort).
        """
        head, *rest = [segment.glob for segment in path.segments]
        bound = self.names.get(head)
        if isinstance(bound, Broken):
            raise RejectedError(head)
        if rest:
            return self._qualified(bound, path, wanted)
        found = _follow(self, head)
        other = found
        if found is None or not isinstance(found[1], wanted):
            candidates = (m.names.get(head) for m in self.prelude)
            for module, entry in zip(self.prelude, candidates, strict=True):
                if isinstance(entry, Declared) and isinstance(entry.statement, wanted):
                    return module, entry.statement
        if found is not None and isinstance(found[1], wanted):
            return found[0], found[1]
        word = WORDS[wanted]
        if other is None:
            hint = did_you_mean(head, self._names_of(wanted))
            message = f"unknown {word.split(' ', 1)[1]} `{head}`"
            raise self.report.error("MMP101", message, path.span, hint=hint)
        message = f"`{head}` is {WORDS[type(other[1])]}, not {word}"
        label = Label(name_of(other[1]).span, "declared here")
        raise self.report.error("MMP110", message, path.span, label)

    def _qualified(
        self, bound: Bound | None, path: Selector, wanted: type[Wanted]
    ) -> tuple[Module, Wanted]:
        head, *rest = path.segments
        name = rest[0].glob
        if not isinstance(bound, Whole) or len(rest) > 1:
            modules = [n for n, b in self.names.items() if isinstance(b, Whole)]
            hint = did_you_mean(head.glob, modules)
            raise self.report.error(
                "MMP101", f"no module is imported as `{head.glob}`", head.span, hint=hint
            )
        entry = bound.module.names.get(name)
        if not isinstance(entry, Declared):
            hint = did_you_mean(name, bound.module.declared())
            message = f"module `{head.glob}` has no `{name}`"
            raise self.report.error("MMP104", message, rest[0].span, hint=hint)
        if not isinstance(entry.statement, wanted):
            message = f"`{name}` is {WORDS[type(entry.statement)]}, not {WORDS[wanted]}"
            label = Label(entry.span, "declared here")
            raise self.report.error("MMP110", message, path.span, label)
        return bound.module, entry.statement

    def declared(self) -> list[str]:
        """The names this file itself declares, which is what others can import."""
        return [name for name, bound in self.names.items() if isinstance(bound, Declared)]

    def _names_of(self, wanted: type[Wanted]) -> list[str]:
        """Names of that sort in sight, for suggestions."""
        names = []
        for module in (self, *self.prelude):
            for name in module.names:
                found = _follow(module, name)
                if found is not None and isinstance(found[1], wanted):
                    names.append(name)
        return names


def _follow(module: Module, name: str) -> tuple[Module, Declaration] | None:
    """The declaration a simple name stands for in a module, and where it is declared."""
    bound = module.names.get(name)
    match bound:
        case Declared(statement=statement):
            return module, statement
        case Imported(module=source, name=original):
            return _follow(source, original)
    return None
