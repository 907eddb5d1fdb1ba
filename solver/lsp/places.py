"""Places of the language as those of the protocol, which counts from 0 and in units of the client's
encoding, and the other way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types
from pygls import uris
from pygls.workspace import PositionCodec

from dsl.resolve.files import STDLIB, STDLIB_PREFIX
from dsl.span import Span


def lines_of(source: str) -> list[str]:
    """The lines as spans count them."""
    return source.split("\n")


def to_range(span: Span, lines: Sequence[str], codec: PositionCodec) -> types.Range:
    """A span of a text with these lines."""
    start = _position(span.line, span.column, lines, codec)
    return types.Range(start, _position(span.end_line, span.end_column, lines, codec))


def _position(line: int, column: int, lines: Sequence[str], codec: PositionCodec) -> types.Position:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return types.Position(line - 1, codec.client_num_units(text[: column - 1]))


def to_place(
    position: types.Position, lines: Sequence[str], codec: PositionCodec
) -> tuple[int, int]:
    """Line and column, from 1."""
    if position.line >= len(lines):
        return position.line + 1, 1
    text, units, column = lines[position.line], 0, 1
    for character in text:
        if units >= position.character:
            break
        units += codec.client_num_units(character)
        column += 1
    return position.line + 1, column


def path_of(uri: str) -> str | None:
    """The path of a document; None where it is no file."""
    return uris.to_fs_path(uri)


def uri_of(display: str) -> str | None:
    """The document of a file as spans name it; None where it is none that can be opened."""
    inside = display.removeprefix(STDLIB_PREFIX)
    path = STDLIB / inside if inside != display else Path(display)
    return uris.from_fs_path(str(path)) if path.is_absolute() and path.is_file() else None
