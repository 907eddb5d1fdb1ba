"""git, called as a program: the files of a repository at one revision.

Nothing is checked out, so no attribute, filter or hook of the repository runs.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from solver.locking.content import Content, belongs

PROTOCOLS = "file:git:http:https:ssh"
"""Transports that a URL may use; git has others, which run programs of the URL's choice."""
_SECONDS = 600.0
_IN_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY")
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class GitError(Exception):
    """git failed; the message has its own words."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A library at one commit."""

    commit: str
    files: Content


def fetch(url: str, revision: str) -> Fetched:
    """The files of a library at a tag, branch or commit. Raises GitError."""
    with tempfile.TemporaryDirectory(prefix="mmp-git-") as folder:
        repository = _Repository(Path(folder))
        return repository.fetch(url, revision)


class _Repository:
    """A repository of nothing but what is fetched into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._run("init", "--quiet", "--bare", ".")

    def fetch(self, url: str, revision: str) -> Fetched:
        commit = self._commit(url, revision)
        listing = self._run("ls-tree", "-r", "-z", "--full-tree", commit)
        files: dict[str, bytes] = {}
        for entry in listing.decode("utf-8", "surrogateescape").split("\0"):
            head, _, path = entry.partition("\t")
            if not belongs(path):
                continue
            mode, _, name = head.split(" ")
            if not mode.startswith("100"):
                raise GitError(f"`{path}` is a symbolic link, which libraries cannot have")
            files[path] = self._run("cat-file", "blob", name)
        return Fetched(commit, files)

    def _commit(self, url: str, revision: str) -> str:
        """The full name of the commit, fetched: alone where the other side gives it out alone (it
        has names of branches and tags, and most give commits), else with all branches and tags."""
        if url.startswith("-") or revision.startswith("-"):
            raise GitError("a URL or revision cannot begin with `-`")
        fetch = ("fetch", "--quiet", "--no-write-commit-graph", "--no-recurse-submodules")
        try:
            self._run(*fetch, "--depth", "1", "--no-tags", "--", url, revision)
            return self._name("FETCH_HEAD")
        except GitError as alone:
            self._run(*fetch, "--", url, *_EVERYTHING)
            try:
                return self._name(revision)
            except GitError:
                raise alone from None

    def _name(self, revision: str) -> str:
        name = self._run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        return name.decode("ascii").strip()

    def _run(self, *arguments: str) -> bytes:
        kept = {name: text for name, text in os.environ.items() if name not in _IN_REPOSITORY}
        own = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": PROTOCOLS, "LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self._folder,
                env={**kept, **own},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except FileNotFoundError as error:
            raise GitError("there is no program `git`") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitError(f"git did not run: {error}") from error
        if done.returncode:
            raise GitError(_words(done.stderr))
        return done.stdout


def _words(stderr: bytes) -> str:
    """What git says is wrong, in one line."""
    lines = stderr.decode("utf-8", "replace").splitlines()
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines or ["git failed without a word"])[0]
