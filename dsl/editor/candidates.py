"""Names to choose from, by what they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dsl.editor.analysis import Analysis
from dsl.editor.definitions import Definition
from dsl.editor.modules import SORTS, lookup, qualified, visible
from dsl.editor.projects import importable, imported_place
from dsl.editor.quantities import show_value
from dsl.resolve.files import library_modules
from dsl.resolve.models.tree import Node
from dsl.resolve.modules import Module, name_of
from dsl.resolve.report import Poisoned, RejectedError
from dsl.resolve.units import UNITS
from dsl.syntax import Model, Strategy
from dsl.text.parser import parse_bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One choice: `sort` is a noun as in `Definition`, `detail` a few words, `doc` Markdown."""

    label: str
    sort: str
    detail: str = ""
    doc: str = ""


def names(analysis: Analysis, sort: str) -> list[Item]:
    """Declarations of that sort in sight, and the modules that could hold some."""
    if analysis.module is None:
        return []
    found = [(n, d) for n, d in visible(analysis.module) if d.sort in (sort, "module")]
    return [_item(name, definition) for name, definition in found]


def values(analysis: Analysis) -> list[Item]:
    """Constants and parameters of the file and what it imports, with their values."""
    module = analysis.module
    if module is None:
        return []
    found = [(n, d) for n, d in visible(module) if d.sort in ("constant", "parameter", "module")]
    return [Item(name, d.sort, _value(module, name), d.doc) for name, d in found]


def _value(module: Module, name: str) -> str:
    try:
        value = module.find(name)
    except RejectedError:
        return ""
    return "" if value is None or isinstance(value, Poisoned) else show_value(value)


def _item(name: str, definition: Definition) -> Item:
    return Item(name, definition.sort, definition.place.display, definition.doc)


def units() -> list[Item]:
    """Every unit that may follow a number."""
    return [Item(name, "unit", str(unit.dimension)) for name, unit in UNITS.items() if name]


def axes(analysis: Analysis, written: str) -> list[Item]:
    """Mesh axes, or the numbers of the sub-axes of the one that was written."""
    if analysis.mesh is None:
        return []
    if written:
        parts = [p for axis in analysis.mesh.axes if axis.name == written for p in axis.parts]
        return [Item(p.name.partition(".")[2], "axis", f"size {p.size}") for p in parts]
    return [Item(axis.name, "axis", f"size {axis.size}") for axis in analysis.mesh.axes]


def links(analysis: Analysis) -> list[Item]:
    """The links of the mesh's devices."""
    kinds = analysis.mesh.kinds if analysis.mesh is not None else ()
    return [Item(link.name, "link", kind.name) for kind in kinds for link in kind.links]


def modules(analysis: Analysis, written: str) -> list[Item]:
    """The next steps of the names of modules that begin with what was written."""
    known = importable(analysis.module) if analysis.module is not None else library_modules()
    steps = [name.removeprefix(written) for name in known if name.startswith(written)]
    return [Item(step, "module") for step in dict.fromkeys(s.partition(".")[0] for s in steps)]


def exported(analysis: Analysis, source: str) -> list[Item]:
    """What a module declares, by the way it is imported."""
    module = analysis.module
    place = imported_place(module, source) if module is not None else None
    if place is None:
        return []
    try:
        file, _ = parse_bytes(place.path.read_bytes(), place.display)
    except OSError:
        return []
    named = [(s, SORTS[type(s)]) for s in file.statements if type(s) in SORTS]
    return [
        Item(name_of(s).text, sort, place.display, getattr(s, "doc", ""))  # type: ignore[arg-type]
        for s, sort in named
    ]


def parameters(analysis: Analysis, called: str) -> list[Item]:
    """Labels for the arguments of a model or strategy."""
    if analysis.module is None:
        return []
    found = qualified(analysis.module, called.split("."))
    node = found[-1].node if found else None
    if not isinstance(node, Model | Strategy):
        return []
    return [
        Item(f"{(p.label or p.name).text}: ", "parameter", p.type.text) for p in node.parameters
    ]


def path_steps(analysis: Analysis, steps: Sequence[str]) -> list[Item]:
    """What a path can go on to after these steps: parts of the model, what a module declares, or
    sub-axes. No steps: the models."""
    if len(steps) == 1 and (found := axes(analysis, steps[0])):
        return found
    if len(steps) == 1 and (found := _declared(analysis, steps[0])):
        return found
    level = list(analysis.model.roots) if analysis.model is not None else []
    if not steps:
        return [Item(node.name, "model") for node in level]
    nodes = [node for node in level if fnmatchcase(node.name, steps[0])]
    for step in steps[1:]:
        nodes = [child for node in nodes for child in _children(node, step)]
    unique = {(c.name, c.sort): c for node in nodes for c in node.children if c.name}
    return [Item(_step(child), child.sort, _size(child)) for child in unique.values()]


def _declared(analysis: Analysis, name: str) -> list[Item]:
    found = lookup(analysis.module, name) if analysis.module is not None else None
    if found is None or found.sort != "module" or found.module is None:
        return []
    inner = (lookup(found.module, n, prelude=False) for n in found.module.declared())
    return [_item(d.name, d) for d in inner if d is not None]


def _children(node: Node, step: str) -> Iterator[Node]:
    """The children that a step with its subscript means; one iteration stands for all."""
    name, subscript, _ = step.partition("[")
    for child in node.children:
        if child.sort != "iteration" and (name == "**" or fnmatchcase(child.name, name)):
            yield from child.children[:1] if subscript else [child]
        if name == "**":
            yield from _children(child, step)


def _step(node: Node) -> str:
    return f"{node.name}[*]" if node.sort == "repeat" else node.name


def _size(node: Node) -> str:
    return f"{len(node.children)} iterations" if node.sort == "repeat" else ""


def indices(analysis: Analysis, path: str) -> list[Item]:
    """The indices of the operators that a path may mean, with their sizes; all for an empty one."""
    graph = analysis.model.graph if analysis.model is not None else None
    pattern = _loose(path)
    found: dict[str, int] = {}
    for operator in graph.operators if graph is not None else ():
        name = _loose(operator.name)
        if not path or fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*"):
            for index in operator.indices:
                if index.name in operator.cuttable:
                    found.setdefault(index.name, index.size)
    return [Item(name, "index", f"size {size:,}") for name, size in found.items()]


def _loose(path: str) -> str:
    """A path without subscripts, `**` as `*`."""
    kept = [part.partition("]")[2] if n else part for n, part in enumerate(path.split("["))]
    return "".join(kept).replace("**", "*")
