"""The text of PartitionSpecs."""

from __future__ import annotations

from collections.abc import Sequence

from solver.export.named_axes import Axes, axis


def text(axes: Axes) -> str:
    """`P(("data_0", "data_1"), None)`, without the whole dimensions at its end."""
    entries = [_entry([axis(name) for name in names]) for names in axes]
    while entries and entries[-1] == "None":
        entries.pop()
    return f"P({', '.join(entries)})"


def _entry(names: Sequence[str]) -> str:
    match names:
        case []:
            return "None"
        case [name]:
            return f'"{name}"'
        case _:
            return "(" + ", ".join(f'"{name}"' for name in names) + ")"
