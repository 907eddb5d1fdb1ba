"""Counts the parameters of a preset as the language resolves it."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from dsl.load import load

_SPEC = """\
import "./library.mmp" ({name})
import hardware.abstract (worker)
mesh one = worker[rank: 1]
model net = {name}(batch: 1, seq: 1)
"""
EXPERTS = ".experts."  # in the path of every parameter that only some tokens use


@dataclass(frozen=True, slots=True)
class Total:
    """Parameters in all, and those that one token uses."""

    parameters: int
    used: int


def total(library: str, name: str, used_experts: Fraction) -> Total:
    """The parameters of model `name` of a library text, in which a token uses some of the experts.

    Raises DiagnosticError where the language refuses the text.
    """
    with tempfile.TemporaryDirectory(prefix="mmp-") as folder:
        (Path(folder) / "library.mmp").write_text(library, encoding="utf-8")
        spec = Path(folder) / "spec.mmp"
        spec.write_text(_SPEC.format(name=name), encoding="utf-8")
        tensors = load(spec).graph.tensors.values()
    sizes = {
        tensor.name: math.prod(index.size for index in tensor.dims)
        for tensor in tensors
        if tensor.role == "parameter"
    }
    chosen = sum(size for path, size in sizes.items() if EXPERTS in path)
    everything = sum(sizes.values())
    return Total(everything, everything - chosen + int(chosen * used_experts))
