"""The grammar as a whole: no conflicts, and words for everything it can expect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dsl.text
from dsl.codes import CODES, Code, merge
from dsl.text.automaton import END, build, keywords, terminals
from dsl.text.messages import TERMINAL_WORDS, spelling, statement_keywords

TEXT = Path(dsl.text.__file__).parent


def test_strict_grammar_has_no_conflict() -> None:
    assert build(strict=True).terminals


def test_every_terminal_has_words() -> None:
    declare = re.search(r"%declare (.*)", (TEXT / "grammar.lark").read_text())
    assert declare
    declared = [*(terminal.name for terminal in build().terminals), *declare[1].split()]
    for terminal in [*declared, END]:
        assert spelling(terminal)
    spelled = dict(zip(terminals().values(), terminals(), strict=True))
    for terminal in TERMINAL_WORDS:
        assert terminal in [*declared, END], f"{terminal} is not in the grammar"
        if terminal in spelled:
            assert TERMINAL_WORDS[terminal] == f"`{spelled[terminal]}`"


def test_every_rule_has_a_callback() -> None:
    """No rule is left to Lark's own tree."""
    from dsl.text.build.builder import Builder

    grammar = (TEXT / "grammar.lark").read_text()
    named = re.findall(r"^([a-z_]+):", grammar, re.M)
    aliases = re.findall(r"-> ([a-z_]+)", grammar)
    with_alias = re.findall(r"^([a-z_]+): [^\n]*-> [a-z]", grammar, re.M)
    for rule in [*named, *aliases]:
        if rule not in with_alias:
            assert hasattr(Builder, rule), rule


def test_statement_keywords_are_keywords() -> None:
    assert {"mesh", "model", "pin", "train"} <= set(statement_keywords()) <= set(keywords())


def test_every_code_in_the_sources_is_explained() -> None:
    used = {c for p in TEXT.rglob("*.py") for c in re.findall(r"MMP\d{3}", p.read_text())}
    assert sorted(used) == [row.code for row in CODES]


def test_tables_merge_into_one() -> None:
    extra = Code("MMP101", "title", "explanation")
    assert list(merge((extra,), CODES)) == [*(row.code for row in CODES), "MMP101"]
    with pytest.raises(ValueError, match="MMP101 is given twice"):
        merge((extra,), (extra,))
    with pytest.raises(ValueError, match="not of the form"):
        merge((Code("E1", "title", "explanation"),))
