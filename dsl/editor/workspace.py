"""The files of a folder that could name something."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MOST = 2000  # files that are looked at


def mentioning(roots: Iterable[Path], name: str) -> dict[str, str]:
    """The texts of the `.mmp` files below these folders in which the name occurs, by path; hidden
    folders and files that cannot be read are left out."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    found: dict[str, str] = {}
    seen = 0
    for root in roots:
        for path in sorted(root.rglob("*.mmp")):
            if any(part.startswith(".") for part in path.relative_to(root).parts):
                continue
            seen += 1
            if seen > MOST:
                return found
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            if word.search(text):
                found[str(path)] = text
    return found
