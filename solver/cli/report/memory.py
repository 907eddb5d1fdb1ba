"""Memory per device by term, against its limit."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from solver.cli.report.table import heading, table
from solver.cli.report.view import View
from solver.cli.report.words import gib, percent

_TERMS = ("parameters", "gradients", "optimizer", "activations", "buffers", "reserve")


def memory(view: View) -> Iterator[RenderableType]:
    """One row per stage, whose devices are all alike, and named where those of others differ; terms
    nobody uses are left out."""
    yield heading("Memory per device", "GiB")
    entries = view.document["memory"]
    terms = [term for term in _TERMS if any(entry["terms"][term] for entry in entries)]
    columns = ("stage", "devices", *terms, "peak", "limit", "used")
    rows = [
        (
            str(entry["device"]),
            " x ".join((str(entry["devices"]), *view.devices[entry["device"] :][:1])),
            *(gib(entry["terms"][term]) for term in terms),
            gib(entry["peak_bytes"]),
            gib(entry["limit_bytes"]),
            percent(entry["peak_bytes"] / entry["limit_bytes"]),
        )
        for entry in entries
    ]
    yield table(columns, rows)
