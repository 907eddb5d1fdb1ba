"""What a library offers, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: the name that callers use, its type, its default as written ("" without)."""

    name: str
    type: str
    default: str
    doc: str

    @property
    def shown(self) -> str:
        """As it is declared."""
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default else "")


@dataclass(frozen=True, slots=True)
class Offer:
    """One declaration. `sort` is the word that declares it (`strategy`), `signature` its name with
    parameters or operands as written."""

    name: str
    sort: str
    signature: str
    doc: str
    parameters: tuple[Parameter, ...]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its dotted name as imports write it, the comment it begins with, the parameters
    that `import ... with` sets, and what it declares, in order."""

    name: str
    file: str
    doc: str
    language: int | None
    parameters: tuple[Parameter, ...]
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """A library: `version` says which one, `source` where it is from ("" for the standard one)."""

    name: str
    source: str
    version: str
    language: int | None
    modules: tuple[Module, ...]
