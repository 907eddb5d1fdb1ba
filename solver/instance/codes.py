"""The diagnostic codes of public instances, `MMP6xx`."""

from __future__ import annotations

from dsl.codes import Code

CODES: tuple[Code, ...] = (
    Code("MMP601", "not JSON", "An instance is one JSON value in UTF-8, as in RFC 8259."),
    Code(
        "MMP602",
        "key given twice",
        "JSON readers differ in which of the two they take, so neither is taken here.",
    ),
    Code("MMP603", "missing key", "The instance cannot be understood without it."),
    Code(
        "MMP604",
        "unknown key",
        "A key that is not read could be a misspelt limit, and a plan that breaks it.",
    ),
    Code("MMP605", "wrong kind of value", "Such as a text where a number belongs."),
    Code("MMP606", "wrong length", "Lists that belong together have lengths that fit together."),
    Code(
        "MMP607",
        "number out of range",
        "Nodes and strategies count from 0; memory is never negative; below 2^53 numbers and "
        "sums are exact.",
    ),
    Code("MMP608", "wrong name", "Every pin has a printable name of its own."),
)
"""Public instances, in order."""
