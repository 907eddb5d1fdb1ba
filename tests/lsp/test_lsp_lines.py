"""Lines of a text as it is now, and as it was when it was last read."""

from __future__ import annotations

import random

from solver.lsp.documents import line_before


def test_only_changed_lines_are_unknown() -> None:
    old = "a\nb\nc\nd"
    assert [line_before(old, "a\nX\nc\nd", line) for line in (1, 2, 3, 4, 5)] == [
        1,
        None,
        3,
        4,
        None,
    ]
    assert [line_before(old, "a\nX\nY\nb\nc\nd", line) for line in (1, 2, 3, 4)] == [
        1,
        None,
        None,
        2,
    ]
    assert [line_before(old, "d", line) for line in (1, 2)] == [4, None]
    assert [line_before("", "x\n", line) for line in (1, 2)] == [None, 1]


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
