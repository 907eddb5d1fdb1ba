"""Highlighting by `dsl/mmp.tmLanguage.json` says of every word what the parser says of it."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dsl
from dsl.text.automaton import keywords, terminals
from dsl.text.lexer import Token
from dsl.text.parser import read

if TYPE_CHECKING:
    from textmate_grammar.parsers.base import LanguageParser

ROOT = Path(dsl.__file__).resolve().parent.parent
STDLIB = sorted((ROOT / "stdlib").rglob("*.mmp"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.mmp"))
QUICK = [
    *(path for path in EXAMPLES if path.stem in ("deepseek_v3", "measured_v", "soft_pin")),
    *(path for path in STDLIB if path.stem in ("operators", "training", "llama", "megatron")),
    ROOT / "tests" / "editor" / "base.mmp",
]
GRAMMAR: dict[str, Any] = json.loads(
    files("dsl").joinpath("mmp.tmLanguage.json").read_text(encoding="utf-8")
)
KEYWORDS = {terminals()[word] for word in keywords()}
_OF_KEYWORDS = (
    *("keyword.other.mmp", "keyword.other.declaration", "keyword.control"),
    *("keyword.operator.word", "constant.language"),
)
PHASES = ("forward", "input_grad", "weight_grad")  # names to the parser, words of the language


@cache
def highlighter() -> LanguageParser:
    """The tokenizer of TextMate grammars; its package makes a folder where it is imported."""
    logging.getLogger("textmate_grammar").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        from textmate_grammar.parsers.base import LanguageParser
    return LanguageParser(GRAMMAR)


def scopes_of(source: str) -> dict[tuple[int, int], str]:
    """The innermost scope of every character, by line and column from 1."""
    parsed = highlighter().parse_string(source)
    assert parsed is not None
    return {
        (line + 1, column + offset + 1): scopes[-1]
        for (line, column), text, scopes in parsed.flatten()
        for offset in range(len(text))
    }


def expected(token: Token) -> tuple[str, ...]:
    """The beginnings of the scopes that a token may have; none: any."""
    if token.type in KEYWORDS:
        return _OF_KEYWORDS
    if token.type == "NAME":
        is_fixed = token.text in ("true", "false")
        own = ("constant.language",) if is_fixed else ("variable", "entity", "support")
        return (*own, "keyword.other.mmp") if token.text in PHASES else own
    kinds = {"NUMBER": "constant.numeric", "UNIT": "keyword.other.unit", "STRING": "string"}
    return (kinds[token.type],) if token.type in kinds else ()


def mistakes(source: str) -> Iterator[str]:
    reading = read(source, "a.mmp")
    assert reading.diagnostics == ()
    scopes = scopes_of(source)
    for token in reading.tokens:
        found = scopes.get((token.span.line, token.span.column), "nothing")
        wanted = expected(token)
        if wanted and not found.startswith(wanted):
            yield f"{token.span}: `{token.text}` ({token.type}) is {found}"
    for comment in reading.comments:
        found = scopes.get((comment.span.line, comment.span.column), "nothing")
        wanted = ("comment.line.documentation",) if comment.kind == "doc" else ("comment",)
        if not found.startswith(wanted):
            yield f"{comment.span}: {found}"


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_words_are_what_the_parser_says(path: Path) -> None:
    assert list(mistakes(path.read_text(encoding="utf-8"))) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", [*STDLIB, *EXAMPLES], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_words_of_all_files(path: Path) -> None:
    assert list(mistakes(path.read_text(encoding="utf-8"))) == []


def test_a_mistake_would_be_found() -> None:
    """In unusual layouts a word may be taken for a name; then the test says so."""
    assert list(mistakes("train { precision bf16 overlap scheduled }"))


def patterns(node: object) -> Iterator[str]:
    """Every regular expression of the grammar."""
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key in ("match", "begin", "end"))
        for value in node.values():
            yield from patterns(value)
    elif isinstance(node, list):
        for value in node:
            yield from patterns(value)


def test_every_keyword_is_known() -> None:
    written = set(re.findall(r"[a-z_]{2,}|\bv\b", " ".join(patterns(GRAMMAR))))
    assert [word for word in keywords() if word not in written] == []


def test_what_an_editor_reads() -> None:
    assert GRAMMAR["scopeName"] == "source.mmp"
    assert GRAMMAR["fileTypes"] == ["mmp"]
    included = {p["include"].removeprefix("#") for p in GRAMMAR["patterns"]}
    assert included == set(GRAMMAR["repository"])
