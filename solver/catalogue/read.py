"""The libraries in sight of a folder: those of its project, and the standard one."""

from __future__ import annotations

from pathlib import Path

from dsl.diagnostic import DiagnosticError
from dsl.project.manifest import MANIFEST
from dsl.project.project import find_project
from dsl.project.standard import STANDARD
from dsl.resolve.depth import room_for_recursion
from dsl.resolve.files import Files, Place, library, library_modules
from dsl.resolve.files import Library as Opened
from dsl.resolve.libraries import LANGUAGE_VERSION, Libraries
from dsl.resolve.report import Reporter, attempt
from dsl.span import Span
from solver.catalogue.module import module_of
from solver.catalogue.offers import Library


class CatalogueError(DiagnosticError):
    """A library cannot be read. `sources` has the texts, for the excerpts."""

    def __init__(self, report: Reporter, files: Files) -> None:
        super().__init__(report.diagnostics)
        self.sources = files.texts


def read_project(folder: Path) -> tuple[Library, ...]:
    """The libraries of a folder's project as they are locked, sorted by name.

    Raises CatalogueError with what is wrong with any (MMP0xx in their files, MMP72x), and
    ProjectError for the project's own files.
    """
    project = find_project(folder)
    if project is None:
        return ()
    report = Reporter()
    files = Files(report)
    opener = Libraries(files, report, folder)
    importer = Place(folder / MANIFEST, project.manifest.display)
    found = []
    with room_for_recursion():
        for requirement in sorted(project.manifest.requirements, key=lambda one: one.name):
            opened = attempt(opener.find, importer, requirement.name, requirement.span)
            if opened is not None:
                found.append(attempt(_library, opened, files, requirement.span))
    if report.errors:
        raise CatalogueError(report, files)
    return tuple(library for library in found if library is not None)


def read_standard() -> Library:
    """The standard library."""
    report = Reporter()
    files = Files(report)
    modules = []
    with room_for_recursion():
        for name in library_modules():
            place = library(name)
            file = files.read(place, Span(place.display, 1, 1, 1, 1))
            modules.append(module_of(name, file))
    assert not report.errors
    return Library(STANDARD, "", "", LANGUAGE_VERSION, tuple(modules))


def _library(opened: Opened, files: Files, at: Span) -> Library:
    locked = opened.locked
    modules = []
    for path, _ in locked.files:
        if path != MANIFEST:
            place = opened.place(path)
            modules.append(module_of(opened.module(path), files.read(place, at)))
    language = None if opened.manifest is None else opened.manifest.language
    version = locked.shown if locked.is_git else ""
    return Library(locked.name, locked.location, version, language, tuple(modules))
