"""Items to text: one a line, blocks indented, blank lines and comments kept."""

from __future__ import annotations

from collections.abc import Iterable

from dsl.format.fill import WIDTH, fill, one_line
from dsl.format.items import Arranged, Block, Item, Leading, Lexeme, has_comments

INDENT = 2


def print_file(arranged: Arranged) -> str:
    """The text of a file: ends in one line break, or is empty."""
    lines = _body(arranged.items, arranged.ending, 0)
    return "".join(line + "\n" for line in lines)


def _body(items: tuple[Item, ...], ending: tuple[Leading, ...], indent: int) -> list[str]:
    """Items with the comments above each, then the comments at the end; no blank line first."""
    lines: list[str] = []
    for item in items:
        _comments(lines, item.first.leading, indent)
        _blank(lines, item.first.blank_before)
        lines.extend(_item(item, indent))
    _comments(lines, ending, indent)
    return lines


def _comments(lines: list[str], comments: Iterable[Leading], indent: int) -> None:
    for entry in comments:
        _blank(lines, entry.blank_before)
        lines.append(" " * indent + entry.comment.text)


def _blank(lines: list[str], wanted: bool) -> None:
    if wanted and lines:
        lines.append("")


def _item(item: Item, indent: int) -> list[str]:
    flat = _flat(item)
    if flat is not None and indent + len(flat[0]) <= WIDTH:
        text, last = flat
        return [" " * indent + text + "".join("  " + c.text for c in last.trailing)]
    lines: list[str] = []
    pending: list[Lexeme] = []
    for part in item.parts:
        if isinstance(part, Lexeme):
            pending.append(part)
            continue
        lines.extend(fill([*pending, part.opening], indent))
        lines.extend(_body(part.items, part.closing.leading, indent + INDENT))
        pending = [part.closing]
    lines.extend(fill(pending, indent))
    return lines


def _flat(item: Item) -> tuple[str, Lexeme] | None:
    """An item with blocks on one line, and its last token; None when it has none or may not be."""
    blocks = [part for part in item.parts if isinstance(part, Block)]
    if not blocks or not all(_may_be_flat(block) for block in blocks):
        return None
    texts: list[str] = []
    words: list[Lexeme] = []
    for number, part in enumerate(item.parts):
        is_last = number == len(item.parts) - 1
        if isinstance(part, Lexeme):
            if (part.leading and number) or (part.trailing and not is_last):
                return None
            words.append(part)
            continue
        if has_comments([part.closing]) and not is_last:
            return None
        texts.extend([one_line(words), _flat_block(part)])
        words = []
    last = item.parts[-1]
    if words:
        texts.append(one_line(words))
    return " ".join(texts), last.closing if isinstance(last, Block) else last


def _may_be_flat(block: Block) -> bool:
    if has_comments([block.opening]) or block.closing.leading:
        return False
    if not block.items:
        return True
    return block.one_line and all(
        isinstance(part, Lexeme) and not has_comments([part])
        for item in block.items
        for part in item.parts
    )


def _flat_block(block: Block) -> str:
    if not block.items:
        return "{}"
    inner = "  ".join(one_line([p for p in i.parts if isinstance(p, Lexeme)]) for i in block.items)
    return "{ " + inner + " }"
