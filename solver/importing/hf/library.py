"""The written file: comments, an import, one preset in the one style."""

from __future__ import annotations

import re
import textwrap
from fractions import Fraction
from pathlib import Path

from dsl.format import format_text
from solver.importing.hf.imported import Imported
from solver.importing.hf.read import Reading
from solver.importing.hf.total import Total, total

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST = 64  # characters of a name
WIDTH = 100


def name_of(reading: Reading, path: str) -> str:
    """The preset's name: the last part of `_name_or_path`, or the file's name, or for a
    `config.json` its folder's, in small letters. The library's own model keeps its name."""
    source = Path(path)
    folder = source.absolute().parent.name if source.name == "config.json" else source.stem
    for text in (_last(reading.released_as), folder):
        words = re.findall(r"[a-z0-9]+", text.lower())
        name = "_".join(words)[:LONGEST].rstrip("_")
        if name:
            break
    else:
        return "imported"
    if not NAME.fullmatch(name) or name == reading.imported.model:
        return f"model_{name}"
    return name


def library(reading: Reading, path: str, name: str) -> str:
    """The text of the file. Raises DiagnosticError where the language refuses the model."""
    preset = _preset(reading.imported, name)
    sizes = dict(reading.imported.arguments)
    used_experts = Fraction(sizes.get("topk", 1), sizes.get("experts", 1))
    counted = total(preset, name, used_experts)
    # A comment holds what is printable: a path or a name may have line breaks, or half a character.
    comments = [_comment("//", f"Written by `mmp import hf` from {_printable(path)}.")]
    comments += [_comment("//", _printable(remark)) for remark in reading.remarks]
    head, _, model = preset.rpartition("\n\n")
    text = "\n".join([*comments, head, "", _comment("///", _doc(reading, name, counted)), model])
    return format_text(text, path)


def _preset(imported: Imported, name: str) -> str:
    parameters = f"batch: int, seq: int = {imported.seq}"
    flags = [(key, on) for key, on in imported.arguments if isinstance(on, bool)]
    sizes = [argument for argument in imported.arguments if argument not in flags]
    passed = [f"{key}: {value}" for key, value in sizes]
    passed += ["batch: batch", "seq: seq"]
    passed += [f"{key}: {str(on).lower()}" for key, on in flags]
    if imported.is_mixture:
        parameters += ", capacity: float = 1.0"
        passed.append("capacity: capacity")
    return (
        f"language 1\nimport {imported.module} ({imported.model})\n\n"
        f"model {name}({parameters}) = {imported.model}({', '.join(passed)})\n"
    )


def _doc(reading: Reading, name: str, counted: Total) -> str:
    title = _printable(_last(reading.released_as))[:WIDTH] or name
    kind = f" (model type {reading.model_type})" if reading.model_type else ""
    used = ""
    if counted.used < counted.parameters:
        used = f", of which a token uses {counted.used / 1e9:.3g} billion"
    return f"{title}{kind}; {counted.parameters:,} parameters{used}."


def _last(path: str) -> str:
    """`Mistral-7B-v0.1` of `mistralai/Mistral-7B-v0.1`."""
    parts = [part for part in path.replace("\\", "/").split("/") if part.strip(". ")]
    return parts[-1] if parts else ""


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _comment(mark: str, text: str) -> str:
    lines = textwrap.wrap(text, WIDTH - len(mark) - 1, break_on_hyphens=False)
    return "\n".join(f"{mark} {line}" for line in lines)
