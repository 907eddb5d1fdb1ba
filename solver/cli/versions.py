"""The versions of what made a plan, from installed metadata: importing ortools takes a second."""

from __future__ import annotations

from importlib import metadata


def version_of(distribution: str) -> str:
    """The installed version of a distribution, `not installed` when it runs from bare sources."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def versions() -> dict[str, str]:
    """The `versions` of a plan document."""
    return {name: version_of(name) for name in ("mmp", "ortools")}
