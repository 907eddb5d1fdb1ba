"""A catalogue as text: a line for each module (`listing`), or everything (`page`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from solver.catalogue.offers import Library, Module, Parameter

WIDTH = 100
_WORDS = {
    "param": ("parameter", "parameters"),
    "let": ("constant", "constants"),
    "device": ("device", "devices"),
    "physics": ("set of physics", "sets of physics"),
    "optimizer": ("optimizer", "optimizers"),
    "precision": ("precision", "precisions"),
    "kind": ("operator kind", "operator kinds"),
    "model": ("model", "models"),
    "strategy": ("strategy", "strategies"),
}
"""The word that declares something: one and several of it, in the order they are counted."""


def listing(libraries: Sequence[Library]) -> str:
    """The libraries and their modules, with how much of what each has."""
    width = max((len(m.name) for library in libraries for m in library.modules), default=0)
    lines: list[str] = []
    for library in libraries:
        lines += ["", _title(library)] if lines else [_title(library)]
        for module in library.modules:
            lines.append(f"  {module.name:{width}}  {_counts(module)}")
    return "\n".join(lines) + "\n"


def page(libraries: Sequence[Library]) -> str:
    """All that is offered, with its doc comments."""
    lines: list[str] = []
    for library in libraries:
        lines += ["", _title(library)] if lines else [_title(library)]
        for module in library.modules:
            lines += ["", *_module(module)]
    return "\n".join(lines) + "\n"


def _title(library: Library) -> str:
    words = [library.source or "the standard library", library.version]
    words.append("" if library.language is None else f"language {library.language}")
    return f"{library.name}  " + ", ".join(word for word in words if word)


def _counts(module: Module) -> str:
    counts = Counter(offer.sort for offer in module.offers)
    counts["param"] = len(module.parameters)
    found = (f"{counts[sort]} {_word(sort, counts[sort])}" for sort in _WORDS if counts[sort])
    return ", ".join(found) or "nothing"


def _word(sort: str, count: int) -> str:
    return _WORDS[sort][count != 1]


def _module(module: Module) -> Iterator[str]:
    yield module.name
    yield from _indented(module.doc.splitlines(), 2)
    if module.parameters:
        yield from _parameters(module.parameters)
    for sort in _WORDS:
        offers = [offer for offer in module.offers if offer.sort == sort]
        if offers:
            yield from ("", f"  {_word(sort, len(offers))}")
        for offer in offers:
            yield from wrap(
                offer.signature, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8
            )
            yield from _indented(offer.doc.splitlines(), 6)


def _parameters(parameters: Sequence[Parameter]) -> Iterator[str]:
    yield from ("", f"  {_word('param', len(parameters))}, set by `import ... with name = value`")
    for parameter in parameters:
        yield f"    {parameter.shown}" + ("" if parameter.default else "  (must be set)")
        yield from _indented(parameter.doc.splitlines(), 6)


def _indented(lines: Iterable[str], indent: int) -> Iterator[str]:
    return (f"{' ' * indent}{line}".rstrip() for line in lines)
