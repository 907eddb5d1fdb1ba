"""Models: tensors, operators, blocks, measured operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsl.span import Span
from dsl.syntax.expressions import Argument, Expr, Name, Parameter, Selector
from dsl.syntax.values import Let

if TYPE_CHECKING:
    from dsl.syntax.plan import Cut


@dataclass(frozen=True, slots=True)
class IndexDef:
    """`b = batch` of an `index` statement."""

    name: Name
    size: Expr
    is_batch: bool  # divided by the number of micro-batches
    span: Span


@dataclass(frozen=True, slots=True)
class IndexStmt:
    """`index s = seq, t = seq` or `batch index b = batch`."""

    definitions: tuple[IndexDef, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class TensorDecl:
    """`input tokens[b, s] : int32` (role `input`) or `param table[v, d]` (role `param`)."""

    role: str
    name: Name
    indices: tuple[Name, ...]
    dtype: Name | None
    span: Span


@dataclass(frozen=True, slots=True)
class Output:
    """`output loss, logits`."""

    paths: tuple[Selector, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Operand:
    """`x[b,s,d]`, `x`, `attn.x[b,s,d]` or `param w[d,f]`."""

    is_param: bool
    path: Selector
    indices: tuple[Name, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Result:
    """`y[b,s,f]` or `y`."""

    name: Name
    indices: tuple[Name, ...] | None
    span: Span


@dataclass(frozen=True, slots=True)
class Assign:
    """`y[b,s,f] = matmul(x[b,s,d], param w[d,f])`."""

    results: tuple[Result, ...]
    kind: Selector
    operands: tuple[Operand, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Alias:
    """`x = attn.out`: another name for a tensor, no operator."""

    name: Name
    path: Selector
    span: Span


@dataclass(frozen=True, slots=True)
class LayoutItem:
    """`layout x : s over gpu, b over node` of a measured strategy."""

    tensor: Name
    cuts: tuple[Cut, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class MeasuredField:
    """`forward 180 us`; keys: forward, backward, input_grad, weight_grad, params, saved,
    workspace, result, release (bytes released by the input gradient), split_backward (no value).
    """

    key: Name
    value: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class MeasuredBody:
    """What was measured: fields, the recompute variant, layouts, and named strategies."""

    fields: tuple[MeasuredField, ...]
    recompute: tuple[MeasuredField, ...] | None
    layouts: tuple[LayoutItem, ...]
    strategies: tuple[tuple[Name, MeasuredBody], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Measured:
    """`op chunk(x) -> y { forward 36 us ... }`."""

    name: Name
    operands: tuple[Operand, ...]
    results: tuple[Result, ...]
    body: MeasuredBody
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    """`block attn { ... }`."""

    name: Name
    items: tuple[ModelItem, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class BlockOf:
    """`block vision = vit(width: 1024) with pixels = images`: another model as a block."""

    name: Name
    model: Selector
    arguments: tuple[Argument, ...]
    bindings: tuple[tuple[Name, Selector], ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Repeat:
    """`repeat 32 as layers { ... }`."""

    count: Expr
    name: Name
    items: tuple[ModelItem, ...]
    doc: str
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    """`if tied { ... } else { ... }`, decided when the model is built."""

    condition: Expr
    then: tuple[ModelItem, ...]
    otherwise: tuple[ModelItem, ...]
    span: Span


ModelItem = (
    IndexStmt
    | TensorDecl
    | Output
    | Let
    | Assign
    | Alias
    | Measured
    | Block
    | BlockOf
    | Repeat
    | Conditional
)


@dataclass(frozen=True, slots=True)
class Base:
    """`= llama(layers: 32, batch: batch)` after a model's parameters: the model it is a case of."""

    model: Selector
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Model:
    """`model llama(layers: int, ...) { ... }`, or `model llama3_8b(batch: int) = llama(...)`.

    With a `base` there are no items: the model is the base with these arguments, under the same
    path (`net.layers[3]`, no segment between).
    """

    name: Name
    parameters: tuple[Parameter, ...]
    items: tuple[ModelItem, ...]
    doc: str
    span: Span
    base: Base | None = None
