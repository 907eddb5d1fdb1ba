"""What two plans were made for: devices, parameters of the spec, pipeline and micro-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from solver.comparison.axes import Axes
from solver.comparison.difference import Difference

Document = dict[str, Any]


def settings(before: Document, after: Document) -> Iterator[Difference]:
    """One difference for every setting that is another."""
    a, b = _settings(before), _settings(after)
    for name in dict.fromkeys((*a, *b)):
        old, new = a.get(name), b.get(name)
        if old != new:
            words = f"{name} from {_said(old)} to {_said(new)}"
            yield Difference("settings", name, old, new, words)


def _settings(document: Document) -> dict[str, str]:
    pipeline = document["pipeline"]
    axes = " x ".join(f"{axis['name']} {axis['size']}" for axis in document["mesh"]["axes"])
    found = {
        "mesh": axes or "one device",
        "stages": str(len(pipeline["stages"])),
        "axes of the pipeline": Axes(document).words(pipeline.get("axes", ())) or "none",
        "micro-batches": str(pipeline["microbatches"]),
        "chunks of a stage": str(pipeline.get("chunks", 1)),
        "placement of chunks": pipeline.get("placement", ""),
        "schedule family": pipeline.get("family") or "an order of its own",
        **{f"parameter {name}": text for name, text in document.get("overrides", {}).items()},
    }
    return {name: words for name, words in found.items() if words}


def _said(words: str | None) -> str:
    return "the spec's own" if words is None else words
