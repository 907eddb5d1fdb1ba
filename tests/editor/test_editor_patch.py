"""A statement that was just changed is understood without reading the whole text."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import place, read

from dsl.editor.analysis import Analysis
from dsl.editor.hover import hover
from dsl.editor.patch import patched, reads

BASE = Path(__file__).parent / "base.mmp"
SOURCE = BASE.read_text(encoding="utf-8")
OLD = "pin net.layers[*].mlp.down : f over gpu weight half"


@pytest.fixture(scope="module")
def base() -> Analysis:
    return read(BASE, SOURCE)


@pytest.mark.parametrize(
    ("new", "name"),
    [
        ("pin net.layers[*].mlp.u‸p : d over gpu", "up"),
        ("\n// more lines\n\npin net.layers[*].mlp.up : d over no‸de", "node"),
        ("pin net.layers[*].mlp.up\n  : d‸ over (node, gpu)", "d"),
        ("forbid net : b over gpu weight ha‸lf", "half"),
        ("let more = pri‸ce * 3", "price"),
        ("apply megatron.sequence_‸parallel(net, over: gpu)", "sequence_parallel"),
        ("train { precision bf16  optimizer ad‸amw }", "adamw"),
    ],
)
def test_names_lead_to_where_they_are_declared(base: Analysis, new: str, name: str) -> None:
    source, line, column = place(SOURCE.replace(OLD, new))
    found = patched(base, source, line)
    assert found is not None
    assert reads(found, line, column)
    occurrence = found.at(line, column)
    whole = read(BASE, source).at(line, column)
    assert occurrence is not None
    assert whole is not None
    assert occurrence.definition.name == whole.definition.name == name
    assert occurrence.span == whole.span
    assert hover(found, line, column) is not None


@pytest.mark.parametrize(
    "new",
    [
        "let mo‸re = 2",  # declared in the statement itself: its value is not known
        "pin net.layers[*].mlp.down : f over over",  # does not parse
        "pin net.lay‸er : on stage first",  # nothing has that name
        "// not a state‸ment",
    ],
)
def test_the_rest_has_to_wait(base: Analysis, new: str) -> None:
    source, line, column = place(SOURCE.replace(OLD, new))
    found = patched(base, source, line)
    assert found is None or not reads(found, line, column)
