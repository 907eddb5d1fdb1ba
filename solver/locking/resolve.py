"""From what `mmp.toml` asks for, and what was locked before, to a lock: the libraries and, in turn,
the libraries that those ask for. A name means one library in all of it.

A commit that was locked stays while the project asks for the same, whatever a branch has become;
`renew` says which are looked at anew. A folder is taken as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dsl.diagnostic import Diagnostic, DiagnosticError, Label
from dsl.project.cache import library_folder
from dsl.project.lockfile import LOCK, Lock, Locked, tree_hash
from dsl.project.manifest import MANIFEST, Manifest, read_manifest
from dsl.project.project import Project, ProjectError
from dsl.resolve.libraries import LANGUAGE_VERSION
from solver.locking.content import Content, ContentError, hashes, read_folder
from solver.locking.git import GitError, fetch
from solver.locking.store import cached
from solver.locking.wanted import Wanted, is_remote, of_library, of_project


@dataclass(frozen=True, slots=True)
class Mode:
    """`is_frozen`: the lock must say all of it already. `is_offline`: git is not asked; what is not
    in the cache is an error."""

    is_frozen: bool = False
    is_offline: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """The lock, and the files of every library from git that is not in the cache as locked."""

    lock: Lock
    missing: tuple[tuple[str, Content], ...]


class _WrongError(Exception):
    """One library cannot be had; its finding says why."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


def resolve(project: Project, mode: Mode, renew: Callable[[str], bool]) -> Resolution:
    """Lock a project. Raises ProjectError with all that is wrong: MMP109, MMP720 to MMP724 and
    MMP726, each where the library is asked for."""
    return _Resolver(project, mode, renew).run()


class _Resolver:
    """Works through what is asked for, nearest to the project first."""

    def __init__(self, project: Project, mode: Mode, renew: Callable[[str], bool]) -> None:
        self._project, self._mode, self._renew = project, mode, renew
        self._found: list[Diagnostic] = []
        self._texts = {project.manifest.display: project.manifest.text}
        self._taken: dict[str, tuple[Wanted, Locked | None]] = {}
        self._missing: list[tuple[str, Content]] = []

    def run(self) -> Resolution:
        queue = deque(of_project(one) for one in self._project.manifest.requirements)
        while queue:
            wanted = queue.popleft()
            try:
                manifest = self._take(wanted)
            except _WrongError as error:
                self._found.append(error.finding)
                continue
            for requirement in () if manifest is None else manifest.requirements:
                further = of_library(requirement, wanted)
                if isinstance(further, Wanted):
                    queue.append(further)
                else:
                    self._found.append(further)
        if self._mode.is_frozen:
            self._refuse_unasked()
        if self._found:
            raise ProjectError(DiagnosticError(self._found), self._texts)
        libraries = sorted((x for _, x in self._taken.values() if x), key=lambda x: x.name)
        return Resolution(Lock(tuple(libraries)), tuple(self._missing))

    def _refuse_unasked(self) -> None:
        lock = self._project.lock
        for library in () if lock is None else lock.libraries:
            if library.name not in self._taken:
                span = self._project.manifest.start
                message = f"`{LOCK}` has library `{library.name}`, which nothing asks for"
                found = Diagnostic("MMP721", "error", message, span, (), "run `mmp lock`")
                self._found.append(found)

    # ---- one library -----------------------------------------------------------------------

    def _take(self, wanted: Wanted) -> Manifest | None:
        """Lock one library; its own `mmp.toml`, if it has one that is not known yet."""
        if wanted.name in self._taken:
            first, _ = self._taken[wanted.name]
            if (first.source, first.requested) != (wanted.source, wanted.requested):
                label = Label(first.chain[0], f"{first.shown} is asked for here")
                message = f"two versions of library `{wanted.name}`: here {wanted.shown}"
                raise _WrongError(wanted.finding("MMP724", message, label))
            return None
        self._taken[wanted.name] = (wanted, None)
        locked, files = self._lock(wanted)
        self._taken[wanted.name] = (wanted, locked)
        return self._manifest(wanted, files)

    def _lock(self, wanted: Wanted) -> tuple[Locked, Content]:
        before = self._project.locked(wanted.name)
        is_met = before is not None and wanted.is_met_by(before)
        if before is not None and is_met and not self._is_renewed(wanted):
            return before, self._kept(wanted, before)
        if self._mode.is_frozen:
            was = "is locked for another source or revision" if before else "is not locked"
            message = f"library `{wanted.name}` {was}"
            raise _WrongError(wanted.finding("MMP721", message, hint="run `mmp lock`"))
        revision, files = self._look(wanted, wanted.requested)
        known = hashes(files)
        entry = (wanted.name, wanted.source, wanted.requested, revision, tree_hash(known))
        locked = Locked(*entry, tuple(known.items()))
        if wanted.is_git and cached(locked) is None:
            self._missing.append((locked.hash, files))
        return locked, files

    def _is_renewed(self, wanted: Wanted) -> bool:
        """A folder has no revision to stay at."""
        return not self._mode.is_frozen and (not wanted.is_git or self._renew(wanted.name))

    def _kept(self, wanted: Wanted, before: Locked) -> Content:
        """The files of a library that stays as it was locked."""
        if wanted.is_git:
            files = cached(before)
            if files is not None:
                return files
            if self._mode.is_offline:
                raise _WrongError(_not_cached(wanted, before))
        _, found = self._look(wanted, before.revision)
        known = hashes(found)
        if known != dict(before.files):
            names = sorted({path for path, _ in set(known.items()) ^ set(before.files)})
            message = f"library `{wanted.name}` is not what was locked: {', '.join(names)}"
            update = f" --update {wanted.name}" if wanted.is_git else ""
            hint = f"`mmp lock{update}` takes it as it is now"
            raise _WrongError(wanted.finding("MMP723", message, hint=hint))
        if wanted.is_git:
            self._missing.append((before.hash, found))
        return found

    def _look(self, wanted: Wanted, revision: str) -> tuple[str, Content]:
        """The commit ("" for a folder) and the files, where the library comes from."""
        try:
            if wanted.is_git:
                fetched = fetch(self._url(wanted.location), revision)
                commit, files = fetched.commit, fetched.files
            else:
                commit, files = "", read_folder(self._project.folder / wanted.location)
        except GitError as error:
            message = f"library `{wanted.name}` cannot be fetched: {error}"
            raise _WrongError(wanted.finding("MMP726", message)) from error
        except ContentError as error:
            message = f"library `{wanted.name}`: {error}"
            raise _WrongError(wanted.finding("MMP722", message)) from error
        odd = next((path for path in files if not path.isprintable() or "\\" in path), None)
        if odd is not None:
            message = f"library `{wanted.name}` has a file whose name is no text: {odd!a}"
            raise _WrongError(wanted.finding("MMP726", message))
        if not any(path.endswith(".mmp") for path in files):
            message = f"library `{wanted.name}` has no `.mmp` file"
            raise _WrongError(wanted.finding("MMP726", message))
        return commit, files

    def _url(self, written: str) -> str:
        """A path is seen from the project's folder."""
        if is_remote(written):
            return written
        return str((self._project.folder / written).resolve())

    def _manifest(self, wanted: Wanted, files: Content) -> Manifest | None:
        if MANIFEST not in files:
            return None
        display = f"{wanted.name}:{MANIFEST}"
        self._texts[display] = files[MANIFEST].decode("utf-8", "replace")
        try:
            manifest = read_manifest(files[MANIFEST], display)
        except DiagnosticError as error:
            self._found.extend(error.diagnostics)
            return None
        if manifest.language not in (None, LANGUAGE_VERSION):
            label = Label(manifest.language_span, "said here")
            message = (
                f"library `{wanted.name}` is written for language {manifest.language}, "
                f"this planner reads language {LANGUAGE_VERSION}"
            )
            raise _WrongError(wanted.finding("MMP109", message, label))
        return manifest


def _not_cached(wanted: Wanted, before: Locked) -> Diagnostic:
    if library_folder(before.hash).is_dir():
        message = f"library `{wanted.name}` was changed in the cache"
        return wanted.finding("MMP723", message, hint="run `mmp lock`, which fetches it again")
    message = f"library `{wanted.name}` is not in the cache"
    return wanted.finding("MMP722", message, hint="run `mmp lock`, which fetches it")
