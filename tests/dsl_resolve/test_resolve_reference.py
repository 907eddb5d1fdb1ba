"""The language reference tells the truth: its examples parse, and whole specs resolve."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsl.load import load
from dsl.resolve.chunks import FAMILIES
from dsl.resolve.models.dtypes import ELEMENT_BYTES
from dsl.resolve.units import UNITS
from dsl.resolve.values import TYPES
from dsl.text.parser import parse

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "dsl" / "README.md").read_text()
EXAMPLES = re.findall(r"^```mmp( spec)?\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("source", [source for _, source in EXAMPLES])
def test_example_parses(source: str) -> None:
    file, diagnostics = parse(source, "README.md")
    assert diagnostics == ()
    assert file.statements


@pytest.mark.parametrize("source", [source for marked, source in EXAMPLES if marked])
def test_spec_resolves(source: str, tmp_path: Path) -> None:
    path = tmp_path / "example.mmp"
    path.write_text(source)
    assert load(path).graph.operators


def test_every_statement_is_shown() -> None:
    """Each statement of the grammar, and each item of a model, is in some example."""
    shown = {
        type(node).__name__
        for _, source in EXAMPLES
        for statement in parse(source, "README.md")[0].statements
        for node in (statement, *getattr(statement, "items", ()))
    }
    wanted = "Language Import ParamStmt Let Device Optimizer Precision Kind Model Mesh Instance"
    wanted += " Train Limit Pin Apply Strategy Minimize IndexStmt TensorDecl Output Assign Alias"
    wanted += " Measured Repeat Engine Formula Saves Whole Sum Across Compute Launch Link"
    assert sorted(set(wanted.split()) - shown) == []


@pytest.mark.parametrize("word", [*FAMILIES, *TYPES, *ELEMENT_BYTES])
def test_words_are_named(word: str) -> None:
    assert re.search(rf"\b{word}\b", TEXT)


def test_units_are_named() -> None:
    table = TEXT.split("| dimension | units |")[1].split("\n\n")[0]
    words = set(re.findall(r"[A-Za-z]+|%", table))
    assert sorted({name.removesuffix("/s") for name in UNITS} - words) == [""]
