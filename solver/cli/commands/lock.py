"""`mmp lock`: which exact files the libraries of a project are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from solver.cli import streams
from solver.cli.exit_codes import CommandError, ExitCode

if TYPE_CHECKING:
    from dsl.project.lockfile import Lock, Locked
    from dsl.project.project import Project
    from solver.locking.resolve import Resolution


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "lock",
        help="write down the exact version of every library",
        description="Find the libraries that mmp.toml (here or above) asks for, fetch those from "
        "git into the cache, and write their revisions and hashes to mmp.lock beside it. A commit "
        "that is locked stays, unless mmp.toml asks for something else or --update is given.",
    )
    parser.add_argument(
        "--update",
        metavar="NAME",
        nargs="*",
        help="lock these libraries anew, or all without a name",
    )
    parser.add_argument(
        "--frozen",
        action="store_true",
        help="change nothing: fetch what mmp.lock says, and refuse where it does not say all",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Lock the project of this folder; every library's version to standard error."""
    from dsl.project.project import find_project
    from solver.locking.resolve import Mode, resolve

    if arguments.frozen and arguments.update is not None:
        raise CommandError("--frozen changes nothing, and --update does")
    project = find_project(Path())
    if project is None:
        raise CommandError("there is no mmp.toml here or in a folder above")
    renewed = _renewed(arguments.update, project)
    found = resolve(project, Mode(is_frozen=arguments.frozen), lambda name: name in renewed)
    _store(found)
    if not arguments.frozen:
        _write(project, found.lock)
    _tell(project.lock, found.lock)
    return ExitCode.DONE


def _renewed(update: list[str] | None, project: Project) -> frozenset[str]:
    """The names of the libraries that are looked at anew."""
    from dsl.suggest import did_you_mean

    locked = () if project.lock is None else project.lock.libraries
    known = {*(x.name for x in project.manifest.requirements), *(x.name for x in locked)}
    if update is None:
        return frozenset()
    for name in update:
        if name not in known:
            hint = did_you_mean(name, known) or "known: " + (", ".join(sorted(known)) or "none")
            raise CommandError(f"the project has no library `{name}`; {hint}")
    return frozenset(update or known)


def _store(found: Resolution) -> None:
    """The files before the lock that names them."""
    from dsl.project.cache import cache_folder
    from solver.locking.store import store

    for tree_hash, files in found.missing:
        try:
            store(tree_hash, files)
        except OSError as error:
            message = f"cannot write to the cache {cache_folder()}: {error.strerror}"
            raise CommandError(message) from error


def _write(project: Project, lock: Lock) -> None:
    from dsl.project.lockfile import LOCK, write_lock
    from solver.cli.files import read_bytes, write_whole

    path = project.folder / LOCK
    text = write_lock(lock)
    if not path.is_file() or read_bytes(path) != text.encode():
        write_whole(path, text)


def _tell(before: Lock | None, after: Lock) -> None:
    """A line for every library: what it is, and what it was where that is another."""
    if not after.libraries:
        streams.note("mmp.toml asks for no library")
    old = {} if before is None else {library.name: library for library in before.libraries}
    for library in after.libraries:
        was = old.pop(library.name, None)
        now = f"{_version(library)}, {_files(library)}"
        if was is None:
            streams.note(f"{library.name}: {now} (new)")
        elif was == library:
            streams.note(f"{library.name}: {now}")
        else:
            streams.note(f"{library.name}: {_version(was)} -> {now}")
    for name in sorted(old):
        streams.note(f"{name}: no longer asked for")


def _version(library: Locked) -> str:
    if library.is_git:
        return f"{library.requested} at {library.revision[:10]}"
    return f"{library.location}, hash {library.hash[:10]}"


def _files(library: Locked) -> str:
    count = len(library.files)
    return "1 file" if count == 1 else f"{count} files"
