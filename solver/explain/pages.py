"""The page of a diagnostic: what it means, an example that gives exactly it, how to mend it.

Pages are Markdown files named after the code: those of the language in `dsl/pages`, those of
solving, of public instances and of everything beyond a spec in `solver/explain/pages`.
"""

from __future__ import annotations

import re
from pathlib import Path

import dsl
import solver
from dsl.suggest import nearest

FOLDERS = (
    Path(dsl.__file__).resolve().parent / "pages",
    Path(solver.__file__).resolve().parent / "explain" / "pages",
)
_CODE = re.compile(r"MMP[0-9]{3}", re.I)


class NoPageError(Exception):
    """No diagnostic has this code; the message says so, with a near one."""


def is_code(text: str) -> bool:
    """Whether a word is the code of a diagnostic, in capitals or not."""
    return _CODE.fullmatch(text) is not None


def codes() -> tuple[str, ...]:
    """The codes that have a page, in order."""
    return tuple(sorted(path.stem for folder in FOLDERS for path in folder.glob("MMP*.md")))


def page(code: str) -> str:
    """The text of a page. Raises NoPageError."""
    wanted = code.upper()
    for folder in FOLDERS:
        path = folder / f"{wanted}.md"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    near = nearest(wanted, codes(), cutoff=0.8)
    also = f"; the nearest is {near}" if near else ""
    raise NoPageError(f"there is no diagnostic {wanted}{also}")
