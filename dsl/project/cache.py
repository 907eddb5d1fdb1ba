"""Where the files of libraries from git lie: in folders named by their hash, shared by projects."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$MMP_CACHE`; else `mmp` in `$XDG_CACHE_HOME` or in `~/.cache`."""
    own = os.environ.get("MMP_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    # The specification of XDG has relative paths ignored.
    base = Path(shared) if shared and Path(shared).is_absolute() else Path.home() / ".cache"
    return base / "mmp"


def library_folder(tree_hash: str) -> Path:
    """The folder of a library with this hash, there or not."""
    return cache_folder() / "libraries" / tree_hash
