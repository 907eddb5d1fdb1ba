"""The diagnostic codes of reading and syntax, and how the tables of all rooms become one.

`MMP0xx` reading and syntax (here), `MMP1xx` names and imports, `MMP2xx` units, types and values,
`MMP3xx` models and shapes, `MMP4xx` mesh, pins and limits (those in `dsl/resolve/codes.py`),
`MMP5xx` solving, `MMP6xx` public instances (`solver/instance/codes.py`), `MMP70x` imported models
(`solver/importing/codes.py`), `MMP72x` projects and libraries (`dsl/project/codes.py`). A code
never changes its meaning; a retired one is not used again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"MMP[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding: `title` names it in a few words, `explanation` says what to do."""

    code: str
    title: str
    explanation: str


CODES: tuple[Code, ...] = (
    Code(
        "MMP001",
        "unexpected character",
        "Outside strings and comments, a file is made of ASCII letters, digits, `_` and the "
        "punctuation of the language.",
    ),
    Code(
        "MMP002",
        "string without an end",
        "A string ends on the line where it begins. Inside it, `\\n` is a line break.",
    ),
    Code(
        "MMP003",
        "comment without an end",
        "A `/*` comment goes on until the first `*/`; comments do not nest.",
    ),
    Code("MMP004", "NUL byte", "The file holds a NUL byte, so it is not text."),
    Code(
        "MMP005",
        "not UTF-8",
        "Files are read as UTF-8, with or without a byte order mark.",
    ),
    Code(
        "MMP006",
        "file too long",
        "A file longer than four million characters is not read. Split it with `import`.",
    ),
    Code(
        "MMP010",
        "unexpected word or mark",
        "Nothing in the language can go on like this here; the message lists what can.",
    ),
    Code(
        "MMP011",
        "statement without an end",
        "A block is not closed, or the file ends in the middle of a statement.",
    ),
    Code(
        "MMP012",
        "unknown unit",
        "A lower-case word after a number on its line is a unit: ns, us, ms, s, min, h or bit, "
        "with `/s` for rates. Other units begin with a capital letter, such as GiB.",
    ),
    Code("MMP013", "not a whole number", "Degrees, versions and sub-axes are whole numbers."),
    Code("MMP014", "number too large", "Numbers are limited to about 1.8e308."),
    Code("MMP015", "unknown escape", 'A string knows the escapes \\n, \\t, \\" and \\\\.'),
    Code(
        "MMP016",
        "not a mesh axis",
        "A group in parentheses lists mesh axes (`gpu`) or prime sub-axes (`gpu.0`).",
    ),
    Code(
        "MMP017",
        "indices on another name",
        "`x = attn.y` names a tensor again and keeps its indices. A result with indices needs an "
        "operator: `x[b, s] = kind(...)`.",
    ),
    Code(
        "MMP018",
        "recompute given twice",
        "A measured operator or strategy has at most one `recompute { ... }`.",
    ),
    Code(
        "MMP019",
        "degree without `split`",
        "`h 4` continues a list of degrees: `split s 2, h 4`. An index cut by named mesh axes is "
        "written `h over gpu`.",
    ),
    Code(
        "MMP020",
        "nested too deep",
        "Blocks and brackets are nested at most 100 deep, subscripts in subscripts at most 4, and "
        "an expression has at most 200 operators.",
    ),
    Code(
        "MMP021",
        "too many errors",
        "Reading stops after twenty errors; the first ones are the ones to look at.",
    ),
)
"""Reading and syntax, in order."""


def merge(*tables: tuple[Code, ...]) -> dict[str, Code]:
    """Code -> row over all tables, sorted; ValueError for a code given twice or misspelt."""
    merged: dict[str, Code] = {}
    for row in sorted((row for table in tables for row in table), key=lambda row: row.code):
        if not _FORM.fullmatch(row.code):
            raise ValueError(f"{row.code!r} is not of the form MMPnnn")
        if row.code in merged:
            raise ValueError(f"{row.code} is given twice")
        merged[row.code] = row
    return merged
