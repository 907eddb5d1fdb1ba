"""Reading operands: which tensor, under which indices, and whether the sizes agree."""

from __future__ import annotations

from collections.abc import Sequence

from dsl import spec, syntax
from dsl.diagnostic import Label
from dsl.resolve.binding import IndexEntry
from dsl.resolve.models.graph import GraphBuilder
from dsl.resolve.models.scopes import Scope, View
from dsl.resolve.report import Reporter
from dsl.span import Span


def index_entries(
    indices: Sequence[syntax.Name], scope: Scope, report: Reporter
) -> tuple[IndexEntry, ...]:
    """The indices of a list. Errors: MMP302 (unknown), MMP309 (one named twice)."""
    seen: dict[str, syntax.Name] = {}
    for name in indices:
        if name.text in seen:
            label = Label(seen[name.text].span, "first here")
            message = f"index `{name.text}` is in this list twice"
            hint = "two dimensions of one size need two indices"
            raise report.error("MMP309", message, name.span, label, hint=hint)
        seen[name.text] = name
    return tuple(scope.index(name, report) for name in indices)


def read_operand(
    operand: syntax.Operand, scope: Scope, report: Reporter
) -> tuple[spec.Tensor, tuple[str, ...]]:
    """The tensor an operand names and the operator's own names for its dimensions."""
    view = scope.tensor(operand.path, report)
    if operand.indices is None:
        _check_own_names(operand, view, scope, report)
        return view.tensor, view.indices
    entries = index_entries(operand.indices, scope, report)
    dims = [entry.index for entry in entries]
    spans = [name.span for name in operand.indices]
    check_shape(view.tensor, dims, spans, operand.span, report)
    return view.tensor, tuple(index.name for index in dims)


def _check_own_names(operand: syntax.Operand, view: View, scope: Scope, report: Reporter) -> None:
    """Without `[...]` the tensor's own index names must mean the same sizes here."""
    for name, dim in zip(view.indices, view.tensor.dims, strict=True):
        entry = scope.entry(name)
        if entry is None or entry.index.size != dim.size or entry.index.batch != dim.batch:
            message = f"`{operand.path.dotted}` needs its indices here"
            label = Label(view.tensor.span, f"its index `{name}` does not mean the same here")
            hint = f"write `{operand.path.dotted}[...]` with indices of this model"
            raise report.error("MMP308", message, operand.span, label, hint=hint)


def check_shape(
    tensor: spec.Tensor,
    dims: Sequence[spec.Index],
    spans: Sequence[Span],
    span: Span,
    report: Reporter,
    *labels: Label,
) -> None:
    """The tensor has these dimensions. Errors: MMP305 (rank), MMP304 (size), MMP311 (batch)."""
    declared = Label(tensor.span, f"`{_short(tensor)}` is declared here as {_shape(tensor)}")
    if len(dims) != len(tensor.dims):
        wanted = len(tensor.dims)
        message = (
            f"`{_short(tensor)}` has {wanted} {'dimension' if wanted == 1 else 'dimensions'}, "
            f"found {len(dims)}"
        )
        raise report.error("MMP305", message, span, declared, *labels)
    for dim, own, place in zip(dims, tensor.dims, spans, strict=True):
        if dim.size != own.size:
            message = f"index `{dim.name}` has size {dim.size}, this dimension has {own.size}"
            hint = f"read it with `{own.name}`, or with another index of size {own.size}"
            raise report.error("MMP304", message, place, declared, *labels, hint=hint)
        if dim.batch != own.batch:
            batch, plain = (dim.name, own.name) if dim.batch else (own.name, dim.name)
            message = f"`{batch}` is a batch index and `{plain}` is not"
            hint = "micro-batches divide batch indices only, so a dimension is one throughout"
            raise report.error("MMP311", message, place, declared, *labels, hint=hint)


def _short(tensor: spec.Tensor) -> str:
    return tensor.name.rpartition(".")[2]


def _shape(tensor: spec.Tensor) -> str:
    if not tensor.dims:
        return "a tensor without indices"
    return "[" + ", ".join(f"{dim.name}: {dim.size}" for dim in tensor.dims) + "]"


def add_parameter(
    name: syntax.Name,
    path: str,
    indices: Sequence[syntax.Name],
    element_bytes: float,
    scope: Scope,
    graph: GraphBuilder,
) -> View:
    """A new parameter; Errors (MMP311) when it has a batch index."""
    entries = index_entries(indices, scope, graph.report)
    for entry, index in zip(entries, indices, strict=True):
        if entry.index.batch:
            message = f"a parameter cannot have the batch index `{index.text}`"
            raise graph.report.error("MMP311", message, index.span)
    dims = tuple(entry.index for entry in entries)
    tensor = spec.Tensor(path, "parameter", dims, element_bytes, True, None, name.span)
    return View(graph.add_tensor(tensor), tuple(dim.name for dim in dims))
