"""Memory per device by term, against its limit."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from solver.cli.report.words import gib, percent, size
from solver.page.bars import Bar, bars
from solver.page.colors import hue
from solver.page.part import Subject, section, table

_TERMS = ("parameters", "gradients", "optimizer", "activations", "buffers", "reserve")


def memory(body: Element, about: Subject) -> None:
    """The section: a bar in terms for every stage, and the same in numbers."""
    note = "Peak of one device of every stage, whose devices are all alike."
    part = section(body, "memory", "Memory", note)
    entries = about.document["memory"]
    kinds = tuple(hue(number) for number in range(len(_TERMS)))
    rows = [
        Bar(
            f"stage {entry['device']}",
            tuple((term, entry["terms"].get(term, 0.0)) for term in _TERMS),
            kinds,
            f"{size(entry['peak_bytes'])} of {size(entry['limit_bytes'])}",
            "",
            entry["limit_bytes"],
        )
        for entry in entries
    ]
    most = max(max(entry["peak_bytes"], entry["limit_bytes"]) for entry in entries)
    bars(part, "Bytes at the peak by stage and term", rows, most, "limit")
    columns = ("stage", "devices", *_TERMS, "peak", "limit", "used")
    cells = [
        (
            str(entry["device"]),
            str(entry.get("devices", "")),
            *(gib(entry["terms"].get(term, 0.0)) for term in _TERMS),
            gib(entry["peak_bytes"]),
            gib(entry["limit_bytes"]),
            percent(entry["peak_bytes"] / entry["limit_bytes"]),
        )
        for entry in entries
    ]
    table(part, "GiB of one device", columns, cells)
