"""Whatever is typed, the editor gets an answer: texts cut off, with words swapped, or doubled."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from editing import read

from dsl.editor.analysis import Analysis
from dsl.editor.completion import complete
from dsl.editor.fixes import fixes
from dsl.editor.hover import hover
from dsl.editor.rename import RefusedError, check

ROOT = Path(__file__).resolve().parents[2]
BASE = Path(__file__).parent / "base.mmp"
LIBRARY = ROOT / "stdlib" / "models" / "vision_language.mmp"
MEASURED = ROOT / "examples" / "measured_v.mmp"
KINDS = ROOT / "stdlib" / "operators.mmp"


def changed(source: str, generator: random.Random) -> str:
    """The text after one of the things that happen while it is written."""
    lines = source.split("\n")
    place = generator.randrange(len(lines))
    words = lines[place].split(" ")
    match generator.randrange(5):
        case 0:
            del lines[place : place + generator.randrange(1, 4)]
        case 1:
            lines[place] = lines[place][: generator.randrange(len(lines[place]) + 1)]
        case 2:
            generator.shuffle(words)
            lines[place] = " ".join(words)
        case 3:
            lines.insert(place, generator.choice(lines))
        case _:
            other = generator.choice(source.split())
            words[generator.randrange(len(words))] = other
            lines[place] = " ".join(words)
    return "\n".join(lines)


def ask(analysis: Analysis, generator: random.Random) -> None:
    """Ask everything, at random places and at names."""
    lines = analysis.source.split("\n")
    for _ in range(3):
        line = generator.randrange(len(lines)) + 1
        column = generator.randrange(len(lines[line - 1]) + 1) + 1
        hover(analysis, line, column)
        complete(analysis, analysis.source, line, column)
    for found in analysis.diagnostics:
        fixes(found, analysis.source)
    for occurrence in list(analysis.seen.occurrences if analysis.seen else ())[::7]:
        hover(analysis, occurrence.span.line, occurrence.span.column)
        analysis.of(occurrence.definition)
        with suppress(RefusedError):
            check(occurrence)


def play(path: Path, rounds: int, seed: int) -> None:
    generator = random.Random(seed)
    source = path.read_text(encoding="utf-8")
    before = read(path, source)
    for _ in range(rounds):
        text = source
        for _ in range(generator.randrange(1, 4)):
            text = changed(text, generator)
        before = read(path, text, before)
        ask(before, generator)


def test_any_change_is_survived() -> None:
    play(BASE, 12, 0)


@pytest.mark.slow
@pytest.mark.parametrize("path", [BASE, LIBRARY, MEASURED, KINDS], ids=lambda path: path.stem)
def test_many_changes_are_survived(path: Path) -> None:
    play(path, 80, 1)


INSIDE_ITSELF = """\
language 1

model one(batch: int) {
  batch index b = batch
  input x[b]
  block again = one(batch: batch) with x = x
  block other = two(batch: batch) with x = x
}

model two(batch: int) {
  block back = one(batch: batch) with x = x
  block more = three(batch: batch)
}

model three(batch: int) = four(batch: batch)

model four(batch: int) = three(batch: batch)

model net = one(batch: 2)

pin net.again.again.other.back : b over gpu

pin net.**.x : whole b
"""


def test_models_inside_themselves() -> None:
    analysis = read(BASE, INSIDE_ITSELF)
    assert "MMP113" in {found.code for found in analysis.diagnostics}
    found = analysis.at(21, 10)
    assert found is not None
    assert found.definition.span.line == 6
