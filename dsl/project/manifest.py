"""`mmp.toml`: the libraries that a project uses, and what a library says about itself.

[library]                     # of a library: both are optional
name = "acme"                 # two libraries of this name are versions of one
language = 1                  # the version of the language its files are written for

[libraries]
acme = { git = "https://example.org/acme.git", rev = "v1.2" }
ours = { path = "../ours" }   # from the folder of this file
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.project.standard import standard_names
from dsl.span import Span
from dsl.suggest import did_you_mean

MANIFEST = "mmp.toml"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)$")
_FORMS = (
    r'^[ \t]*"?(KEY)"?[ \t]*[.=]',
    r'^[ \t]*\[[^]#\n]*?(?<!\w)(KEY)"?\s*\]',
    r'[{,.]\s*"?(KEY)"?\s*[.=]',
)
_TABLES = ("library", "libraries")
_OF_LIBRARY = ("name", "language")
_OF_REQUIREMENT = ("git", "rev", "path")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A library that a project asks for: `git` and its `rev`, or `path`; what is not said is "".

    `span` is the place of its name in `mmp.toml`.
    """

    name: str
    git: str
    rev: str
    path: str
    span: Span

    @property
    def source(self) -> str:
        """Where it comes from, in one word: `git+URL` or `path+FOLDER`."""
        return f"git+{self.git}" if self.git else f"path+{self.path}"

    @property
    def shown(self) -> str:
        """For messages: the source, and the revision where there is one."""
        return f"{self.git} at {self.rev}" if self.git else self.path


@dataclass(frozen=True, slots=True)
class Manifest:
    """A project file. `name` and `language` are what a library declares ("" and None: nothing)."""

    display: str
    text: str
    name: str
    language: int | None
    language_span: Span
    requirements: tuple[Requirement, ...]

    @property
    def start(self) -> Span:
        """The beginning of the file, for findings about what is not in it."""
        return Span(self.display, 1, 1, 1, 1)

    def requirement(self, name: str) -> Requirement | None:
        """The library that is asked for under that name."""
        return next((found for found in self.requirements if found.name == name), None)


def read_manifest(data: bytes, display: str) -> Manifest:
    """Read a project file that spans call `display`.

    Raises DiagnosticError (MMP720) with everything that is wrong.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8 text"
        found = Diagnostic("MMP720", "error", message, Span(display, 1, 1, 1, 1))
        raise DiagnosticError([found]) from error
    reader = _Reader(text, display)
    tree = reader.tree()
    library = reader.table(tree, "library")
    reader.known(library, _OF_LIBRARY, "library")
    name = reader.text(library, "name", "library")
    language = library.get("language")
    if language is not None and (isinstance(language, bool) or not isinstance(language, int)):
        reader.wrong("`language` is a whole number", "language")
    entries = reader.table(tree, "libraries")
    requirements = [reader.requirement(name, entry) for name, entry in entries.items()]
    reader.finish()
    return Manifest(
        display,
        reader.source,
        name,
        language,
        reader.span("language"),
        tuple(one for one in requirements if one is not None),
    )


class _Reader:
    """Reads one text; TOML's own reader gives no places, so they are looked for in the text."""

    def __init__(self, source: str, display: str) -> None:
        self.source = source
        self._display = display
        self._found: list[Diagnostic] = []

    def tree(self) -> dict[str, Any]:
        """The tables of the file. Raises DiagnosticError at once where it is no TOML."""
        try:
            tree = tomllib.loads(self.source)
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            place = _PLACE.search(message)
            line, column = (int(place[1]), int(place[2])) if place else self._end()
            words = _PLACE.sub("", message).strip()
            span = Span(self._display, line, column, line, column + 1)
            found = Diagnostic("MMP720", "error", f"not TOML: {words}", span)
            raise DiagnosticError([found]) from error
        self.known(tree, _TABLES, "")
        return tree

    def table(self, tree: dict[str, Any], name: str) -> dict[str, Any]:
        """A table of the file; one that is missing is empty."""
        found = tree.get(name, {})
        if isinstance(found, dict):
            return found
        self.wrong(f"`{name}` is a table, written `[{name}]`", name)
        return {}

    def known(self, table: dict[str, Any], keys: tuple[str, ...], of: str) -> bool:
        """Refuse every other key; whether there was none."""
        others = [key for key in table if key not in keys]
        for key in others:
            where = f"`{of}` has no `{key}`" if of else f"there is no table `{key}`"
            hint = did_you_mean(key, keys) or "known: " + ", ".join(keys)
            self.wrong(where, key, hint)
        return not others

    def text(self, table: dict[str, Any], key: str, of: str) -> str:
        """A text of a table, "" where it is missing."""
        found = table.get(key, "")
        if isinstance(found, str) and (found or key not in table):
            return found
        self.wrong(f"`{key}` of `{of}` is a text", key)
        return ""

    def requirement(self, name: str, entry: Any) -> Requirement | None:
        """One entry of `[libraries]`."""
        hint = 'write `acme = { git = "...", rev = "..." }` or `acme = { path = "..." }`'
        if not _NAME.fullmatch(name):
            self.wrong(f"`{name}` cannot be the name of a library", name)
        elif name in standard_names():
            self.wrong(f"`{name}` is a name of the standard library", name, "choose another one")
        elif not isinstance(entry, dict):
            self.wrong(f"library `{name}` has no source", name, hint)
        else:
            git, rev, path = (self.text(entry, key, name) for key in _OF_REQUIREMENT)
            if not self.known(entry, _OF_REQUIREMENT, name):
                return None
            if bool(git) == bool(path):
                self.wrong(f"library `{name}` needs either `git` or `path`", name, hint)
            elif git and not rev:
                self.wrong(f"library `{name}` needs a `rev`: a tag, branch or commit", name, hint)
            elif path and rev:
                self.wrong(f"library `{name}` has a path, which has no `rev`", name, hint)
            else:
                return Requirement(name, git, rev, path, self.span(name))
        return None

    def span(self, key: str) -> Span:
        """Where a key stands first: at the beginning of a line, in the head of a table, in a table
        on one line."""
        word = re.escape(key)
        tried = (re.search(form.replace("KEY", word), self.source, re.M) for form in _FORMS)
        found = next((place for place in tried if place is not None), None)
        if found is None:
            return Span(self._display, 1, 1, 1, 1)
        line = self.source.count("\n", 0, found.start(1)) + 1
        column = found.start(1) - self.source.rfind("\n", 0, found.start(1))
        return Span(self._display, line, column, line, column + len(key))

    def wrong(self, message: str, key: str, hint: str = "") -> None:
        """Note something at the place of a key."""
        self._found.append(Diagnostic("MMP720", "error", message, self.span(key), (), hint))

    def finish(self) -> None:
        """Raise DiagnosticError if anything was noted."""
        if self._found:
            raise DiagnosticError(sorted(self._found, key=lambda found: found.span))

    def _end(self) -> tuple[int, int]:
        lines = self.source.split("\n")
        return len(lines), len(lines[-1]) + 1
