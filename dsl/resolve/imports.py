"""Loading modules: finding imported files, binding names, refusing cycles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from dsl.diagnostic import Label
from dsl.resolve.files import Files, Place, library
from dsl.resolve.libraries import LANGUAGE_VERSION, Libraries
from dsl.resolve.locate import locate
from dsl.resolve.modules import (
    Bound,
    Broken,
    Declared,
    Imported,
    Module,
    Setting,
    Whole,
    name_of,
)
from dsl.resolve.report import RejectedError, Reporter, attempt
from dsl.resolve.settings import Configured, check_settings
from dsl.span import Span
from dsl.suggest import did_you_mean, nearest
from dsl.syntax import (
    Apply,
    Import,
    Instance,
    Language,
    Limit,
    Mesh,
    Minimize,
    Name,
    Order,
    Pin,
    Statement,
    Train,
)

PRELUDE = ("operators", "training")
"""Standard library modules whose names are in sight everywhere."""

PLAN_STATEMENTS = (Mesh, Instance, Train, Limit, Pin, Order, Apply, Minimize)
"""Statements that make a file a spec; a file that only declares things is a library."""


@dataclass(slots=True)
class Loader:
    """Loads every file once, and once more for each import that sets its parameters (`configured`
    has those). `_chain` holds the files being loaded, for the cycle message.
    """

    files: Files
    report: Reporter
    libraries: Libraries
    configured: list[Configured] = field(default_factory=list)
    _loaded: dict[str, Module] = field(default_factory=dict)
    _chain: list[tuple[str, str]] = field(default_factory=list)
    _prelude: tuple[Module, ...] = ()

    def load_root(self, place: Place) -> Module:
        """The file the user named, after the prelude. RejectedError when it cannot be read."""
        start = Span(place.display, 1, 1, 1, 1)
        prelude = (self._load(library(name), start) for name in PRELUDE)
        self._prelude = tuple(prelude)
        return self._load(place, start)

    def load_library(self, place: Place) -> Module:
        """A file that declares no operators, without the prelude. RejectedError as above."""
        return self._load(place, Span(place.display, 1, 1, 1, 1))

    def _load(
        self, place: Place, asked_at: Span, settings: Mapping[str, Setting] | None = None
    ) -> Module:
        try:
            key = place.key()
        except ValueError as error:
            raise self.report.error("MMP120", f"no path of a file: {error}", asked_at) from None
        if place.library is not None:
            # Read for itself: an import by path of the same file has no hash to compare it with.
            key = f"{place.library.locked.name}:{key}"
        if key in self._loaded and not settings:
            return self._loaded[key]
        known = [path for path, _ in self._chain]
        if key in known:
            shown = [display for _, display in self._chain[known.index(key) :]]
            chain = " -> ".join([*shown, place.display])
            hint = "move what both need into a file that imports neither"
            raise self.report.error("MMP105", f"import cycle: {chain}", asked_at, hint=hint)
        file = self.files.read(place, asked_at)
        module = Module(file, place, self.report, self._prelude, settings=settings or {})
        module.is_partial = self.report.has_syntax_errors(place.display)
        module.is_library = not any(isinstance(s, PLAN_STATEMENTS) for s in file.statements)
        self._chain.append((key, place.display))
        for statement in file.statements:
            try:
                self._take(module, statement, is_root=len(self._chain) == 1)
            except RejectedError:
                continue
        self._chain.pop()
        if not settings:
            self._loaded[key] = module
        return module

    def _take(self, module: Module, statement: Statement, is_root: bool) -> None:
        match statement:
            case Language():
                self._check_language(statement)
            case Import():
                self._import(module, statement)
            case Mesh() | Instance() | Train() | Limit() | Pin() | Order() | Apply() | Minimize():
                if not is_root:
                    message = "an imported file cannot hold statements of a plan"
                    hint = "keep `mesh`, `train`, `pin` and the like in the spec that is planned"
                    self.report.error("MMP108", message, statement.span, hint=hint)
            case _:
                name = name_of(statement)
                self._bind(module, name, Declared(statement, name.span))

    def _check_language(self, statement: Language) -> None:
        if statement.version != LANGUAGE_VERSION:
            message = (
                f"this file is written for language {statement.version}, "
                f"this planner reads language {LANGUAGE_VERSION}"
            )
            hint = "use a newer `mmp`, or the version of the file for this language"
            self.report.error("MMP109", message, statement.span, hint=hint)

    def _bind(self, module: Module, name: Name, bound: Bound) -> None:
        first = module.names.get(name.text)
        if first is None or isinstance(first, Broken):
            module.names[name.text] = bound
            return
        both_imports = not isinstance(first, Declared) and not isinstance(bound, Declared)
        code, verb = ("MMP106", "imported") if both_imports else ("MMP102", "defined")
        hint = "rename one of the two, or delete it"
        if both_imports:
            hint = f"rename one with `{name.text} as ...`"
        label = Label(first.span, "first here")
        raise self.report.error(code, f"`{name.text}` is {verb} twice", name.span, label, hint=hint)

    # ---- imports ---------------------------------------------------------------------------

    def _import(self, module: Module, statement: Import) -> None:
        try:
            place = locate(module.place, statement, self.libraries, self.report)
            settings = {n.text: Setting(value, module) for n, value in statement.settings}
            with self.report.within(statement.source_span, "imported here"):
                source = self._load(place, statement.source_span, settings)
            self.configured += check_settings(source, statement, self.report)
        except RejectedError:
            for _, local in statement.names:
                self._bind(module, local, Broken(local.span))
            if not statement.names:
                alias = self._module_name(statement)
                self._bind(module, alias, Broken(alias.span))
            return
        if not statement.names:
            alias = self._module_name(statement)
            self._bind(module, alias, Whole(source, alias.span))
        for original, local in statement.names:
            attempt(self._import_name, module, source, statement.source, original, local)

    def _import_name(
        self, module: Module, source: Module, shown: str, original: Name, local: Name
    ) -> None:
        bound: Bound = Imported(source, original.text, local.span)
        if source.is_partial:
            bound = Broken(local.span)
        elif not isinstance(source.names.get(original.text), Declared):
            hint = did_you_mean(original.text, source.declared())
            message = f"module `{shown}` has no `{original.text}`"
            self.report.error("MMP104", message, original.span, hint=hint)
            bound = Broken(local.span)
            # Elsewhere the name is spelt right, as a rule; that is no second mistake.
            module.names.setdefault(nearest(original.text, source.declared()), bound)
        self._bind(module, local, bound)

    def _module_name(self, statement: Import) -> Name:
        """The local name of a whole module: its alias, or the last part of where it came from."""
        if statement.alias is not None:
            return statement.alias
        if not statement.is_path:
            return Name(statement.source.rpartition(".")[2], statement.source_span)
        stem = PurePosixPath(statement.source).stem
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", stem):
            message = f"`{stem}` cannot be the name of a module"
            hint = "give it one with `as`"
            raise self.report.error("MMP107", message, statement.source_span, hint=hint)
        return Name(stem, statement.source_span)
