"""Lines of a text as it is now, and as it was when it was last read."""

from __future__ import annotations

import random

import pytest

from solver.lsp.documents import line_before


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("a\nb\nc\nd", "a\nX\nc\nd", [1, None, 3, 4, None]),
        ("a\nb\nc\nd", "a\nX\nY\nb\nc\nd", [1, None, None, 2, 3, 4]),
        ("a\nb\nc\nd", "d", [4, None]),
        ("", "x\n", [None, 1]),
    ],
)
def test_only_changed_lines_are_unknown(old: str, new: str, lines: list[int | None]) -> None:
    assert [line_before(old, new, line) for line in range(1, len(lines) + 1)] == lines


def test_a_line_that_is_found_is_the_same() -> None:
    generator = random.Random(0)
    for _ in range(300):
        old = generator.choices("abc", k=generator.randrange(1, 8))
        new = list(old)
        place = generator.randrange(len(old))
        new[place : place + generator.randrange(3)] = generator.choices("abcx", k=2)
        for line in range(1, len(new) + 1):
            before = line_before("\n".join(old), "\n".join(new), line)
            assert before is None or old[before - 1] == new[line - 1]
