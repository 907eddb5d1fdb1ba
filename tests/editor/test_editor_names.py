"""Every name in the library and the examples leads to where it is declared."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import read

from dsl.editor.hover import text_of
from dsl.resolve.files import STDLIB
from dsl.text.parser import read as read_tokens

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    Path(__file__).parent / "base.mmp",
    ROOT / "examples" / "llama3_70b_megatron.mmp",
    ROOT / "examples" / "measured_v.mmp",
    ROOT / "examples" / "soft_pin.mmp",
    *(STDLIB / name for name in ("operators.mmp", "models/layers.mmp", "models/llama.mmp")),
    *(STDLIB / name for name in ("models/vision_language.mmp", "strategies/zero.mmp")),
]
ALL = [*sorted((ROOT / "examples").glob("*.mmp")), *sorted(STDLIB.rglob("*.mmp"))]
# Words that are names to the grammar but fixed by the language.
FIXED = {
    *("int", "float", "bool", "string", "time", "bytes", "path", "axes", "true", "false", "int32"),
    *("fp32", "bf16", "fp16", "fp8", "fp4", "tf32", "tensor", "vector", "space", "size", "ceil"),
    *("memory", "step_time", "min", "max", "floor", "rate", "bandwidth", "one_f_one_b", "zb_v"),
    *("forward", "input_grad", "weight_grad", "interleaved", "gpipe", "zb_h1", "v_half", "v_min"),
}


def check(path: Path) -> None:
    analysis = read(path, path.read_text(encoding="utf-8"))
    assert analysis.seen is not None
    for occurrence in analysis.seen.occurrences:
        definition = occurrence.definition
        if definition.sort == "module":
            assert Path(definition.place.path).is_file()
            continue
        span = definition.span
        line = text_of(analysis, definition).split("\n")[span.line - 1]
        assert line[span.column - 1 : span.end_column - 1] == definition.name, occurrence


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_definitions_stand_where_they_say(path: Path) -> None:
    check(path)


@pytest.mark.slow
@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_all_definitions_stand_where_they_say(path: Path) -> None:
    check(path)


@pytest.mark.parametrize("path", FILES[:4], ids=lambda path: path.stem)
def test_no_name_is_left_out(path: Path) -> None:
    """But for words of the language, parts of dotted module names, and what a strategy selects
    below a path that its caller gives."""
    source = path.read_text(encoding="utf-8")
    analysis = read(path, source)
    assert analysis.seen is not None
    seen = {(o.span.line, o.span.column) for o in analysis.seen.occurrences}
    lines = source.split("\n")
    missing = [
        token.text
        for token in read_tokens(source, str(path)).tokens
        if token.type == "NAME"
        and (token.span.line, token.span.column) not in seen
        and token.text not in FIXED
        and not lines[token.span.line - 1].startswith(("import ", "  pin layers"))
    ]
    assert missing == []


def test_names_of_a_text_with_errors_are_those_of_the_rest() -> None:
    path = FILES[0]
    source = path.read_text(encoding="utf-8")
    whole = read(path, source)
    broken = read(path, source + "\npin net.layers[*] : over\n", whole)
    assert broken.diagnostics
    assert broken.model is whole.model
    assert len(broken.lines) == len(whole.lines)
