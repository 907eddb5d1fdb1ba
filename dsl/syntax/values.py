"""Imports, parameters and constants."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.span import Span
from dsl.syntax.expressions import Expr, Name, Parameter


@dataclass(frozen=True, slots=True)
class Language:
    """`language 1`: the language version the file is written for."""

    version: int
    span: Span


@dataclass(frozen=True, slots=True)
class Import:
    """`import a.b (c, d as e)`, `import a.b as x`, `import "./file.mmp" with price = 2 ms`.

    `source` is the dotted name or the path; `names` pairs each imported name with its local name;
    `settings` are values for parameters of the imported file.
    """

    source: str
    is_path: bool
    alias: Name | None
    names: tuple[tuple[Name, Name], ...]
    source_span: Span
    span: Span
    settings: tuple[tuple[Name, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class ParamStmt:
    """`param nodes: int = 4` at the top level; `-D nodes=8` overrides it."""

    parameter: Parameter
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Let:
    """`let tokens = batch * seq`."""

    name: Name
    value: Expr
    doc: str
    span: Span
