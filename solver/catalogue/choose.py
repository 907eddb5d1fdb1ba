"""The part of a catalogue that a name means: a library, modules of it, or a declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from solver.catalogue.offers import Library, Module


def choose(libraries: Sequence[Library], name: str) -> tuple[Library, ...]:
    """What is called so, with the library and the module around it; empty where nothing is.

    The first of these that there is: a library; a module, or those of a folder (`hardware`); a
    module by the last part of its name; a declaration of a module (`strategies.zero.fsdp`);
    declarations of that name anywhere.
    """
    whole = tuple(library for library in libraries if library.name == name)
    head, _, last = name.rpartition(".")
    return (
        whole
        or _only(libraries, lambda m: m if f"{m.name}.".startswith(f"{name}.") else None)
        or _only(libraries, lambda m: m if m.name.endswith(f".{name}") else None)
        or _only(libraries, lambda m: _declaring(m, last) if head in ("", m.name) else None)
    )


def names(libraries: Iterable[Library]) -> list[str]:
    """Everything that can be chosen, for suggestions."""
    found = []
    for library in libraries:
        found.append(library.name)
        for module in library.modules:
            found.append(module.name)
            for offer in module.offers:
                found += [offer.name, f"{module.name}.{offer.name}"]
    return found


def _only(
    libraries: Iterable[Library], keep: Callable[[Module], Module | None]
) -> tuple[Library, ...]:
    found = []
    for library in libraries:
        kept = tuple(m for m in map(keep, library.modules) if m is not None)
        if kept:
            found.append(replace(library, modules=kept))
    return tuple(found)


def _declaring(module: Module, name: str) -> Module | None:
    offers = tuple(offer for offer in module.offers if offer.name == name)
    return replace(module, offers=offers) if offers else None
