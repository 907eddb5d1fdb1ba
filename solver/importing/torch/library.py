"""The way in: `MODULE:FUNCTION` in, the text of a library out, or diagnostics."""

from __future__ import annotations

import io
import math
import re
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsl.diagnostic import Diagnostic, DiagnosticError
from dsl.format import format_text
from dsl.load import load as resolve
from dsl.span import Span
from solver.importing.torch import atoms, elements, products, views
from solver.importing.torch.atoms import Atom, NoIndexError
from solver.importing.torch.chain import NoChainError, fold
from solver.importing.torch.load import Example, LoadError, load
from solver.importing.torch.reader import NoKindError, Reader, shape_of
from solver.importing.torch.repeats import Run, shorten
from solver.importing.torch.values import Constant, Source, Value
from solver.importing.torch.write import model

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node

_SPEC = """\
import "./library.mmp" ({name})
import hardware.abstract (worker)
mesh one = worker[rank: 1]
model net = {name}()
"""
_RULES = {**views.RULES, **products.RULES, **elements.RULES}
_INTEGERS = {"torch.int64": "int64", "torch.int32": "int32", "torch.int16": "int16",
             "torch.int8": "int8", "torch.uint8": "uint8", "torch.bool": "bool"}  # fmt: skip
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')


class TraceError(DiagnosticError):
    """The function gives nothing that the language can say. `sources` has the files it shows."""

    def __init__(self, diagnostic: Diagnostic, sources: Mapping[str, str]) -> None:
        super().__init__((diagnostic,))
        self.sources = sources


@dataclass(frozen=True, slots=True)
class Imported:
    """The text of a library, with the parameters that its model has."""

    text: str
    parameters: int


def library(target: str, name: str) -> Imported:
    """The library of the module that `MODULE:FUNCTION` makes. Raises TraceError."""
    try:
        example = load(target)
    except LoadError as error:
        raise _refusal("MMP780", str(error), target) from None
    wanted = sum(p.numel() for p in example.module.parameters())
    runs = shorten(example.module)
    graph = _export(example, target)
    text = _read(graph, runs, name, target)
    comment = f"// Written by `mmp import torch` from {target}.\nlanguage 1\n\n"
    try:
        counted = _count(format_text(comment + text, target), name)
    except DiagnosticError as error:
        message = f"the language refuses the model: {error.diagnostics[0].message}"
        raise _refusal("MMP783", message, target) from error
    if counted != wanted:
        message = f"the module has {wanted:,} parameters, and what it computes uses {counted:,}"
        raise _refusal("MMP785", message, target)
    doc = f"/// {name}; {counted:,} parameters.\n"
    return Imported(format_text(comment + doc + text, target), counted)


def _export(example: Example, target: str) -> ExportedProgram:
    import torch

    module = example.module.eval()
    try:
        with redirect_stderr(io.StringIO()):  # it prints the graph where it fails
            return torch.export.export(module, example.arguments, example.keywords, strict=False)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        message = f"the module is not exported: {type(error).__name__}: {first}"
        raise _refusal("MMP781", message, target, _deepest(error)) from error


def _read(program: ExportedProgram, runs: tuple[Run, ...], name: str, target: str) -> str:
    reader = Reader(_RULES)
    inputs, rows = _placeholders(program, reader)
    outputs: list[Source] = []
    for node in program.graph.nodes:
        if node.op == "placeholder":
            continue
        try:
            if node.op == "output":
                results = _results(node.args[0])
                node = results[0] if results else node
                outputs = [reader.value(one).source for one in results]
            else:
                reader.read(node)
        except NoKindError as error:
            raise _refusal("MMP782", str(error), target, _place(node)) from None
        except NoIndexError as error:
            raise _refusal("MMP783", str(error), target, _place(node)) from None
    try:
        items = fold(reader.calls, runs)
        return model(name, inputs, items, outputs, rows)
    except NoChainError as error:
        raise _refusal("MMP784", str(error), target, _place(error.call.node)) from None


def _placeholders(
    program: ExportedProgram, reader: Reader
) -> tuple[list[Source], tuple[int, Atom | None]]:
    signature = program.graph_signature
    inputs: list[Source] = []
    batch: Atom | None = None
    tokens: Atom | None = None
    for node in program.graph.nodes:
        if node.op != "placeholder":
            continue
        shape = shape_of(node)
        dims = tuple((Atom(n, "f", 1),) for n in shape or ())
        if node.name in signature.inputs_to_parameters:
            path = tuple(signature.inputs_to_parameters[node.name].split("."))
            reader.seen[node] = Value(Source("parameter", path, dims), dims)
        elif node.name in signature.user_inputs and dims:
            batch = batch or Atom(dims[0][0].size, "b", 9)
            dims = ((batch,), *dims[1:])
            for dim, hint in zip(dims[1:], "sd", strict=False):
                atoms.name(dim[0], hint, 6)
            tokens = tokens or (dims[1][0] if len(dims) > 1 else None)
            if tokens is not None and len(dims) > 1 and dims[1][0].size == tokens.size:
                dims = (dims[0], (tokens,), *dims[2:])
            dtype = _INTEGERS.get(str(node.meta["val"].dtype), "")
            inputs.append(Source("input", (node.name,), dims, dtype))
            reader.seen[node] = Value(inputs[-1], dims)
        else:
            reader.seen[node] = Constant(shape)
    return inputs, (1 if batch is None else batch.size, tokens)


def _results(found: Any) -> list[Any]:
    if isinstance(found, list | tuple):
        return [one for member in found for one in _results(member)]
    return [] if found is None else [found]


def _count(text: str, name: str) -> int:
    with tempfile.TemporaryDirectory(prefix="mmp-") as folder:
        (Path(folder) / "library.mmp").write_text(text, encoding="utf-8")
        spec = Path(folder) / "spec.mmp"
        spec.write_text(_SPEC.format(name=name), encoding="utf-8")
        tensors = resolve(spec).graph.tensors.values()
    return sum(
        math.prod(index.size for index in tensor.dims)
        for tensor in tensors
        if tensor.role == "parameter"
    )


def _place(node: Node) -> tuple[str, int] | None:
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    return _last_own([(file, int(line)) for file, line in frames])


def _deepest(error: Exception) -> tuple[str, int] | None:
    frames = traceback.extract_tb(error.__traceback__)
    return _last_own([(frame.filename, frame.lineno or 1) for frame in frames])


def _last_own(places: list[tuple[str, int]]) -> tuple[str, int] | None:
    """The last place outside of PyTorch and of this folder, which is named after it too."""
    own = [place for place in places if "torch" not in Path(place[0]).parts]
    return own[-1] if own else None


def _refusal(
    code: str, message: str, target: str, place: tuple[str, int] | None = None
) -> TraceError:
    file, line = place or (target, 1)
    path = Path(file)
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else target
    rows = text.splitlines() or [""]
    row = rows[min(line, len(rows)) - 1]
    start = len(row) - len(row.lstrip()) + 1
    span = Span(file, line, start, line, max(len(row.rstrip()), start) + 1)
    return TraceError(Diagnostic(code, "error", message, span), {file: text})
