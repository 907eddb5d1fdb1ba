"""The diagnostic codes of projects and libraries, `MMP72x`."""

from __future__ import annotations

from dsl.codes import Code

CODES: tuple[Code, ...] = (
    Code(
        "MMP720",
        "wrong project file",
        '`mmp.toml` has the tables `[libraries]`, of `name = { git = "...", rev = "..." }` and '
        '`name = { path = "..." }`, and `[library]`, with `name` and `language`.',
    ),
    Code(
        "MMP721",
        "library not locked",
        "`mmp.lock` does not say which files the library has, or it says so for another source or "
        "revision than `mmp.toml` asks for: run `mmp lock`.",
    ),
    Code(
        "MMP722",
        "library not there",
        "The files of the library are not where they should be: for one from git, in the cache, "
        "where `mmp lock` puts them; for one with a path, in that folder.",
    ),
    Code(
        "MMP723",
        "library was changed",
        "A file of the library is not the one that was locked. `mmp lock` mends the cache, and "
        "takes a library with a path as it is now.",
    ),
    Code(
        "MMP724",
        "two versions of one library",
        "One plan uses one version of a library: make all that import it ask for the same.",
    ),
    Code(
        "MMP725",
        "import leads out of the library",
        "A file of a library imports files of this library, of the standard library, and of the "
        "libraries that its own `mmp.toml` names.",
    ),
    Code(
        "MMP726",
        "library cannot be fetched",
        "git could not give the revision, or it holds nothing to import; the message has git's own "
        "words.",
    ),
    Code("MMP727", "wrong lock file", "`mmp.lock` is not what `mmp lock` writes: run it again."),
)
"""Projects and libraries, in order."""
