"""What the editor says and offers, in golden files: hover of every name once, and completion at
cursors; `pytest --update-golden` writes them anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from editing import place, read

from dsl.editor.analysis import Analysis
from dsl.editor.completion import complete
from dsl.editor.hover import hover

HERE = Path(__file__).parent
BASE = HERE / "base.mmp"
CURSORS = HERE / "cursors.txt"
Golden = Callable[[Path, str], None]


@pytest.fixture(scope="module")
def base() -> Analysis:
    return read(BASE, BASE.read_text(encoding="utf-8"))


def test_hover(base: Analysis, golden: Golden) -> None:
    assert base.seen is not None
    assert base.diagnostics == ()
    parts: dict[object, str] = {}
    for occurrence in sorted(base.seen.occurrences, key=lambda o: o.span):
        found = hover(base, occurrence.span.line, occurrence.span.column)
        assert found is not None
        where = f"{occurrence.span.line}:{occurrence.span.column}"
        parts.setdefault(occurrence.definition.key, f"@ {where}\n{found[0]}\n")
    text = "\n".join(parts.values())
    golden(HERE / "hover.txt", text.replace(str(HERE), "HERE"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("let a = 7‸2 GiB", "72 GiB: 72 GiB = 77,309,411,328 B"),
        ("let a = 72 G‸iB", "72 GiB: 72 GiB = 77,309,411,328 B"),
        ("let a = 25 ‸%", "25 %: 0.25"),
        ("let a = 2‸ ms", "2 ms: 2 ms = 0.002 s"),
        ("let a = 100‸ Gbit/s", "100 Gbit/s: 12.5 GB/s = 12,500,000,000 B/s"),
        ("let a = 989 TFLOP/s‸", "989 TFLOP/s: 989 TFLOP/s = 989,000,000,000,000 FLOP/s"),
    ],
)
def test_hover_of_quantities(text: str, expected: str) -> None:
    source, line, column = place(text)
    found = hover(read(BASE, source), line, column)
    assert found is not None
    assert found[0] == expected


def test_nothing_to_say(base: Analysis) -> None:
    assert hover(base, 1, 1) is None
    assert hover(base, 5000, 1) is None


def test_completion(base: Analysis, golden: Golden) -> None:
    """Each line of the file is a text with a cursor (`\\n` a line break), below the base; under
    it what is offered."""
    source = base.source
    parts = []
    for case in CURSORS.read_text(encoding="utf-8").split("\n"):
        if not case.startswith("> "):
            continue
        typed = case.removeprefix("> ").replace("\\n", "\n")
        text, line, column = place(f"{source}\n{typed}\n")
        offered = complete(base, text, line, column)
        lines = [f"  {item.label}  {item.sort}  {item.detail}".rstrip() for item in offered]
        parts.append("\n".join([case, *(lines or ["  nothing"])]))
    golden(CURSORS, ("\n".join(parts) + "\n").replace(str(HERE), "HERE"))


def test_completion_survives_any_place(base: Analysis) -> None:
    for number, text in enumerate(base.source.split("\n"), 1):
        for column in range(1, len(text) + 2, 3):
            complete(base, base.source, number, column)
    assert complete(base, "", 1, 1)
