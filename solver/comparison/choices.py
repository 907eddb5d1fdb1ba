"""How two plans divide the work: cuts, layouts, storage, stages, recompute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from solver.comparison.axes import Axes
from solver.comparison.difference import Difference, of_paths

Document = dict[str, Any]
_LEVELS = {1: "ZeRO-1", 2: "ZeRO-2", 3: "ZeRO-3"}


def shardings(before: Document, after: Document) -> Iterator[Difference]:
    """Cuts of operators, and the layouts of tensors with several readers."""
    yield from of_paths("shardings", cuts_of(before), cuts_of(after))
    yield from of_paths("shardings", layouts_of(before), layouts_of(after), "tensor")


def cuts_of(document: Document) -> dict[str, str]:
    """The cuts of every operator in words, with its measured variant."""
    axes = Axes(document)
    return {
        name: (f"as {choice['variant']}, " if "variant" in choice else "")
        + axes.cuts(choice["cuts"])
        for name, choice in document["operators"].items()
    }


def layouts_of(document: Document) -> dict[str, str]:
    """The layout of every tensor with several readers, in words."""
    axes = Axes(document)
    found = {}
    for name, layout in document.get("tensors", {}).items():
        partial = axes.words(layout["partial"])
        sums = f", partial sums over {partial}" if partial else ""
        found[name] = axes.cuts(layout["cuts"]) + sums
    return found


def storage(before: Document, after: Document) -> Iterator[Difference]:
    """Where parameters are used and, beyond that, stored."""
    yield from of_paths("storage", storage_of(before), storage_of(after))


def storage_of(document: Document) -> dict[str, str]:
    """How every parameter is used and stored, in words."""
    axes = Axes(document)
    found = {}
    for name, parameter in document["parameters"].items():
        if "used" in parameter and "levels" in parameter:
            words = [axes.cuts(parameter["used"]), *levels_of(parameter["levels"])]
        else:
            words = [f"stored {axes.cuts(parameter['stored'])}"]
        found[name] = ", ".join(words)
    return found


def levels_of(of_axes: dict[str, int]) -> list[str]:
    """`ZeRO-1 over node,gpu`, for every level but 0."""
    levels: dict[int, list[str]] = {}
    for axis, level in of_axes.items():
        levels.setdefault(level, []).append(axis)
    return [
        f"{_LEVELS.get(level, f'level {level}')} over {','.join(levels[level])}"
        for level in sorted(levels)
        if level
    ]


def stages(before: Document, after: Document) -> Iterator[Difference]:
    """The stage and chunk of every layer, and whether its forward is recomputed."""
    yield from of_paths("stages", _places(before), _places(after))
    a, b = _recomputed(before), _recomputed(after)
    both = [path for path in a if path in b]
    old, new = ({path: found[path] for path in both} for found in (a, b))
    yield from of_paths("stages", old, new, "recomputed")


def _places(document: Document) -> dict[str, str]:
    found = {}
    for stage in document["pipeline"]["stages"]:
        chunks = stage.get("chunks", [stage])
        for number, chunk in enumerate(chunks):
            words = f"stage {stage['stage']}"
            words += f" chunk {number}" if len(chunks) > 1 else ""
            found.update(dict.fromkeys(_layers(chunk), words))
    return found


def _recomputed(document: Document) -> dict[str, str]:
    """Whether each layer's forward runs again; an operator belongs to the layer of its path."""
    units = frozenset(u for stage in document["pipeline"]["stages"] for u in _layers(stage))
    found: dict[str, str] = {}
    for name, choice in document["operators"].items():
        path = name
        while path not in units and "." in path:
            path = path.rpartition(".")[0]
        found[path if path in units else name] = "yes" if choice["recompute"] else "no"
    return found


def _layers(content: Document) -> list[str]:
    """The layers of a stage or chunk; its operators where a document does not say."""
    found: list[str] = content["units"] if "units" in content else content["operators"]
    return found
