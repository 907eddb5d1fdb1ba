"""Where the standard library lies, and which names it takes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import dsl

STDLIB = Path(dsl.__file__).resolve().parent.parent / "stdlib"
STANDARD = "stdlib"
"""How spans and people call the standard library."""


@cache
def standard_names() -> frozenset[str]:
    """The first parts of its modules' names, and its own: no other library is called so."""
    found = (path for path in STDLIB.iterdir() if path.is_dir() or path.suffix == ".mmp")
    return frozenset({STANDARD, *(path.stem for path in found if not path.name.startswith("_"))})
