"""What a project and its libraries ask for, seen from the project's folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dsl.diagnostic import Diagnostic, Label
from dsl.project.lockfile import Locked
from dsl.project.manifest import Requirement
from dsl.span import Span

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/\\]+:")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A library that is asked for; `chain` are the places that led to it, the project's last.

    `source` and `requested` are as in `Locked`.
    """

    name: str
    source: str
    requested: str
    chain: tuple[Span, ...]

    @property
    def location(self) -> str:
        """The URL, or the folder as seen from the project's."""
        return self.source.partition("+")[2]

    @property
    def is_git(self) -> bool:
        """Whether it comes from git."""
        return self.source.startswith("git+")

    @property
    def shown(self) -> str:
        """For messages."""
        return f"{self.location} at {self.requested}" if self.is_git else self.location

    def is_met_by(self, locked: Locked) -> bool:
        """Whether a library was locked for this."""
        return (self.source, self.requested) == (locked.source, locked.requested)

    def finding(self, code: str, message: str, *labels: Label, hint: str = "") -> Diagnostic:
        """An error at the place that asks for it, with the places that led there."""
        led = (Label(span, "asked for because of this") for span in self.chain[1:])
        return Diagnostic(code, "error", message, self.chain[0], (*labels, *led), hint)


def of_project(requirement: Requirement) -> Wanted:
    """What the project's own `mmp.toml` asks for, as it is written there."""
    return Wanted(requirement.name, requirement.source, requirement.rev, (requirement.span,))


def of_library(requirement: Requirement, asker: Wanted) -> Wanted | Diagnostic:
    """What the `mmp.toml` of a library asks for. An error (MMP726) for a folder that only a
    checkout could have: one that a library from git names, or a relative URL."""
    chain = (requirement.span, *asker.chain)
    wanted = Wanted(requirement.name, requirement.source, requirement.rev, chain)
    if requirement.git:
        if is_remote(requirement.git) or Path(requirement.git).is_absolute():
            return wanted
        return wanted.finding("MMP726", "a library gives the whole URL of what it asks for")
    if asker.is_git:
        return wanted.finding("MMP726", "a library from git cannot ask for a folder")
    folder = os.path.normpath(Path(asker.location) / requirement.path)
    return Wanted(requirement.name, f"path+{folder}", "", chain)


def is_remote(url: str) -> bool:
    """Whether git reads this as a URL, not as a path: `scheme://` or `host:path`."""
    return _REMOTE.match(url) is not None
