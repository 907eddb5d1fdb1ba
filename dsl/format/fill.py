"""The tokens of one item, or of the part of it between two blocks, as lines."""

from __future__ import annotations

from dataclasses import dataclass

from dsl.format.items import Lexeme
from dsl.format.spacing import gap, may_break, must_break

WIDTH = 100
CONTINUATION = 4


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A token's text with the comments behind it.

    `width` is without a comment that ends the line. `level` is the bracket depth of a place where a
    line may be broken before the chunk, None where it may not. `above` are comments on lines of
    their own before it; with any, or with `forced`, it begins a line.
    """

    text: str
    gap: str
    width: int
    level: int | None
    forced: bool
    above: tuple[str, ...]


def fill(lexemes: list[Lexeme], indent: int) -> list[str]:
    """Lines of these tokens, indented by `indent`; continuation lines four columns more, but not
    what follows a closing brace (`else` below a comment).

    A line too long is broken at its last place of least bracket depth. Comments above the first
    token are the caller's.
    """
    lines: list[str] = []
    chunks = _chunks(lexemes)
    further = 0 if lexemes and lexemes[0].token.type == "RBRACE" else CONTINUATION
    start = 0
    while start < len(chunks):
        margin = " " * (indent + further if start else indent)
        if start:
            lines.extend(margin + text for text in chunks[start].above)
        end = _line_end(chunks, start, WIDTH - len(margin))
        rest = "".join(c.gap + c.text for c in chunks[start + 1 : end])
        lines.append(margin + chunks[start].text + rest)
        start = end
    return lines


def one_line(lexemes: list[Lexeme]) -> str:
    """These tokens on one line, whatever its length; they have no comments."""
    chunks = _chunks(lexemes)
    return chunks[0].text + "".join(c.gap + c.text for c in chunks[1:])


def _line_end(chunks: list[_Chunk], start: int, room: int) -> int:
    """The chunk that begins the next line."""
    used = chunks[start].width
    best: int | None = None
    for place in range(start + 1, len(chunks)):
        chunk = chunks[place]
        if chunk.forced or chunk.above:
            return place
        if used > room and best is not None:
            return best
        if chunk.level is not None and (best is None or _level(chunks, best) >= chunk.level):
            best = place
        used += len(chunk.gap) + chunk.width
    return best if used > room and best is not None else len(chunks)


def _level(chunks: list[_Chunk], place: int) -> int:
    level = chunks[place].level
    return 0 if level is None else level


def _chunks(lexemes: list[Lexeme]) -> list[_Chunk]:
    tokens = [lexeme.token for lexeme in lexemes]
    chunks: list[_Chunk] = []
    depth = 0
    forced = False
    for place, lexeme in enumerate(lexemes):
        token = lexeme.token
        if token.type in ("RPAR", "RSQB"):
            depth -= 1
        is_last = place == len(lexemes) - 1
        text, width = _with_comments(lexeme, is_last)
        chunks.append(
            _Chunk(
                text,
                gap(tokens, place, depth) if place else "",
                width,
                depth if place and may_break(tokens, place) else None,
                forced or (place > 0 and must_break(tokens, place)),
                tuple(entry.comment.text for entry in lexeme.leading) if place else (),
            )
        )
        if token.type in ("LPAR", "LSQB"):
            depth += 1
        forced = any(c.kind != "block" or "\n" in c.text for c in lexeme.trailing)
    return chunks


def _with_comments(lexeme: Lexeme, is_last: bool) -> tuple[str, int]:
    """The token and the comments behind it; its width up to the comments that end the line."""
    text = lexeme.token.text
    width = len(text)
    for comment in lexeme.trailing:
        ends_line = is_last or comment.kind != "block"
        text += ("  " if ends_line else " ") + comment.text
        if not ends_line:
            width = len(text)
    return text, width
