"""The project's libraries as imports see them: which is meant, where its files are, which version.

A library is what `mmp.lock` says, byte for byte: every file is compared with its hash when it is
read (`dsl.resolve.files`). What is not locked, or is not there, is an error at the import.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from dsl import spec
from dsl.diagnostic import DiagnosticError, Label
from dsl.project.lockfile import LOCK, Locked
from dsl.project.manifest import MANIFEST, Manifest, Requirement, read_manifest
from dsl.project.project import Project, ProjectError, find_project
from dsl.resolve.files import Files, Library, Place
from dsl.resolve.report import RejectedError, Reporter
from dsl.span import Span

LANGUAGE_VERSION = 1
RUN = "run `mmp lock`"


@dataclass(slots=True)
class Libraries:
    """Opens libraries for the imports of one run. `start` is the folder of the root file."""

    files: Files
    report: Reporter
    start: Path
    _project: Project | None = None
    _is_open: bool = False
    _opened: dict[str, Library] = field(default_factory=dict)
    _first: dict[str, tuple[Library, Span, tuple[Label, ...]]] = field(default_factory=dict)

    @property
    def used(self) -> tuple[spec.Library, ...]:
        """The libraries that were imported, by name."""
        found = (self._opened[name].locked for name in sorted(self._opened))
        return tuple(spec.Library(x.name, x.source, x.revision, x.hash) for x in found)

    def names(self, importer: Place) -> Iterable[str]:
        """The names of the libraries that a file may import."""
        manifest = self._manifest(importer)
        return [] if manifest is None else [found.name for found in manifest.requirements]

    def find(self, importer: Place, name: str, at: Span) -> Library | None:
        """The library that a file's import means by the first part of its name, if any.

        Errors at the import: MMP721 (not locked), MMP722 (not there), MMP723 (changed), MMP724 (two
        versions), MMP109 (language); those of the project's own files (MMP720, MMP727).
        """
        manifest = self._manifest(importer)
        requirement = None if manifest is None else manifest.requirement(name)
        if requirement is None or self._project is None:
            return None
        locked = self._project.locked(name)
        if locked is None:
            raise self._not_locked(f"library `{name}` is not in `{LOCK}`", requirement, at)
        self._compare(importer, requirement, locked, at)
        if name not in self._opened:
            self._opened[name] = self._open(self._project.root(locked), locked, at)
        library = self._opened[name]
        self._refuse_second(library, at)
        return library

    # ---- the project -----------------------------------------------------------------------

    def _manifest(self, importer: Place) -> Manifest | None:
        if importer.is_standard:
            return None
        if importer.library is not None:
            return importer.library.manifest
        if not self._is_open:
            self._is_open = True
            self._project = self._open_project()
        return None if self._project is None else self._project.manifest

    def _open_project(self) -> Project | None:
        try:
            project = find_project(self.start)
        except ProjectError as error:
            self.files.texts.update(error.sources)
            for diagnostic in error.diagnostics:
                self.report.add(diagnostic)
            raise RejectedError("project") from error
        if project is not None:
            self.files.texts[project.manifest.display] = project.manifest.text
        return project

    # ---- one library -----------------------------------------------------------------------

    def _compare(self, importer: Place, requirement: Requirement, locked: Locked, at: Span) -> None:
        """What is asked for is what was locked. A library's own paths are seen from its folder, and
        were compared when they were locked."""
        wanted = (requirement.source, requirement.rev)
        if wanted == (locked.source, locked.requested):
            return
        name = requirement.name
        if importer.library is None:
            shown = locked.requested or locked.location
            message = (
                f"library `{name}` was locked for `{shown}`, and `{MANIFEST}` asks for another"
            )
            raise self._not_locked(message, requirement, at)
        if requirement.git:
            message = (
                f"two versions of library `{name}`: {importer.library.locked.name} asks for "
                f"{requirement.shown}, and `{LOCK}` has {locked.shown}"
            )
            label = Label(requirement.span, "asked for here")
            raise self.report.error("MMP724", message, at, label)

    def _not_locked(self, message: str, requirement: Requirement, at: Span) -> RejectedError:
        label = Label(requirement.span, "asked for here")
        return self.report.error("MMP721", message, at, label, hint=RUN)

    def _open(self, root: Path, locked: Locked, at: Span) -> Library:
        if not root.is_dir():
            where = "in the cache" if locked.is_git else f"at `{locked.location}`"
            message = f"library `{locked.name}` is not {where}"
            hint = "run `mmp lock`, which fetches it" if locked.is_git else f"looked for `{root}`"
            raise self.report.error("MMP722", message, at, hint=hint)
        library = Library(locked, root, self._own_manifest(root, locked, at))
        manifest = library.manifest
        if manifest is not None and manifest.language not in (None, LANGUAGE_VERSION):
            message = (
                f"library `{locked.name}` is written for language {manifest.language}, "
                f"this planner reads language {LANGUAGE_VERSION}"
            )
            label = Label(manifest.language_span, "said here")
            raise self.report.error("MMP109", message, at, label)
        return library

    def _own_manifest(self, root: Path, locked: Locked, at: Span) -> Manifest | None:
        if MANIFEST not in dict(locked.files):
            return None
        place = Place(root / MANIFEST, f"{locked.name}:{MANIFEST}", Library(locked, root, None))
        data = self.files.bytes_of(place, at)
        try:
            manifest = read_manifest(data, place.display)
        except DiagnosticError as error:
            self.files.texts[place.display] = data.decode("utf-8", "replace")
            for diagnostic in error.diagnostics:
                self.report.add(diagnostic)
            raise RejectedError("manifest") from error
        self.files.texts[place.display] = manifest.text
        return manifest

    def _refuse_second(self, library: Library, at: Span) -> None:
        """Two libraries with one source, or that call themselves the same, are two versions."""
        chain = self.report.led_here(at)
        first, where, labels = self._first.setdefault(library.identity, (library, at, chain))
        if first.locked.hash == library.locked.hash:
            return
        message = (
            f"two versions of one library: `{first.locked.name}` is {first.locked.shown}, "
            f"`{library.locked.name}` is {library.locked.shown}"
        )
        earlier = Label(where, f"`{first.locked.name}` is imported here")
        raise self.report.error("MMP724", message, at, earlier, *labels)
